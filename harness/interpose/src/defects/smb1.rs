//! What a server of SMB1 does wrong.

use super::Act;
use crate::smb1::{Edits, Reply, Request, Seal};
use crate::smb2::Check;
use crate::{Defect, SMB1};
use model::NtStatus;
use smb::smb1::{
    Action, BSRSPYL, Capabilities, Command, EchoResponse, Header, MacKey, NegotiateRefusal,
    NegotiateResponse, NegotiateSecurity, ReadResponse, SecurityMode, message, parse,
};

/// The SecurityMode of a NEGOTIATE response that takes NT LM 0.12: behind the header, WordCount and DialectIndex.
const SECURITY_MODE: usize = Header::LEN + 3;
/// The Action of a SESSION_SETUP response: behind the header, WordCount and AndX.
const ACTION: usize = Header::LEN + 5;
const ENABLED: u8 = SecurityMode::SECURITY_SIGNATURES_ENABLED.0;
const REQUIRED: u8 = SecurityMode::SECURITY_SIGNATURES_REQUIRED.0;

const fn reply(reply: fn(&mut Reply<'_>) -> bool) -> Act {
    Act::Smb1(Edits { request: None, reply: Some(reply) })
}

const fn request(request: fn(&mut Request<'_>) -> bool) -> Act {
    Act::Smb1(Edits { request: Some(request), reply: None })
}

/// The SecurityMode of the NEGOTIATE response becomes another, if it was.
fn mode(reply: &mut Reply<'_>, change: fn(u8) -> u8) -> bool {
    if reply.command() != Command::NEGOTIATE || parse::<NegotiateResponse>(reply.bytes).is_err() {
        return false;
    }
    let Some(mode) = reply.bytes.get_mut(SECURITY_MODE) else { return false };
    let said = std::mem::replace(mode, change(*mode));
    *mode != said
}

/// A user becomes guest, and everything stays signed.
fn guest_signed(reply: &mut Reply<'_>) -> bool {
    let action = reply.bytes.get_mut(ACTION).filter(|_| reply.activates);
    let Some(action) = action else { return false };
    *action |= Action::GUEST.0.to_le_bytes()[0];
    reply.memory.marked.insert(reply.header.uid);
    reply.seal(Seal::Right)
}

/// A request with a wrong signature is refused, and so is the next one with the right number, as if the other had taken it.
/// Not passed on: there are servers that end the connection at a wrong signature.
fn counts_refused(request: &mut Request<'_>) -> bool {
    if request.is_wrong() {
        request.memory.refused = request.refuse(NtStatus::ACCESS_DENIED);
        return request.memory.refused;
    }
    std::mem::take(&mut request.memory.refused) && request.refuse(NtStatus::ACCESS_DENIED)
}

/// The answer of a server that takes no dialect takes the first one.
fn takes_a_dialect(reply: &mut Reply<'_>) -> bool {
    let none = parse::<NegotiateRefusal>(reply.bytes).is_ok_and(|(_, body)| body.dialect_index == u16::MAX);
    if reply.command() != Command::NEGOTIATE || !none {
        return false;
    }
    let body = NegotiateResponse {
        dialect_index: 0,
        security_mode: SecurityMode::USER_SECURITY.with(SecurityMode::ENCRYPT_PASSWORDS),
        max_mpx_count: 50,
        max_number_vcs: 1,
        max_buffer_size: 16644,
        max_raw_size: 65536,
        session_key: 0,
        capabilities: Capabilities::UNICODE.with(Capabilities::NT_SMBS).with(Capabilities::STATUS32),
        system_time: 0,
        server_time_zone: 0,
        security: NegotiateSecurity::plain(*b"CHALLENG", true, "", ""),
    };
    let Ok(bytes) = message(reply.header, &body) else { return false };
    *reply.bytes = bytes;
    true
}

/// What a session that is not the first would sign with, in an answer of that session.
fn second_key(reply: &Reply<'_>) -> Option<MacKey> {
    let active = reply.active?;
    let uid = reply.header.uid;
    if uid == active.uid || !reply.is_signed_answer() {
        return None;
    }
    reply.macs.iter().rev().find(|(of, _)| *of == uid).map(|(_, key)| key.clone())
}

pub(super) fn defects() -> Vec<Defect> {
    const SIGNED: &[&str] = &["MS-CIFS 3.3.4.1", "MS-CIFS 3.1.4.1"];
    const RULE: &[&str] = &["smb1/response-signed"];
    const REFUSES: &[&str] = &["MS-CIFS 3.3.5.2.3", "MS-CIFS 3.1.5.1"];
    vec![
        Defect {
            id: "smb1-speaks-though-switched-off",
            title: "A server that is set to speak no SMB1 takes a dialect of it",
            cites: &["MS-CIFS 3.3.5.42", "MS-SMB2 3.3.5.3.2"],
            trips: &["smb1/absent"],
            protocols: SMB1,
            act: reply(takes_a_dialect),
        },
        Defect {
            id: "smb1-says-not-enabled",
            title: "A server that signs says in NEGOTIATE that it does not",
            cites: &["MS-CIFS 3.3.5.42"],
            trips: &["smb1/security-mode"],
            protocols: SMB1,
            act: reply(|r| mode(r, |mode| mode & !(ENABLED | REQUIRED))),
        },
        Defect {
            id: "smb1-says-required",
            title: "A server that does not require signing says in NEGOTIATE that it does",
            cites: &["MS-CIFS 3.3.5.42"],
            trips: &["smb1/security-mode"],
            protocols: SMB1,
            act: reply(|r| mode(r, |mode| mode | ENABLED | REQUIRED)),
        },
        Defect {
            id: "smb1-required-without-enabled",
            title: "SecurityMode has NEGOTIATE_SECURITY_SIGNATURES_REQUIRED without NEGOTIATE_SECURITY_SIGNATURES_ENABLED",
            cites: &["MS-CIFS 2.2.4.52.2"],
            trips: &["smb1/required-implies-enabled"],
            protocols: SMB1,
            act: reply(|r| mode(r, |mode| mode & !ENABLED | REQUIRED)),
        },
        Defect {
            id: "smb1-signature-before-activation",
            title: "An answer before signing is active has something in its SecuritySignature",
            cites: &["MS-CIFS 3.3.4.1"],
            trips: &["smb1/inactive-zero"],
            protocols: SMB1,
            act: reply(|r| {
                r.active.is_none()
                    && r.command() != Command::SESSION_SETUP_ANDX
                    && r.seal(Seal::Field([0x5A; 8]))
            }),
        },
        Defect {
            id: "smb1-filler-refused",
            title: "The filler BSRSPYL in a SESSION_SETUP_ANDX request is taken for a wrong signature",
            cites: &["MS-SMB 3.2.4.2.4", "MS-CIFS 3.3.5.2.3"],
            trips: &["smb1/filler-ignored"],
            protocols: SMB1,
            act: reply(|r| {
                r.command() == Command::SESSION_SETUP_ANDX
                    && r.asked.signature == BSRSPYL
                    && r.fail(NtStatus::ACCESS_DENIED)
                    && r.seal(Seal::Unsigned([0; 8]))
            }),
        },
        Defect {
            id: "smb1-setup-unsigned",
            title: "The SESSION_SETUP_ANDX response that activates signing is not signed",
            cites: &["MS-SMB 3.3.5.3", "MS-CIFS 3.2.5.3"],
            trips: &["smb1/setup-signed"],
            protocols: SMB1,
            act: reply(|r| r.activates && r.seal(Seal::Unsigned([0; 8]))),
        },
        Defect {
            id: "smb1-setup-wrong-sequence",
            title: "The SESSION_SETUP_ANDX response that activates signing is signed as number 0",
            cites: &["MS-SMB 3.3.5.3", "MS-CIFS 3.2.5.3"],
            trips: &["smb1/setup-signed"],
            protocols: SMB1,
            act: reply(|r| r.activates && r.seal(Seal::Number(0))),
        },
        Defect {
            id: "smb1-guest-signed",
            title: "A user becomes guest, and everything is signed all the same",
            cites: &["MS-SMB 3.3.5.3", "MS-CIFS 3.2.4.2.4"],
            trips: &["smb1/guest-unsigned", "policy/outcome"],
            protocols: SMB1,
            act: Act::Smb1(Edits {
                // To the server behind, which demands signatures, it is still a user.
                request: Some(|r| {
                    if r.active && !r.memory.marked.is_empty() && r.asked.check != Check::Valid {
                        r.repair();
                    }
                    false
                }),
                reply: Some(guest_signed),
            }),
        },
        Defect {
            id: "smb1-response-unsigned",
            title: "While signing is active, answers are not signed",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.seal(Seal::Unsigned([0; 8]))),
        },
        Defect {
            id: "smb1-flag-without-signature",
            title: "Answers have SMB_FLAGS2_SMB_SECURITY_SIGNATURE and a signature of zeros",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.seal(Seal::Field([0; 8]))),
        },
        Defect {
            id: "smb1-bsrspyl-instead-of-signature",
            title: "Answers have the filler BSRSPYL in the place of a signature",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.seal(Seal::Field(BSRSPYL))),
        },
        Defect {
            id: "smb1-signature-flipped",
            title: "A bit of the signature of an answer is another",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB1,
            act: reply(|r| {
                r.is_signed_answer() && r.seal(Seal::Spoiled(|bytes| bytes[Header::SIGNATURE.start] ^= 8))
            }),
        },
        Defect {
            id: "smb1-wrong-key",
            title: "Answers are signed with a key of zeros",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.seal(Seal::Key(MacKey::new(&[0; 16], &[])))),
        },
        Defect {
            id: "smb1-error-unsigned",
            title: "Only errors are not signed",
            cites: SIGNED,
            trips: RULE,
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.status().is_error() && r.seal(Seal::Unsigned([0; 8]))),
        },
        Defect {
            id: "smb1-flag-clear",
            title: "Answers are signed, and SMB_FLAGS2_SMB_SECURITY_SIGNATURE is clear",
            cites: &["MS-CIFS 3.1.4.1", "MS-CIFS 2.2.3.1"],
            trips: &["smb1/signed-flag"],
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.seal(Seal::Unflagged)),
        },
        Defect {
            id: "smb1-wrong-sequence",
            title: "Answers are signed with the number of their request",
            cites: &["MS-CIFS 3.3.5.2.3", "MS-CIFS 3.2.4.1.3"],
            trips: &["smb1/sequence-number"],
            protocols: SMB1,
            act: reply(|r| r.is_signed_answer() && r.seal(Seal::Number(r.number().wrapping_sub(1)))),
        },
        Defect {
            id: "smb1-echo-own-numbers",
            title: "Each answer to one ECHO has a sequence number of its own",
            cites: &["MS-CIFS 3.3.5.33"],
            trips: &["smb1/echo-sequence"],
            protocols: SMB1,
            act: reply(|r| {
                let number = r.number().wrapping_add(r.asked.answers);
                r.is_signed_answer()
                    && r.asked.command == Command::ECHO
                    && r.asked.answers > 0
                    && r.seal(Seal::Number(number))
            }),
        },
        Defect {
            id: "smb1-second-session-key",
            title: "Answers of a second session are signed with the key of that session",
            cites: &["MS-CIFS 3.2.1.2", "MS-CIFS 3.3.1.3"],
            trips: &["smb1/first-session-key"],
            protocols: SMB1,
            act: reply(|r| second_key(r).is_some_and(|key| r.seal(Seal::Key(key)))),
        },
        Defect {
            id: "smb1-accepts-unsigned",
            title: "While signing is active, a request without a signature is carried out",
            cites: REFUSES,
            trips: &["smb1/bad-signature"],
            protocols: SMB1,
            act: request(|r| r.active && r.asked.check == Check::Unsigned && r.repair()),
        },
        Defect {
            id: "smb1-ignores-bad-signature",
            title: "While signing is active, a request with a wrong signature is carried out",
            cites: REFUSES,
            trips: &["smb1/bad-signature"],
            protocols: SMB1,
            act: request(|r| r.active && r.asked.check == Check::Invalid && r.repair()),
        },
        Defect {
            id: "smb1-counts-refused",
            title: "A request that was refused for its signature takes a number",
            cites: &["MS-CIFS 3.3.5.2.3"],
            trips: &["smb1/sequence-after-refusal"],
            protocols: SMB1,
            act: request(counts_refused),
        },
        Defect {
            id: "smb1-data-to-read-raw",
            title: "While signing is active, READ_RAW is answered with data, which nothing signs",
            cites: &["MS-CIFS 3.3.5.24"],
            trips: &["smb1/read-raw"],
            protocols: SMB1,
            // Not passed on: there are servers that end the connection.
            act: request(|r| {
                r.active && r.asked.command == Command::READ_RAW && r.answer(b"raw data".to_vec())
            }),
        },
        Defect {
            id: "smb1-echo-other-data",
            title: "An answer to ECHO has other data than the request",
            cites: &["MS-CIFS 3.3.5.33", "MS-CIFS 2.2.4.39.2"],
            trips: &["smb1/echo-data"],
            protocols: SMB1,
            act: reply(|r| {
                r.asked.command == Command::ECHO
                    && r.rewrite(|body: &mut EchoResponse| {
                        body.data.last_mut().map(|byte| *byte ^= 0x20).is_some()
                    })
            }),
        },
        Defect {
            id: "smb1-echo-counts-from-0",
            title: "The answers to one ECHO are counted from 0",
            cites: &["MS-CIFS 3.3.5.33", "MS-CIFS 2.2.4.39.2"],
            trips: &["smb1/echo-data"],
            protocols: SMB1,
            act: reply(|r| {
                r.asked.command == Command::ECHO
                    && r.rewrite(|body: &mut EchoResponse| {
                        let number = body.sequence_number.checked_sub(1);
                        number.map(|number| body.sequence_number = number).is_some()
                    })
            }),
        },
        Defect {
            id: "smb1-wrong-command",
            title: "An answer has the command of another request",
            cites: &["MS-CIFS 3.3.4.1", "MS-CIFS 3.3.4.1.2"],
            trips: &["smb1/well-formed"],
            protocols: SMB1,
            act: reply(|r| {
                let there = r.command() == Command::ECHO && !r.memory.done && r.is_first();
                if there {
                    r.bytes[4] = Command::QUERY_INFORMATION_DISK.0;
                }
                there
            }),
        },
        Defect {
            id: "smb1-read-returns-other-data",
            title: "READ_ANDX gives other bytes than were written",
            cites: &["MS-CIFS 3.3.5.36"],
            trips: &["step/read-back"],
            protocols: SMB1,
            act: reply(|r| {
                (r.asked.command, r.command()) == (Command::READ_ANDX, Command::READ_ANDX)
                    && r.rewrite(|body: &mut ReadResponse| {
                        body.data.last_mut().map(|byte| *byte ^= 0x20).is_some()
                    })
            }),
        },
    ]
}
