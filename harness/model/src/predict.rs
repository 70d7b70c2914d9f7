//! What should happen in a case: the policy tables, the guest rules and the algorithm rules put together.

use crate::outcome::{As, By, Kind, Outcome, Shown, Why};
use crate::policy::{Cell, signing_rule};
use crate::profile::{ClientProfile, ServerPolicy, SigningOffer};
use crate::status::NtStatus;
use crate::words::{Algorithm, Dialect, GuestMapping, GuestPolicy, Login};

/// What the specification and the policies say a client experiences. `negotiates` is what the target
/// declares to select from by SMB2_SIGNING_CAPABILITIES, nothing where it does not process that context, which is
/// optional ([MS-SMB2] 3.3.5.4).
///
/// It looks at what both sides are *set to* and at nothing else, so it is the same with the server down.
#[must_use]
pub fn predict(
    client: &ClientProfile,
    server: &ServerPolicy,
    login: Login,
    negotiates: &[Algorithm],
) -> Outcome {
    let (lowest, highest) = server.dialects;
    let Some(dialect) = client.dialects.iter().copied().filter(|d| (lowest..=highest).contains(d)).max()
    else {
        return Outcome::refused(By::Server, Why::NoCommonDialect, None);
    };
    let algorithm = match negotiated_algorithm(dialect, client, server, negotiates) {
        Negotiated::One(algorithm) => Some(algorithm),
        Negotiated::ServersChoice => None,
        Negotiated::NotOffered => return Outcome::refused(By::Client, Why::AlgorithmNotOffered, None),
    };
    let Some(identity) = identity(login, server.guest) else {
        let status = Some(NtStatus::LOGON_FAILURE);
        return Outcome { dialect: Some(dialect), ..Outcome::refused(By::Server, Why::LogonFailure, status) };
    };
    if let Some(refusal) = refuses_identity(client, identity) {
        return Outcome { dialect: Some(dialect), identity: Some(identity), ..refusal };
    }
    if identity != As::User {
        return Outcome::connected(Kind::NotSigned, dialect, None, identity);
    }
    let connected = |kind| Outcome::connected(kind, dialect, algorithm, identity);
    match signing_rule(client.signing, server.signing, client.generation_at(dialect)) {
        Cell::Signed => connected(Kind::Signed),
        Cell::NotSigned => connected(Kind::NotSigned),
        Cell::ClientRefuses => {
            Outcome { dialect: Some(dialect), ..Outcome::refused(By::Client, Why::SigningImpossible, None) }
        }
        // At TREE_CONNECT, not before: the user has logged on (KB887429).
        Cell::ServerRefuses => Outcome {
            dialect: Some(dialect),
            identity: Some(identity),
            ..Outcome::refused(By::Server, Why::AccessDenied, Some(NtStatus::ACCESS_DENIED))
        },
    }
}

/// Whether a client with this profile walks away from a session established as `identity`, and what its user sees.
///
/// Guest: [MS-SMB2] 3.2.5.3.1 for the client that rejects guests; for the one that requires signing the published
/// behaviour of Windows ("requiring SMB signing also disables guest access to shares"), which is stricter than
/// 3.2.5.3.1 where AllowInsecureGuestAccess is TRUE. Anonymous: there is no secret to sign with ([MS-NLMP]
/// 3.2.5.1.2 makes its key sixteen zero bytes), so a client that requires signing cannot have it.
#[must_use]
pub fn refuses_identity(client: &ClientProfile, identity: As) -> Option<Outcome> {
    let required = client.requires_signing();
    let blocked = client.guest == GuestPolicy::Blocked;
    match identity {
        As::Guest if required || blocked => Some(Outcome {
            shown: Some(guest_shown(required, blocked)),
            ..Outcome::refused(By::Client, Why::GuestBlocked, None)
        }),
        As::Anonymous if required => Some(Outcome::refused(By::Client, Why::SigningImpossible, None)),
        _ => None,
    }
}

/// What Windows shows for a guest session it does not take. Its documents list both errors as alternatives; which
/// requirement shows which is a reading, so a client with both says "one of".
fn guest_shown(required: bool, blocked: bool) -> Shown {
    let shown = |code: &str, text: &str| Shown { code: code.to_owned(), text: text.to_owned() };
    match (required, blocked) {
        (true, true) => shown(
            "one of 0xC05D0003, 0x80070035",
            "Guest logon blocked because signing is required, or: your organization's security policies block \
             unauthenticated guest access.",
        ),
        (true, false) => {
            shown("0xC05D0003", "System error 3227320323: guest logon blocked because signing is required.")
        }
        (false, _) => shown(
            "0x80070035",
            "You can't access this shared folder because your organization's security policies block \
             unauthenticated guest access. / The network path was not found.",
        ),
    }
}

/// What Windows shows for a response that should carry a valid signature and does not.
#[must_use]
pub fn invalid_signature_shown() -> Shown {
    Shown {
        code: "0xC000A000".to_owned(),
        text: "-1073700864, STATUS_INVALID_SIGNATURE: The cryptographic signature is invalid.".to_owned(),
    }
}

/// As whom a server establishes the session, or `None` where it refuses the logon.
fn identity(login: Login, mapping: GuestMapping) -> Option<As> {
    match (login, mapping) {
        (Login::User, _) => Some(As::User),
        (Login::Anonymous, _) => Some(As::Anonymous),
        (Login::UnknownUser, GuestMapping::BadUser | GuestMapping::BadPassword)
        | (Login::WrongPassword, GuestMapping::BadPassword) => Some(As::Guest),
        (Login::UnknownUser | Login::WrongPassword, _) => None,
    }
}

enum Negotiated {
    One(Algorithm),
    ServersChoice,
    NotOffered,
}

fn negotiated_algorithm(
    dialect: Dialect,
    client: &ClientProfile,
    server: &ServerPolicy,
    negotiates: &[Algorithm],
) -> Negotiated {
    let default = dialect.algorithms()[0];
    let offered = match &client.algorithms {
        SigningOffer::Ids(ids) if dialect == Dialect::Smb311 && !negotiates.is_empty() => ids,
        // Without the context on either side a connection uses what its dialect always used ([MS-SMB2] 3.1.4.1).
        _ => return Negotiated::One(default),
    };
    let common = common_algorithms(offered, server, negotiates);
    match common.as_slice() {
        [one] => Negotiated::One(*one),
        [] if offered.contains(&1) => Negotiated::One(default),
        // The server MUST answer AES-CMAC (3.3.5.4), and a client refuses what it did not offer (3.2.5.2).
        [] => Negotiated::NotOffered,
        _ => Negotiated::ServersChoice,
    }
}

/// The algorithms that were offered and that a server has which is set to `server` and declares `negotiates`.
#[must_use]
pub fn common_algorithms(offered: &[u16], server: &ServerPolicy, negotiates: &[Algorithm]) -> Vec<Algorithm> {
    offered
        .iter()
        .filter_map(|id| Algorithm::from_smb2_id(*id))
        .filter(|algorithm| negotiates.contains(algorithm))
        .filter(|algorithm| server.algorithms.as_ref().is_none_or(|set| set.contains(algorithm)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{ExtendedSecurity, Generation, Signing};
    use rstest::rstest;

    const ALL: &[Algorithm] = &[Algorithm::Aes128Gmac, Algorithm::Aes128Cmac, Algorithm::HmacSha256];
    const CMAC: &[Algorithm] = &[Algorithm::Aes128Cmac];

    fn client(signing: Signing) -> ClientProfile {
        ClientProfile {
            id: "probe".to_owned(),
            dialects: vec![Dialect::Smb311],
            signing,
            algorithms: SigningOffer::Ids(vec![2]),
            guest: GuestPolicy::Allowed,
            generation: Generation::Smb2,
            extended_security: ExtendedSecurity::Yes,
        }
    }

    #[rstest]
    #[case(Generation::Smb1Current, Signing::Disabled, Signing::Required, Kind::Signed, None)]
    #[case(
        Generation::Smb1Older,
        Signing::Disabled,
        Signing::Required,
        Kind::Refused,
        Some((By::Server, Why::AccessDenied))
    )]
    #[case(
        Generation::Smb1Older,
        Signing::Required,
        Signing::Disabled,
        Kind::Refused,
        Some((By::Client, Why::SigningImpossible))
    )]
    #[case(Generation::Smb1Older, Signing::Enabled, Signing::Disabled, Kind::NotSigned, None)]
    fn smb1(
        #[case] generation: Generation,
        #[case] signing: Signing,
        #[case] server: Signing,
        #[case] kind: Kind,
        #[case] refused: Option<(By, Why)>,
    ) {
        let dialects = vec![Dialect::Nt1];
        let client = ClientProfile { dialects, generation, ..client(signing) };
        let policy = |dialects| ServerPolicy { dialects, signing: server, ..ServerPolicy::default() };
        let old = policy((Dialect::Nt1, Dialect::Smb311));
        let outcome = predict(&client, &old, Login::User, ALL);
        assert_eq!((outcome.kind, outcome.by.zip(outcome.why)), (kind, refused));
        let without = policy((Dialect::Smb202, Dialect::Smb311));
        let outcome = predict(&client, &without, Login::User, ALL);
        assert_eq!(outcome.why, Some(Why::NoCommonDialect));
    }

    #[test]
    fn a_client_of_both_follows_the_table_of_what_was_negotiated() {
        let both = ClientProfile {
            dialects: vec![Dialect::Nt1, Dialect::Smb202],
            generation: Generation::Smb1Older,
            ..client(Signing::Disabled)
        };
        let required =
            |dialects| ServerPolicy { dialects, signing: Signing::Required, ..ServerPolicy::default() };
        let old = predict(&both, &required((Dialect::Nt1, Dialect::Nt1)), Login::User, ALL);
        assert_eq!(old.kind, Kind::Refused);
        let new = predict(&both, &required((Dialect::Nt1, Dialect::Smb311)), Login::User, ALL);
        assert_eq!((new.kind, new.dialect), (Kind::Signed, Some(Dialect::Smb202)));
    }

    #[rstest]
    #[case(GuestMapping::Never, Login::UnknownUser, None)]
    #[case(GuestMapping::Never, Login::WrongPassword, None)]
    #[case(GuestMapping::BadUser, Login::UnknownUser, Some(As::Guest))]
    #[case(GuestMapping::BadUser, Login::WrongPassword, None)]
    #[case(GuestMapping::BadPassword, Login::UnknownUser, Some(As::Guest))]
    #[case(GuestMapping::BadPassword, Login::WrongPassword, Some(As::Guest))]
    fn guest_mapping(#[case] mapping: GuestMapping, #[case] login: Login, #[case] expected: Option<As>) {
        let server = ServerPolicy { guest: mapping, ..ServerPolicy::default() };
        let outcome = predict(&client(Signing::NotRequired), &server, login, ALL);
        match expected {
            Some(identity) => {
                assert_eq!((outcome.kind, outcome.identity), (Kind::NotSigned, Some(identity)));
            }
            None => {
                assert_eq!((outcome.kind, outcome.why), (Kind::Refused, Some(Why::LogonFailure)));
                assert_eq!(outcome.nt_status, Some(NtStatus::LOGON_FAILURE));
            }
        }
    }

    #[rstest]
    #[case(Signing::Required, GuestPolicy::Allowed, Some("0xC05D0003"))]
    #[case(Signing::Required, GuestPolicy::Blocked, Some("one of 0xC05D0003, 0x80070035"))]
    #[case(Signing::NotRequired, GuestPolicy::Blocked, Some("0x80070035"))]
    #[case(Signing::NotRequired, GuestPolicy::Allowed, None)]
    fn guest_sessions(#[case] signing: Signing, #[case] guest: GuestPolicy, #[case] code: Option<&str>) {
        let server = ServerPolicy { guest: GuestMapping::BadUser, ..ServerPolicy::default() };
        let client = ClientProfile { guest, ..client(signing) };
        let outcome = predict(&client, &server, Login::UnknownUser, ALL);
        assert_eq!(outcome.shown.as_ref().map(|shown| shown.code.as_str()), code);
        assert_eq!(outcome.why, code.map(|_| Why::GuestBlocked));
        assert_eq!(outcome.by, code.map(|_| By::Client));
    }

    #[rstest]
    #[case(Signing::Required, Some(Why::SigningImpossible))]
    #[case(Signing::NotRequired, None)]
    fn anonymous(
        #[case] signing: Signing,
        #[case] why: Option<Why>,
        #[values(Signing::Required, Signing::NotRequired)] server: Signing,
    ) {
        let server = ServerPolicy { signing: server, ..ServerPolicy::default() };
        let outcome = predict(&client(signing), &server, Login::Anonymous, ALL);
        assert_eq!((outcome.why, outcome.identity), (why, Some(As::Anonymous)));
        assert_eq!(outcome.kind, if why.is_some() { Kind::Refused } else { Kind::NotSigned });
    }

    #[rstest]
    #[case(SigningOffer::Ids(vec![2]), ALL, Some(Algorithm::Aes128Gmac), None)]
    #[case(SigningOffer::Ids(vec![0]), ALL, Some(Algorithm::HmacSha256), None)]
    #[case(SigningOffer::Ids(vec![0x7777, 0]), ALL, Some(Algorithm::HmacSha256), None)]
    #[case(SigningOffer::Ids(vec![2, 1, 0]), ALL, None, None)]
    #[case(SigningOffer::None, ALL, Some(Algorithm::Aes128Cmac), None)]
    #[case(SigningOffer::Ids(vec![2, 0]), &[], Some(Algorithm::Aes128Cmac), None)]
    #[case(SigningOffer::Ids(vec![0x7777]), ALL, None, Some(Why::AlgorithmNotOffered))]
    #[case(SigningOffer::Ids(vec![0x7777]), &[], Some(Algorithm::Aes128Cmac), None)]
    #[case(SigningOffer::Ids(vec![2, 0]), CMAC, None, Some(Why::AlgorithmNotOffered))]
    #[case(SigningOffer::Ids(vec![2, 1]), CMAC, Some(Algorithm::Aes128Cmac), None)]
    fn algorithms(
        #[case] offer: SigningOffer,
        #[case] negotiates: &[Algorithm],
        #[case] algorithm: Option<Algorithm>,
        #[case] why: Option<Why>,
    ) {
        let client = ClientProfile { algorithms: offer, ..client(Signing::Required) };
        let outcome = predict(&client, &ServerPolicy::default(), Login::User, negotiates);
        assert_eq!((outcome.algorithm, outcome.why), (algorithm, why));
    }

    #[rstest]
    #[case(Signing::Required, Signing::Required, Kind::Signed)]
    #[case(Signing::Required, Signing::NotRequired, Kind::Signed)]
    #[case(Signing::NotRequired, Signing::Required, Kind::Signed)]
    #[case(Signing::NotRequired, Signing::NotRequired, Kind::NotSigned)]
    fn users(#[case] signing: Signing, #[case] server: Signing, #[case] kind: Kind) {
        let server = ServerPolicy { signing: server, ..ServerPolicy::default() };
        let outcome = predict(&client(signing), &server, Login::User, ALL);
        assert_eq!(outcome.kind, kind);
        assert_eq!(outcome.dialect, Some(Dialect::Smb311));
    }

    #[test]
    fn no_common_dialect() {
        let server = ServerPolicy { dialects: (Dialect::Smb202, Dialect::Smb302), ..ServerPolicy::default() };
        let outcome = predict(&client(Signing::Required), &server, Login::User, ALL);
        assert_eq!(outcome.why, Some(Why::NoCommonDialect));
    }
}
