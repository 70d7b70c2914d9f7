//! The client that a capture shows: what it says of itself, since no plan does.

use model::{ClientProfile, Dialect, ExtendedSecurity, Generation, GuestPolicy, Signing, SigningOffer};
use smb::follow::{Connection, Way};
use smb::smb1::{self, Flags2};
use smb::wire::{Body, Command, SecurityMode, SessionSetupRequest};

/// Whether it requires signing is what it says in NEGOTIATE or SESSION_SETUP (3.3.5.4, 3.3.5.5.3), or in Flags2 of SMB1
/// ([MS-SMB] 3.2.4.2.4). What it makes of a guest session it says nowhere: it is taken to stay, and what comes then is seen.
pub(super) fn shown(new: Option<&Connection>, old: Option<&smb1::follow::Connection>) -> ClientProfile {
    let negotiated = new.and_then(|connection| connection.negotiated.as_ref());
    let of_smb1 = negotiated.is_none() && old.is_some_and(|connection| connection.negotiated.is_some());
    let dialects = match negotiated {
        Some(negotiated) => negotiated.offered_dialects.iter().filter_map(|it| it.to_dialect()).collect(),
        None if of_smb1 => vec![Dialect::Nt1],
        None => Vec::new(),
    };
    let offered = negotiated.and_then(|negotiated| negotiated.offered_algorithms.clone());
    ClientProfile {
        id: "capture".to_owned(),
        dialects,
        signing: match (of_smb1, new, old) {
            (true, _, Some(old)) => signing_of_smb1(old),
            (_, Some(new), _) if requires(new) => Signing::Required,
            _ => Signing::NotRequired,
        },
        algorithms: offered.map_or(SigningOffer::None, SigningOffer::Ids),
        guest: GuestPolicy::Allowed,
        generation: if of_smb1 { Generation::Smb1Current } else { Generation::Smb2 },
        extended_security: ExtendedSecurity::No,
    }
}

/// The same of a client that is driven: it may make several connections, and what it makes of guests is known.
pub(super) fn driven(
    planned: &ClientProfile,
    new: &[Connection],
    old: &[smb1::follow::Connection],
) -> ClientProfile {
    let all = new.iter().zip(old).map(|(new, old)| shown(Some(new), Some(old)));
    let spoke = |profile: &ClientProfile| !profile.dialects.is_empty();
    let seen = all.filter(spoke).max_by_key(|profile| (profile.requires_signing(), profile.dialects.len()));
    match seen {
        Some(seen) => ClientProfile { id: planned.id.clone(), guest: planned.guest, ..seen },
        None => planned.clone(),
    }
}

fn requires(connection: &Connection) -> bool {
    let says = |mode: SecurityMode| mode.contains(SecurityMode::SIGNING_REQUIRED);
    let mut setups = connection
        .messages
        .iter()
        .filter(|message| message.way == Way::ToServer && message.command() == Command::SESSION_SETUP);
    connection.negotiated.as_ref().is_some_and(|negotiated| says(negotiated.client_mode))
        || setups.any(|message| {
            SessionSetupRequest::parse(&message.bytes).is_ok_and(|body| says(body.security_mode))
        })
}

fn signing_of_smb1(connection: &smb1::follow::Connection) -> Signing {
    let setup = connection.messages.iter().find(|message| {
        message.way == Way::ToServer && message.command() == smb1::Command::SESSION_SETUP_ANDX
    });
    match setup.map(|message| message.header.flags2) {
        Some(flags2) if flags2.contains(Flags2::SECURITY_SIGNATURE_REQUIRED) => Signing::Required,
        Some(flags2) if flags2.contains(Flags2::SECURITY_SIGNATURE) => Signing::Enabled,
        _ => Signing::Disabled,
    }
}
