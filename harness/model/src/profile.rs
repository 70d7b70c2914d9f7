//! What each side is set to: the client's profile and the server's policy.

use crate::words::{Algorithm, Dialect, ExtendedSecurity, Generation, GuestMapping, GuestPolicy, Signing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The SMB2_SIGNING_CAPABILITIES context a client sends at 3.1.1 ([MS-SMB2] 2.2.3.1.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SigningOffer {
    /// No such context.
    None,
    /// These algorithm ids, in this order. Unknown ids are sent as they are.
    Ids(Vec<u16>),
}

impl SigningOffer {
    /// The offer of these algorithms; those without an SMB2 id are left out.
    #[must_use]
    pub fn of(algorithms: &[Algorithm]) -> Self {
        Self::Ids(algorithms.iter().filter_map(|a| a.smb2_id()).collect())
    }
}

/// A client as far as signing is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientProfile {
    /// The slug that `--client` takes.
    pub id: String,
    /// The dialects it offers, in order.
    pub dialects: Vec<Dialect>,
    /// Its signing policy (RequireMessageSigning, [MS-SMB2] 3.2.1.1).
    pub signing: Signing,
    /// The signing algorithms it offers at 3.1.1.
    pub algorithms: SigningOffer,
    /// Whether it takes a guest session.
    pub guest: GuestPolicy,
    /// Which policy table it follows.
    pub generation: Generation,
    /// Whether it logs on with SPNEGO tokens in SMB1 ([MS-SMB] 3.2.4.2.4).
    #[serde(default = "yes")]
    pub extended_security: ExtendedSecurity,
}

const fn yes() -> ExtendedSecurity {
    ExtendedSecurity::Yes
}

impl ClientProfile {
    /// The policy table it follows on a connection of this dialect.
    #[must_use]
    pub fn generation_at(&self, dialect: Dialect) -> Generation {
        match (dialect, self.generation) {
            (Dialect::Nt1, Generation::Smb2) => Generation::Smb1Current,
            (Dialect::Nt1, generation) => generation,
            _ => Generation::Smb2,
        }
    }

    /// Whether this client requires signing.
    #[must_use]
    pub fn requires_signing(&self) -> bool {
        self.signing == Signing::Required
    }
}

/// When a server encrypts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Not at all.
    #[default]
    Off,
    /// Where the client can.
    Desired,
    /// Always: who cannot is refused.
    Required,
}

impl Encryption {
    /// The word in target files and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Desired => "desired",
            Self::Required => "required",
        }
    }
}

/// What a server is set to. One container runs per effective policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ServerPolicy {
    /// Its signing policy (RequireMessageSigning, [MS-SMB2] 3.3.1.5).
    pub signing: Signing,
    /// The lowest and the highest dialect it speaks.
    pub dialects: (Dialect, Dialect),
    /// The signing algorithms it has, best first; `None` leaves the server's own default.
    pub algorithms: Option<Vec<Algorithm>>,
    /// When it maps a failed logon to guest.
    pub guest: GuestMapping,
    /// When it encrypts.
    pub encryption: Encryption,
}

impl Default for ServerPolicy {
    fn default() -> Self {
        Self {
            signing: Signing::NotRequired,
            dialects: (Dialect::Smb202, Dialect::Smb311),
            algorithms: None,
            guest: GuestMapping::Never,
            encryption: Encryption::Off,
        }
    }
}
