//! A request of either generation of the protocol, as the steps of a scenario look at it.

use crate::line::final_response;
use crate::view::{View, place};
use crate::{smb1, validate};
use model::scenario::WrongSetup;
use model::{Action, Deviation, FrameRef, NtStatus, Step};
use smb::follow::{Connection, Message, Way};
use smb::smb1 as old;
use smb::smb1::Body as _;
use smb::wire::{Body, Command, CtlCode, Flags, Header, IoctlRequest, ReadResponse, WriteRequest};

/// A request of a step.
pub(super) struct Request<'v> {
    pub(super) index: u32,
    kind: Kind<'v>,
}

enum Kind<'v> {
    Smb2(&'v Connection, &'v Message),
    Smb1(&'v old::follow::Connection, &'v old::follow::Message),
    /// A multi-protocol NEGOTIATE that was answered in SMB2: frame and, where it was answered, the answer.
    Both(u64, Option<&'v Message>),
}

/// The final answer to a request.
pub(super) struct Answer {
    pub(super) at: FrameRef,
    pub(super) status: NtStatus,
    /// The bytes of its status.
    pub(super) field: (u32, u32),
}

/// Where Status stands in a header ([MS-SMB2] 2.2.1.2, [MS-CIFS] 2.2.3.1).
const SMB2_STATUS: (u32, u32) = (8, 12);
const SMB1_STATUS: (u32, u32) = (5, 9);

impl<'v> Request<'v> {
    /// The requests that begin between two offsets of what a connection sent.
    pub(super) fn between(view: &'v View<'v>, index: u32, (from, to): (u64, u64)) -> Vec<Self> {
        let within = |offset: u64| (from..to).contains(&offset);
        let mut all = Vec::new();
        let new = view.connections().get(index as usize);
        if let Some(asked) = new.and_then(|c| c.multi_protocol.as_ref()).filter(|m| within(m.offset)) {
            let answer = new.zip(asked.response).and_then(|(c, response)| c.messages.get(response));
            all.push(Self { index, kind: Kind::Both(asked.frame, answer) });
        } else if let Some(connection) = view.smb1().get(index as usize) {
            let sent = connection.messages.iter().filter(|m| m.way == Way::ToServer && within(m.offset));
            all.extend(sent.map(|message| Self { index, kind: Kind::Smb1(connection, message) }));
        }
        if let Some(connection) = new {
            let sent = connection.messages.iter().filter(|m| m.way == Way::ToServer && within(m.offset));
            all.extend(sent.map(|message| Self { index, kind: Kind::Smb2(connection, message) }));
        }
        all
    }

    /// The name of its command.
    pub(super) fn command(&self) -> String {
        match self.kind {
            Kind::Smb2(_, message) => message.command().to_string(),
            Kind::Smb1(_, message) => message.command().to_string(),
            Kind::Both(..) => old::Command::NEGOTIATE.to_string(),
        }
    }

    /// Where it is.
    pub(super) fn at(&self) -> FrameRef {
        match self.kind {
            Kind::Smb2(_, message) => place(self.index, message),
            Kind::Smb1(_, message) => smb1::place(self.index, message),
            Kind::Both(frame, _) => {
                FrameRef { connection: self.index, leg: None, frame, element: 0, bytes: None }
            }
        }
    }

    /// Whether it was broken on purpose.
    pub(super) fn is_on_purpose(&self, view: &View<'_>) -> bool {
        match self.kind {
            Kind::Smb2(_, message) => view.is_on_purpose(self.index, message),
            Kind::Smb1(_, message) => view.smb1_is_on_purpose(self.index, message.offset),
            Kind::Both(..) => false,
        }
    }

    /// Its final answer.
    pub(super) fn answer(&self) -> Option<Answer> {
        match self.kind {
            Kind::Smb2(connection, message) => final_response(connection, message).map(|m| Answer {
                at: place(self.index, m),
                status: m.header.status,
                field: SMB2_STATUS,
            }),
            Kind::Smb1(connection, message) => final_response(connection, message).map(|m| Answer {
                at: smb1::place(self.index, m),
                status: m.header.status,
                field: SMB1_STATUS,
            }),
            Kind::Both(_, answer) => answer.map(|m| Answer {
                at: place(self.index, m),
                status: m.header.status,
                field: SMB2_STATUS,
            }),
        }
    }

    /// The announcement of its answer (3.3.4.2), where there was one.
    pub(super) fn interim(&self) -> Option<Answer> {
        let Kind::Smb2(connection, message) = self.kind else { return None };
        let answers = message.responses.iter().filter_map(|answer| connection.messages.get(*answer));
        answers.into_iter().find(|answer| answer.is_interim()).map(|m| Answer {
            at: place(self.index, m),
            status: m.header.status,
            field: SMB2_STATUS,
        })
    }

    /// Whether this is the answer of a share that watches nothing (3.3.5.19).
    pub(super) fn has_no_notification(&self, status: NtStatus) -> bool {
        status == NtStatus::NOT_SUPPORTED
            && matches!(self.kind, Kind::Smb2(_, message) if message.command() == Command::CHANGE_NOTIFY)
    }

    /// Whether it is answered by data without a header, and was.
    pub(super) fn is_answered_raw(&self) -> bool {
        let Kind::Smb1(connection, message) = self.kind else { return false };
        message.command() == old::Command::READ_RAW
            && connection.raw_replies.iter().any(|reply| {
                connection.messages.get(reply.request).is_some_and(|asked| std::ptr::eq(asked, message))
            })
    }

    /// Whether a request that is not the last of its step may be answered with this status.
    pub(super) fn leads_on(&self, step: &Step, status: NtStatus) -> bool {
        let due = self.leading_on(step);
        // A CANCEL that is not signed may work (5.1), and one that is wrongly signed has a rule of its own.
        let cancelled = step.action == Action::Cancel && status == NtStatus::CANCELLED;
        let waits =
            matches!(self.kind, Kind::Smb2(_, message) if message.command() == Command::CHANGE_NOTIFY);
        status == due
            || cancelled && waits
            || due == NtStatus::SUCCESS && status == NtStatus::MORE_PROCESSING_REQUIRED
    }

    /// What [`Request::leads_on`] wants, for a person.
    pub(super) fn leading_on(&self, step: &Step) -> NtStatus {
        match self.kind {
            // What is waited for only comes by being cancelled.
            Kind::Smb1(_, message) if message.command() == old::Command::NT_TRANSACT => NtStatus::CANCELLED,
            Kind::Smb2(_, message) => match (step.action, message.command()) {
                (Action::Cancel, Command::CHANGE_NOTIFY) if step.deviate.is_none() => NtStatus::CANCELLED,
                // There is nothing in the file yet.
                (Action::CompoundFailing, Command::READ) => NtStatus::END_OF_FILE,
                _ => NtStatus::SUCCESS,
            },
            _ => NtStatus::SUCCESS,
        }
    }

    /// Whether it was answered before it could be cancelled: somebody else's change is nobody's fault.
    pub(super) fn is_overtaken(&self, status: NtStatus) -> bool {
        let waits =
            matches!(self.kind, Kind::Smb1(_, message) if message.command() == old::Command::NT_TRANSACT);
        waits && (status == NtStatus::SUCCESS || status == NtStatus::NOTIFY_ENUM_DIR)
    }

    /// Whether its answer has every command of a chain that succeeded ([MS-CIFS] 3.3.5.2.4).
    pub(super) fn is_answered_whole(&self) -> bool {
        let Kind::Smb1(connection, message) = self.kind else { return true };
        let commands = |bytes: &[u8]| -> Vec<old::Command> {
            let blocks = old::blocks(bytes).unwrap_or_default();
            blocks.iter().map(|block| block.command).collect()
        };
        final_response(connection, message).is_none_or(|answer| {
            answer.header.status != NtStatus::SUCCESS
                || commands(&message.bytes).len() < 2
                || commands(&answer.bytes) == commands(&message.bytes)
        })
    }

    /// Whether it is what a step sends last.
    pub(super) fn is_of(&self, step: &Step) -> bool {
        match self.kind {
            Kind::Smb2(_, message) => is_of_smb2(step, message),
            Kind::Smb1(_, message) => is_of_smb1(step.action, message),
            Kind::Both(..) => step.action == Action::MultiProtocolNegotiate,
        }
    }

    /// Whether it is a CANCEL of SMB2, which no answer belongs to: where there is one, rules of their own look at it.
    pub(super) fn is_cancel(&self) -> bool {
        matches!(self.kind, Kind::Smb2(_, message) if message.command() == Command::CANCEL)
    }

    /// Whether it is one of a logon.
    pub(super) fn is_setup(&self) -> bool {
        match self.kind {
            Kind::Smb2(_, message) => message.command() == Command::SESSION_SETUP,
            Kind::Smb1(_, message) => message.command() == old::Command::SESSION_SETUP_ANDX,
            Kind::Both(..) => false,
        }
    }

    /// Whether it acknowledges a break of this kind.
    fn acknowledges(&self, kind: [u8; 2]) -> bool {
        let Kind::Smb2(_, message) = self.kind else { return false };
        message.command() == Command::OPLOCK_BREAK
            && message.bytes.get(Header::LEN..).is_some_and(|body| body.starts_with(&kind))
    }

    /// The data of the last WRITE before it that the server said it carried out.
    pub(super) fn written(&self) -> Option<Vec<u8>> {
        match self.kind {
            Kind::Smb2(connection, read) => before(&connection.messages, |m| {
                m.way == Way::ToServer
                    && m.command() == Command::WRITE
                    && m.offset < read.offset
                    && final_response(connection, m).is_some_and(|a| a.header.status == NtStatus::SUCCESS)
            })
            .and_then(|message| WriteRequest::parse(&message.bytes).ok())
            .map(|body| body.data),
            Kind::Smb1(connection, read) => before(&connection.messages, |m| {
                m.way == Way::ToServer && m.command() == old::Command::WRITE_ANDX && m.offset < read.offset
            })
            .and_then(|message| old::parse::<old::WriteRequest>(&message.bytes).ok())
            .map(|(_, body)| body.data),
            Kind::Both(..) => None,
        }
    }

    /// The data that its answer brought.
    pub(super) fn read(&self) -> Vec<u8> {
        match self.kind {
            Kind::Smb2(connection, message) => final_response(connection, message)
                .and_then(|response| ReadResponse::parse(&response.bytes).ok())
                .map(|body| body.data)
                .unwrap_or_default(),
            Kind::Smb1(connection, message) => final_response(connection, message)
                .and_then(|response| data_read(&response.bytes))
                .unwrap_or_default(),
            Kind::Both(..) => Vec::new(),
        }
    }
}

/// Whether requests are all that a step sends, where it always sends the same several.
pub(super) fn are_all(requests: &[Request<'_>], step: &Step) -> bool {
    let (Some(due), Some(mut sent)) = (sequence(step), commands(requests)) else { return true };
    if step.action == Action::ChangeNotify && step.deviate.is_some() {
        // One that waits although it was broken is cancelled.
        sent.retain(|command| *command != Command::CANCEL);
    }
    // Answers come in any order: another request is sent where that to the first is not there with the last.
    if step.action == Action::Pipeline && sent.len() > due.len() && sent.last() == Some(&Command::ECHO) {
        sent.pop();
    }
    let kind = match step.action {
        Action::OplockBreak => Some(OPLOCK),
        Action::LeaseBreak => Some(LEASE),
        _ => None,
    };
    sent == due && kind.is_none_or(|kind| requests.iter().any(|request| request.acknowledges(kind)))
}

/// Whether requests are the first ones that a step sends, where it always sends the same several.
pub(super) fn begin(requests: &[Request<'_>], step: &Step) -> bool {
    let (Some(due), Some(sent)) = (sequence(step), commands(requests)) else { return false };
    due.starts_with(&sent)
}

/// The requests that a step of SMB2 sends, of those that send several.
const fn sequence(step: &Step) -> Option<&'static [Command]> {
    use Command as C;
    Some(match step.action {
        // The answer to the QUERY_INFO says that the request can be cancelled, the one to the ECHO that the broken CANCEL was dealt
        // with; then there is a change to report.
        Action::Cancel if step.deviate.is_some() => &[
            C::CREATE,
            C::CREATE,
            C::CHANGE_NOTIFY,
            C::QUERY_INFO,
            C::CANCEL,
            C::ECHO,
            C::CREATE,
            C::CLOSE,
            C::CLOSE,
            C::CLOSE,
        ],
        Action::Elsewhere if binds(step) => &[C::NEGOTIATE, C::SESSION_SETUP],
        Action::Elsewhere if step.deviate.is_some() => &[C::NEGOTIATE, C::TREE_CONNECT],
        Action::Elsewhere => &[C::NEGOTIATE],
        Action::QueryDirectory => &[C::CREATE, C::QUERY_DIRECTORY, C::CLOSE],
        Action::Lock if step.deviate.is_some() => &[C::LOCK],
        Action::Lock => &[C::LOCK, C::LOCK],
        Action::ChangeNotify if step.deviate.is_some() => {
            &[C::CREATE, C::CREATE, C::CHANGE_NOTIFY, C::CLOSE, C::CLOSE]
        }
        Action::ChangeNotify => {
            &[C::CREATE, C::CREATE, C::CHANGE_NOTIFY, C::CREATE, C::CLOSE, C::CLOSE, C::CLOSE]
        }
        Action::Cancel => {
            &[C::CREATE, C::CREATE, C::CHANGE_NOTIFY, C::QUERY_INFO, C::CANCEL, C::CLOSE, C::CLOSE]
        }
        Action::OplockBreak | Action::LeaseBreak => {
            &[C::CREATE, C::CREATE, C::OPLOCK_BREAK, C::CLOSE, C::CLOSE]
        }
        Action::Pipeline => &[C::ECHO, C::ECHO, C::ECHO],
        Action::CompoundRelated => &[C::CREATE, C::QUERY_INFO, C::CLOSE],
        Action::CompoundUnrelated => &[C::ECHO, C::ECHO],
        Action::CompoundFailing => &[C::CREATE, C::READ, C::CLOSE],
        Action::Pipe => &[C::CREATE, C::IOCTL, C::CLOSE],
        _ => return None,
    })
}

/// Whether a step binds the session to another connection.
const fn binds(step: &Step) -> bool {
    matches!(step.deviate, Some(Deviation::Session(session)) if session.binds())
}

/// The commands of requests; `None` where they are not all of SMB2.
fn commands(requests: &[Request<'_>]) -> Option<Vec<Command>> {
    let command = |request: &Request<'_>| match request.kind {
        Kind::Smb2(_, message) => Some(message.command()),
        Kind::Smb1(..) | Kind::Both(..) => None,
    };
    requests.iter().map(command).collect()
}

fn before<M>(messages: &[M], is: impl Fn(&M) -> bool) -> Option<&M> {
    messages.iter().rfind(|message| is(message))
}

/// The data of the READ_ANDX in a message, which may be a chain.
fn data_read(message: &[u8]) -> Option<Vec<u8>> {
    let blocks = old::blocks(message).ok()?;
    let block = blocks.iter().find(|block| block.command == old::Command::READ_ANDX)?;
    old::ReadResponse::parse(block).ok().map(|body| body.data)
}

fn is_of_smb2(step: &Step, request: &Message) -> bool {
    let command = match step.action {
        Action::FailedSetup if step.deviate == Some(Deviation::Setup(WrongSetup::CommandBetween)) => {
            Command::TREE_CONNECT
        }
        Action::SecondSession => Command::SESSION_SETUP,
        Action::QueryInterfaces => {
            return IoctlRequest::parse(&request.bytes)
                .is_ok_and(|body| body.ctl_code == CtlCode::FSCTL_QUERY_NETWORK_INTERFACE_INFO);
        }
        Action::Elsewhere if binds(step) => Command::SESSION_SETUP,
        Action::Elsewhere if step.deviate.is_some() => Command::TREE_CONNECT,
        Action::Elsewhere => Command::NEGOTIATE,
        Action::Negotiate => Command::NEGOTIATE,
        Action::SessionSetup | Action::FailedSetup => Command::SESSION_SETUP,
        Action::TreeConnect => Command::TREE_CONNECT,
        Action::ValidateNegotiate => return validate::is_asked(request),
        Action::Create | Action::Reopen => Command::CREATE,
        Action::Write | Action::WriteLarge => Command::WRITE,
        Action::Flush => Command::FLUSH,
        Action::Read | Action::ReadLarge => Command::READ,
        Action::QueryInfo | Action::QueryShort => Command::QUERY_INFO,
        Action::SetInfo => Command::SET_INFO,
        Action::Lock => Command::LOCK,
        // What was opened for the step is closed again.
        Action::QueryDirectory
        | Action::ChangeNotify
        | Action::Cancel
        | Action::OplockBreak
        | Action::LeaseBreak
        | Action::Pipe
        | Action::Delete => Command::CLOSE,
        Action::CompoundRelated | Action::CompoundFailing => {
            return request.command() == Command::CLOSE && request.header.flags.contains(Flags::RELATED);
        }
        Action::CompoundUnrelated => return request.command() == Command::ECHO && request.element == 1,
        Action::Reauthenticate => {
            return request.command() == Command::SESSION_SETUP && request.header.session_id != 0;
        }
        Action::Echo | Action::Pipeline => Command::ECHO,
        Action::TreeDisconnect => Command::TREE_DISCONNECT,
        Action::Logoff => Command::LOGOFF,
        Action::MultiProtocolNegotiate
        | Action::QueryFs
        | Action::DfsReferral
        | Action::OpenReadClose
        | Action::ReadRaw => return false,
    };
    request.command() == command
}

/// The StructureSize of an acknowledgment ([MS-SMB2] 2.2.24).
const OPLOCK: [u8; 2] = [24, 0];
const LEASE: [u8; 2] = [36, 0];

fn is_of_smb1(action: Action, request: &old::follow::Message) -> bool {
    let command = match action {
        Action::MultiProtocolNegotiate => old::Command::NEGOTIATE,
        Action::SessionSetup | Action::SecondSession => old::Command::SESSION_SETUP_ANDX,
        Action::TreeConnect => old::Command::TREE_CONNECT_ANDX,
        Action::Create | Action::Reopen => old::Command::NT_CREATE_ANDX,
        Action::OpenReadClose => {
            let commands = old::blocks(&request.bytes).unwrap_or_default();
            let commands: Vec<old::Command> = commands.iter().map(|block| block.command).collect();
            let chain = [old::Command::NT_CREATE_ANDX, old::Command::READ_ANDX, old::Command::CLOSE];
            return commands == chain;
        }
        Action::Write => old::Command::WRITE_ANDX,
        Action::Read => old::Command::READ_ANDX,
        Action::ReadRaw => old::Command::READ_RAW,
        Action::QueryFs => return subcommand(request) == Some(old::Trans2Subcommand::QUERY_FS_INFORMATION),
        Action::DfsReferral => return subcommand(request) == Some(old::Trans2Subcommand::GET_DFS_REFERRAL),
        // The directory that was watched is closed again.
        Action::Cancel | Action::Delete => old::Command::CLOSE,
        Action::Echo => old::Command::ECHO,
        Action::TreeDisconnect => old::Command::TREE_DISCONNECT,
        Action::Logoff => old::Command::LOGOFF_ANDX,
        _ => return false,
    };
    request.command() == command
}

fn subcommand(request: &old::follow::Message) -> Option<old::Trans2Subcommand> {
    old::parse::<old::Trans2Request>(&request.bytes).ok().and_then(|(_, body)| body.subcommand())
}
