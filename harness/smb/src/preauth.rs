//! The preauthentication integrity hash of SMB 3.1.1 ([MS-SMB2] 3.2.5.2, 3.2.5.3, 3.3.5.4, 3.3.5.5).

use sha2::{Digest, Sha512};

/// A chain of SHA-512: `value = SHA-512(value || message)`, from 64 zero bytes on.
///
/// A connection feeds its NEGOTIATE request and response. Each session, and each channel bound to one, goes on from a
/// clone of its connection's value and feeds every SESSION_SETUP request and every response to them but the last, which
/// is already signed with the key that the chain leads to. Messages go in as they are on the wire, from the SMB2 header
/// on, signatures included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreauthHash([u8; 64]);

impl PreauthHash {
    /// Takes `message` into the chain.
    pub fn update(&mut self, message: &[u8]) {
        self.0 = Sha512::new().chain_update(self.0).chain_update(message).finalize().into();
    }

    /// The value now: Connection- or Session.PreauthIntegrityHashValue.
    #[must_use]
    pub const fn value(&self) -> &[u8; 64] {
        &self.0
    }
}

impl Default for PreauthHash {
    /// The start of the chain: 64 zero bytes.
    fn default() -> Self {
        Self([0; 64])
    }
}
