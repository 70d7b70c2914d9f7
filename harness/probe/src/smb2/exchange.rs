//! One request and its final response: message ids, credits, signatures.

use super::{Client, deviate};
use crate::Stop;
use evidence::Recorder;
use model::{Dialect, NtStatus};
use smb::wire::{self, Body, Command, Flags, Header};

/// How many credits are asked for with each request: enough to never run dry one request at a time.
const CREDITS: u16 = 32;

/// A server's whole answer.
pub(super) struct Answer {
    pub(super) header: Header,
    pub(super) message: Vec<u8>,
}

impl Answer {
    /// Reads its body.
    pub(super) fn body<B: Body>(&self) -> Result<B, Stop> {
        B::parse(&self.message).map_err(|error| Stop::Unreadable(error, self.header.command))
    }
}

/// How a request is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Where the session demands it.
    AsSession,
    /// Always, where there is a key: TREE_CONNECT at 3.1.1 (3.2.4.2.4), VALIDATE_NEGOTIATE_INFO (3.2.5.5).
    Always,
}

impl Client<'_> {
    /// Sends one request and waits for its final response.
    pub(super) async fn exchange(
        &mut self,
        body: &impl Body,
        sign: Sign,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        self.transact(body, sign, recorder).await.map(|(_, answer)| answer)
    }

    /// The same, and gives the request as it was sent, too. It is here that a step's deviation is done.
    pub(super) async fn transact<B: Body>(
        &mut self,
        body: &B,
        sign: Sign,
        recorder: &mut Recorder,
    ) -> Result<(Vec<u8>, Answer), Stop> {
        let mut header = self.next_header(B::COMMAND)?;
        let deviation = self.deviation.take();
        if let Some(deviation) = deviation {
            deviate::header(&mut header, deviation);
        }
        let mut request = wire::message(&header, body).map_err(Stop::Request)?;
        let signs = self.session.as_ref().is_some_and(|session| session.signs) || sign == Sign::Always;
        // What is broken on purpose is mostly a signature, and so there is one.
        let signs = signs || deviation.is_some();
        if let Some(key) = self.session.as_ref().and_then(|session| session.key.as_ref()).filter(|_| signs) {
            // A message that was built has a header, so it is long enough to sign.
            let _ = key.sign(&mut request);
        }
        let Some(deviation) = deviation else {
            let answer = self.round_trip(&request, &header, recorder).await?;
            self.verify(&answer)?;
            return Ok((request, answer));
        };
        let session = self.session.as_ref().filter(|session| session.key.is_some());
        let session =
            session.ok_or(Stop::GivesUp("there is no signing key, so there is nothing to deviate from"))?;
        deviate::message(&mut request, deviation, session);
        // The answer is known by what was sent, and it is the judge's to say how it must be signed.
        let sent = Header::parse(&request).unwrap_or(header);
        let answer = self.round_trip(&request, &sent, recorder).await?;
        Ok((request, answer))
    }

    /// The header of the next request, which takes a credit and a MessageId.
    pub(super) fn next_header(&mut self, command: Command) -> Result<Header, Stop> {
        self.credits = self.credits.checked_sub(1).ok_or(Stop::NoCredits)?;
        let mut header = Header::request(command);
        header.message_id = self.message_id;
        header.credits = CREDITS;
        // 2.0.2 knows no CreditCharge: the field is reserved there (2.2.1.2).
        header.credit_charge = u16::from(self.dialect.is_some_and(|dialect| dialect > Dialect::Smb202));
        header.tree_id = self.tree;
        header.session_id = self.session.as_ref().map_or(0, |session| session.id);
        self.message_id += 1;
        Ok(header)
    }

    pub(super) async fn round_trip(
        &mut self,
        request: &[u8],
        sent: &Header,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        self.context.link.send(request, recorder).await?;
        let deadline = self.context.link.deadline();
        // Bounded in time by the deadline, and in size by what the link takes.
        loop {
            let message = self.context.link.receive(deadline, recorder).await?;
            let header = Header::parse(&message).map_err(|error| Stop::Unreadable(error, sent.command))?;
            self.credits = self.credits.saturating_add(u32::from(header.credits));
            if header.message_id != sent.message_id {
                continue; // A break or a notification: nothing here waits for one.
            }
            if header.command != sent.command || !header.flags.contains(Flags::SERVER_TO_REDIR) {
                return Err(Stop::GivesUp("the server's message is no response to what was asked"));
            }
            if header.status == NtStatus::PENDING && header.async_id().is_some() {
                continue;
            }
            return Ok(Answer { header, message });
        }
    }

    /// Gives up where a client that verifies does (3.2.5.1.3).
    pub(super) fn verify(&self, answer: &Answer) -> Result<(), Stop> {
        let Some(session) = self.session.as_ref().filter(|session| session.signs) else { return Ok(()) };
        let valid = session.key.as_ref().is_some_and(|key| {
            answer.header.flags.contains(Flags::SIGNED) && key.verify(&answer.message).is_ok()
        });
        if valid {
            Ok(())
        } else {
            Err(Stop::GivesUp("the client gave up: a response without a valid signature"))
        }
    }
}
