//! Signatures where there must be one and where there must be none.

use super::Act;
use crate::smb2::{Reply, Seal};
use crate::{Defect, SMB2, SMB3, SMB311};
use hmac::{Hmac, KeyInit, Mac};
use model::{Algorithm, Dialect};
use sha2::Sha256;
use smb::kdf;
use smb::signing::SigningKey;
use smb::wire::Command;

/// The answer is signed with this key and the side's own algorithm.
fn with_key(reply: &mut Reply<'_>, key: [u8; 16]) -> bool {
    let Some(algorithm) = reply.client.algorithm() else { return false };
    with(reply, algorithm, key)
}

fn with(reply: &mut Reply<'_>, algorithm: Algorithm, key: [u8; 16]) -> bool {
    SigningKey::new(algorithm, key).is_ok_and(|key| reply.seal(Seal::Key(key)))
}

/// The key this side signs with, in bytes.
fn signing_key(reply: &Reply<'_>) -> Option<[u8; 16]> {
    let (session_key, dialect) = reply.secret()?;
    Some(kdf::signing_key(dialect, &session_key, reply.session.as_ref()?.preauth.value()))
}

/// The label and the context of the other generation ([MS-SMB2] 3.1.4.2).
fn other_label(reply: &Reply<'_>) -> Option<[u8; 16]> {
    let (session_key, dialect) = reply.secret()?;
    match dialect {
        Dialect::Smb311 => Some(kdf::sp800_108(&session_key, b"SMB2AESCMAC\0", b"SmbSign\0")),
        Dialect::Smb30 | Dialect::Smb302 => {
            Some(kdf::sp800_108(&session_key, b"SMBSigningKey\0", b"SmbSign\0"))
        }
        _ => None,
    }
}

/// The first 16 of 32 bytes: the length is hashed, so they are not those of a key of 16 (3.1.4.2).
fn key_of_32_bytes(reply: &Reply<'_>) -> Option<[u8; 16]> {
    let (session_key, dialect) = reply.secret()?;
    let session = reply.session.as_ref()?;
    let (label, context): (&[u8], &[u8]) = match dialect {
        Dialect::Smb311 => (b"SMBSigningKey\0", session.preauth.value()),
        Dialect::Smb30 | Dialect::Smb302 => (b"SMB2AESCMAC\0", b"SmbSign\0"),
        _ => return None,
    };
    let mut block = [0; 64]; // HMAC fills a short key with zeros itself.
    block[..16].copy_from_slice(&session_key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in [&1_u32.to_be_bytes()[..], label, &[0], context, &256_u32.to_be_bytes()] {
        mac.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    Some(key)
}

/// Whether this side signs with AES-128-GMAC.
fn is_gmac(reply: &Reply<'_>) -> bool {
    reply.client.algorithm() == Some(Algorithm::Aes128Gmac)
}

/// Seals an interim response: the one that there is, or one of its own in front of an answer.
fn announce(reply: &mut Reply<'_>, seal: Seal) -> bool {
    if reply.announces_a_change() {
        return reply.seal(seal);
    }
    let may_wait =
        reply.is_signed_answer() && [Command::READ, Command::WRITE, Command::ECHO].contains(&reply.command());
    may_wait && reply.precede(reply.interim(), seal)
}

pub(super) fn defects() -> Vec<Defect> {
    const SIGNED: &[&str] = &["MS-SMB2 3.3.4.1.1", "MS-SMB2 3.2.5.1.3"];
    const MADE: &[&str] = &["MS-SMB2 3.1.4.1", "MS-SMB2 3.2.5.1.3"];
    const DERIVED: &[&str] = &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.1.4.2"];
    const RULE: &[&str] = &["signing/response-signed"];
    vec![
        Defect {
            id: "response-unsigned",
            title: "The answer to a signed request is not signed",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && r.seal(Seal::Unsigned)),
        },
        Defect {
            id: "response-flag-without-signature",
            title: "The answer to a signed request has SMB2_FLAGS_SIGNED and a signature of zeros",
            cites: MADE,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && r.seal(Seal::Flagged([0; 16]))),
        },
        Defect {
            id: "response-signature-without-flag",
            title: "The answer to a signed request is signed, and SMB2_FLAGS_SIGNED is clear",
            cites: MADE,
            trips: &["signing/response-signed", "signing/zero-when-unsigned"],
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && r.seal(Seal::FlagCleared)),
        },
        Defect {
            id: "response-signature-flipped",
            title: "A bit of the signature of an answer is another",
            cites: MADE,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && r.seal(Seal::Spoiled(|bytes| bytes[63] ^= 0x80))),
        },
        Defect {
            id: "response-bit-flipped",
            title: "A bit of the body of an answer is another than what was signed",
            cites: MADE,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_signed_answer()
                    && r.seal(Seal::Spoiled(|bytes| {
                        if let Some(last) = bytes.last_mut() {
                            *last ^= 1;
                        }
                    }))
            }),
        },
        Defect {
            id: "response-signed-with-wrong-key",
            title: "Answers are signed with a key of zeros",
            cites: MADE,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && with_key(r, [0; 16])),
        },
        Defect {
            id: "response-signed-with-session-key",
            title: "Answers of SMB 3.x are signed with the session key instead of what is derived from it",
            cites: DERIVED,
            trips: RULE,
            protocols: SMB3,
            act: Act::Reply(|r| {
                let key = r.secret().filter(|(_, dialect)| dialect.is_smb3());
                r.is_signed_answer() && key.is_some_and(|(key, _)| with_key(r, key))
            }),
        },
        Defect {
            id: "response-signed-with-wrong-label",
            title: "The key of answers is derived with the label of the other generation: of 3.0 at 3.1.1, and the other way round",
            cites: DERIVED,
            trips: RULE,
            protocols: SMB3,
            act: Act::Reply(|r| r.is_signed_answer() && other_label(r).is_some_and(|key| with_key(r, key))),
        },
        Defect {
            id: "response-signed-with-32-byte-key",
            title: "The key of answers is the first half of one derived with 32 bytes",
            cites: DERIVED,
            trips: RULE,
            protocols: SMB3,
            act: Act::Reply(|r| {
                r.is_signed_answer() && key_of_32_bytes(r).is_some_and(|key| with_key(r, key))
            }),
        },
        Defect {
            id: "response-signed-with-wrong-algorithm",
            title: "Answers are signed with another algorithm than the connection's",
            cites: MADE,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                let other = match r.client.algorithm() {
                    Some(Algorithm::HmacSha256) => Algorithm::Aes128Cmac,
                    _ => Algorithm::HmacSha256,
                };
                r.is_signed_answer() && signing_key(r).is_some_and(|key| with(r, other, key))
            }),
        },
        Defect {
            id: "gmac-wrong-role-bit",
            title: "The nonce of AES-128-GMAC says that the client sent the answer",
            cites: &["MS-SMB2 3.1.4.1"],
            trips: RULE,
            protocols: SMB311,
            act: Act::Reply(|r| r.is_signed_answer() && is_gmac(r) && r.seal(Seal::OtherNonce(1))),
        },
        Defect {
            id: "gmac-cancel-bit",
            title: "The nonce of AES-128-GMAC says that the answer is an SMB2 CANCEL",
            cites: &["MS-SMB2 3.1.4.1"],
            trips: RULE,
            protocols: SMB311,
            act: Act::Reply(|r| r.is_signed_answer() && is_gmac(r) && r.seal(Seal::OtherNonce(2))),
        },
        Defect {
            id: "echoes-request-signature",
            title: "The answer to a signed request has the signature of the request",
            cites: MADE,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && r.seal(Seal::Flagged(r.asked.signature))),
        },
        Defect {
            id: "error-response-unsigned",
            title: "Only errors are not signed",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| r.is_signed_answer() && r.status().is_error() && r.seal(Seal::Unsigned)),
        },
        Defect {
            id: "tree-connect-unsigned",
            title: "Only the TREE_CONNECT response is not signed",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_signed_answer() && r.command() == Command::TREE_CONNECT && r.seal(Seal::Unsigned)
            }),
        },
        Defect {
            id: "logoff-unsigned",
            title: "Only the LOGOFF response is not signed: the session is gone by then",
            cites: &["MS-SMB2 3.3.4.1.1", "MS-SMB2 3.3.5.6"],
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_signed_answer() && r.command() == Command::LOGOFF && r.seal(Seal::Unsigned)
            }),
        },
        Defect {
            id: "compound-signed-before-next-command",
            title: "An answer in a compound is signed before NextCommand is set",
            cites: &["MS-SMB2 3.1.4.1", "MS-SMB2 3.3.4.1.3"],
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_signed_answer() && r.header.next_command != 0 && r.seal(Seal::BeforeCompound)
            }),
        },
        Defect {
            id: "unsigned-response-with-signature",
            title: "An unsigned answer has something in its Signature field",
            cites: &["MS-SMB2 2.2.1.2"],
            trips: &["signing/zero-when-unsigned"],
            protocols: SMB2,
            act: Act::Reply(|r| r.is_unsigned_answer() && r.seal(Seal::Field([0x5A; 16]))),
        },
        Defect {
            id: "signs-though-nobody-asked",
            title: "Answers to unsigned requests are signed, although neither side requires it",
            cites: &["MS-SMB2 3.3.4.1.1"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Reply(|r| r.is_unsigned_answer() && r.seal(Seal::Right)),
        },
        Defect {
            id: "pending-signed",
            title: "An interim response is signed",
            cites: &["MS-SMB2 3.3.4.2"],
            trips: &["signing/unsigned-response"],
            protocols: SMB2,
            act: Act::Reply(|r| announce(r, Seal::Right)),
        },
        Defect {
            id: "pending-echoes-signature",
            title: "An unsigned interim response has the signature of the request",
            cites: &["MS-SMB2 2.2.1.1", "MS-SMB2 3.3.4.2"],
            trips: &["signing/interim-zero"],
            protocols: SMB2,
            act: Act::Reply(|r| announce(r, Seal::Field(r.asked.signature))),
        },
        Defect {
            id: "break-signed",
            title: "An OPLOCK_BREAK notification is signed",
            cites: &["MS-SMB2 3.3.4.6", "MS-SMB2 3.3.4.7"],
            trips: &["signing/break-unsigned"],
            protocols: SMB2,
            act: Act::Notification(|n| {
                n.header.command == Command::OPLOCK_BREAK && n.knows && n.seal(Seal::Right)
            }),
        },
    ]
}
