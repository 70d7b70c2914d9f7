//! SMB_COM_NEGOTIATE: what the server can, how it lets users log on, and what it says of signing.

use super::Client;
use crate::Stop;
use evidence::Recorder;
use model::policy::smb1_client;
use model::scenario::Protocol;
use model::{Dialect, ExtendedSecurity, NtStatus, Signing};
use smb::smb1::{
    self, Block, Body, Capabilities, Command, Header, NegotiateRequest, NegotiateResponse, NegotiateSecurity,
    Raw, SecurityMode,
};

/// The DialectIndex of a server that takes none of the dialects ([MS-CIFS] 2.2.4.52.2).
const NO_DIALECT: u16 = 0xFFFF;

/// What NEGOTIATE settled.
pub(super) struct Negotiated {
    pub(super) security: Security,
    /// Whether the client asks for signing, and signs once a user has logged on.
    pub(super) targets_signing: bool,
    /// What the server can.
    pub(super) capabilities: Capabilities,
    /// The token of the connection that SESSION_SETUP repeats; no key of any kind.
    pub(super) session_key: u32,
    /// How many requests may be outstanding.
    pub(super) max_mpx_count: u16,
}

/// How users log on.
#[derive(Clone)]
pub(super) enum Security {
    /// With tokens, of which the server has sent its first ([MS-SMB] 3.2.4.2.4).
    Extended { hint: Vec<u8> },
    /// With the answer to a challenge ([MS-CIFS] 3.2.4.2.4).
    Plain { challenge: [u8; 8] },
}

impl Client<'_> {
    /// Offers these dialects. The answer is whatever the server says next: a multi-protocol NEGOTIATE may be answered in
    /// SMB2.
    pub(crate) async fn offer(
        &mut self,
        protocols: &[Protocol],
        recorder: &mut Recorder,
    ) -> Result<Vec<u8>, Stop> {
        let dialects: Vec<&[u8]> = protocols.iter().map(|protocol| protocol.text().as_bytes()).collect();
        let header = self.header(Command::NEGOTIATE);
        let request = smb1::message(&header, &NegotiateRequest::new(&dialects)).map_err(Stop::RequestSmb1)?;
        self.context.link.send(&request, recorder).await?;
        let deadline = self.context.link.deadline();
        // Bounded in time by the deadline, and in size by what the link takes.
        loop {
            let message = self.context.link.receive(deadline, recorder).await?;
            let unrelated = Header::parse(&message).is_ok_and(|found| {
                !found.is_response() || (found.pid, found.mid) != (header.pid, header.mid)
            });
            if !unrelated {
                return Ok(message);
            }
        }
    }

    /// SMB_COM_NEGOTIATE of a client that speaks nothing but SMB1.
    pub(super) async fn negotiate(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let protocols = [Protocol::NtLm012];
        let answer = self.offer(&protocols, recorder).await?;
        self.selected(&protocols, &answer)
    }

    /// Takes the answer to [`Client::offer`] ([MS-CIFS] 3.2.5.2, [MS-SMB] 3.2.5.2).
    pub(crate) fn selected(&mut self, offered: &[Protocol], message: &[u8]) -> Result<(), Stop> {
        let unreadable = |error| Stop::UnreadableSmb1(error, Command::NEGOTIATE);
        let header = Header::parse(message).map_err(unreadable)?;
        if header.command != Command::NEGOTIATE {
            return Err(Stop::GivesUp("the server's message is no response to what was asked"));
        }
        if header.status != NtStatus::SUCCESS {
            return Err(Stop::GivesUp("the server refused NEGOTIATE"));
        }
        let block = Block::first(message).map_err(unreadable)?;
        // It stands first in every form of the response, also in those of other dialects.
        let words = Raw::parse(&block).map_err(unreadable)?.words;
        let index = words.first_chunk().map_or(NO_DIALECT, |index| u16::from_le_bytes(*index));
        if index == NO_DIALECT {
            return Err(Stop::GivesUp("the server has none of the dialects that were offered"));
        }
        if offered.get(usize::from(index)) != Some(&Protocol::NtLm012) {
            return Err(Stop::GivesUp(
                "the client gave up: the server selected a dialect that was not offered",
            ));
        }
        let response = NegotiateResponse::parse(&block).map_err(unreadable)?;
        self.negotiated = Some(self.settle(response)?);
        Ok(())
    }

    fn settle(&self, response: NegotiateResponse) -> Result<Negotiated, Stop> {
        let client = &self.context.case.client;
        let mode = response.security_mode;
        if !mode.contains(SecurityMode::USER_SECURITY) || !mode.contains(SecurityMode::ENCRYPT_PASSWORDS) {
            return Err(Stop::GivesUp(
                "the client gave up: the server wants passwords of shares, or in plain text",
            ));
        }
        let challenge = response.challenge();
        let security = match (response.security, client.extended_security) {
            (NegotiateSecurity::Extended { security_blob: hint, .. }, ExtendedSecurity::Yes) => {
                Security::Extended { hint }
            }
            (NegotiateSecurity::Extended { .. }, ExtendedSecurity::No) => {
                return Err(Stop::GivesUp(
                    "the client gave up: the server insists on extended security, which was not offered",
                ));
            }
            // A server without extended security is logged on to without ([MS-SMB] 3.2.4.2.4.1).
            (NegotiateSecurity::Plain { .. }, _) => Security::Plain {
                challenge: challenge
                    .ok_or(Stop::GivesUp("the client gave up: the server sent no challenge of 8 bytes"))?,
            },
        };
        let policy = smb1_client(client.signing, client.generation_at(Dialect::Nt1), server_signing(mode));
        if policy.gives_up {
            return Err(Stop::GivesUp("the client gave up: the server does not sign"));
        }
        Ok(Negotiated {
            security,
            targets_signing: policy.targets_signing,
            capabilities: response.capabilities,
            session_key: response.session_key,
            max_mpx_count: response.max_mpx_count,
        })
    }
}

/// What a server of user-level security says of signing ([MS-CIFS] 3.2.5.2).
fn server_signing(mode: SecurityMode) -> Signing {
    let enabled = mode.contains(SecurityMode::SECURITY_SIGNATURES_ENABLED);
    let required = mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED);
    match (enabled, required) {
        (false, _) => Signing::Disabled,
        (true, false) => Signing::Enabled,
        (true, true) => Signing::Required,
    }
}
