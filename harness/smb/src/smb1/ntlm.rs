//! NTLMv2 without extended security: the challenge of a NEGOTIATE response and the two responses of a SESSION_SETUP
//! request ([MS-CIFS] 3.1.5.2, 3.2.4.2.4; [MS-NLMP] 3.3.2).

use super::{MacKey, SetupCredentials};
use crate::ntlm::{Password, crypto};
use std::fmt;

/// The answer to a challenge. `Debug` hides the session key.
#[derive(Clone, PartialEq, Eq)]
pub struct NtlmV2 {
    /// The LMv2 response, for OEMPassword.
    pub lm_response: [u8; 24],
    /// The NTLMv2 response, NTProofStr and what it covers, for UnicodePassword.
    pub nt_response: Vec<u8>,
    session_key: [u8; 16],
}

impl NtlmV2 {
    /// Answers the 8 bytes of `challenge`. `filetime` counts 100 ns since 1601; `target_info` is a list of AV pairs with
    /// its MsvAvEOL, which in this form no server sends: the client names the target itself ([MS-NLMP] 2.2.2.1).
    #[must_use]
    pub fn answer(
        (user, domain, password): (&str, &str, &Password),
        challenge: &[u8; 8],
        client_challenge: &[u8; 8],
        filetime: u64,
        target_info: &[u8],
    ) -> Self {
        let key = crypto::ntowf_v2(password.expose(), user, domain);
        let temp = crypto::temp(filetime, client_challenge, target_info);
        let proof = crypto::nt_proof_str(&key, challenge, &temp);
        Self {
            lm_response: crypto::lm_v2_response(&key, challenge, client_challenge),
            nt_response: [&proof[..], &temp].concat(),
            session_key: crypto::session_base_key(&key, &proof),
        }
    }

    /// SessionBaseKey, with which the connection signs ([MS-SMB] 3.2.5.3).
    #[must_use]
    pub const fn session_key(&self) -> [u8; 16] {
        self.session_key
    }

    /// What the connection signs with where the server accepted the NTLMv2 response: session key, then that response.
    #[must_use]
    pub fn mac_key(&self) -> MacKey {
        MacKey::new(&self.session_key, &self.nt_response)
    }

    /// Both responses, for the SESSION_SETUP request.
    #[must_use]
    pub fn credentials(&self) -> SetupCredentials {
        SetupCredentials::Plain {
            oem_password: self.lm_response.to_vec(),
            unicode_password: self.nt_response.clone(),
        }
    }
}

impl fmt::Debug for NtlmV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NtlmV2")
            .field("lm_response", &self.lm_response)
            .field("nt_response", &self.nt_response)
            .finish_non_exhaustive()
    }
}
