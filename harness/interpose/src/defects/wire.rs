//! Answers that are none, and answers that say something else than what was done. They are signed where they were.

use super::Act;
use crate::smb2::{Reply, Seal};
use crate::{Defect, SMB2};
use model::NtStatus;
use smb::wire::{Command, ReadResponse};

/// Whether it is the first answer behind the mount. One of a connection is changed, so that what comes after it can be
/// looked at.
fn first(reply: &mut Reply<'_>) -> bool {
    reply.is_behind_mount() && reply.is_first()
}

/// The CREATE of a file that is not there succeeds, as an earlier one did.
fn finds_what_is_gone(reply: &mut Reply<'_>) -> bool {
    if !reply.is_ordinary() || reply.command() != Command::CREATE {
        return false;
    }
    if reply.status() == NtStatus::SUCCESS {
        reply.memory.body = reply.bytes.get(64..).map(<[u8]>::to_vec);
        return false;
    }
    let body = reply.memory.body.clone().filter(|_| reply.status() == NtStatus::OBJECT_NAME_NOT_FOUND);
    body.is_some_and(|body| reply.answer(NtStatus::SUCCESS, &body))
}

pub(super) fn defects() -> Vec<Defect> {
    const HEADER: &[&str] = &["MS-SMB2 2.2.1.2", "MS-SMB2 3.2.5.1.2"];
    const RULE: &[&str] = &["wire/well-formed"];
    vec![
        Defect {
            id: "wrong-message-id",
            title: "In front of an answer comes one with a MessageId that nobody asked with",
            cites: HEADER,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                // In front of it and not in its place: a client would wait for ever.
                first(r) && {
                    let mut other = r.copy();
                    other[24..32].copy_from_slice(&(r.header.message_id ^ 1 << 40).to_le_bytes());
                    r.precede(other, r.own_seal())
                }
            }),
        },
        Defect {
            id: "answers-twice",
            title: "A request is answered twice",
            cites: &["MS-SMB2 3.3.4.1", "MS-SMB2 3.2.5.1.2"],
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| first(r) && r.follow(r.copy(), r.own_seal())),
        },
        Defect {
            id: "wrong-command",
            title: "An answer has the Command of another request",
            cites: HEADER,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                first(r) && {
                    r.bytes[12] ^= 1;
                    true
                }
            }),
        },
        Defect {
            id: "no-server-to-redir",
            title: "An answer says that it is a request: SMB2_FLAGS_SERVER_TO_REDIR is clear",
            cites: HEADER,
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                first(r) && {
                    r.bytes[16] &= !1;
                    true
                }
            }),
        },
        Defect {
            id: "wrong-structure-size",
            title: "The body of an answer has another StructureSize",
            cites: &["MS-SMB2 2.2.29", "MS-SMB2 2.2.20", "MS-SMB2 2.2.22"],
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                let plain = [Command::WRITE, Command::FLUSH, Command::ECHO, Command::CLOSE];
                let there = r.status() == NtStatus::SUCCESS && plain.contains(&r.command()) && first(r);
                let size = r.bytes.get_mut(64).filter(|_| there);
                size.map(|size| *size ^= 0x40).is_some()
            }),
        },
        Defect {
            id: "not-smb",
            title: "In front of an answer come bytes that are no SMB",
            cites: &["MS-SMB2 2.2.1", "MS-SMB2 3.2.5.1"],
            trips: RULE,
            protocols: SMB2,
            act: Act::Reply(|r| {
                first(r) && r.precede(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Seal::AsSent)
            }),
        },
        Defect {
            id: "broken-cancel-answered",
            title: "A CANCEL with a wrong signature is answered with STATUS_INVALID_PARAMETER",
            cites: &["MS-SMB2 3.3.5.16", "MS-SMB2 2.2.30"],
            trips: &["cancel/unanswered"],
            protocols: SMB2,
            act: Act::Reply(|r| if r.answers_cancel() { r.fail(NtStatus::INVALID_PARAMETER) } else { false }),
        },
        Defect {
            id: "read-returns-other-data",
            title: "READ gives other bytes than were written",
            cites: &["MS-SMB2 3.3.5.12"],
            trips: &["step/read-back"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_ordinary()
                    && (r.command(), r.status()) == (Command::READ, NtStatus::SUCCESS)
                    && r.rewrite(|body: &mut ReadResponse| {
                        let byte = body.data.last_mut();
                        byte.map(|byte| *byte ^= 0x20).is_some()
                    })
            }),
        },
        Defect {
            id: "write-said-to-fail",
            title: "WRITE is carried out, and answered with STATUS_ACCESS_DENIED",
            cites: &["MS-SMB2 3.3.5.13"],
            trips: &["step/status"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_ordinary()
                    && (r.command(), r.status()) == (Command::WRITE, NtStatus::SUCCESS)
                    && r.fail(NtStatus::ACCESS_DENIED)
            }),
        },
        Defect {
            id: "deleted-file-is-there",
            title: "CREATE of a file that is gone succeeds, as it did when the file was there",
            cites: &["MS-SMB2 3.3.5.9"],
            trips: &["step/status"],
            protocols: SMB2,
            act: Act::Reply(finds_what_is_gone),
        },
        Defect {
            id: "share-is-not-there",
            title: "TREE_CONNECT to a share that is there is answered with STATUS_BAD_NETWORK_NAME",
            cites: &["MS-SMB2 3.3.5.7"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.is_ordinary()
                    && (r.command(), r.status()) == (Command::TREE_CONNECT, NtStatus::SUCCESS)
                    && r.fail(NtStatus::BAD_NETWORK_NAME)
            }),
        },
        Defect {
            id: "disconnects",
            title: "Behind the mount, the connection ends instead of an answer",
            cites: &["MS-SMB2 3.3.4.1"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                first(r) && {
                    r.ends = true;
                    true
                }
            }),
        },
    ]
}
