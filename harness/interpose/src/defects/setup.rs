//! The last answer of SESSION_SETUP, and what becomes of a user.

use super::Act;
use crate::smb2::{Check, Reply, Request, Seal};
use crate::{Defect, SMB2, SMB311};
use model::{Dialect, NtStatus};
use smb::kdf;
use smb::signing::SigningKey;
use smb::wire::{Capabilities, Command, EncryptionCapabilities, Header, NegotiateContext, SessionFlags};

/// SessionFlags of the answer that establishes a session ([MS-SMB2] 2.2.6), which follows StructureSize.
fn add_flags(reply: &mut Reply<'_>, flags: SessionFlags) -> bool {
    let Some(field) = reply.bytes.get_mut(66..68) else { return false };
    let [low, high] = flags.0.to_le_bytes();
    field[0] |= low;
    field[1] |= high;
    true
}

/// A user's session becomes that of `flags`, whose answers are sealed so.
fn becomes(reply: &mut Reply<'_>, flags: SessionFlags, seal: Seal) -> bool {
    if reply.admits_user() {
        reply.memory.marked.insert(reply.session_id);
        return add_flags(reply, flags) && reply.seal(seal);
    }
    if reply.is_ordinary() && reply.memory.marked.contains(&reply.session_id) {
        reply.seal(seal);
    }
    false
}

/// Such a client does not sign, and the server, to whom it is still a user, may demand it.
fn carries(request: &mut Request<'_>) -> bool {
    if request.memory.marked.contains(request.session_id) && request.check != Check::Valid {
        request.repair();
    }
    false
}

/// Whether encryption was negotiated on the client's side ([MS-SMB2] 3.3.5.4, 3.3.5.5.3).
fn encrypts(reply: &Reply<'_>) -> bool {
    let Some(said) = &reply.client.response else { return false };
    match reply.client.dialect() {
        Some(Dialect::Smb311) => NegotiateContext::find::<EncryptionCapabilities>(&said.negotiate_contexts)
            .and_then(Result::ok)
            .is_some_and(|context| context.ciphers.iter().any(|cipher| *cipher != 0)),
        Some(Dialect::Smb30 | Dialect::Smb302) => said.capabilities.contains(Capabilities::ENCRYPTION),
        _ => false,
    }
}

/// The key of a server that takes its own final response into the hash. That response is signed with it, so it goes in as
/// it is before it is signed.
fn key_over_final(reply: &Reply<'_>) -> Option<SigningKey> {
    let (session_key, dialect) = reply.secret().filter(|(_, dialect)| *dialect == Dialect::Smb311)?;
    let mut bytes = reply.bytes.clone();
    bytes[Header::SIGNATURE].fill(0);
    let mut hash = reply.session.as_ref()?.preauth.clone();
    hash.update(&bytes);
    let key = kdf::signing_key(dialect, &session_key, hash.value());
    SigningKey::new(reply.client.algorithm()?, key).ok()
}

pub(super) fn defects() -> Vec<Defect> {
    vec![
        Defect {
            id: "final-setup-unsigned",
            title: "The final SESSION_SETUP response is not signed",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.2.5.3.1"],
            trips: &["session-setup/final-signed"],
            protocols: SMB2,
            act: Act::Reply(|r| r.admits_user() && r.seal(Seal::Unsigned)),
        },
        Defect {
            id: "final-setup-zero-signature",
            title: "The final SESSION_SETUP response has SMB2_FLAGS_SIGNED and a signature of zeros",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.1.4.1"],
            trips: &["session-setup/final-signed"],
            protocols: SMB2,
            act: Act::Reply(|r| r.admits_user() && r.seal(Seal::Flagged([0; 16]))),
        },
        Defect {
            id: "final-setup-signature-flipped",
            title: "A bit of the signature of the final SESSION_SETUP response is another",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.1.4.1"],
            trips: &["session-setup/final-signed"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.admits_user() && r.signed == Check::Valid && r.seal(Seal::Spoiled(|bytes| bytes[50] ^= 4))
            }),
        },
        Defect {
            id: "final-setup-wrong-key",
            title: "The final SESSION_SETUP response is signed with a key of zeros",
            cites: &["MS-SMB2 3.3.5.5.3"],
            trips: &["session-setup/final-signed"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                let key = r.client.algorithm().and_then(|algorithm| SigningKey::new(algorithm, [0; 16]).ok());
                r.admits_user() && key.is_some_and(|key| r.seal(Seal::Key(key)))
            }),
        },
        Defect {
            id: "final-setup-without-flag",
            title: "The final SESSION_SETUP response is signed, and SMB2_FLAGS_SIGNED is clear",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.1.4.1"],
            trips: &["session-setup/final-signed"],
            protocols: SMB2,
            act: Act::Reply(|r| r.admits_user() && r.signed == Check::Valid && r.seal(Seal::FlagCleared)),
        },
        Defect {
            id: "preauth-includes-final-response",
            title: "The key is derived from a hash that takes in the final SESSION_SETUP response as well",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.3.5.5"],
            trips: &["session-setup/final-signed"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                let key = r.admits_user().then(|| key_over_final(r)).flatten();
                let (Some(key), Some(session)) = (key, &mut r.session) else { return false };
                session.reply = Some(key);
                r.seal(Seal::Right)
            }),
        },
        Defect {
            id: "challenge-flagged-signed",
            title: "A SESSION_SETUP response that is not the last has SMB2_FLAGS_SIGNED, although there is no key yet",
            cites: &["MS-SMB2 3.3.4.1.1"],
            trips: &["signing/unsigned-response"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.command() == Command::SESSION_SETUP
                    && r.status() == NtStatus::MORE_PROCESSING_REQUIRED
                    && r.session.is_none()
                    && r.seal(Seal::Flagged([0xA5; 16]))
            }),
        },
        Defect {
            id: "guest-flag-for-user",
            title: "A user who proved the password is let in as guest, and nothing is signed",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.2.5.3.1"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Both(carries, |r| becomes(r, SessionFlags::IS_GUEST, Seal::Unsigned)),
        },
        Defect {
            id: "null-flag-for-user",
            title: "A user who proved the password is let in as nobody, and nothing is signed",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.2.5.3.1"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Both(carries, |r| becomes(r, SessionFlags::IS_NULL, Seal::Unsigned)),
        },
        Defect {
            id: "guest-session-signed",
            title: "A guest's session is signed all the same",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.3.4.1.1"],
            trips: &["signing/unsigned-response", "policy/outcome"],
            protocols: SMB2,
            act: Act::Both(carries, |r| becomes(r, SessionFlags::IS_GUEST, Seal::Right)),
        },
        Defect {
            id: "encrypt-flag-without-encryption",
            title: "A session says that it is encrypted, and no encryption was negotiated",
            cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.3.5.4"],
            trips: &["session-setup/encrypt-data"],
            protocols: SMB2,
            act: Act::Reply(|r| r.admits_user() && !encrypts(r) && add_flags(r, SessionFlags::ENCRYPT_DATA)),
        },
        Defect {
            id: "user-refused",
            title: "A user who proved the password is refused",
            cites: &["MS-SMB2 3.3.5.5.3"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Reply(|r| r.admits_user() && r.fail(NtStatus::LOGON_FAILURE) && r.seal(Seal::Unsigned)),
        },
    ]
}
