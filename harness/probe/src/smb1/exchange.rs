//! One request and its answers: identifiers, flags, signatures.

use super::Client;
use super::negotiate::Security;
use crate::Stop;
use evidence::Recorder;
use model::{Deviation, ExtendedSecurity, NtStatus};
use smb::smb1::{self, Block, Body, Capabilities, Command, Flags2, Header};
use tokio::time::Instant;

/// The process all requests are of; any number but 0.
const PID: u32 = 0x4353;
/// The highest MID of a request: the one behind it is that of oplock breaks ([MS-CIFS] 2.2.4.32.1).
const LAST_MID: u16 = 0xFFFE;

/// A server's whole answer.
pub(super) struct Answer {
    pub(super) header: Header,
    pub(super) message: Vec<u8>,
}

impl Answer {
    /// Reads its first block.
    pub(super) fn body<B: Body>(&self) -> Result<B, Stop> {
        Block::first(&self.message)
            .and_then(|block| B::parse(&block))
            .map_err(|error| Stop::UnreadableSmb1(error, self.header.command))
    }

    pub(super) fn is_success(&self) -> bool {
        self.header.status == NtStatus::SUCCESS
    }
}

/// A request on its way: what its answers are known by.
pub(super) struct Sent {
    header: Header,
    deviates: bool,
    /// The number it took, where signing is active.
    number: Option<u32>,
    /// When its answers must be whole.
    deadline: Instant,
}

impl Client<'_> {
    /// The header of the next request, with a MID of its own.
    pub(super) fn header(&mut self, command: Command) -> Header {
        self.mid = if self.mid == LAST_MID { 1 } else { self.mid + 1 };
        let plain = Header::request(command);
        Header {
            flags2: plain.flags2.with(self.features()),
            pid: PID,
            tid: self.tree,
            uid: self.uid,
            mid: self.mid,
            ..plain
        }
    }

    /// What the client says of itself in every request: before NEGOTIATE what it would like, and then what the server
    /// has of it, too ([MS-CIFS] 3.2.4.1.2).
    fn features(&self) -> Flags2 {
        let (unicode, extended) = match &self.negotiated {
            None => (true, self.context.case.client.extended_security == ExtendedSecurity::Yes),
            Some(negotiated) => (self.is_unicode(), matches!(negotiated.security, Security::Extended { .. })),
        };
        let mut features = Flags2(0);
        if unicode {
            features = features.with(Flags2::UNICODE);
        }
        if extended {
            features = features.with(Flags2::EXTENDED_SECURITY);
        }
        features
    }

    /// Whether strings are UTF-16LE.
    pub(super) fn is_unicode(&self) -> bool {
        let server = self.negotiated.as_ref().map(|negotiated| negotiated.capabilities);
        server.is_none_or(|server| server.contains(Capabilities::UNICODE))
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn exchange<B: Body>(
        &mut self,
        body: &B,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        let header = self.header(B::COMMAND);
        let message = smb1::message(&header, body).map_err(Stop::RequestSmb1)?;
        self.transact(header, message, deviation, recorder).await
    }

    /// The same for a message that is built already.
    pub(super) async fn transact(
        &mut self,
        header: Header,
        message: Vec<u8>,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        let sent = self.send(header, message, deviation, recorder).await?;
        let answer = self.receive(&sent, recorder).await?;
        self.answered(&sent, &answer.header);
        Ok(answer)
    }

    /// Signs a request where signing is active, breaks it where that is wanted, and sends it.
    pub(super) async fn send(
        &mut self,
        header: Header,
        mut message: Vec<u8>,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<Sent, Stop> {
        if deviation.is_some() && self.signing.is_none() {
            return Err(Stop::GivesUp("signing is not active, so there is nothing to deviate from"));
        }
        let number = self.signing.as_mut().map(|signing| signing.sign(&header, &mut message, deviation));
        self.context.link.send(&message, recorder).await?;
        let deadline = self.context.link.deadline();
        Ok(Sent { header, deviates: deviation.is_some(), number, deadline })
    }

    /// The next answer to a request. Gives up where a client that verifies does ([MS-SMB] 3.2.5.1); the answer to a
    /// deviation has the server's own count, which is not this client's to judge.
    pub(super) async fn receive(&mut self, sent: &Sent, recorder: &mut Recorder) -> Result<Answer, Stop> {
        // Bounded in time by the deadline, and in size by what the link takes.
        loop {
            let message = self.context.link.receive(sent.deadline, recorder).await?;
            let header =
                Header::parse(&message).map_err(|error| Stop::UnreadableSmb1(error, sent.header.command))?;
            if !header.is_response() || (header.pid, header.mid) != (sent.header.pid, sent.header.mid) {
                continue; // An oplock break, which is not signed ([MS-CIFS] 3.2.5.42), or nothing that was asked for.
            }
            if header.command != sent.header.command {
                return Err(Stop::GivesUp("the server's message is no response to what was asked"));
            }
            let valid = self.signing.as_ref().is_none_or(|signing| signing.is_valid(&header, &message));
            if !valid && !sent.deviates {
                return Err(Stop::GivesUp("the client gave up: a response without a valid signature"));
            }
            return Ok(Answer { header, message });
        }
    }

    /// The next transport message, whatever it is.
    pub(super) async fn receive_raw(&mut self, sent: &Sent, recorder: &mut Recorder) -> Result<(), Stop> {
        self.context.link.receive(sent.deadline, recorder).await?;
        Ok(())
    }

    /// Closes the account of a request whose answers are all there; `last` is the header of the last.
    pub(super) fn answered(&mut self, sent: &Sent, last: &Header) {
        let Some(signing) = &mut self.signing else { return };
        signing.answered(&sent.header);
        if let Some(number) = sent.number.filter(|_| sent.deviates && last.status != NtStatus::SUCCESS) {
            signing.refused(number);
        }
    }
}
