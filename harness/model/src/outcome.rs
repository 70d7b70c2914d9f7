//! What a client would experience, and what was wrong: outcomes, findings, verdicts.

use crate::status::NtStatus;
use crate::words::{Algorithm, Dialect, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// How a connection went, seen from the client.
    Kind, "outcome" {
        /// Every ordinary request after the mount and every answer to it carries a signature that verifies.
        Signed = "signed",
        /// None of them does.
        NotSigned = "not-signed",
        /// Some do.
        Mixed = "mixed",
        /// The transport protects ([MS-SMB2] 3.2.5.3.1): signing is off.
        Encrypted = "encrypted",
        /// The client is not let in, or does not want to be.
        Refused = "refused",
    }
}

words! {
    /// As whom the session was established.
    As, "identity" {
        /// The account that logged on.
        User = "user",
        /// The guest account: SMB2_SESSION_FLAG_IS_GUEST.
        Guest = "guest",
        /// Nobody: SMB2_SESSION_FLAG_IS_NULL, or an anonymous logon.
        Anonymous = "anonymous",
    }
}

words! {
    /// Who ended it.
    By, "side" {
        /// The client gave up.
        Client = "client",
        /// The server refused or went away.
        Server = "server",
    }
}

words! {
    /// Why a client was refused, or refused.
    Why, "reason" {
        /// A signature that is needed is missing or does not verify.
        InvalidSignature = "invalid-signature",
        /// A guest session, and the client takes none.
        GuestBlocked = "guest-blocked",
        /// STATUS_ACCESS_DENIED.
        AccessDenied = "access-denied",
        /// No dialect, or none the client offered, was selected.
        NoCommonDialect = "no-common-dialect",
        /// The client requires signing and the session has no secret to sign with.
        SigningImpossible = "signing-impossible",
        /// The server selected a signing algorithm the client did not offer ([MS-SMB2] 3.2.5.2).
        AlgorithmNotOffered = "algorithm-not-offered",
        /// The logon failed.
        LogonFailure = "logon-failure",
        /// The connection ended: EOF and RST are one observation.
        Disconnected = "disconnected",
        /// A request was never answered, although later ones were.
        Unanswered = "unanswered",
        /// NEGOTIATE was answered with an error, or with contexts that the client must refuse.
        NegotiateFailed = "negotiate-failed",
        /// FSCTL_VALIDATE_NEGOTIATE_INFO tells another story than NEGOTIATE did ([MS-SMB2] 3.2.5.14.12).
        NegotiateAltered = "negotiate-altered",
        /// SESSION_SETUP was answered with an error that is no failed logon.
        SessionSetupFailed = "session-setup-failed",
        /// TREE_CONNECT was answered with another error.
        TreeConnectFailed = "tree-connect-failed",
        /// What the server sent is not SMB2.
        NotSmb = "not-smb",
        /// The client went away, and nothing on the wire says why.
        Left = "left",
    }
}

/// How many of how many messages carry a signature that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// Requests: signed and valid, all.
    pub requests: (u64, u64),
    /// Responses: signed and valid, all.
    pub responses: (u64, u64),
}

/// What the person in front of the client is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The code, such as `0x80070035`; "one of" where several are possible.
    pub code: String,
    /// The text beside it.
    pub text: String,
}

/// What a client experiences in one case; a prediction has the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// How it went.
    pub kind: Kind,
    /// The dialect that was negotiated.
    pub dialect: Option<Dialect>,
    /// The signing algorithm of the session. In a prediction `null` where the server may choose.
    pub algorithm: Option<Algorithm>,
    /// As whom the session was established, where one was.
    #[serde(rename = "as")]
    pub identity: Option<As>,
    /// Signed messages after the mount; a prediction has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<Counted>,
    /// Who ended it, where the client was not let in.
    pub by: Option<By>,
    /// The status that said so; the client's own where the client refuses.
    pub nt_status: Option<NtStatus>,
    /// Why, where the client was not let in.
    pub why: Option<Why>,
    /// What the person sees.
    pub shown: Option<Shown>,
}

impl Outcome {
    /// An outcome that let the client in.
    #[must_use]
    pub const fn connected(kind: Kind, dialect: Dialect, algorithm: Option<Algorithm>, identity: As) -> Self {
        Self {
            kind,
            dialect: Some(dialect),
            algorithm,
            identity: Some(identity),
            signed: None,
            by: None,
            nt_status: None,
            why: None,
            shown: None,
        }
    }

    /// An outcome in which the client is not let in or gives up.
    #[must_use]
    pub fn refused(by: By, why: Why, nt_status: Option<NtStatus>) -> Self {
        Self {
            kind: Kind::Refused,
            dialect: None,
            algorithm: None,
            identity: None,
            signed: None,
            by: Some(by),
            nt_status,
            why: Some(why),
            shown: None,
        }
    }

    /// Where this observation differs from `predicted`: the name of each field with the two values, predicted first.
    ///
    /// A prediction that leaves the algorithm, the dialect, the identity or the status open is met by any. Counts and
    /// what is shown follow from the rest and are not compared.
    #[must_use]
    pub fn differences(&self, predicted: &Self) -> Vec<(&'static str, String, String)> {
        fn word(value: Option<impl std::fmt::Display>) -> String {
            value.map_or_else(|| "none".to_owned(), |value| value.to_string())
        }
        let mut all = Vec::new();
        let mut compare = |field, predicted: String, observed: String, open: bool| {
            if !open && predicted != observed {
                all.push((field, predicted, observed));
            }
        };
        compare("kind", predicted.kind.to_string(), self.kind.to_string(), false);
        compare("by", word(predicted.by), word(self.by), false);
        compare("why", word(predicted.why), word(self.why), false);
        compare("dialect", word(predicted.dialect), word(self.dialect), predicted.dialect.is_none());
        compare("algorithm", word(predicted.algorithm), word(self.algorithm), predicted.algorithm.is_none());
        compare("as", word(predicted.identity), word(self.identity), predicted.identity.is_none());
        compare("nt_status", word(predicted.nt_status), word(self.nt_status), predicted.nt_status.is_none());
        all
    }

    /// One line for a person: `signed (3.1.1, aes-128-gmac, as user)` or `refused by client: guest-blocked`.
    #[must_use]
    pub fn line(&self) -> String {
        let kind = self.kind;
        if let Some(why) = self.why {
            let by = self.by.map_or("nobody", By::word);
            let status = self.nt_status.map(|s| format!(", {s}")).unwrap_or_default();
            return format!("{kind} by {by}: {why}{status}");
        }
        let mut about = Vec::new();
        if let Some(dialect) = self.dialect {
            about.push(dialect.word().to_owned());
        }
        if let Some(algorithm) = self.algorithm {
            about.push(algorithm.word().to_owned());
        }
        if let Some(identity) = self.identity {
            about.push(format!("as {identity}"));
        }
        format!("{kind} ({})", about.join(", "))
    }
}

words! {
    /// How strongly the specification speaks.
    CheckLevel, "level" {
        /// Worth knowing; breaks nothing.
        Info = "info",
        /// The specification says SHOULD, or real clients depend on it.
        Should = "should",
        /// The specification says MUST.
        Must = "must",
    }
}

words! {
    /// Whose duty was not done.
    Subject, "subject" {
        /// The server under test.
        Server = "server",
        /// The client.
        Client = "client",
    }
}

/// A place in the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameRef {
    /// Which connection of the case, from 0.
    pub connection: u32,
    /// Which leg of an interposer; `null` where there is none.
    pub leg: Option<u8>,
    /// The packet's number in the pcapng, from 1, as Wireshark shows it: where the message begins.
    pub frame: u64,
    /// Which element of a compound, from 0.
    pub element: u32,
    /// The bytes of the element in question, from the first to before the last; `null` for all of it.
    pub bytes: Option<(u32, u32)>,
}

/// One rule broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id, such as `signing/response-signed`.
    pub rule: String,
    /// How strongly the specification speaks.
    pub level: CheckLevel,
    /// Whose duty it was.
    pub subject: Subject,
    /// Where; `null` where it is about the whole case.
    pub at: Option<FrameRef>,
    /// What the rule expected.
    pub expected: String,
    /// What was there instead.
    pub got: String,
    /// The sections it rests on.
    pub cites: Vec<String>,
}

/// What is said of a case. It starts as inconclusive, and stays so unless something proves otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every expectation was evaluated, at least one invariant applied, and nothing is broken.
    Conforms,
    /// A finding of level must or should.
    Deviates,
    /// The target declares that it cannot do this.
    Unsupported,
    /// Not known, and why.
    #[default]
    Inconclusive,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Deviates => "deviates",
            Self::Unsupported => "unsupported",
            Self::Inconclusive => "inconclusive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_starts_as_inconclusive() {
        assert_eq!(Verdict::default(), Verdict::Inconclusive);
    }

    #[test]
    fn an_open_prediction_is_met_by_any_algorithm() {
        let observed =
            Outcome::connected(Kind::Signed, Dialect::Smb311, Some(Algorithm::Aes128Gmac), As::User);
        let mut predicted = observed.clone();
        predicted.algorithm = None;
        assert_eq!(observed.differences(&predicted), vec![]);
        predicted.algorithm = Some(Algorithm::Aes128Cmac);
        assert_eq!(
            observed.differences(&predicted),
            vec![("algorithm", "aes-128-cmac".to_owned(), "aes-128-gmac".to_owned())]
        );
        assert_eq!(observed.line(), "signed (3.1.1, aes-128-gmac, as user)");
    }

    #[test]
    fn a_kind_never_matches_another() {
        let predicted = Outcome::connected(Kind::NotSigned, Dialect::Smb21, None, As::User);
        let observed = Outcome::refused(By::Server, Why::AccessDenied, Some(NtStatus::ACCESS_DENIED));
        assert_eq!(observed.differences(&predicted)[0].0, "kind");
        assert_eq!(observed.line(), "refused by server: access-denied, STATUS_ACCESS_DENIED");
    }
}
