//! Several requests in one message ([MS-SMB2] 3.2.4.1.4).

use super::exchange::Sign;
use super::steps::{FILE_STANDARD_INFORMATION, own_file};
use super::{Client, deviate};
use crate::Stop;
use evidence::Recorder;
use model::scenario::Expect;
use smb::wire::{
    self, Body, CloseRequest, Command, EchoRequest, FileId, Flags, Header, InfoType, QueryInfoRequest,
    ReadRequest, compound_signed,
};

/// Requests that make up one message.
#[derive(Default)]
struct Compound {
    headers: Vec<Header>,
    messages: Vec<Vec<u8>>,
    related: bool,
}

impl Client<'_> {
    /// CREATE of a new file, QUERY_INFO and CLOSE of what it opens.
    pub(super) async fn compound_related(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let mut compound = Compound { related: true, ..Compound::default() };
        self.push(&mut compound, &own_file(&self.own_name("related")))?;
        let query = QueryInfoRequest {
            info_type: InfoType::FILE,
            file_info_class: FILE_STANDARD_INFORMATION,
            output_buffer_length: 1024,
            file_id: FileId::RELATED,
            ..Default::default()
        };
        self.push(&mut compound, &query)?;
        self.push(&mut compound, &CloseRequest { file_id: FileId::RELATED, ..Default::default() })?;
        self.send_compound(compound, recorder).await
    }

    /// CREATE of a new file, READ from it, which fails, and CLOSE.
    pub(super) async fn compound_failing(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let mut compound = Compound { related: true, ..Compound::default() };
        self.push(&mut compound, &own_file(&self.own_name("failing")))?;
        self.push(&mut compound, &ReadRequest { file_id: FileId::RELATED, length: 1, ..Default::default() })?;
        self.push(&mut compound, &CloseRequest { file_id: FileId::RELATED, ..Default::default() })?;
        self.send_compound(compound, recorder).await
    }

    /// Two ECHO.
    pub(super) async fn compound_unrelated(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let mut compound = Compound::default();
        self.push(&mut compound, &EchoRequest::default())?;
        self.push(&mut compound, &EchoRequest::default())?;
        self.send_compound(compound, recorder).await
    }

    fn push<B: Body>(&mut self, compound: &mut Compound, body: &B) -> Result<(), Stop> {
        let mut header = self.header_of(body)?;
        if compound.related && !compound.headers.is_empty() {
            header.flags = header.flags.with(Flags::RELATED);
        }
        compound.messages.push(wire::message(&header, body).map_err(Stop::Request)?);
        compound.headers.push(header);
        Ok(())
    }

    /// Three ECHO requests under way at the same time, in a message each.
    pub(super) async fn pipeline(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let mut sent = Vec::new();
        for _ in 0..3 {
            sent.push(self.send(&EchoRequest::default(), recorder).await?);
        }
        // Answers come in any order, and it is the first one that somebody keeps back, whichever that is.
        let deadline = self.context.link.deadline();
        while sent.len() > 1 {
            match sent.iter().position(|header| self.inbox.has_final(header.message_id)) {
                Some(at) => {
                    self.answer(&sent.remove(at), recorder).await?;
                }
                None => self.fetch(deadline, Command::ECHO, recorder).await?,
            }
        }
        // Where the last one does not come, another request and its answer prove that.
        let Some(last) = sent.pop() else { return Ok(()) };
        if !self.inbox.has_final(last.message_id) {
            self.exchange(&EchoRequest::default(), Sign::AsSession, recorder).await?;
        }
        // Only where somebody is there to keep it back is it not waited for.
        if !self.inbox.has_final(last.message_id) && self.context.case.expect == Expect::Noticed {
            return Err(Stop::GivesUp("the client gave up: a request was not answered, and later ones were"));
        }
        self.answer(&last, recorder).await?;
        Ok(())
    }

    /// Signs each request over its padding, sends them in one message, and waits for all the answers, which may come in one
    /// message or in several.
    async fn send_compound(&mut self, compound: Compound, recorder: &mut Recorder) -> Result<(), Stop> {
        let deviation = self.deviation.take();
        let session = deviation.map(|deviation| self.deviating(deviation)).transpose()?;
        let broken = deviation.map(|deviation| deviation.element() as usize);
        let message = compound_signed(compound.messages, |index, element| {
            let (Some(deviation), Some(session)) = (deviation, session) else {
                return self.sign(element, Sign::AsSession);
            };
            self.sign(element, Sign::Always);
            if broken == Some(index) {
                deviate::message(element, deviation, session);
            }
        })
        .map_err(Stop::Request)?;
        for header in &compound.headers {
            self.inbox.expect(header.message_id);
        }
        self.context.link.send(&message, recorder).await?;
        for header in &compound.headers {
            let answer = self.receive(header, recorder).await?;
            // How what is broken is answered is the judge's to say.
            if deviation.is_none() {
                self.verify(&answer)?;
            }
        }
        Ok(())
    }
}
