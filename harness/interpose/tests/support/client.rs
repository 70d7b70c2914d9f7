//! A client that checks nothing: it goes on as long as somebody answers, and records its side.

use super::{PASSWORD, SHARE, USER};
use evidence::{Direction, End, Recorder, SessionKey};
use model::{Algorithm, Dialect, NtStatus};
use smb::auth::{AuthConfig, Authenticator, Wrapping};
use smb::kdf;
use smb::nbss::{self, Splitter};
use smb::ntlm::Credentials;
use smb::preauth::PreauthHash;
use smb::signing::SigningKey;
use smb::smb1;
use smb::wire::{
    self, AccessMask, Body, Capabilities, CloseRequest, Command, CreateDisposition, CreateOptions,
    CreateRequest, CreateResponse, CtlCode, DialectRevision, EchoRequest, FileAttributes, FileId, Flags,
    Header, ImpersonationLevel, IoctlRequest, LogoffRequest, NegotiateContext, NegotiateRequest,
    NegotiateResponse, PreauthIntegrity, ReadRequest, SecurityMode, SessionFlags, SessionSetupRequest,
    SessionSetupResponse, ShareAccess, SigningCapabilities, TreeConnectRequest, TreeDisconnectRequest,
    ValidateNegotiateInfoRequest, WriteRequest, utf16,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What is written to the file.
pub(crate) const PATTERN: &[u8] = b"every byte of it counts";

/// One request broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Unsigned,
    Flipped,
    UnknownSession,
}

/// What a client does.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) dialects: Vec<Dialect>,
    pub(crate) algorithms: Option<Vec<u16>>,
    /// Whether it says that it requires signing. It signs where anybody requires it.
    pub(crate) requires: bool,
    pub(crate) wrapping: Wrapping,
    pub(crate) key_exchange: bool,
    pub(crate) password: &'static str,
    pub(crate) breaks: Option<Broken>,
    /// Whether it asks for SMB1 and SMB2 at once first ([MS-SMB2] 3.2.4.2.2.1).
    pub(crate) multi_protocol: bool,
    /// Whether two requests are under way at once, and not one ECHO by itself.
    pub(crate) pipelines: bool,
    /// Where the session key is put as soon as it is known, for a server that has no password.
    pub(crate) tells: Option<Arc<Mutex<Option<[u8; 16]>>>>,
}

impl Plan {
    pub(crate) fn new(dialect: Dialect, requires: bool) -> Self {
        Self {
            dialects: vec![dialect],
            algorithms: Some(vec![1]),
            requires,
            wrapping: Wrapping::Spnego,
            key_exchange: true,
            password: PASSWORD,
            breaks: None,
            multi_protocol: false,
            pipelines: false,
            tells: None,
        }
    }
}

/// What it came to.
pub(crate) struct Driven {
    pub(crate) recorder: Recorder,
    pub(crate) keys: Vec<SessionKey>,
    /// What was answered, in order.
    pub(crate) statuses: Vec<(Command, NtStatus)>,
    /// What was read from the file.
    pub(crate) read: Option<Vec<u8>>,
    /// Whether it came to the end.
    pub(crate) finished: bool,
}

impl Driven {
    pub(crate) fn status(&self, command: Command) -> Option<NtStatus> {
        self.statuses.iter().rev().find(|(of, _)| *of == command).map(|(_, status)| *status)
    }
}

struct Client<'p> {
    plan: &'p Plan,
    stream: TcpStream,
    splitter: Splitter,
    /// What came and was not asked for yet: the answers of a compound come together.
    came: Vec<(Header, Vec<u8>)>,
    driven: Driven,
    message_id: u64,
    session: u64,
    tree: u32,
    key: Option<SigningKey>,
    signs: bool,
    dialect: Option<Dialect>,
}

/// Drives a server.
pub(crate) async fn drive(address: SocketAddr, plan: &Plan) -> Driven {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut recorder = Recorder::default();
    recorder.connect(stream.local_addr().unwrap(), address, SystemTime::now());
    let driven = Driven { recorder, keys: Vec::new(), statuses: Vec::new(), read: None, finished: false };
    let mut client = Client {
        plan,
        stream,
        splitter: Splitter::new(1 << 20),
        came: Vec::new(),
        driven,
        message_id: 0,
        session: 0,
        tree: 0,
        key: None,
        signs: false,
        dialect: None,
    };
    client.driven.finished = client.everything().await.is_some();
    let _ = client.stream.shutdown().await;
    client.driven.recorder.end(0, Direction::ToServer, End::Fin, SystemTime::now());
    client.driven
}

impl Client<'_> {
    async fn everything(&mut self) -> Option<()> {
        let mut preauth = PreauthHash::default();
        if self.plan.multi_protocol {
            let names = [smb1::NegotiateRequest::NT_LM_0_12, smb1::NegotiateRequest::SMB_2_WILDCARD];
            let header = smb1::Header::request(smb1::Command::NEGOTIATE);
            self.send(&smb1::message(&header, &smb1::NegotiateRequest::new(&names)).unwrap()).await?;
            self.receive(0).await?;
            self.message_id = 1;
        }
        let request = self.negotiate_request();
        let (sent, answer) = self.transact(&request, false).await?;
        preauth.update(&sent);
        preauth.update(&answer);
        let negotiated = NegotiateResponse::parse_lenient(&answer).ok()?.0;
        let dialect = negotiated.dialect_revision.to_dialect()?;
        self.dialect = Some(dialect);
        let algorithm = algorithm(dialect, self.plan.algorithms.is_some(), &negotiated)?;
        let session_key = self.log_on(&negotiated.security_buffer, &mut preauth, dialect, algorithm).await?;
        self.driven.keys.push(SessionKey { connection: 0, session_id: self.session, key: session_key });
        self.signs |= negotiated.security_mode.contains(SecurityMode::SIGNING_REQUIRED) && self.key.is_some();
        self.tree_connect(dialect).await?;
        if dialect != Dialect::Smb311 {
            self.validate(&request).await?;
        }
        let file = self.create(CreateDisposition::CREATE).await?;
        let file_id = file.unwrap_or(FileId { persistent: 1, volatile: 1 });
        let body = WriteRequest { file_id, data: PATTERN.to_vec(), ..Default::default() };
        self.exchange(&body).await?;
        let length = u32::try_from(PATTERN.len()).unwrap();
        let answer = self.exchange(&ReadRequest { file_id, length, ..Default::default() }).await?;
        self.driven.read = wire::ReadResponse::parse(&answer).ok().map(|body| body.data);
        match self.plan.pipelines {
            true => self.echoes_at_once().await?,
            false => drop(self.exchange(&EchoRequest::default()).await?),
        }
        self.echoes_in_one().await?;
        if let Some(broken) = self.plan.breaks {
            self.broken(broken).await?;
        }
        self.exchange(&CloseRequest { file_id, ..Default::default() }).await?;
        self.create(CreateDisposition::OPEN).await?;
        self.exchange(&TreeDisconnectRequest::default()).await?;
        self.exchange(&LogoffRequest::default()).await?;
        Some(())
    }

    fn negotiate_request(&self) -> NegotiateRequest {
        let mut contexts = Vec::new();
        if self.plan.dialects.contains(&Dialect::Smb311) {
            let preauth = PreauthIntegrity { hash_algorithms: vec![1], salt: vec![0x77; 32] };
            contexts.push(NegotiateContext::of(&preauth).unwrap());
            if let Some(algorithms) = self.plan.algorithms.clone() {
                contexts.push(NegotiateContext::of(&SigningCapabilities { algorithms }).unwrap());
            }
        }
        let mut client_guid = [0; 16];
        getrandom::fill(&mut client_guid).unwrap();
        NegotiateRequest {
            security_mode: self.mode(),
            capabilities: Capabilities::LARGE_MTU,
            client_guid,
            dialects: self.plan.dialects.iter().filter_map(|d| DialectRevision::from_dialect(*d)).collect(),
            negotiate_contexts: contexts,
            ..Default::default()
        }
    }

    fn mode(&self) -> SecurityMode {
        if self.plan.requires { SecurityMode::SIGNING_REQUIRED } else { SecurityMode::SIGNING_ENABLED }
    }

    async fn log_on(
        &mut self,
        hint: &[u8],
        preauth: &mut PreauthHash,
        dialect: Dialect,
        algorithm: Algorithm,
    ) -> Option<[u8; 16]> {
        let credentials = Credentials::User {
            user: USER.to_owned(),
            domain: "WORKGROUP".to_owned(),
            password: self.plan.password.into(),
        };
        let mut config = AuthConfig::random(credentials, 1).unwrap();
        config.wrapping = self.plan.wrapping;
        config.ntlm.key_exchange = self.plan.key_exchange;
        let mut logon = Authenticator::new(config);
        let body = |security_buffer| SessionSetupRequest {
            security_mode: self.mode(),
            security_buffer,
            ..Default::default()
        };
        let (first, second) = (body(logon.first(hint).ok()?), body(Vec::new()));
        let (sent, answer) = self.transact(&first, false).await?;
        preauth.update(&sent);
        preauth.update(&answer);
        self.session = Header::parse(&answer).ok()?.session_id;
        let challenge = SessionSetupResponse::parse(&answer).ok()?.security_buffer;
        let second = SessionSetupRequest { security_buffer: logon.next(&challenge).ok()?, ..second };
        let key = logon.session_key()?;
        if let Some(tells) = &self.plan.tells {
            *tells.lock().unwrap() = Some(key);
        }
        let (sent, answer) = self.transact(&second, false).await?;
        preauth.update(&sent);
        if Header::parse(&answer).ok()?.status != NtStatus::SUCCESS {
            return None;
        }
        let flags = SessionSetupResponse::parse(&answer).ok()?.session_flags;
        if flags.0 & (SessionFlags::IS_GUEST | SessionFlags::IS_NULL).0 == 0 {
            let signing = kdf::signing_key(dialect, &key, preauth.value());
            self.key = Some(SigningKey::new(algorithm, signing).unwrap());
            self.signs = self.plan.requires;
        }
        Some(key)
    }

    async fn tree_connect(&mut self, dialect: Dialect) -> Option<()> {
        let body =
            TreeConnectRequest { path: utf16(&format!("\\\\127.0.0.1\\{SHARE}")), ..Default::default() };
        let (_, answer) = self.transact(&body, self.signs || dialect == Dialect::Smb311).await?;
        self.tree = Header::parse(&answer).ok()?.tree_id;
        Some(())
    }

    async fn validate(&mut self, sent: &NegotiateRequest) -> Option<()> {
        let input = ValidateNegotiateInfoRequest {
            capabilities: sent.capabilities,
            guid: sent.client_guid,
            security_mode: sent.security_mode,
            dialects: sent.dialects.clone(),
        };
        let body = IoctlRequest {
            ctl_code: CtlCode::FSCTL_VALIDATE_NEGOTIATE_INFO,
            file_id: FileId { persistent: u64::MAX, volatile: u64::MAX },
            max_output_response: 24,
            flags: IoctlRequest::IS_FSCTL,
            input: input.encode().unwrap(),
            ..Default::default()
        };
        self.transact(&body, true).await?;
        Some(())
    }

    async fn create(&mut self, disposition: CreateDisposition) -> Option<Option<FileId>> {
        let body = CreateRequest {
            desired_access: AccessMask::FILE_READ_DATA
                .with(AccessMask::FILE_WRITE_DATA)
                .with(AccessMask::FILE_APPEND_DATA)
                .with(AccessMask::FILE_READ_ATTRIBUTES)
                .with(AccessMask::DELETE),
            file_attributes: FileAttributes::NORMAL,
            share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            create_disposition: disposition,
            create_options: CreateOptions::NON_DIRECTORY_FILE.with(CreateOptions::DELETE_ON_CLOSE),
            name: utf16("file"),
            ..Default::default()
        };
        let answer = self.exchange(&body).await?;
        Some(CreateResponse::parse(&answer).ok().map(|body| body.file_id))
    }

    /// Two requests, the second sent before the first is answered.
    async fn echoes_at_once(&mut self) -> Option<()> {
        let first = self.message_id;
        for _ in 0..2 {
            let mut bytes = self.request(&EchoRequest::default());
            self.sign(&mut bytes, self.signs);
            self.send(&bytes).await?;
        }
        for id in [first, first + 1] {
            self.receive(id).await?;
        }
        Some(())
    }

    /// Two requests in one message, each with a signature of its own.
    async fn echoes_in_one(&mut self) -> Option<()> {
        let first = self.message_id;
        let one = self.request(&EchoRequest::default());
        let other = self.request(&EchoRequest::default());
        let mut whole = wire::compound([one, other]).unwrap();
        let places: Vec<_> =
            wire::elements(&whole).unwrap().iter().map(|e| e.offset..e.offset + e.bytes.len()).collect();
        for place in places {
            self.sign(&mut whole[place], self.signs);
        }
        self.send(&whole).await?;
        for id in [first, first + 1] {
            self.receive(id).await?;
        }
        Some(())
    }

    async fn broken(&mut self, broken: Broken) -> Option<()> {
        let id = self.message_id;
        let mut bytes = self.request(&EchoRequest::default());
        if broken == Broken::UnknownSession {
            bytes[40] ^= 0x55;
        }
        self.sign(&mut bytes, broken != Broken::Unsigned);
        if broken == Broken::Flipped {
            bytes[50] ^= 1;
        }
        self.send(&bytes).await?;
        self.receive(id).await?;
        Some(())
    }

    async fn exchange(&mut self, body: &impl Body) -> Option<Vec<u8>> {
        self.transact(body, self.signs).await.map(|(_, answer)| answer)
    }

    async fn transact(&mut self, body: &impl Body, signs: bool) -> Option<(Vec<u8>, Vec<u8>)> {
        let id = self.message_id;
        let mut bytes = self.request(body);
        self.sign(&mut bytes, signs);
        self.send(&bytes).await?;
        let answer = self.receive(id).await?;
        Some((bytes, answer))
    }

    fn request<B: Body>(&mut self, body: &B) -> Vec<u8> {
        let mut header = Header::request(B::COMMAND);
        header.message_id = self.message_id;
        header.credits = 32;
        header.credit_charge = u16::from(self.dialect.is_some_and(|dialect| dialect > Dialect::Smb202));
        header.tree_id = self.tree;
        header.session_id = self.session;
        self.message_id += 1;
        wire::message(&header, body).unwrap()
    }

    fn sign(&self, bytes: &mut [u8], signs: bool) {
        if let Some(key) = self.key.as_ref().filter(|_| signs) {
            key.sign(bytes).unwrap();
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        let framed = nbss::wrap(bytes).unwrap();
        self.stream.write_all(&framed).await.ok()?;
        self.driven.recorder.data(0, Direction::ToServer, &framed, SystemTime::now());
        Some(())
    }

    /// The final answer with this MessageId; what is something else is read over.
    async fn receive(&mut self, id: u64) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            while let Some(framed) = self.splitter.next_message().ok()? {
                for element in wire::elements(&framed.bytes).unwrap_or_default() {
                    self.driven.statuses.push((element.header.command, element.header.status));
                    self.came.push((element.header, element.bytes.to_vec()));
                }
            }
            let is = |(header, _): &(Header, Vec<u8>)| {
                let interim = header.status == NtStatus::PENDING && header.flags.contains(Flags::ASYNC);
                header.message_id == id && !interim
            };
            if let Some(found) = self.came.iter().position(is) {
                return Some(self.came.remove(found).1);
            }
            let read = timeout(Duration::from_secs(3), self.stream.read(&mut buffer)).await.ok()?.ok()?;
            if read == 0 {
                self.driven.recorder.end(0, Direction::ToClient, End::Fin, SystemTime::now());
                return None;
            }
            self.driven.recorder.data(0, Direction::ToClient, &buffer[..read], SystemTime::now());
            self.splitter.push(&buffer[..read]);
        }
    }
}

/// A client that did not offer any does not know the context.
fn algorithm(dialect: Dialect, offered: bool, negotiated: &NegotiateResponse) -> Option<Algorithm> {
    match NegotiateContext::find::<SigningCapabilities>(&negotiated.negotiate_contexts) {
        Some(selected) if offered && dialect == Dialect::Smb311 => {
            Algorithm::from_smb2_id(*selected.ok()?.algorithms.first()?)
        }
        _ => dialect.algorithms().first().copied(),
    }
}
