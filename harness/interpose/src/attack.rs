//! An attacker's hand on one connection. It holds no key and sees only bytes.

use crate::relayed::Relayed;
use crate::{Attack, Output};
use model::NtStatus;
use smb::follow::Way;
use smb::smb1;
use smb::wire::{self, Command, Flags, Header, LogoffRequest, Protocol};
use std::collections::BTreeSet;

/// What is done, and to which messages.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Messages are changed.
    Change {
        /// Which way they go.
        way: Way,
        /// Which ones.
        on: On,
        /// How; whether it did.
        change: fn(&mut Vec<u8>) -> bool,
    },
    /// The first signed ECHO, or the first signed answer to one, is not passed on.
    Drop(Way),
    /// The first signed ECHO, or the first signed answer to one, is passed on behind the message that comes after it.
    Swap(Way),
    /// The client's logon is passed on, and its session used by somebody else.
    Relay,
    /// The first signed request behind the mount is sent twice.
    Replay,
    /// A LOGOFF that the client did not send goes along with its first request behind the mount. With these bytes in the
    /// Signature field it says that it is signed.
    LogOff(Option<[u8; 16]>),
}

/// Which messages are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// NEGOTIATE of SMB2.
    Negotiate,
    /// The first signed message behind the mount and before the end of the session.
    Signed,
    /// SMB_COM_NEGOTIATE.
    Smb1Negotiate,
    /// SMB_COM_SESSION_SETUP_ANDX.
    Smb1Setup,
    /// The first signed message of SMB1 behind the mount.
    Smb1Signed,
}

/// One connection.
pub(crate) struct Hand {
    act: Act,
    pub(crate) applied: u64,
    /// Whether what is done once is done.
    done: bool,
    /// Whether a share was mounted.
    mounted: bool,
    /// The highest MessageId of the client, and how many more the server has granted it.
    last: u64,
    credits: u64,
    /// MessageIds whose answers the client never asked for, or has had.
    swallowed: BTreeSet<u64>,
    /// The request that was sent twice, until it was answered once.
    replayed: Option<u64>,
    /// The message that waits for the next one.
    held: Option<Vec<u8>>,
    relayed: Relayed,
}

impl Hand {
    pub(crate) fn new(attack: &Attack) -> Self {
        Self {
            act: attack.act,
            applied: 0,
            done: false,
            mounted: false,
            last: 0,
            credits: 1,
            swallowed: BTreeSet::new(),
            replayed: None,
            held: None,
            relayed: Relayed::default(),
        }
    }

    /// Takes a message. What is no SMB goes on as it is.
    pub(crate) fn message(&mut self, way: Way, bytes: Vec<u8>) -> Output {
        if let Act::Relay = self.act {
            let output = self.relayed.message(way, bytes);
            self.applied += std::mem::take(&mut self.relayed.applied);
            return output;
        }
        let send = match Protocol::of(&bytes) {
            Protocol::Smb2 => self.smb2(way, bytes),
            Protocol::Smb1 => vec![self.smb1(way, bytes)],
            _ => vec![bytes],
        };
        Output { send: send.into_iter().map(|bytes| (way, bytes)).collect(), ends: false }
    }

    fn smb2(&mut self, way: Way, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let Ok(elements) = wire::elements(&bytes) else { return vec![bytes] };
        let headers: Vec<Header> = elements.into_iter().map(|element| element.header).collect();
        let Some(first) = headers.first().cloned() else { return vec![bytes] };
        match way {
            Way::ToServer => self.count_requests(&headers),
            Way::ToClient => {
                self.credits += headers.iter().map(|header| u64::from(header.credits)).sum::<u64>();
                if self.swallowed.contains(&first.message_id) {
                    return Vec::new();
                }
                if self.replayed == Some(first.message_id) && first.status != NtStatus::PENDING {
                    self.swallowed.insert(first.message_id);
                }
            }
        }
        let behind = self.mounted;
        self.mounted |= way == Way::ToClient
            && first.command == Command::TREE_CONNECT
            && first.status == NtStatus::SUCCESS;
        let ends = [Command::LOGOFF, Command::TREE_DISCONNECT].contains(&first.command);
        let signed = behind && !ends && first.flags.contains(Flags::SIGNED);
        let echo = signed && first.command == Command::ECHO;
        match self.act {
            Act::Change { way: of, on, change } if of == way => {
                let concerns = match on {
                    On::Negotiate => first.command == Command::NEGOTIATE,
                    On::Signed => signed && !self.done,
                    On::Smb1Negotiate | On::Smb1Setup | On::Smb1Signed => false,
                };
                if concerns && change(&mut bytes) {
                    self.did();
                }
                vec![bytes]
            }
            Act::Drop(of) if of == way && echo && !self.done => {
                self.did();
                Vec::new()
            }
            Act::Swap(of) if of == way && echo && !self.done => {
                self.done = true;
                self.held = Some(bytes);
                Vec::new()
            }
            Act::Swap(of) if of == way => match self.held.take() {
                Some(held) => {
                    self.applied += 1;
                    vec![bytes, held]
                }
                None => vec![bytes],
            },
            Act::Replay if way == Way::ToServer && signed && !self.done => {
                self.did();
                self.replayed = Some(first.message_id);
                vec![bytes.clone(), bytes]
            }
            Act::LogOff(signature) if way == Way::ToServer && behind && !ends && !self.done => {
                match self.log_off(&first, signature) {
                    Some(injected) => {
                        self.did();
                        vec![bytes, injected]
                    }
                    None => vec![bytes],
                }
            }
            _ => vec![bytes],
        }
    }

    fn did(&mut self) {
        self.done = true;
        self.applied += 1;
    }

    fn count_requests(&mut self, headers: &[Header]) {
        for header in headers.iter().filter(|header| header.command != Command::CANCEL) {
            // A request takes as many as its CreditCharge ([MS-SMB2] 3.2.4.1.5).
            let taken = u64::from(header.credit_charge).max(1);
            self.last = self.last.max(header.message_id.saturating_add(taken - 1));
            self.credits = self.credits.saturating_sub(taken);
        }
    }

    /// The request that ends the client's session, with the highest MessageId that the server takes: the client comes to
    /// that one last.
    fn log_off(&mut self, client: &Header, signature: Option<[u8; 16]>) -> Option<Vec<u8>> {
        let message_id = self.last.checked_add(self.credits).filter(|_| self.credits > 0)?;
        let flags = if signature.is_some() { Flags::SIGNED } else { Flags(0) };
        let header = Header {
            credit_charge: client.credit_charge.min(1),
            message_id,
            process_id: client.process_id,
            session_id: client.session_id,
            flags,
            signature: signature.unwrap_or_default(),
            ..Header::request(Command::LOGOFF)
        };
        self.swallowed.insert(message_id);
        wire::message(&header, &LogoffRequest::default()).ok()
    }

    fn smb1(&mut self, way: Way, mut bytes: Vec<u8>) -> Vec<u8> {
        let Ok(header) = smb1::Header::parse(&bytes) else { return bytes };
        let Act::Change { way: of, on, change } = self.act else { return bytes };
        let setup = header.command == smb1::Command::SESSION_SETUP_ANDX;
        let negotiates = header.command == smb1::Command::NEGOTIATE;
        let signed = header.flags2.contains(smb1::Flags2::SECURITY_SIGNATURE)
            && ![[0; 8], smb1::BSRSPYL].contains(&header.signature)
            && !setup
            && self.mounted;
        let ends = [smb1::Command::TREE_DISCONNECT, smb1::Command::LOGOFF_ANDX].contains(&header.command);
        self.mounted |= way == Way::ToClient
            && header.command == smb1::Command::TREE_CONNECT_ANDX
            && header.status == NtStatus::SUCCESS;
        let concerns = match on {
            On::Smb1Negotiate => negotiates,
            On::Smb1Setup => setup,
            On::Smb1Signed => signed && !ends && !self.done,
            On::Negotiate | On::Signed => false,
        };
        if of == way && concerns && change(&mut bytes) {
            self.did();
        }
        bytes
    }
}
