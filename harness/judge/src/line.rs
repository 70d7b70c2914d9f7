//! What both generations of the protocol have in common, for whoever walks along a connection: requests, the answers to
//! them, and how it ended.

use crate::steps;
use crate::view::View;
use evidence::Direction;
use model::outcome::{By, Why};
use model::{NtStatus, Outcome};
use smb::follow::{Garbage, Way};
use smb::wire::Command;
use smb::{follow, smb1};

/// A message of either generation.
pub(crate) trait Spoken {
    fn way(&self) -> Way;
    fn frame(&self) -> u64;
    fn bytes(&self) -> &[u8];
    fn status(&self) -> NtStatus;
    fn responses(&self) -> &[usize];
    fn is_interim(&self) -> bool;
    fn is_cancel(&self) -> bool;
    fn name(&self) -> String;
}

/// A followed connection of either generation.
pub(crate) trait Conversation {
    type Message: Spoken;
    fn messages(&self) -> &[Self::Message];
    fn garbage(&self) -> &[Garbage];
    fn unfinished(&self, way: Way) -> Option<(usize, Option<usize>)>;
    /// Whether there are encrypted messages, which are not read.
    fn is_opaque(&self) -> bool;
    /// Whether the server sent something that its client takes for no answer at all.
    fn is_foreign(&self) -> bool;
}

impl Spoken for follow::Message {
    fn way(&self) -> Way {
        self.way
    }
    fn frame(&self) -> u64 {
        self.frame
    }
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    fn status(&self) -> NtStatus {
        self.header.status
    }
    fn responses(&self) -> &[usize] {
        &self.responses
    }
    fn is_interim(&self) -> bool {
        Self::is_interim(self)
    }
    fn is_cancel(&self) -> bool {
        self.command() == Command::CANCEL
    }
    fn name(&self) -> String {
        self.command().to_string()
    }
}

impl Spoken for smb1::follow::Message {
    fn way(&self) -> Way {
        self.way
    }
    fn frame(&self) -> u64 {
        self.frame
    }
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    fn status(&self) -> NtStatus {
        self.header.status
    }
    fn responses(&self) -> &[usize] {
        &self.responses
    }
    fn is_interim(&self) -> bool {
        false
    }
    fn is_cancel(&self) -> bool {
        self.command() == smb1::Command::NT_CANCEL
    }
    fn name(&self) -> String {
        self.command().to_string()
    }
}

impl Conversation for follow::Connection {
    type Message = follow::Message;
    fn messages(&self) -> &[follow::Message] {
        &self.messages
    }
    fn garbage(&self) -> &[Garbage] {
        &self.garbage
    }
    fn unfinished(&self, way: Way) -> Option<(usize, Option<usize>)> {
        Self::unfinished(self, way)
    }
    fn is_opaque(&self) -> bool {
        self.encrypted
    }
    fn is_foreign(&self) -> bool {
        false
    }
}

impl Conversation for smb1::follow::Connection {
    type Message = smb1::follow::Message;
    fn messages(&self) -> &[smb1::follow::Message] {
        &self.messages
    }
    fn garbage(&self) -> &[Garbage] {
        &self.garbage
    }
    fn unfinished(&self, way: Way) -> Option<(usize, Option<usize>)> {
        Self::unfinished(self, way)
    }
    fn is_opaque(&self) -> bool {
        false
    }
    fn is_foreign(&self) -> bool {
        self.smb2.is_some()
    }
}

/// One connection of the evidence.
pub(crate) struct Line<'v, C> {
    pub(crate) view: &'v View<'v>,
    pub(crate) index: u32,
    pub(crate) connection: &'v C,
}

impl<'v, C: Conversation> Line<'v, C> {
    pub(crate) fn requests(&self) -> impl Iterator<Item = &'v C::Message> {
        self.connection.messages().iter().filter(|message| message.way() == Way::ToServer)
    }

    /// The requests sent after the message at `index`.
    pub(crate) fn requests_after(&self, index: usize) -> impl Iterator<Item = &'v C::Message> {
        self.connection.messages().iter().skip(index + 1).filter(|message| message.way() == Way::ToServer)
    }

    /// The first request of this kind; `None` where the server had ended the connection before it could be sent.
    pub(crate) fn first(
        &self,
        name: &str,
        is: impl Fn(&C::Message) -> bool,
    ) -> Result<Option<&'v C::Message>, String> {
        match self.requests().find(|request| is(request)) {
            None if !self.server_ended() => Err(never(name)),
            found => Ok(found),
        }
    }

    /// The final response to a request; `None` where the server ended the connection instead. What is neither is not
    /// known: a timeout alone proves nothing.
    pub(crate) fn answer_to(&self, request: &'v C::Message) -> Result<Option<&'v C::Message>, String> {
        let found = final_response(self.connection, request);
        if found.is_some() || self.server_ended() || self.garbage() {
            return Ok(found);
        }
        let unfinished = match self.connection.unfinished(Way::ToClient) {
            _ if self.connection.is_opaque() => {
                ": there are encrypted messages, which are not read".to_owned()
            }
            Some((came, Some(announced))) => format!(": {came} of {announced} announced bytes came"),
            Some((came, None)) => format!(": {came} bytes of a transport header came"),
            None => String::new(),
        };
        Err(format!("no answer to {} (frame {}){unfinished}", request.name(), request.frame()))
    }

    /// What a client experiences where no answer will come any more.
    pub(crate) fn lost(&self) -> Outcome {
        if self.garbage() {
            Outcome::refused(By::Client, Why::NotSmb, None)
        } else {
            Outcome::refused(By::Server, Why::Disconnected, None)
        }
    }

    pub(crate) fn garbage(&self) -> bool {
        self.connection.is_foreign()
            || self.connection.garbage().iter().any(|garbage| garbage.way == Way::ToClient)
    }

    pub(crate) fn server_ended(&self) -> bool {
        self.view.server_ended(self.index)
    }

    pub(crate) fn position(&self, message: &C::Message) -> usize {
        let messages = self.connection.messages();
        messages.iter().position(|other| std::ptr::eq(other, message)).unwrap_or(usize::MAX)
    }

    pub(crate) fn all_steps_sent(&self) -> bool {
        (0..self.view.steps().len()).all(|step| steps::is_sent(self.view, step))
    }
}

/// The first answer to a request that is not an interim one.
pub(crate) fn final_response<'v, C: Conversation>(
    connection: &'v C,
    request: &C::Message,
) -> Option<&'v C::Message> {
    let messages = connection.messages();
    let answers = request.responses().iter().filter_map(|index| messages.get(*index));
    answers.into_iter().find(|response| !response.is_interim())
}

pub(crate) fn never(what: &str) -> String {
    format!("{what} was never sent")
}

impl View<'_> {
    /// Whether it was the server that ended a connection.
    pub(crate) fn server_ended(&self, connection: u32) -> bool {
        self.recorded()
            .get(connection as usize)
            .and_then(|recorded| recorded.ends.first())
            .is_some_and(|end| end.direction == Direction::ToClient)
    }
}
