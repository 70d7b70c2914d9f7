//! The client's state: negotiation, authentication, signing, credits.

use crate::link::Link;
use crate::{Endpoint, Recording, Stop};
use evidence::{Recorder, SessionKey, StepRecord};
use model::outcome::As;
use model::predict::refuses_identity;
use model::{Dialect, Login, NtStatus, PlannedCase, SigningOffer};
use smb::auth::{AuthConfig, Authenticator};
use smb::kdf;
use smb::ntlm::{Credentials, Password};
use smb::preauth::PreauthHash;
use smb::signing::SigningKey;
use smb::wire::{
    self, Body, Capabilities, ContextData, DialectRevision, FileId, Flags, Header, NegotiateContext,
    NegotiateRequest, NegotiateResponse, PreauthIntegrity, SecurityMode, SessionFlags, SessionSetupRequest,
    SessionSetupResponse, SigningCapabilities,
};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// SHA-512, the one hash of SMB2_PREAUTH_INTEGRITY_CAPABILITIES ([MS-SMB2] 2.2.3.1.1).
const SHA_512: u16 = 1;
/// How many credits are asked for with each request: enough to never run dry one request at a time.
const CREDITS: u16 = 32;

/// A server's whole answer.
pub(crate) struct Answer {
    pub(crate) header: Header,
    pub(crate) message: Vec<u8>,
}

impl Answer {
    /// Reads its body.
    pub(crate) fn body<B: Body>(&self) -> Result<B, Stop> {
        B::parse(&self.message).map_err(|error| Stop::Unreadable(error, self.header.command))
    }
}

/// What SESSION_SETUP settled.
struct Session {
    id: u64,
    key: Option<SigningKey>,
    /// Whether every request is signed and every response verified ([MS-SMB2] 3.2.4.1.1, 3.2.5.1.3).
    signs: bool,
}

/// One client in one case.
pub(crate) struct Client<'c> {
    pub(crate) case: &'c PlannedCase,
    pub(crate) endpoint: &'c Endpoint,
    link: Link,
    message_id: u64,
    credits: u32,
    pub(crate) dialect: Option<Dialect>,
    request: Option<NegotiateRequest>,
    session: Option<Session>,
    pub(crate) tree: u32,
    pub(crate) file: Option<FileId>,
    /// Random, but the same for the same seed: the client's GUID, then the file's name.
    guid: [u8; 16],
    pub(crate) file_name: String,
}

/// How a request is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Where the session demands it.
    AsSession,
    /// Always, where there is a key: TREE_CONNECT at 3.1.1 (3.2.4.2.4), VALIDATE_NEGOTIATE_INFO (3.2.5.5).
    Always,
}

impl<'c> Client<'c> {
    pub(crate) fn new(case: &'c PlannedCase, endpoint: &'c Endpoint, link: Link, seed: u64) -> Self {
        let part = |which: &str| {
            let mut hasher = DefaultHasher::new();
            (seed, case.id.as_str(), which).hash(&mut hasher);
            hasher.finish()
        };
        let mut guid = [0; 16];
        guid[..8].copy_from_slice(&part("guid-low").to_le_bytes());
        guid[8..].copy_from_slice(&part("guid-high").to_le_bytes());
        Self {
            case,
            endpoint,
            link,
            message_id: 0,
            credits: 1,
            dialect: None,
            request: None,
            session: None,
            tree: 0,
            file: None,
            guid,
            file_name: format!("countersign-{:016x}.tmp", part("file")),
        }
    }

    /// Carries out the steps in order.
    pub(crate) async fn carry_out(&mut self, recording: &mut Recording) -> Result<(), Stop> {
        for (step, number) in self.case.steps.iter().zip(0_u32..) {
            let connection = self.link.connection;
            let from = recording.recorder.sent(connection, evidence::Direction::ToServer);
            let result = self.step(step, recording).await;
            let to = recording.recorder.sent(connection, evidence::Direction::ToServer);
            if to > from {
                recording.steps.push(StepRecord { step: number, connection, sent: (from, to) });
            }
            result?;
        }
        Ok(())
    }

    pub(crate) async fn close(&mut self, recorder: &mut Recorder) {
        self.link.close(recorder).await;
    }

    /// Sends one request and waits for its final response.
    pub(crate) async fn exchange(
        &mut self,
        body: &impl Body,
        sign: Sign,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        self.transact(body, sign, recorder).await.map(|(_, answer)| answer)
    }

    async fn transact<B: Body>(
        &mut self,
        body: &B,
        sign: Sign,
        recorder: &mut Recorder,
    ) -> Result<(Vec<u8>, Answer), Stop> {
        self.credits = self.credits.checked_sub(1).ok_or(Stop::NoCredits)?;
        let mut header = Header::request(B::COMMAND);
        header.message_id = self.message_id;
        header.credits = CREDITS;
        // 2.0.2 knows no CreditCharge: the field is reserved there (2.2.1.2).
        header.credit_charge = u16::from(self.dialect.is_some_and(|dialect| dialect > Dialect::Smb202));
        header.tree_id = self.tree;
        header.session_id = self.session.as_ref().map_or(0, |session| session.id);
        self.message_id += 1;
        let mut request = wire::message(&header, body).map_err(Stop::Request)?;
        let signs = self.session.as_ref().is_some_and(|session| session.signs) || sign == Sign::Always;
        if let Some(key) = self.session.as_ref().and_then(|session| session.key.as_ref()).filter(|_| signs) {
            // A message that was built has a header, so it is long enough to sign.
            let _ = key.sign(&mut request);
        }
        let answer = self.round_trip(&request, &header, recorder).await?;
        self.verify(&answer)?;
        Ok((request, answer))
    }

    async fn round_trip(
        &mut self,
        request: &[u8],
        sent: &Header,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        self.link.send(request, recorder).await?;
        let deadline = self.link.deadline();
        // Bounded in time by the deadline, and in size by what the link takes.
        loop {
            let message = self.link.receive(deadline, recorder).await?;
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
    fn verify(&self, answer: &Answer) -> Result<(), Stop> {
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

    fn security_mode(&self) -> SecurityMode {
        if self.case.client.requires_signing() {
            SecurityMode::SIGNING_REQUIRED
        } else {
            SecurityMode::SIGNING_ENABLED
        }
    }

    /// NEGOTIATE and SESSION_SETUP.
    pub(crate) async fn log_on(&mut self, recording: &mut Recording) -> Result<(), Stop> {
        let mut preauth = PreauthHash::default();
        let request = self.negotiate_request()?;
        self.request = Some(request.clone());
        let (sent, answer) = self.transact(&request, Sign::AsSession, &mut recording.recorder).await?;
        if answer.header.status != NtStatus::SUCCESS {
            return Err(Stop::GivesUp("the server refused NEGOTIATE"));
        }
        let negotiated: NegotiateResponse = answer.body()?;
        preauth.update(&sent);
        preauth.update(&answer.message);
        let dialect = negotiated
            .dialect_revision
            .to_dialect()
            .filter(|dialect| self.case.client.dialects.contains(dialect))
            .ok_or(Stop::GivesUp("the client gave up: the server selected a dialect that was not offered"))?;
        self.dialect = Some(dialect);
        let algorithm = self.algorithm(dialect, &negotiated)?;

        let (id, session_key, flags, last) =
            self.session_setup(&negotiated.security_buffer, &mut preauth, recording).await?;
        recording.session_keys.push(SessionKey {
            connection: self.link.connection,
            session_id: id,
            key: session_key,
        });
        let key = SigningKey::new(algorithm, kdf::signing_key(dialect, &session_key, preauth.value())).ok();
        let identity = if flags.contains(SessionFlags::IS_GUEST) {
            As::Guest
        } else if flags.contains(SessionFlags::IS_NULL) || self.case.login == Login::Anonymous {
            As::Anonymous
        } else {
            As::User
        };
        if refuses_identity(&self.case.client, identity).is_some() {
            return Err(Stop::GivesUp("the client gave up: it does not take such a session"));
        }
        let secret = identity == As::User;
        let signs = secret
            && (self.case.client.requires_signing()
                || negotiated.security_mode.contains(SecurityMode::SIGNING_REQUIRED));
        self.session = Some(Session { id, key: key.filter(|_| secret), signs });
        if secret && dialect == Dialect::Smb311 && !last.header.flags.contains(Flags::SIGNED) {
            return Err(Stop::GivesUp("the client gave up: the final SESSION_SETUP response is not signed"));
        }
        self.verify(&last)
    }

    fn negotiate_request(&self) -> Result<NegotiateRequest, Stop> {
        let client = &self.case.client;
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
            security_mode: self.security_mode(),
            capabilities: if newest.is_smb3() { Capabilities::LARGE_MTU } else { Capabilities(0) },
            // 2.2.3: zero where the client speaks nothing but 2.0.2.
            client_guid: if newest > Dialect::Smb202 { self.guid } else { [0; 16] },
            dialects,
            negotiate_contexts: contexts,
            ..NegotiateRequest::default()
        })
    }

    /// What the connection signs with, or the refusal of a client that did not offer it (3.2.5.2).
    fn algorithm(&self, dialect: Dialect, negotiated: &NegotiateResponse) -> Result<model::Algorithm, Stop> {
        let default = dialect.algorithms().first().copied().unwrap_or(model::Algorithm::HmacSha256);
        if dialect != Dialect::Smb311 {
            return Ok(default);
        }
        let preauth = NegotiateContext::find::<PreauthIntegrity>(&negotiated.negotiate_contexts);
        if !preauth.is_some_and(|found| found.is_ok_and(|preauth| preauth.hash_algorithms == [SHA_512])) {
            return Err(Stop::GivesUp(
                "the client gave up: the server selected no hash for the preauthentication",
            ));
        }
        let mut selected = negotiated
            .negotiate_contexts
            .iter()
            .filter(|context| context.context_type == SigningCapabilities::TYPE);
        let refuses =
            || Stop::GivesUp("the client gave up: the server selected no signing algorithm that was offered");
        let Some(context) = selected.next() else { return Ok(default) };
        let ids = SigningCapabilities::parse(&context.data).map_err(|_| refuses())?.algorithms;
        match (&self.case.client.algorithms, ids.as_slice(), selected.next()) {
            (SigningOffer::Ids(offered), [id], None) if offered.contains(id) => {
                model::Algorithm::from_smb2_id(*id).ok_or_else(refuses)
            }
            _ => Err(refuses()),
        }
    }

    /// The authentication: SessionId, session key, SessionFlags and the final response.
    async fn session_setup(
        &mut self,
        hint: &[u8],
        preauth: &mut PreauthHash,
        recording: &mut Recording,
    ) -> Result<(u64, [u8; 16], SessionFlags, Answer), Stop> {
        let config = AuthConfig::random(self.credentials()?, filetime()).map_err(|_| Stop::NoRandomness)?;
        let mut authenticator = Authenticator::new(config);
        let mut token = authenticator.first(hint)?;
        let mut first = true;
        loop {
            let body = SessionSetupRequest {
                security_mode: self.security_mode(),
                security_buffer: token,
                ..SessionSetupRequest::default()
            };
            let (sent, answer) = self.transact(&body, Sign::AsSession, &mut recording.recorder).await?;
            preauth.update(&sent);
            match answer.header.status {
                NtStatus::MORE_PROCESSING_REQUIRED if first => {
                    first = false;
                    preauth.update(&answer.message);
                    let body: SessionSetupResponse = answer.body()?;
                    let session = Session { id: answer.header.session_id, key: None, signs: false };
                    self.session = Some(session);
                    token = authenticator.next(&body.security_buffer)?;
                }
                NtStatus::SUCCESS => {
                    let body: SessionSetupResponse = answer.body()?;
                    // Whether the server's mechListMIC is right is not this client's to judge; the key is there.
                    let _ = authenticator.finish(&body.security_buffer);
                    let key = authenticator.session_key().ok_or(Stop::GivesUp(
                        "the server established a session before it was asked for a proof",
                    ))?;
                    return Ok((answer.header.session_id, key, body.session_flags, answer));
                }
                _ => return Err(Stop::GivesUp("the server refused SESSION_SETUP")),
            }
        }
    }

    fn credentials(&self) -> Result<Credentials, Stop> {
        let user = |user: &str, password: Password| Credentials::User {
            user: user.to_owned(),
            domain: self.endpoint.domain.clone(),
            password,
        };
        Ok(match self.case.login {
            Login::User => user(&self.endpoint.user, self.endpoint.password.clone()),
            Login::UnknownUser => user("countersign-nobody", invented()?),
            Login::WrongPassword => user(&self.endpoint.user, invented()?),
            Login::Anonymous => Credentials::Anonymous,
        })
    }

    /// The NEGOTIATE request as it was sent, for FSCTL_VALIDATE_NEGOTIATE_INFO.
    pub(crate) const fn negotiate_sent(&self) -> Option<&NegotiateRequest> {
        self.request.as_ref()
    }
}

fn context(data: &impl ContextData) -> Result<NegotiateContext, Stop> {
    NegotiateContext::of(data).map_err(Stop::Request)
}

/// A password that nobody has.
fn invented() -> Result<Password, Stop> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Stop::NoRandomness)?;
    Ok(Password::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// Now, in units of 100 ns since 1601 (UTC).
fn filetime() -> u64 {
    const UNIX_EPOCH_FILETIME: u64 = 116_444_736_000_000_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH_FILETIME + since.as_secs() * 10_000_000 + u64::from(since.subsec_nanos() / 100)
}
