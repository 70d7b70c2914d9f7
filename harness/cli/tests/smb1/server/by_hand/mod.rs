//! The server against requests made by hand, whose keys and numbers stand in the tests: nothing of the probe's client or
//! of the judge is in it.

mod logon;
mod traffic;

use super::files::Store;
use super::{Conduct, Connection, DOMAIN, PASSWORD, Policy, SHARE, Smb1, USER};
use model::{GuestMapping, NtStatus, Signing};
use smb::auth::{AuthConfig, Authenticator, Wrapping};
use smb::ntlm::{Credentials, Nonces, Options, Password};
use smb::smb1::ntlm::NtlmV2;
use smb::smb1::{
    BSRSPYL, Body, Capabilities, Command, Flags2, Header, MacKey, NegotiateRequest, NegotiateResponse,
    NtCreateRequest, NtCreateResponse, SessionSetupRequest, SessionSetupResponse, SetupCredentials,
    TreeConnectRequest, WriteRequest, message, parse,
};
use smb::wire::{AccessMask, CreateDisposition, CreateOptions, ShareAccess};
use std::sync::{Arc, Mutex};

const ASKS: Flags2 = Flags2::SECURITY_SIGNATURE;
const INSISTS: Flags2 = Flags2::SECURITY_SIGNATURE_REQUIRED;

fn policy(signing: Signing) -> Policy {
    Policy { signing, guest: GuestMapping::Never, extended: true, smb1: Smb1::Spoken }
}

/// A client that does as it is told.
struct Client {
    server: Connection,
    header: Header,
    /// Signs with this key, and the number that comes next.
    signs: Option<(MacKey, u32)>,
    vc_number: u16,
}

impl Client {
    fn of(policy: Policy) -> Self {
        let server = Connection::new(policy, Conduct::RIGHT, Arc::new(Mutex::new(Store::default())));
        let flags2 = Flags2::LONG_NAMES | Flags2::NT_STATUS | Flags2::UNICODE | Flags2::EXTENDED_SECURITY;
        let header = Header { flags2, pid: 0x0001_0203, ..Header::request(Command::INVALID) };
        Self { server, header, signs: None, vc_number: 0 }
    }

    fn without_extended_security(policy: Policy) -> Self {
        let mut client = Self::of(policy);
        client.header.flags2 = client.header.flags2.without(Flags2::EXTENDED_SECURITY);
        client
    }

    fn message<B: Body>(&mut self, body: &B) -> Vec<u8> {
        self.header.mid += 1;
        message(&Header { command: B::COMMAND, ..self.header.clone() }, body).unwrap()
    }

    /// Sends a message, signed where this client signs, and checks the signatures of the answers.
    fn exchange(&mut self, mut request: Vec<u8>) -> Vec<Vec<u8>> {
        let Some((key, number)) = self.signs.clone() else { return self.server.take(&request).messages };
        key.sign(&mut request, number).unwrap();
        let answers = self.server.take(&request).messages;
        for answer in &answers {
            key.verify(answer, number + 1).unwrap();
            assert!(Header::parse(answer).unwrap().flags2.contains(ASKS));
        }
        self.signs = Some((key, number + 2));
        answers
    }

    fn asks<B: Body>(&mut self, body: &B) -> Vec<u8> {
        let request = self.message(body);
        let mut answers = self.exchange(request);
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    fn negotiate(&mut self) -> NegotiateResponse {
        let answer = self.asks(&NegotiateRequest::new(&[NegotiateRequest::NT_LM_0_12]));
        let (header, body) = parse(&answer).unwrap();
        assert_eq!((header.signature, header.status), ([0; 8], NtStatus::SUCCESS));
        body
    }

    /// Negotiates and logs on, and returns the last answer and the key.
    fn log_on(&mut self, credentials: Credentials, asks: Flags2) -> (Vec<u8>, MacKey) {
        let negotiated = self.negotiate();
        match negotiated.challenge() {
            Some(challenge) => self.log_on_plainly(&challenge, &credentials, asks),
            None => self.log_on_by_tokens(credentials, asks, Wrapping::Spnego),
        }
    }

    fn log_on_by_tokens(
        &mut self,
        credentials: Credentials,
        asks: Flags2,
        wrapping: Wrapping,
    ) -> (Vec<u8>, MacKey) {
        let nonces = Nonces { client_challenge: [3; 8], session_key: [0x6b; 16] };
        let config = AuthConfig { credentials, ntlm: Options::default(), wrapping, nonces, filetime: 0 };
        let mut authenticator = Authenticator::new(config);
        self.header.uid = 0;
        let first = self.setup_by_token(authenticator.first(&[]).unwrap(), asks);
        let (header, body) = parse::<SessionSetupResponse>(&first).unwrap();
        assert_eq!(header.status, NtStatus::MORE_PROCESSING_REQUIRED);
        self.header.uid = header.uid;
        let token = authenticator.next(&body.security_blob.unwrap()).unwrap();
        let last = self.setup_by_token(token, asks);
        if Header::parse(&last).unwrap().status == NtStatus::SUCCESS {
            let (_, body) = parse::<SessionSetupResponse>(&last).unwrap();
            authenticator.finish(&body.security_blob.unwrap()).unwrap();
        }
        (last, MacKey::new(&authenticator.session_key().unwrap(), &[]))
    }

    fn setup_by_token(&mut self, security_blob: Vec<u8>, asks: Flags2) -> Vec<u8> {
        let mut request = SessionSetupRequest::new(SetupCredentials::Extended { security_blob });
        request.capabilities = Capabilities::EXTENDED_SECURITY;
        self.setup(&request.with_names(true, &["OS", "LM"]), asks)
    }

    fn log_on_plainly(
        &mut self,
        challenge: &[u8; 8],
        credentials: &Credentials,
        asks: Flags2,
    ) -> (Vec<u8>, MacKey) {
        let Credentials::User { user, domain, password } = credentials else {
            let credentials =
                SetupCredentials::Plain { oem_password: Vec::new(), unicode_password: Vec::new() };
            let request = SessionSetupRequest::new(credentials).with_names(true, &["", "", "OS", "LM"]);
            return (self.setup(&request, asks), MacKey::new(&[], &[]));
        };
        let answer = NtlmV2::answer((user, domain, password), challenge, &[4; 8], 0, &[0; 4]);
        let request = SessionSetupRequest::new(answer.credentials());
        (self.setup(&request.with_names(true, &[user, domain, "OS", "LM"]), asks), answer.mac_key())
    }

    /// One SESSION_SETUP, signed where this client signs; where it does not, with the filler in the field.
    fn setup(&mut self, request: &SessionSetupRequest, asks: Flags2) -> Vec<u8> {
        let mut bytes = self.message(&SessionSetupRequest { vc_number: self.vc_number, ..request.clone() });
        let flags2 = Header::parse(&bytes).unwrap().flags2 | asks;
        bytes[Header::FLAGS2].copy_from_slice(&flags2.0.to_le_bytes());
        bytes[Header::SIGNATURE].copy_from_slice(&BSRSPYL);
        self.exchange(bytes).remove(0)
    }

    /// A client with a signed session of the account and its share mounted.
    fn signed(signing: Signing) -> Self {
        let mut client = Self::of(policy(signing));
        let (last, key) = client.log_on(user(), ASKS | INSISTS);
        client.goes_on_in(&last);
        client.signs = Some((key, 2));
        client.mount();
        client
    }

    fn unsigned() -> Self {
        let mut client = Self::of(policy(Signing::Disabled));
        let (last, _) = client.log_on(user(), Flags2(0));
        client.goes_on_in(&last);
        client.mount();
        client
    }

    fn goes_on_in(&mut self, setup: &[u8]) {
        let header = Header::parse(setup).unwrap();
        assert_eq!(header.status, NtStatus::SUCCESS);
        self.header.uid = header.uid;
    }

    fn mount(&mut self) {
        let answer = self.asks(&TreeConnectRequest::new(true, &format!(r"\\server\{SHARE}"), "?????"));
        let header = Header::parse(&answer).unwrap();
        assert_eq!(header.status, NtStatus::SUCCESS);
        self.header.tid = header.tid;
    }

    fn create(&mut self, request: NtCreateRequest, name: &str) -> u16 {
        let answer = self.asks(&request.with_name(true, name).unwrap());
        let (header, body) = parse::<NtCreateResponse>(&answer).unwrap();
        assert_eq!(header.status, NtStatus::SUCCESS);
        body.fid
    }

    fn file(&mut self) -> u16 {
        let fid = self.create(new_file(), r"\file");
        let write =
            WriteRequest { fid, pad: vec![0], data: b"0123456789".to_vec(), ..WriteRequest::default() };
        assert_eq!(status(&self.asks(&write)), NtStatus::SUCCESS);
        fid
    }
}

fn status(answer: &[u8]) -> NtStatus {
    Header::parse(answer).unwrap().status
}

fn user() -> Credentials {
    Credentials::User { user: USER.to_owned(), domain: DOMAIN.to_owned(), password: Password::new(PASSWORD) }
}

fn stranger() -> Credentials {
    Credentials::User { user: "nobody".to_owned(), domain: String::new(), password: Password::new("x") }
}

fn mistaken() -> Credentials {
    Credentials::User { user: USER.to_owned(), domain: DOMAIN.to_owned(), password: Password::new("x") }
}

fn new_file() -> NtCreateRequest {
    NtCreateRequest {
        desired_access: AccessMask(0x0001_0003),
        share_access: ShareAccess(7),
        create_disposition: CreateDisposition::CREATE,
        create_options: CreateOptions::DELETE_ON_CLOSE,
        ..NtCreateRequest::default()
    }
}

fn existing(access: u32) -> NtCreateRequest {
    NtCreateRequest {
        desired_access: AccessMask(access),
        share_access: ShareAccess(7),
        create_disposition: CreateDisposition::OPEN,
        ..NtCreateRequest::default()
    }
}
