//! A small server and a small client of SMB1. Both keep their own counts ([MS-CIFS] 3.3.5.2.3), so that nothing here is
//! taken from what is tested.

use super::client::Broken;
use super::own::challenge;
use super::seen::written;
use super::{PASSWORD, USER, options, seen};
use countersign_interpose::{Interposer, Mischief};
use evidence::{Direction, End, Recorder, SessionKey};
use model::NtStatus;
use smb::auth::{AuthConfig, Authenticator, Wrapping};
use smb::nbss::{self, Splitter};
use smb::ntlm::Credentials;
use smb::smb1::follow::Connection;
use smb::smb1::ntlm::NtlmV2;
use smb::smb1::{
    BSRSPYL, Capabilities, Command, EchoRequest, EchoResponse, ErrorResponse, Flags, Flags2, Header, MacKey,
    NegotiateRefusal, NegotiateRequest, NegotiateResponse, NegotiateSecurity, Raw, ReadResponse,
    SecurityMode, SessionSetupRequest, SessionSetupResponse, SetupCredentials, message, parse,
};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What the test file holds.
pub(crate) const DATA: &[u8] = b"what the file holds";
const CHALLENGE: [u8; 8] = *b"CHALLENG";

/// What the client tells the server of its sessions: what they sign with, in order.
type Keys = Arc<Mutex<Vec<MacKey>>>;

/// What a server does that is asked for what it does not want: with a wrong signature, or, once signing is active, for raw
/// data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It refuses, as the specification says.
    Refused,
    /// It ends the connection, as Samba does.
    Ends,
    /// It speaks no SMB1 at all.
    Everything,
}

/// A server with this SecurityMode.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    keys: Keys,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    pub(crate) async fn start(mode: SecurityMode, extended: bool) -> Self {
        Self::start_with(mode, extended, Bad::Refused).await
    }

    pub(crate) async fn start_with(mode: SecurityMode, extended: bool, bad: Bad) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let keys = Keys::default();
        let shared = Arc::clone(&keys);
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                shared.lock().unwrap().clear();
                let keys = Arc::clone(&shared);
                let mut state = State { mode, extended, bad, keys, active: None, next: 2, sessions: 0 };
                let (mut splitter, mut buffer) = (Splitter::new(1 << 20), [0; 4096]);
                'one: loop {
                    while let Some(framed) = splitter.next_message().unwrap() {
                        let answers = state.message(&framed.bytes);
                        if answers.is_empty() {
                            break 'one;
                        }
                        for answer in answers {
                            if stream.write_all(&nbss::wrap(&answer).unwrap()).await.is_err() {
                                break 'one;
                            }
                        }
                    }
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => splitter.push(&buffer[..read]),
                    }
                }
            }
        });
        Self { address, keys, serving }
    }
}

struct State {
    mode: SecurityMode,
    extended: bool,
    bad: Bad,
    keys: Keys,
    active: Option<MacKey>,
    next: u32,
    sessions: u16,
}

impl State {
    /// The answers; none where the connection ends.
    fn message(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let header = Header::parse(bytes).unwrap();
        let reply = Header {
            status: NtStatus::SUCCESS,
            flags: header.flags.with(Flags::REPLY),
            signature: [0; 8],
            ..header.clone()
        };
        let number = self.next + 1;
        if let Some(key) = &self.active {
            if key.verify(bytes, self.next).is_err() {
                if self.bad == Bad::Ends {
                    return Vec::new();
                }
                return vec![self.error(&reply, NtStatus::ACCESS_DENIED, number)];
            }
            self.next += 2;
        }
        let answers = match header.command {
            Command::NEGOTIATE if self.bad == Bad::Everything => {
                vec![message(&reply, &NegotiateRefusal { dialect_index: 0xFFFF }).unwrap()]
            }
            Command::NEGOTIATE => vec![message(&reply, &self.negotiated()).unwrap()],
            Command::SESSION_SETUP_ANDX => return vec![self.setup(&header, &reply, bytes, number)],
            Command::READ_RAW if self.bad == Bad::Ends && self.active.is_some() => return Vec::new(),
            Command::READ_RAW => return vec![Vec::new()],
            Command::NT_CREATE_ANDX => {
                return vec![self.error(&reply, NtStatus::OBJECT_NAME_NOT_FOUND, number)];
            }
            Command::READ_ANDX => {
                let body = ReadResponse { data: DATA.to_vec(), pad: vec![0], ..Default::default() };
                vec![message(&reply, &body).unwrap()]
            }
            Command::ECHO => {
                let (_, body) = parse::<EchoRequest>(bytes).unwrap();
                let answer = |sequence_number| EchoResponse { sequence_number, data: body.data.clone() };
                (1..=body.echo_count).map(|nth| message(&reply, &answer(nth)).unwrap()).collect()
            }
            Command::TREE_CONNECT_ANDX => {
                let body = Raw { words: vec![0xFF, 0, 0, 0, 1, 0], bytes: b"A:\0NTFS\0".to_vec() };
                vec![message(&Header { tid: 9, ..reply }, &body).unwrap()]
            }
            _ => vec![message(&reply, &Raw { words: vec![0xFF, 0, 0, 0], bytes: Vec::new() }).unwrap()],
        };
        answers.into_iter().map(|answer| self.signed(answer, number)).collect()
    }

    fn negotiated(&self) -> NegotiateResponse {
        let capabilities = Capabilities::UNICODE.with(Capabilities::NT_SMBS).with(Capabilities::STATUS32);
        NegotiateResponse {
            dialect_index: 0,
            security_mode: self.mode,
            max_mpx_count: 50,
            max_number_vcs: 1,
            max_buffer_size: 16644,
            max_raw_size: 65536,
            session_key: 0,
            capabilities: if self.extended {
                capabilities.with(Capabilities::EXTENDED_SECURITY)
            } else {
                capabilities
            },
            system_time: 0,
            server_time_zone: 0,
            security: if self.extended {
                NegotiateSecurity::Extended {
                    challenge_length: 0,
                    server_guid: [3; 16],
                    security_blob: Vec::new(),
                }
            } else {
                NegotiateSecurity::plain(CHALLENGE, true, "DOMAIN", "SERVER")
            },
        }
    }

    fn setup(&mut self, asked: &Header, reply: &Header, bytes: &[u8], number: u32) -> Vec<u8> {
        let (_, body) = parse::<SessionSetupRequest>(bytes).unwrap();
        let first = asked.uid == 0 && matches!(body.credentials, SetupCredentials::Extended { .. });
        if asked.uid == 0 {
            self.sessions += 1;
        }
        let uid = if asked.uid == 0 { 0x100 + self.sessions } else { asked.uid };
        let blob = first.then(challenge).or_else(|| self.extended.then(Vec::new));
        let answer = SessionSetupResponse { security_blob: blob, ..Default::default() };
        let status = if first { NtStatus::MORE_PROCESSING_REQUIRED } else { NtStatus::SUCCESS };
        let mut answer = message(&Header { uid, status, ..reply.clone() }, &answer).unwrap();
        if first || self.active.is_some() {
            return self.signed(answer, number);
        }
        let key = self.keys.lock().unwrap()[0].clone();
        let required = self.mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED);
        if required || asked.flags2.contains(Flags2::SECURITY_SIGNATURE) {
            key.sign(&mut answer, 1).unwrap();
            self.active = Some(key);
        }
        answer
    }

    fn error(&self, reply: &Header, status: NtStatus, number: u32) -> Vec<u8> {
        let answer = message(&Header { status, ..reply.clone() }, &ErrorResponse::default()).unwrap();
        self.signed(answer, number)
    }

    fn signed(&self, mut answer: Vec<u8>, number: u32) -> Vec<u8> {
        if let Some(key) = &self.active {
            key.sign(&mut answer, number).unwrap();
        }
        answer
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) extended: bool,
    /// What it says of signing in SESSION_SETUP.
    pub(crate) asks: bool,
    pub(crate) filler: bool,
    pub(crate) second_session: bool,
    pub(crate) breaks: Option<Broken>,
}

pub(crate) const PLAN: Plan =
    Plan { extended: true, asks: true, filler: false, second_session: false, breaks: None };

/// What crossed, seen from both sides.
pub(crate) struct Seen {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    pub(crate) applied: u64,
    pub(crate) problem: Option<String>,
    pub(crate) statuses: Vec<(Command, NtStatus)>,
    pub(crate) finished: bool,
    pub(crate) same_bytes: bool,
}

struct Client {
    plan: Plan,
    stream: TcpStream,
    splitter: Splitter,
    recorder: Recorder,
    keys: Vec<SessionKey>,
    told: Keys,
    statuses: Vec<(Command, NtStatus)>,
    mid: u16,
    uid: u16,
    tid: u16,
    active: Option<MacKey>,
    next: u32,
    challenge: Option<[u8; 8]>,
}

/// Drives a server through an interposer.
pub(crate) async fn run(server: &Server, mischief: Mischief, plan: Plan) -> Seen {
    let interposer = Interposer::start(options(server.address, mischief)).await.unwrap();
    let stream = TcpStream::connect(interposer.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut recorder = Recorder::default();
    recorder.connect(stream.local_addr().unwrap(), interposer.address, SystemTime::now());
    let mut client = Client {
        plan,
        stream,
        splitter: Splitter::new(1 << 20),
        recorder,
        keys: Vec::new(),
        told: Arc::clone(&server.keys),
        statuses: Vec::new(),
        mid: 0,
        uid: 0,
        tid: 0xFFFF,
        active: None,
        next: 2,
        challenge: None,
    };
    let finished = client.everything().await.is_some();
    let _ = client.stream.shutdown().await;
    client.recorder.end(0, Direction::ToServer, End::Fin, SystemTime::now());
    let leg = interposer.finish().await;
    let (recorder, keys) = seen::both(client.recorder, &client.keys, leg.recorder, &leg.session_keys);
    let evidence = written(&recorder, keys);
    let bytes = |index: usize| -> Vec<_> {
        evidence.connections[index]
            .chunks
            .iter()
            .flat_map(|c| c.bytes.iter().map(|b| (c.direction, *b)))
            .collect()
    };
    let [mut one, mut other] = [bytes(0), bytes(1)];
    one.sort_by_key(|(direction, _)| *direction);
    other.sort_by_key(|(direction, _)| *direction);
    let [client_side, server_side] = [0, 1].map(|index| {
        let own = evidence.sidecar.session_keys.iter().filter(|key| key.connection as usize == index);
        let keys: BTreeMap<u16, Vec<u8>> =
            own.map(|key| (u16::try_from(key.session_id).unwrap(), key.key.to_vec())).collect();
        let mut connection = Connection::new(keys);
        for chunk in &evidence.connections[index].chunks {
            let way = match chunk.direction {
                Direction::ToServer => smb::follow::Way::ToServer,
                Direction::ToClient => smb::follow::Way::ToClient,
            };
            connection.push(way, chunk.frame, &chunk.bytes);
        }
        connection
    });
    Seen {
        client: client_side,
        server: server_side,
        applied: leg.applied,
        problem: leg.problem,
        statuses: client.statuses,
        finished,
        same_bytes: one == other,
    }
}

impl Client {
    async fn everything(&mut self) -> Option<()> {
        let negotiate = NegotiateRequest::new(&[NegotiateRequest::NT_LM_0_12]);
        let answer = self.exchange(Command::NEGOTIATE, &negotiate).await?;
        self.challenge = parse::<NegotiateResponse>(&answer).ok()?.1.challenge();
        self.log_on().await?;
        let path = smb::smb1::TreeConnectRequest::new(true, "\\\\server\\share", "?????");
        let answer = self.exchange(Command::TREE_CONNECT_ANDX, &path).await?;
        self.tid = Header::parse(&answer).ok()?.tid;
        let plain = Raw { words: vec![0xFF, 0, 0, 0], bytes: b"name".to_vec() };
        self.exchange(Command::NT_CREATE_ANDX, &plain).await?;
        self.echo(3).await?;
        self.exchange(Command::READ_ANDX, &plain).await?;
        if let Some(broken) = self.plan.breaks {
            self.broken(broken).await?;
        }
        self.echo(1).await?;
        if self.plan.second_session {
            let first = std::mem::take(&mut self.uid);
            self.log_on().await?;
            self.echo(1).await?;
            self.uid = first;
        }
        self.send(Command::READ_RAW, &plain, None).await?;
        self.frame().await?;
        self.exchange(Command::LOGOFF_ANDX, &plain).await?;
        Some(())
    }

    async fn log_on(&mut self) -> Option<()> {
        let (key, mac, answer) = if self.plan.extended {
            let credentials = Credentials::User {
                user: USER.to_owned(),
                domain: "WORKGROUP".to_owned(),
                password: PASSWORD.into(),
            };
            let mut config = AuthConfig::random(credentials, 1).unwrap();
            config.wrapping = Wrapping::Raw;
            let mut logon = Authenticator::new(config);
            let body = |security_blob| SessionSetupRequest::new(SetupCredentials::Extended { security_blob });
            let answer = self.exchange(Command::SESSION_SETUP_ANDX, &body(logon.first(&[]).ok()?)).await?;
            let (header, setup) = parse::<SessionSetupResponse>(&answer).ok()?;
            self.uid = header.uid;
            let second = body(logon.next(&setup.security_blob?).ok()?);
            let key = logon.session_key()?;
            let mac = MacKey::new(&key, &[]);
            self.told.lock().unwrap().push(mac.clone());
            (key, mac, self.exchange(Command::SESSION_SETUP_ANDX, &second).await?)
        } else {
            let account = (USER, "WORKGROUP", &PASSWORD.into());
            let answer = NtlmV2::answer(account, &self.challenge?, b"nonnonce", 7, &[0; 4]);
            let mac = answer.mac_key();
            self.told.lock().unwrap().push(mac.clone());
            let body =
                SessionSetupRequest::new(answer.credentials()).with_names(true, &[USER, "WORKGROUP", "", ""]);
            (answer.session_key(), mac, self.exchange(Command::SESSION_SETUP_ANDX, &body).await?)
        };
        let (header, setup) = parse::<SessionSetupResponse>(&answer).ok()?;
        if header.status != NtStatus::SUCCESS {
            return None;
        }
        self.uid = header.uid;
        self.keys.push(SessionKey { connection: 0, session_id: u64::from(header.uid), key });
        let guest = setup.action.contains(smb::smb1::Action::GUEST);
        if self.active.is_none() && !guest && self.plan.asks {
            self.active = Some(mac);
        }
        Some(())
    }

    async fn echo(&mut self, echo_count: u16) -> Option<()> {
        let body = EchoRequest { echo_count, data: b"echo".to_vec() };
        let first = self.exchange(Command::ECHO, &body).await?;
        if Header::parse(&first).ok()?.status.is_error() {
            return Some(());
        }
        for _ in 1..echo_count {
            self.answer().await?;
        }
        Some(())
    }

    /// An ECHO that is signed wrongly. What is refused takes no number.
    async fn broken(&mut self, broken: Broken) -> Option<()> {
        let before = self.next;
        self.send(Command::ECHO, &EchoRequest { echo_count: 1, data: vec![1] }, Some(broken)).await?;
        let answer = self.answer().await?;
        if Header::parse(&answer).ok()?.status == NtStatus::ACCESS_DENIED {
            self.next = before;
        }
        Some(())
    }

    async fn exchange(&mut self, command: Command, body: &impl smb::smb1::Body) -> Option<Vec<u8>> {
        self.send(command, body, None).await?;
        self.answer().await
    }

    async fn send(
        &mut self,
        command: Command,
        body: &impl smb::smb1::Body,
        broken: Option<Broken>,
    ) -> Option<()> {
        self.mid += 1;
        let mut header =
            Header { mid: self.mid, uid: self.uid, tid: self.tid, pid: 7, ..Header::request(command) };
        header.flags2 = header.flags2 | Flags2::UNICODE;
        if self.plan.extended {
            header.flags2 = header.flags2 | Flags2::EXTENDED_SECURITY;
        }
        if command == Command::SESSION_SETUP_ANDX && self.active.is_none() {
            if self.plan.asks {
                header.flags2 = header.flags2 | Flags2::SECURITY_SIGNATURE;
            }
            if self.plan.filler {
                header.signature = BSRSPYL;
            }
        }
        let mut bytes = message(&header, body).unwrap();
        if let Some(key) = &self.active {
            key.sign(&mut bytes, self.next).unwrap();
            self.next += 2;
        }
        match broken {
            Some(Broken::Unsigned) => {
                bytes[Header::FLAGS2.start] &= !4;
                bytes[Header::SIGNATURE].fill(0);
            }
            Some(_) => bytes[Header::SIGNATURE.start] ^= 1,
            None => {}
        }
        let framed = nbss::wrap(&bytes).unwrap();
        self.stream.write_all(&framed).await.ok()?;
        self.recorder.data(0, Direction::ToServer, &framed, SystemTime::now());
        Some(())
    }

    async fn answer(&mut self) -> Option<Vec<u8>> {
        let bytes = self.frame().await?;
        let header = Header::parse(&bytes).ok()?;
        self.statuses.push((header.command, header.status));
        Some(bytes)
    }

    async fn frame(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(framed) = self.splitter.next_message().ok()? {
                return Some(framed.bytes);
            }
            let read = timeout(Duration::from_secs(3), self.stream.read(&mut buffer)).await.ok()?.ok()?;
            if read == 0 {
                return None;
            }
            self.recorder.data(0, Direction::ToClient, &buffer[..read], SystemTime::now());
            self.splitter.push(&buffer[..read]);
        }
    }
}
