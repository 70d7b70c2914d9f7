//! NEGOTIATE: dialect, signing algorithm, and what the server says of signing.

use super::exchange::Sign;
use super::{Client, deviate};
use crate::Stop;
use evidence::Recorder;
use model::scenario::{Protocol, WrongNegotiate, WrongSetup};
use model::{Algorithm, Deviation, Dialect, NtStatus, SigningOffer};
use smb::preauth::PreauthHash;
use smb::wire::{
    self, Body, Capabilities, Command, ContextData, DialectRevision, Flags, Header, NegotiateContext,
    NegotiateRequest, NegotiateResponse, PreauthIntegrity, SecurityMode, SigningCapabilities,
};

/// SHA-512, the one hash of SMB2_PREAUTH_INTEGRITY_CAPABILITIES ([MS-SMB2] 2.2.3.1.1).
const SHA_512: u16 = 1;

/// What NEGOTIATE settled.
#[derive(Clone)]
pub(super) struct Negotiated {
    pub(super) dialect: Dialect,
    pub(super) algorithm: Algorithm,
    /// What the server says of signing.
    pub(super) security_mode: SecurityMode,
    /// The server's first token.
    pub(super) hint: Vec<u8>,
    /// The hash of 3.1.1 so far.
    pub(super) preauth: PreauthHash,
}

impl Client<'_> {
    /// Takes the answer to a multi-protocol NEGOTIATE: 2.0.2, or the wildcard, which wants an SMB2 NEGOTIATE
    /// ([MS-SMB2] 3.2.5.2). Nothing of it goes into the hash of 3.1.1, which begins with that NEGOTIATE.
    pub(crate) fn multi_protocol_answer(&mut self, offered: &[Protocol], message: &[u8]) -> Result<(), Stop> {
        let unreadable = |error| Stop::Unreadable(error, Command::NEGOTIATE);
        let header = Header::parse(message).map_err(unreadable)?;
        let answers = header.command == Command::NEGOTIATE
            && header.flags.contains(Flags::SERVER_TO_REDIR)
            && header.message_id == self.message_id;
        if !answers {
            return Err(Stop::GivesUp("the server's message is no response to what was asked"));
        }
        // The SMB_COM_NEGOTIATE has taken MessageId 0, and with it the one credit of a new connection (3.2.4.2.2.1).
        self.message_id += 1;
        self.credits = u32::from(header.credits);
        if header.status != NtStatus::SUCCESS {
            return Err(Stop::GivesUp("the server refused NEGOTIATE"));
        }
        let body = NegotiateResponse::parse(message).map_err(unreadable)?;
        match body.dialect_revision {
            DialectRevision::WILDCARD if offered.contains(&Protocol::Smb2Wildcard) => Ok(()),
            DialectRevision::SMB_2_0_2 if offered.contains(&Protocol::Smb2002) => {
                self.negotiated = Some(self.settle(body)?);
                Ok(())
            }
            _ => Err(Stop::GivesUp("the client gave up: the server selected a dialect that was not offered")),
        }
    }

    /// Sends the SMB2 NEGOTIATE.
    pub(super) async fn negotiate(&mut self, recorder: &mut Recorder) -> Result<Negotiated, Stop> {
        let request = self.negotiate_request()?;
        self.request = Some(request.clone());
        let (sent, answer) = self.transact(&request, Sign::AsSession, recorder).await?;
        if answer.header.status != NtStatus::SUCCESS {
            return Err(Stop::GivesUp("the server refused NEGOTIATE"));
        }
        let response = answer.body()?;
        let mut preauth = PreauthHash::default();
        preauth.update(&sent);
        preauth.update(&answer.message);
        Ok(Negotiated { preauth, ..self.settle(response)? })
    }

    /// The step `negotiate`, with what it does wrong on purpose. What is refused is asked again, rightly, by the logon.
    pub(super) async fn negotiate_step(
        &mut self,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let Some(Deviation::Negotiate(wrong)) = deviation else {
            self.negotiated = Some(self.negotiate(recorder).await?);
            return Ok(());
        };
        let mut body = self.negotiate_request()?;
        deviate::request(&mut body, wrong)?;
        let mut header = self.next_header(Command::NEGOTIATE)?;
        header.session_id = 0;
        let mut request = wire::message(&header, &body).map_err(Stop::Request)?;
        if wrong == WrongNegotiate::Signed {
            deviate::sign_without_a_key(&mut request);
        }
        let answer = self.round_trip(&request, &header, recorder).await?;
        if answer.header.status == NtStatus::SUCCESS && wrong.is_granted() {
            let mut preauth = PreauthHash::default();
            preauth.update(&request);
            preauth.update(&answer.message);
            self.request = Some(body);
            self.negotiated = Some(Negotiated { preauth, ..self.settle(answer.body()?)? });
        }
        Ok(())
    }

    /// What a response settles.
    fn settle(&mut self, response: NegotiateResponse) -> Result<Negotiated, Stop> {
        let dialect = response
            .dialect_revision
            .to_dialect()
            .filter(|dialect| self.context.case.client.dialects.contains(dialect))
            .ok_or(Stop::GivesUp("the client gave up: the server selected a dialect that was not offered"))?;
        self.dialect = Some(dialect);
        self.multi_credit =
            dialect > Dialect::Smb202 && response.capabilities.contains(Capabilities::LARGE_MTU);
        self.largest = response.max_read_size.min(response.max_write_size);
        let algorithm = self.algorithm(dialect, &response)?;
        let NegotiateResponse { security_mode, security_buffer: hint, .. } = response;
        Ok(Negotiated { dialect, algorithm, security_mode, hint, preauth: PreauthHash::default() })
    }

    /// What the client says of signing ([MS-SMB2] 3.2.4.2.2.2).
    pub(super) fn security_mode(&self, command: Command) -> SecurityMode {
        let keeps_to_itself = match self.setup {
            Some(WrongSetup::RequiredInNegotiate) => command == Command::SESSION_SETUP,
            Some(WrongSetup::RequiredInSetup) => command == Command::NEGOTIATE,
            Some(WrongSetup::NoMode) => return SecurityMode(0),
            _ => false,
        };
        if self.context.case.client.requires_signing() && !keeps_to_itself {
            SecurityMode::SIGNING_REQUIRED
        } else {
            SecurityMode::SIGNING_ENABLED
        }
    }

    fn negotiate_request(&self) -> Result<NegotiateRequest, Stop> {
        let client = &self.context.case.client;
        let dialects: Vec<DialectRevision> =
            client.dialects.iter().filter_map(|dialect| DialectRevision::from_dialect(*dialect)).collect();
        let mut contexts = Vec::new();
        if client.dialects.contains(&Dialect::Smb311) {
            let mut salt = vec![0; 32];
            getrandom::fill(&mut salt).map_err(|_| Stop::NoRandomness)?;
            contexts.push(context(&PreauthIntegrity { hash_algorithms: vec![SHA_512], salt })?);
            if let SigningOffer::Ids(algorithms) = &client.algorithms {
                contexts.push(context(&SigningCapabilities { algorithms: algorithms.clone() })?);
            }
        }
        let newest = client.dialects.iter().max().copied().unwrap_or(Dialect::Smb202);
        Ok(NegotiateRequest {
            security_mode: self.security_mode(Command::NEGOTIATE),
            capabilities: if newest.is_smb3() { Capabilities::LARGE_MTU } else { Capabilities(0) },
            // 2.2.3: zero where the client speaks nothing but 2.0.2.
            client_guid: if newest > Dialect::Smb202 { self.context.guid } else { [0; 16] },
            dialects,
            negotiate_contexts: contexts,
            ..NegotiateRequest::default()
        })
    }

    /// What the connection signs with, or the refusal of a client that did not offer it (3.2.5.2).
    fn algorithm(&self, dialect: Dialect, negotiated: &NegotiateResponse) -> Result<Algorithm, Stop> {
        let default = dialect.algorithms().first().copied().unwrap_or(Algorithm::HmacSha256);
        if dialect != Dialect::Smb311 {
            return Ok(default);
        }
        let preauth = NegotiateContext::find::<PreauthIntegrity>(&negotiated.negotiate_contexts);
        if !preauth.is_some_and(|found| found.is_ok_and(|preauth| preauth.hash_algorithms == [SHA_512])) {
            return Err(Stop::GivesUp(
                "the client gave up: the server selected no hash for the preauthentication",
            ));
        }
        // Who sends no such context does not know the type, and ignores it.
        let SigningOffer::Ids(offered) = &self.context.case.client.algorithms else { return Ok(default) };
        let mut selected = negotiated
            .negotiate_contexts
            .iter()
            .filter(|context| context.context_type == SigningCapabilities::TYPE);
        let refuses =
            || Stop::GivesUp("the client gave up: the server selected no signing algorithm that was offered");
        let Some(context) = selected.next() else { return Ok(default) };
        let ids = SigningCapabilities::parse(&context.data).map_err(|_| refuses())?.algorithms;
        match (ids.as_slice(), selected.next()) {
            ([id], None) if offered.contains(id) => Algorithm::from_smb2_id(*id).ok_or_else(refuses),
            _ => Err(refuses()),
        }
    }
}

pub(super) fn context(data: &impl ContextData) -> Result<NegotiateContext, Stop> {
    NegotiateContext::of(data).map_err(Stop::Request)
}
