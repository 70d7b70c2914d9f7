//! A server of SMB1 that logs on without extended security and keeps to [MS-CIFS] 3.3.5.2.3: what is signed wrongly is
//! refused and not counted. It can be told to do worse.

use model::NtStatus;
use smb::nbss;
use smb::ntlm::crypto;
use smb::smb1::{
    Action, Body, Capabilities, Chain, ChainBuilder, CloseResponse, Command, EchoRequest, EchoResponse,
    ErrorResponse, Flags, Flags2, Header, LogoffResponse, MacKey, NegotiateResponse, NegotiateSecurity,
    NtCreateResponse, ReadResponse, SecurityMode, SessionSetupRequest, SessionSetupResponse,
    SetupCredentials, TreeConnectResponse, TreeDisconnectResponse, WriteRequest, WriteResponse, message,
    parse,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const USER: &str = "countersign";
pub(crate) const DOMAIN: &str = "WORKGROUP";
pub(crate) const PASSWORD: &str = "known to this server";
const CHALLENGE: [u8; 8] = *b"8 bytes.";
const FID: u16 = 9;
const TID: u16 = 7;

/// Turns one answer into the messages that are sent in its place. It is told how many answers there were before.
pub(crate) type Tamper = Arc<dyn Fn(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + Sync>;

/// What the server says and does.
#[derive(Clone)]
pub(crate) struct Behaviour {
    pub(crate) mode: SecurityMode,
    pub(crate) dialect_index: u16,
    pub(crate) extended: bool,
    /// It says that it is the LMv2 response that it accepted.
    pub(crate) lanman_key: bool,
    /// It takes every request for what it is, whatever its signature.
    pub(crate) lenient: bool,
    pub(crate) tamper: Tamper,
}

impl Behaviour {
    pub(crate) fn signing(signatures: SecurityMode) -> Self {
        Self {
            mode: SecurityMode::USER_SECURITY.with(SecurityMode::ENCRYPT_PASSWORDS).with(signatures),
            dialect_index: 0,
            extended: false,
            lanman_key: false,
            lenient: false,
            tamper: Arc::new(|_, answer| vec![answer]),
        }
    }
}

/// What the server saw of one request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) header: Header,
    /// The number it is to be signed with and whether it is, once signing is active.
    pub(crate) signed: Option<(u32, bool)>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection::new(behaviour.clone(), Arc::clone(&log));
                tokio::spawn(connection.serve(stream));
            }
        });
        Self { address, seen }
    }

    /// The requests of this command.
    pub(crate) fn requests(&self, command: Command) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.header.command == command).cloned().collect()
    }
}

struct Connection {
    behaviour: Behaviour,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: usize,
    key: Option<MacKey>,
    next: u32,
    users: u16,
    file: Vec<u8>,
    /// The request that waits to be cancelled, and its number.
    waiting: Option<(Header, u32)>,
}

impl Connection {
    fn new(behaviour: Behaviour, seen: Arc<Mutex<Vec<Seen>>>) -> Self {
        let (answers, key, next) = (0, None, 2);
        Self { behaviour, seen, answers, key, next, users: 0, file: Vec::new(), waiting: None }
    }

    async fn serve(mut self, mut stream: TcpStream) {
        let mut length = [0; 4];
        while stream.read_exact(&mut length).await.is_ok() {
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request).await.unwrap();
            for answer in self.answer(&request) {
                let messages = (self.behaviour.tamper)(self.answers, answer);
                self.answers += 1;
                for message in messages {
                    if stream.write_all(&nbss::wrap(&message).unwrap()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn answer(&mut self, request: &[u8]) -> Vec<Vec<u8>> {
        let asked = Header::parse(request).unwrap();
        let number = self.next;
        let signed = self.key.as_ref().map(|key| {
            let flag = asked.flags2.contains(Flags2::SECURITY_SIGNATURE);
            (number, flag && key.verify(request, number).is_ok())
        });
        self.seen.lock().unwrap().push(Seen { header: asked.clone(), signed });
        match signed {
            Some((_, false)) if !self.behaviour.lenient => {
                return vec![self.reply(&asked, number, NtStatus::ACCESS_DENIED, &ErrorResponse::default())];
            }
            Some(_) => self.next += if asked.command == Command::NT_CANCEL { 1 } else { 2 },
            None => {}
        }
        self.carry_out(&asked, request, number)
    }

    fn carry_out(&mut self, asked: &Header, request: &[u8], number: u32) -> Vec<Vec<u8>> {
        match asked.command {
            Command::NEGOTIATE => {
                let body = self.negotiate();
                vec![self.reply(asked, number, NtStatus::SUCCESS, &body)]
            }
            Command::SESSION_SETUP_ANDX => vec![self.log_on(asked, request, number)],
            Command::TREE_CONNECT_ANDX => {
                let mut asked = asked.clone();
                asked.tid = TID;
                let body = TreeConnectResponse { names: b"A:\0\0\0".to_vec(), ..Default::default() };
                vec![self.reply(&asked, number, NtStatus::SUCCESS, &body)]
            }
            Command::NT_CREATE_ANDX if Chain::new(request).unwrap().count() > 1 => {
                let header = answer_to(asked, NtStatus::SUCCESS);
                let mut chain = ChainBuilder::new(&header);
                chain.push(&NtCreateResponse { fid: FID + 1, ..Default::default() }).unwrap();
                chain.push(&ReadResponse { data: self.file.clone(), ..Default::default() }).unwrap();
                chain.push(&CloseResponse::default()).unwrap();
                vec![self.sign(chain.finish(), number)]
            }
            Command::NT_CREATE_ANDX => {
                let body = NtCreateResponse { fid: FID, ..Default::default() };
                vec![self.reply(asked, number, NtStatus::SUCCESS, &body)]
            }
            Command::WRITE_ANDX => {
                let (_, body) = parse::<WriteRequest>(request).unwrap();
                self.file = body.data;
                vec![self.reply(asked, number, NtStatus::SUCCESS, &WriteResponse::default())]
            }
            Command::READ_ANDX => {
                let body = ReadResponse { data: self.file.clone(), ..Default::default() };
                vec![self.reply(asked, number, NtStatus::SUCCESS, &body)]
            }
            Command::CLOSE => {
                vec![self.reply(asked, number, NtStatus::SUCCESS, &CloseResponse::default())]
            }
            // Without a header there is nothing to sign: none of it is sent while signing is active (3.3.5.24).
            Command::READ_RAW if self.key.is_some() => vec![Vec::new()],
            Command::READ_RAW => vec![self.file.clone()],
            Command::ECHO => {
                let (_, body) = parse::<EchoRequest>(request).unwrap();
                (1..=body.echo_count)
                    .map(|sequence_number| {
                        let body = EchoResponse { sequence_number, data: body.data.clone() };
                        self.reply(asked, number, NtStatus::SUCCESS, &body)
                    })
                    .collect()
            }
            Command::NT_TRANSACT => {
                self.waiting = Some((asked.clone(), number));
                Vec::new()
            }
            Command::NT_CANCEL => {
                let (waiting, number) = self.waiting.take().unwrap();
                assert_eq!((waiting.mid, waiting.pid), (asked.mid, asked.pid));
                assert_eq!((waiting.tid, waiting.uid), (asked.tid, asked.uid));
                vec![self.reply(&waiting, number, NtStatus::CANCELLED, &ErrorResponse::default())]
            }
            Command::TREE_DISCONNECT => {
                vec![self.reply(asked, number, NtStatus::SUCCESS, &TreeDisconnectResponse::default())]
            }
            Command::LOGOFF_ANDX => {
                vec![self.reply(asked, number, NtStatus::SUCCESS, &LogoffResponse::default())]
            }
            _ => vec![self.reply(asked, number, NtStatus::NOT_SUPPORTED, &ErrorResponse::default())],
        }
    }

    fn negotiate(&self) -> NegotiateResponse {
        let (extended, security) = if self.behaviour.extended {
            let security_blob = Vec::new();
            let server_guid = [1; 16];
            let security = NegotiateSecurity::Extended { challenge_length: 0, server_guid, security_blob };
            (Capabilities::EXTENDED_SECURITY, security)
        } else {
            (Capabilities(0), NegotiateSecurity::plain(CHALLENGE, true, DOMAIN, "SERVER"))
        };
        NegotiateResponse {
            dialect_index: self.behaviour.dialect_index,
            security_mode: self.behaviour.mode,
            max_mpx_count: 50,
            max_number_vcs: 1,
            max_buffer_size: 16_644,
            max_raw_size: 65_536,
            session_key: 0x5EED,
            capabilities: Capabilities::UNICODE.with(Capabilities::NT_SMBS).with(extended),
            system_time: 0,
            server_time_zone: 0,
            security,
        }
    }

    fn log_on(&mut self, asked: &Header, request: &[u8], number: u32) -> Vec<u8> {
        let (_, body) = parse::<SessionSetupRequest>(request).unwrap();
        assert_eq!((body.session_key, body.vc_number), (0x5EED, 1));
        let SetupCredentials::Plain { oem_password, unicode_password } = body.credentials else {
            panic!("this server has no extended security");
        };
        let names = body.names.strings(true);
        let (user, domain) = (names[0].as_str(), names[1].as_str());
        let mut action = Action(0);
        let mut key = None;
        let (proof, temp) = unicode_password.split_at(unicode_password.len().min(16));
        let response_key = crypto::ntowf_v2(PASSWORD, user, domain);
        if proof == crypto::nt_proof_str(&response_key, &CHALLENGE, temp) && user == USER {
            let session_key = crypto::session_base_key(&response_key, proof.try_into().unwrap());
            let response = if self.behaviour.lanman_key { oem_password } else { unicode_password };
            if self.behaviour.lanman_key {
                action = Action::USE_LANMAN_KEY;
            }
            key = Some(MacKey::new(&session_key, &response));
        } else {
            action = Action::GUEST;
        }
        self.users += 1;
        let header = Header { uid: self.users, ..answer_to(asked, NtStatus::SUCCESS) };
        let answer = message(&header, &SessionSetupResponse { action, ..Default::default() }).unwrap();
        let signs = self.behaviour.mode.contains(SecurityMode::SECURITY_SIGNATURES_ENABLED)
            && asked.flags2.contains(Flags2::SECURITY_SIGNATURE);
        if self.key.is_none() && signs && key.is_some() {
            self.key = key;
            return self.sign(answer, 0);
        }
        self.sign(answer, number)
    }

    fn reply(&self, asked: &Header, number: u32, status: NtStatus, body: &impl Body) -> Vec<u8> {
        self.sign(message(&answer_to(asked, status), body).unwrap(), number)
    }

    /// Signs the answer to the request with this number.
    fn sign(&self, mut answer: Vec<u8>, number: u32) -> Vec<u8> {
        if let Some(key) = &self.key {
            key.sign(&mut answer, number + 1).unwrap();
        }
        answer
    }
}

fn answer_to(asked: &Header, status: NtStatus) -> Header {
    Header {
        status,
        flags: Flags::REPLY,
        flags2: Flags2::UNICODE.with(Flags2::NT_STATUS),
        signature: [0; 8],
        ..asked.clone()
    }
}
