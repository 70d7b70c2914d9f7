//! A session as the follower knows it.

use crate::kdf;
use crate::preauth::PreauthHash;
use crate::signing::SigningKey;
use crate::wire::SessionFlags;
use model::{Algorithm, Dialect};

/// An established session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its SessionId.
    pub id: u64,
    /// The index of the final SESSION_SETUP response that established it.
    pub established: usize,
    /// The SessionFlags of that response ([MS-SMB2] 2.2.6).
    pub flags: SessionFlags,
    /// Whether the client logged on as nobody: its AUTHENTICATE_MESSAGE has neither a user nor a response to the
    /// challenge ([MS-NLMP] 3.2.5.1.2). The server only MAY say so in SessionFlags ([MS-SMB2] 3.3.5.5.3).
    pub anonymous_logon: bool,
    /// The algorithm it signs with; `None` where the server selected one that does not exist.
    pub algorithm: Option<Algorithm>,
    /// Its signing key, where the session key is known.
    pub(super) key: Option<SigningKey>,
}

impl Session {
    /// Derives the signing key of a new session ([MS-SMB2] 3.2.5.3.1).
    pub(super) fn signing_key(
        dialect: Dialect,
        algorithm: Option<Algorithm>,
        session_key: Option<&[u8; 16]>,
        preauth: &PreauthHash,
    ) -> Option<SigningKey> {
        let key = kdf::signing_key(dialect, session_key?, preauth.value());
        SigningKey::new(algorithm?, key).ok()
    }

    /// Whether its signatures can be verified.
    #[must_use]
    pub const fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The key it signs with, where the session key is known.
    #[must_use]
    pub const fn key(&self) -> Option<&SigningKey> {
        self.key.as_ref()
    }
}
