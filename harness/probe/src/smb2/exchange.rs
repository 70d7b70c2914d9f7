//! One request and its final response: message ids, credits, signatures.

use super::{Client, Session, deviate};
use crate::Stop;
use crate::link::LinkError;
use evidence::Recorder;
use model::Deviation;
use model::scenario::WrongSignature;
use smb::wire::{
    self, Body, CancelRequest, Command, Flags, Header, IoctlRequest, QueryDirectoryRequest, ReadRequest,
    WriteRequest, credit_charge,
};
use tokio::time::Instant;

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
        let mut header = self.header_of(body)?;
        let deviation = self.deviation.take();
        if let Some(deviation) = deviation {
            deviate::header(&mut header, deviation);
        }
        let mut request = wire::message(&header, body).map_err(Stop::Request)?;
        // What is broken on purpose is mostly a signature, and so there is one.
        self.sign(&mut request, if deviation.is_some() { Sign::Always } else { sign });
        let Some(deviation) = deviation else {
            let answer = self.round_trip(&request, &header, recorder).await?;
            self.verify(&answer)?;
            return Ok((request, answer));
        };
        deviate::message(&mut request, deviation, self.deviating(deviation)?);
        // The answer is known by what was sent, and it is the judge's to say how it must be signed.
        let sent = Header::parse(&request).unwrap_or(header);
        let answer = self.round_trip(&request, &sent, recorder).await?;
        Ok((request, answer))
    }

    /// The session that a deviation is done in: one with a key, but where that is what is wrong.
    pub(super) fn deviating(&self, deviation: Deviation) -> Result<&Session, Stop> {
        let keyless = deviation == Deviation::Signature(WrongSignature::WithoutKey);
        let session = self.session.as_ref().filter(|session| session.key.is_none() == keyless);
        session.ok_or(Stop::GivesUp(if keyless {
            "the session has a signing key, so it cannot be signed without one"
        } else {
            "there is no signing key, so there is nothing to deviate from"
        }))
    }

    /// A request as it is sent, and its header.
    pub(super) fn request<B: Body>(&mut self, body: &B, sign: Sign) -> Result<(Header, Vec<u8>), Stop> {
        let header = self.header_of(body)?;
        let mut request = wire::message(&header, body).map_err(Stop::Request)?;
        self.sign(&mut request, sign);
        Ok((header, request))
    }

    /// Sends one request, whose answer is asked for later.
    pub(super) async fn send<B: Body>(&mut self, body: &B, recorder: &mut Recorder) -> Result<Header, Stop> {
        let (header, request) = self.request(body, Sign::AsSession)?;
        self.begin(&request, &header, recorder).await?;
        Ok(header)
    }

    /// Waits for the final response to a request.
    pub(super) async fn answer(&mut self, sent: &Header, recorder: &mut Recorder) -> Result<Answer, Stop> {
        let answer = self.receive(sent, recorder).await?;
        self.verify(&answer)?;
        Ok(answer)
    }

    /// Waits until a request is known to wait, and gives its AsyncId; `None` where its final response came instead, or where
    /// the server says nothing of it, as it may (3.3.4.2).
    pub(super) async fn interim(
        &mut self,
        sent: &Header,
        recorder: &mut Recorder,
    ) -> Result<Option<u64>, Stop> {
        let deadline = self.context.link.deadline();
        loop {
            let async_id = self.inbox.async_id(sent.message_id);
            if async_id.is_some() || self.inbox.has_final(sent.message_id) {
                return Ok(async_id);
            }
            match self.fetch(deadline, sent.command, recorder).await {
                Err(Stop::Link(LinkError::Timeout(_))) => return Ok(None),
                result => result?,
            }
        }
    }

    /// Waits for an OPLOCK_BREAK notification. It is not verified, whatever it looks like (3.2.5.1.3).
    pub(super) async fn notification(&mut self, recorder: &mut Recorder) -> Result<Answer, Stop> {
        let deadline = self.context.link.deadline();
        loop {
            if let Some(notification) = self.inbox.take_break() {
                return Ok(notification);
            }
            self.fetch(deadline, Command::OPLOCK_BREAK, recorder).await?;
        }
    }

    /// Cancels a request: by its AsyncId where it has one, else by its MessageId (3.2.4.24). That takes neither a credit nor
    /// a MessageId, and has no answer.
    pub(super) async fn cancel(
        &mut self,
        sent: &Header,
        async_id: Option<u64>,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let mut header = Header {
            command: Command::CANCEL,
            credits: 0,
            credit_charge: u16::from(self.multi_credit),
            ..sent.clone()
        };
        if let Some(async_id) = async_id {
            header = header.with_async_id(async_id);
        }
        let mut request = wire::message(&header, &CancelRequest::default()).map_err(Stop::Request)?;
        match self.deviation.take() {
            None => self.sign(&mut request, Sign::AsSession),
            Some(deviation) => {
                self.sign(&mut request, Sign::Always);
                deviate::message(&mut request, deviation, self.deviating(deviation)?);
            }
        }
        self.context.link.send(&request, recorder).await?;
        Ok(())
    }

    /// Signs a request, where the session demands it or `sign` does, and there is a key.
    pub(super) fn sign(&self, request: &mut [u8], sign: Sign) {
        let Some(session) = &self.session else { return };
        if let Some(key) = session.key.as_ref().filter(|_| session.signs || sign == Sign::Always) {
            // A message that was built has a header, so it is long enough to sign.
            let _ = key.sign(request);
        }
    }

    /// The header of a request with this body.
    pub(super) fn header_of<B: Body>(&mut self, body: &B) -> Result<Header, Stop> {
        let message = wire::message(&Header::request(B::COMMAND), body).map_err(Stop::Request)?;
        self.header(B::COMMAND, credit_charge(payload(B::COMMAND, &message)))
    }

    /// The header of the next request, which takes a credit and a MessageId.
    pub(super) fn next_header(&mut self, command: Command) -> Result<Header, Stop> {
        self.header(command, 1)
    }

    /// The header of the next request, which takes so many credits and MessageIds (3.2.4.1.5).
    fn header(&mut self, command: Command, charge: u16) -> Result<Header, Stop> {
        if charge > 1 && !self.multi_credit {
            return Err(Stop::GivesUp("the server takes no more than 64 KiB at once"));
        }
        self.credits = self.credits.checked_sub(u32::from(charge)).ok_or(Stop::NoCredits)?;
        let mut header = Header::request(command);
        header.message_id = self.message_id;
        header.credits = CREDITS;
        // Elsewhere the field is 0, or not known at all.
        header.credit_charge = if self.multi_credit { charge } else { 0 };
        header.tree_id = self.tree;
        header.session_id = self.session.as_ref().map_or(0, |session| session.id);
        self.message_id += u64::from(charge);
        Ok(header)
    }

    pub(super) async fn round_trip(
        &mut self,
        request: &[u8],
        sent: &Header,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        self.begin(request, sent, recorder).await?;
        self.receive(sent, recorder).await
    }

    /// Sends a request as it is, whose answer is asked for later.
    pub(super) async fn begin(
        &mut self,
        request: &[u8],
        sent: &Header,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        self.inbox.expect(sent.message_id);
        self.context.link.send(request, recorder).await?;
        Ok(())
    }

    /// Waits for the final response to what was sent.
    pub(super) async fn receive(&mut self, sent: &Header, recorder: &mut Recorder) -> Result<Answer, Stop> {
        // Bounded in time by the deadline, and in size by what the link takes.
        let deadline = self.context.link.deadline();
        loop {
            if let Some(answer) = self.inbox.take_final(sent.message_id) {
                let header = &answer.header;
                if header.command != sent.command || !header.flags.contains(Flags::SERVER_TO_REDIR) {
                    return Err(Stop::GivesUp("the server's message is no response to what was asked"));
                }
                return Ok(answer);
            }
            self.fetch(deadline, sent.command, recorder).await?;
        }
    }

    /// Takes in the next message of the server while an answer to `asked` is awaited.
    pub(super) async fn fetch(
        &mut self,
        deadline: Instant,
        asked: Command,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let message = self.context.link.receive(deadline, recorder).await?;
        for element in wire::elements(&message).map_err(|error| Stop::Unreadable(error, asked))? {
            self.credits = self.credits.saturating_add(u32::from(element.header.credits));
            self.inbox.put(element.header, element.bytes.to_vec());
        }
        Ok(())
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

/// What a request carries or its response may carry, whichever is more, of the commands that pay for it (3.1.5.2).
fn payload(command: Command, request: &[u8]) -> u32 {
    let length = |data: &[u8]| u32::try_from(data.len()).unwrap_or(u32::MAX);
    match command {
        Command::READ => ReadRequest::parse(request).map_or(0, |body| body.length),
        Command::WRITE => WriteRequest::parse(request).map_or(0, |body| length(&body.data)),
        Command::QUERY_DIRECTORY => {
            QueryDirectoryRequest::parse(request).map_or(0, |body| body.output_buffer_length)
        }
        Command::IOCTL => IoctlRequest::parse(request).map_or(0, |body| {
            length(&body.input).max(body.max_input_response.saturating_add(body.max_output_response))
        }),
        _ => 0,
    }
}
