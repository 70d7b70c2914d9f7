//! The evidence of a case, followed.

mod client;
mod fault;
mod feed;

pub(crate) use fault::OwnFault;
pub(crate) use feed::{begins_with_negotiate, feed};

use crate::steps;
use evidence::{Connection as Recorded, Conversation, Evidence, Problem, SessionKey, Sidecar, StepRecord};
use model::scenario::WrongSetup;
use model::software::PlannedSoftware;
use model::{Action, As, ClientProfile, Deviation, Dialect, FrameRef, PlannedCase, Step};
use smb::follow::{Connection, Message, Session};
use smb::smb1::{self, NegotiateRequest, parse};
use smb::wire::{Command, SessionFlags};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The evidence with its connections followed: what every rule looks at.
pub struct View<'a> {
    recorded: &'a [Recorded],
    problems: &'a [Problem],
    keys: &'a [SessionKey],
    /// The plan and what was done for it; a capture has none.
    sidecar: Option<&'a Sidecar>,
    /// The planned client, or the one that the bytes of a capture show.
    client: Cow<'a, ClientProfile>,
    connections: Vec<Connection>,
    smb1: Vec<smb1::follow::Connection>,
    /// What is wrong on this side, by connection.
    faults: Vec<Option<OwnFault>>,
}

/// Which generation of the protocol a connection came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Smb1,
    Smb2,
}

impl<'a> View<'a> {
    /// Follows every connection of `evidence`.
    #[must_use]
    pub fn new(evidence: &'a Evidence) -> Self {
        let Evidence { connections, sidecar, problems } = evidence;
        Self::over(connections, problems, &sidecar.session_keys, Some(sidecar))
    }

    /// Follows a connection of a capture, as far as it is there.
    #[must_use]
    pub fn of_capture(conversation: &'a Conversation, keys: &'a [SessionKey]) -> Self {
        Self::over(std::slice::from_ref(&conversation.connection), &conversation.problems, keys, None)
    }

    fn over(
        all: &'a [Recorded],
        problems: &'a [Problem],
        session_keys: &'a [SessionKey],
        sidecar: Option<&'a Sidecar>,
    ) -> Self {
        let (mut connections, mut smb1) = (Vec::new(), Vec::new());
        for (recorded, index) in all.iter().zip(0_u32..) {
            let keys = || session_keys.iter().filter(move |key| key.connection == index);
            let mut new = Connection::new(keys().map(|key| (key.session_id, key.key)).collect());
            let mut by_uid: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
            for key in keys() {
                if let Ok(uid) = u16::try_from(key.session_id) {
                    // A UID that is given out twice is first that of its first session.
                    by_uid.entry(uid).or_insert_with(|| key.key.to_vec());
                }
            }
            let mut old = smb1::follow::Connection::new(by_uid);
            // A connection is of one generation, but where a multi-protocol NEGOTIATE led from one to the other: then both
            // are fed. A follower that is not fed has nothing that a rule could be about.
            // What crossed the server's side of an interposer is not what the client met: no rule here is about it.
            if is_beyond(recorded) {
                connections.push(new);
                smb1.push(old);
                continue;
            }
            let begins_old = feed::begins_in_smb1(recorded, sidecar.is_none());
            if begins_old {
                feed(recorded, sidecar.is_none(), |way, frame, bytes| old.push(way, frame, bytes));
            }
            if !begins_old || leads_to_smb2(&old) {
                feed(recorded, sidecar.is_none(), |way, frame, bytes| new.push(way, frame, bytes));
            }
            connections.push(new);
            smb1.push(old);
        }
        let client = match sidecar {
            Some(sidecar) => Cow::Borrowed(&sidecar.case.client),
            None => Cow::Owned(client::shown(connections.first(), smb1.first())),
        };
        let client = match sidecar.filter(|sidecar| sidecar.case.software.is_some()) {
            // What it is set to is known; what it says is what it is.
            Some(sidecar) => Cow::Owned(client::driven(&sidecar.case.client, &connections, &smb1)),
            None => client,
        };
        let faults = Vec::new();
        let mut view =
            Self { recorded: all, problems, keys: session_keys, sidecar, client, connections, smb1, faults };
        view.faults = (0..).zip(all).map(|(index, _)| view.find_fault(index)).collect();
        view
    }

    /// The plan of the case; a capture has none, and then nothing is known of what anybody is set to.
    #[must_use]
    pub fn plan(&self) -> Option<&'a PlannedCase> {
        self.sidecar.map(|sidecar| &sidecar.case)
    }

    /// Whether this was recorded by somebody else, who had no plan.
    #[must_use]
    pub const fn is_capture(&self) -> bool {
        self.sidecar.is_none()
    }

    /// The client that people run, where it is one that did this.
    #[must_use]
    pub fn software(&self) -> Option<&'a PlannedSoftware> {
        self.plan()?.software.as_ref()
    }

    /// Whether nobody planned what the client does: it is not ours.
    #[must_use]
    pub fn is_unplanned(&self) -> bool {
        self.is_capture() || self.software().is_some()
    }

    /// The client: the planned one, or the one that the bytes show where nobody planned what it does.
    #[must_use]
    pub fn client(&self) -> &ClientProfile {
        &self.client
    }

    /// The planned steps.
    #[must_use]
    pub fn steps(&self) -> &'a [Step] {
        self.plan().map(|case| case.steps.as_slice()).unwrap_or_default()
    }

    /// Which step sent what.
    pub(crate) fn sent(&self) -> &'a [StepRecord] {
        self.sidecar.map(|sidecar| sidecar.steps.as_slice()).unwrap_or_default()
    }

    /// The connections as they were recorded.
    #[must_use]
    pub const fn recorded(&self) -> &'a [Recorded] {
        self.recorded
    }

    /// The connections, in the order in which they were made.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The same connections, where and as far as they are of SMB1.
    #[must_use]
    pub fn smb1(&self) -> &[smb1::follow::Connection] {
        &self.smb1
    }

    /// Which generation of the protocol the client of a connection is left with.
    pub(crate) fn spoken(&self, connection: u32) -> Spoken {
        let old = self.smb1.get(connection as usize);
        match old {
            Some(old) if leads_to_smb2(old) => Spoken::Smb2,
            Some(old) if !old.messages.is_empty() || !old.garbage.is_empty() => Spoken::Smb1,
            // Of what never began, the plan says what it would have been.
            _ if self.client.dialects == [Dialect::Nt1] && self.is_empty(connection) => Spoken::Smb1,
            _ => Spoken::Smb2,
        }
    }

    fn is_empty(&self, connection: u32) -> bool {
        self.connections
            .get(connection as usize)
            .is_none_or(|new| new.messages.is_empty() && new.garbage.is_empty())
    }

    /// Whether a request of SMB2 was broken on purpose.
    #[must_use]
    pub fn is_on_purpose(&self, connection: u32, request: &Message) -> bool {
        self.deviation_of(connection, request).is_some()
    }

    /// Whether the request of SMB1 that begins at `offset` of what a connection sent was broken on purpose.
    #[must_use]
    pub fn smb1_is_on_purpose(&self, connection: u32, offset: u64) -> bool {
        self.deviation_at(connection, offset).is_some()
    }

    /// What a step does wrong on purpose in this request: of a step that sends several, in one of them.
    pub(crate) fn deviation_of(&self, connection: u32, request: &Message) -> Option<Deviation> {
        let step = steps::step_at(self, connection, request.offset)?;
        let planned = self.steps().get(step)?;
        let deviation = planned.deviate?;
        let is_it = match planned.action {
            Action::CompoundUnrelated => request.element == deviation.element(),
            Action::Elsewhere => request.command() != Command::NEGOTIATE,
            Action::QueryDirectory => request.command() == Command::QUERY_DIRECTORY,
            Action::ChangeNotify => request.command() == Command::CHANGE_NOTIFY,
            Action::Cancel => request.command() == Command::CANCEL,
            // What comes before it is a logon like any other.
            Action::FailedSetup if deviation == Deviation::Setup(WrongSetup::CommandBetween) => {
                request.command() == Command::TREE_CONNECT
            }
            Action::FailedSetup => request.command() == Command::SESSION_SETUP,
            _ => true,
        };
        is_it.then_some(deviation)
    }

    /// What the step does wrong on purpose that sent the request at `offset`.
    fn deviation_at(&self, connection: u32, offset: u64) -> Option<Deviation> {
        let step = steps::step_at(self, connection, offset)?;
        self.steps().get(step)?.deviate
    }

    /// Every message of every connection, with where it is.
    pub fn messages(&self) -> impl Iterator<Item = (u32, &Connection, &Message)> {
        self.connections.iter().zip(0_u32..).flat_map(|(connection, index)| {
            connection.messages.iter().map(move |message| (index, connection, message))
        })
    }

    /// Every response whose request is known.
    pub fn answers(&self) -> impl Iterator<Item = Answer<'_>> {
        self.messages().filter_map(|(index, connection, response)| {
            let request = connection.messages.get(response.request?)?;
            Some(Answer { index, connection, request, response })
        })
    }

    /// Whose session it is: what the server says, or the logon itself where it says nothing (3.3.5.5.3: it only MAY).
    #[must_use]
    pub fn identity(&self, session: &Session) -> As {
        if session.flags.contains(SessionFlags::IS_GUEST) {
            As::Guest
        } else if session.flags.contains(SessionFlags::IS_NULL) || session.anonymous_logon {
            As::Anonymous
        } else {
            As::User
        }
    }
}

/// A response with its request.
#[derive(Clone, Copy)]
pub struct Answer<'v> {
    /// Which connection.
    pub index: u32,
    /// The connection.
    pub connection: &'v Connection,
    /// What was asked.
    pub request: &'v Message,
    /// What was answered.
    pub response: &'v Message,
}

impl<'v> Answer<'v> {
    /// The session of the exchange.
    #[must_use]
    pub fn session(&self) -> Option<&'v Session> {
        self.connection.sessions.get(&self.response.session_id)
    }

    /// Whether this is the response that established its session.
    #[must_use]
    pub fn establishes(&self) -> bool {
        self.response.command() == Command::SESSION_SETUP
            && self.session().is_some_and(|session| {
                self.connection
                    .messages
                    .get(session.established)
                    .is_some_and(|message| std::ptr::eq(message, self.response))
            })
    }

    /// Where the response is.
    #[must_use]
    pub fn at(&self) -> FrameRef {
        place(self.index, self.response)
    }
}

/// Where a message is.
#[must_use]
pub(crate) fn place(connection: u32, message: &Message) -> FrameRef {
    FrameRef { connection, leg: None, frame: message.frame, element: message.element, bytes: None }
}

/// Whether a connection is one of the server's side of an interposer.
pub(crate) fn is_beyond(recorded: &Recorded) -> bool {
    recorded.leg.is_some_and(|leg| leg > 0)
}

/// Whether the client asked for SMB2 as well, and the server answered in it ([MS-SMB2] 3.2.4.2.2.1).
fn leads_to_smb2(old: &smb1::follow::Connection) -> bool {
    const SMB2: [&[u8]; 2] = [NegotiateRequest::SMB_2_002, NegotiateRequest::SMB_2_WILDCARD];
    let asked = old
        .messages
        .first()
        .filter(|message| message.command() == smb1::Command::NEGOTIATE && message.responses.is_empty());
    let asked = asked.and_then(|message| parse::<NegotiateRequest>(&message.bytes).ok());
    old.smb2.is_some()
        && asked.is_some_and(|(_, body)| body.dialects.iter().any(|name| SMB2.contains(&name.as_slice())))
}
