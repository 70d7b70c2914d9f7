//! A small server for what the one in this process cannot: AES-128-GMAC, and SMB2 without SPNEGO. It believes everything
//! but signatures.

use model::{Algorithm, Dialect, NtStatus};
use smb::kdf;
use smb::nbss::{self, Splitter};
use smb::ntlm::flags;
use smb::preauth::PreauthHash;
use smb::signing::SigningKey;
use smb::wire::{
    self, Body, Command, DialectRevision, Flags, Header, NegotiateContext, NegotiateRequest,
    NegotiateResponse, PreauthIntegrity, ReadResponse, SecurityMode, SessionSetupResponse,
    SigningCapabilities,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// It serves one client after the other, each with the key that the client puts there.
pub(crate) struct Own {
    pub(crate) address: SocketAddr,
    pub(crate) key: Arc<Mutex<Option<[u8; 16]>>>,
    serving: JoinHandle<()>,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Own {
    pub(crate) async fn start(algorithm: Algorithm) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let key = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&key);
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut state = State { algorithm, key: Arc::clone(&shared), ..State::new() };
                let (mut splitter, mut buffer) = (Splitter::new(1 << 20), [0; 4096]);
                'one: loop {
                    while let Some(framed) = splitter.next_message().unwrap() {
                        let answer = state.message(&framed.bytes);
                        for message in state.unasked(&framed.bytes).into_iter().chain([answer]) {
                            if stream.write_all(&nbss::wrap(&message).unwrap()).await.is_err() {
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
        Self { address, key, serving }
    }
}

struct State {
    algorithm: Algorithm,
    key: Arc<Mutex<Option<[u8; 16]>>>,
    preauth: PreauthHash,
    signing: Option<SigningKey>,
    data: Vec<u8>,
}

impl State {
    fn new() -> Self {
        Self {
            algorithm: Algorithm::Aes128Gmac,
            key: Arc::default(),
            preauth: PreauthHash::default(),
            signing: None,
            data: Vec::new(),
        }
    }

    fn message(&mut self, bytes: &[u8]) -> Vec<u8> {
        let elements = wire::elements(bytes).unwrap();
        let mut signs = Vec::new();
        let answers: Vec<Vec<u8>> = elements
            .iter()
            .map(|element| {
                let (answer, signed) = self.answer(element.bytes, &element.header);
                signs.push(signed);
                answer
            })
            .collect();
        let mut whole =
            if answers.len() == 1 { answers[0].clone() } else { wire::compound(answers).unwrap() };
        let places: Vec<_> =
            wire::elements(&whole).unwrap().iter().map(|e| e.offset..e.offset + e.bytes.len()).collect();
        for (place, signs) in places.into_iter().zip(signs) {
            if let Some(key) = self.signing.as_ref().filter(|_| signs) {
                key.sign(&mut whole[place]).unwrap();
            }
        }
        whole
    }

    /// In front of the answer to an ECHO, an OPLOCK_BREAK notification that is of no session (3.3.4.7).
    fn unasked(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let asked = Header::parse(bytes).unwrap();
        (asked.command == Command::ECHO).then(|| {
            let header = Header {
                message_id: u64::MAX,
                flags: Flags::SERVER_TO_REDIR,
                ..Header::request(Command::OPLOCK_BREAK)
            };
            wire::message(&header, &wire::LeaseBreakNotification::default()).unwrap()
        })
    }

    /// The answer, and whether it is to be signed.
    fn answer(&mut self, bytes: &[u8], asked: &Header) -> (Vec<u8>, bool) {
        let header = Header {
            status: NtStatus::SUCCESS,
            credits: 32,
            flags: Flags::SERVER_TO_REDIR,
            signature: [0; 16],
            next_command: 0,
            ..asked.clone()
        };
        let signed = asked.flags.contains(Flags::SIGNED);
        if let Some(key) = &self.signing
            && (!signed || key.verify(bytes).is_err())
        {
            return (error(&header, NtStatus::ACCESS_DENIED), true);
        }
        let body = |body: &[u8]| {
            let mut message = Vec::new();
            header.write(&mut message);
            message.extend_from_slice(body);
            message
        };
        match asked.command {
            Command::NEGOTIATE => {
                self.preauth.update(bytes);
                let answer = self.negotiated(&header, bytes);
                self.preauth.update(&answer);
                (answer, false)
            }
            Command::SESSION_SETUP => {
                self.preauth.update(bytes);
                let header = Header { session_id: 0x77, ..header };
                if asked.session_id == 0 {
                    let header = Header { status: NtStatus::MORE_PROCESSING_REQUIRED, ..header };
                    let setup = SessionSetupResponse { security_buffer: challenge(), ..Default::default() };
                    let answer = wire::message(&header, &setup).unwrap();
                    self.preauth.update(&answer);
                    return (answer, false);
                }
                let key = self.key.lock().unwrap().unwrap();
                let key = kdf::signing_key(Dialect::Smb311, &key, self.preauth.value());
                self.signing = Some(SigningKey::new(self.algorithm, key).unwrap());
                (wire::message(&header, &SessionSetupResponse::default()).unwrap(), true)
            }
            Command::TREE_CONNECT => {
                let header = Header { tree_id: 5, ..header };
                let mut message = Vec::new();
                header.write(&mut message);
                message.extend_from_slice(&[16, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 1, 0x1F, 0]);
                (message, true)
            }
            Command::CREATE => {
                let mut fixed = [0; 88];
                fixed[..2].copy_from_slice(&89_u16.to_le_bytes());
                (body(&fixed), true)
            }
            Command::WRITE => {
                self.data = wire::WriteRequest::parse(bytes).unwrap().data;
                (body(&[17, 0, 0, 0, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), true)
            }
            Command::READ => {
                let read = ReadResponse { data: self.data.clone(), ..Default::default() };
                (wire::message(&header, &read).unwrap(), true)
            }
            Command::CLOSE => {
                let mut fixed = [0; 60];
                fixed[0] = 60;
                (body(&fixed), true)
            }
            _ => (body(&[4, 0, 0, 0]), true),
        }
    }

    fn negotiated(&self, header: &Header, bytes: &[u8]) -> Vec<u8> {
        let asked = NegotiateRequest::parse(bytes).unwrap();
        assert!(asked.dialects.contains(&DialectRevision::SMB_3_1_1));
        let preauth = PreauthIntegrity { hash_algorithms: vec![1], salt: vec![3; 32] };
        let signing = SigningCapabilities { algorithms: self.algorithm.smb2_id().into_iter().collect() };
        let body = NegotiateResponse {
            security_mode: SecurityMode::SIGNING_ENABLED.with(SecurityMode::SIGNING_REQUIRED),
            dialect_revision: DialectRevision::SMB_3_1_1,
            max_transact_size: 65536,
            max_read_size: 65536,
            max_write_size: 65536,
            negotiate_contexts: vec![
                NegotiateContext::of(&preauth).unwrap(),
                NegotiateContext::of(&signing).unwrap(),
            ],
            ..Default::default()
        };
        wire::message(header, &body).unwrap()
    }
}

fn error(header: &Header, status: NtStatus) -> Vec<u8> {
    let mut message = Vec::new();
    Header { status, ..header.clone() }.write(&mut message);
    message.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    message
}

/// A CHALLENGE_MESSAGE ([MS-NLMP] 2.2.1.2) that grants everything.
pub(crate) fn challenge() -> Vec<u8> {
    let mut bytes = b"NTLMSSP\0\x02\0\0\0".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 0, 56, 0, 0, 0]);
    bytes.extend_from_slice(&(flags::CLIENT | flags::KEY_EXCH).to_le_bytes());
    bytes.extend_from_slice(b"CHALLENG\0\0\0\0\0\0\0\0");
    bytes.extend_from_slice(&[12, 0, 12, 0, 56, 0, 0, 0]);
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[2, 0, 4, 0, b'D', 0, b'O', 0, 0, 0, 0, 0]);
    bytes
}
