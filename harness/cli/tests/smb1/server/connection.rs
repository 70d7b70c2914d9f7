//! One connection: verify, carry out, sign ([MS-CIFS] 3.3.5.2).

use super::conduct::{self, OnBadSignature};
use super::files::{Open, Store};
use super::logon::Exchange;
use super::requests::Answer;
use super::signing::Signing;
use super::{Conduct, Identity, Outgoing, Policy};
use model::NtStatus;
use smb::smb1::{
    Block, Body, Chain, ChainBuilder, Command, EchoResponse, ErrorResponse, Flags, Header, MacKey, WireError,
    message,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a message leads to.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// To be sent, each in a frame of its own; an answer to READ_RAW is no SMB message.
    pub(crate) messages: Vec<Vec<u8>>,
    /// Whether the server ends the connection then.
    pub(crate) ends: bool,
}

/// A session, or one that is to become one.
pub(super) struct Session {
    pub(super) identity: Option<Identity>,
    pub(super) user: String,
    /// The logon by tokens that is under way.
    pub(super) exchange: Option<Exchange>,
}

/// A share that is mounted.
pub(super) struct Tree {
    pub(super) uid: u16,
    /// `None` for `IPC$`.
    pub(super) share: Option<&'static str>,
}

/// An open file.
pub(super) struct Opened {
    pub(super) uid: u16,
    pub(super) tid: u16,
    pub(super) open: Open,
}

/// What the commands of a chain share: the identifiers of the header as the ones before have changed them, and the file
/// that one of them opened ([MS-CIFS] 3.3.5.2.4).
pub(super) struct Context<'h> {
    pub(super) header: &'h Header,
    pub(super) uid: u16,
    pub(super) tid: u16,
    pub(super) fid: Option<u16>,
    /// Whether somebody logged on.
    pub(super) established: bool,
}

/// A block of a response, to be written where it comes to stand.
pub(super) type Piece = Box<dyn FnOnce(&mut ChainBuilder) -> Result<(), WireError>>;

pub(super) fn piece<B: Body + 'static>(command: Command, body: B) -> Piece {
    Box::new(move |builder| builder.push_as(command, &body).map(|_| ()))
}

/// The state of one connection.
pub(crate) struct Connection {
    pub(super) policy: Policy,
    pub(super) conduct: Conduct,
    store: Arc<Mutex<Store>>,
    /// Server.Connection.NTLMChallenge.
    pub(super) challenge: [u8; 8],
    /// Whether NEGOTIATE came to extended security, once there was one.
    pub(super) negotiated: Option<bool>,
    pub(super) sessions: BTreeMap<u16, Session>,
    pub(super) trees: BTreeMap<u16, Tree>,
    pub(super) opens: BTreeMap<u16, Opened>,
    /// Requests that wait for something to happen, by their headers.
    pub(super) pending: Vec<Header>,
    pub(super) signing: Option<Signing>,
    /// The session keys of all sessions there have been, in order.
    pub(super) session_keys: Vec<[u8; 16]>,
    /// What they would sign with.
    pub(super) keys: Vec<MacKey>,
    issued: u16,
}

impl Connection {
    pub(crate) fn new(policy: Policy, conduct: Conduct, store: Arc<Mutex<Store>>) -> Self {
        let mut challenge = [0; 8];
        getrandom::fill(&mut challenge).unwrap();
        Self {
            policy,
            conduct,
            store,
            challenge,
            negotiated: None,
            sessions: BTreeMap::new(),
            trees: BTreeMap::new(),
            opens: BTreeMap::new(),
            pending: Vec::new(),
            signing: None,
            session_keys: Vec::new(),
            keys: Vec::new(),
            issued: 0,
        }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// A number that no session, tree connect or open of this connection has. Each kind looks different, so that one
    /// that is taken for another is seen.
    pub(super) fn issue(&mut self, kind: u16) -> u16 {
        self.issued += 1;
        kind | self.issued & 0x0FFF
    }

    /// Takes a message of the client.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Answers {
        let Ok(header) = Header::parse(bytes) else { return Answers { ends: true, ..Answers::default() } };
        if header.is_response() {
            return Answers::default(); // What a server does then, nothing says.
        }
        if self.signing.as_ref().is_none_or(|signing| signing.verifies(bytes)) {
            self.count(&header);
            return self.carry_out(bytes, &header);
        }
        match self.conduct.on_bad_signature {
            OnBadSignature::Refuse(status) => self.refuse(&header, status),
            OnBadSignature::RefuseAndCount => {
                let answers = self.refuse(&header, NtStatus::ACCESS_DENIED);
                self.count(&header);
                answers
            }
            OnBadSignature::RefuseAndCarryOut => {
                self.carry_out(bytes, &header);
                self.refuse(&header, NtStatus::ACCESS_DENIED)
            }
            OnBadSignature::Accept => {
                self.count(&header);
                self.carry_out(bytes, &header)
            }
            OnBadSignature::Disconnect => Answers { ends: true, ..Answers::default() },
        }
    }

    /// Takes the number of a request.
    fn count(&mut self, header: &Header) {
        let takes = self.conduct.cancel_takes;
        if let Some(signing) = &mut self.signing {
            signing.count(header, takes);
        }
    }

    /// The answer to a request that is not looked into.
    fn refuse(&self, header: &Header, status: NtStatus) -> Answers {
        if header.command == Command::NT_CANCEL {
            return Answers::default(); // It has no response ([MS-CIFS] 3.3.5.52).
        }
        let bytes = message(&Header { status, ..answering(header) }, &ErrorResponse::default()).unwrap();
        let number = self.signing.as_ref().map(Signing::uncounted);
        Answers { messages: self.sealed(header, bytes, 0, false, number), ends: false }
    }

    /// Carries out every command of a message, as far as they succeed.
    fn carry_out(&mut self, bytes: &[u8], header: &Header) -> Answers {
        let mut context = Context { header, uid: header.uid, tid: header.tid, fid: None, established: false };
        let mut pieces: Vec<Piece> = Vec::new();
        let mut status = NtStatus::SUCCESS;
        let mut command = header.command;
        for block in Chain::new(bytes).unwrap() {
            let answer = match block {
                Ok(block) => {
                    command = block.command;
                    self.command(&mut context, &block)
                }
                Err(_) => Err(NtStatus::INVALID_SMB),
            };
            match answer {
                Ok(Answer::One(block)) => pieces.push(block),
                Ok(Answer::Last(block, unfinished)) => {
                    pieces.push(block);
                    status = unfinished;
                    break;
                }
                Ok(Answer::Echoes(count, data)) => return self.echoes(header, count, &data),
                Ok(Answer::Raw(data)) => return Answers { messages: vec![data], ends: false },
                Ok(Answer::Nothing) => return Answers::default(),
                Ok(Answer::End) => return Answers { ends: true, ..Answers::default() },
                Ok(Answer::Instead(of)) => {
                    // What is answered is a request of before, with its own number.
                    let number = self.signing.as_ref().map(|signing| signing.number(&of));
                    let status = NtStatus::CANCELLED;
                    let bytes =
                        message(&Header { status, ..answering(&of) }, &ErrorResponse::default()).unwrap();
                    return Answers { messages: self.sealed(&of, bytes, 0, false, number), ends: false };
                }
                Err(error) => {
                    status = error;
                    pieces.push(piece(command, ErrorResponse::default()));
                    break;
                }
            }
        }
        let reply = Header { status, uid: context.uid, tid: context.tid, ..answering(header) };
        let mut builder = ChainBuilder::new(&reply);
        for write in pieces {
            write(&mut builder).unwrap();
        }
        let number = self.signing.as_ref().map(|signing| signing.number(header));
        let established = context.established;
        Answers { messages: self.sealed(header, builder.finish(), 0, established, number), ends: false }
    }

    /// All the answers to one ECHO, which share one number ([MS-CIFS] 3.3.5.33).
    fn echoes(&self, header: &Header, count: u16, data: &[u8]) -> Answers {
        /// The limit that a server may set.
        const MOST: u16 = 100;
        let number = self.signing.as_ref().map(|signing| signing.number(header));
        let messages = (1..=count.min(MOST))
            .flat_map(|sequence_number| {
                let body = EchoResponse { sequence_number, data: data.to_vec() };
                let bytes = message(&answering(header), &body).unwrap();
                self.sealed(header, bytes, usize::from(sequence_number) - 1, false, number)
            })
            .collect();
        Answers { messages, ends: false }
    }

    /// A response as it goes out.
    fn sealed(
        &self,
        request: &Header,
        mut bytes: Vec<u8>,
        nth: usize,
        establishes: bool,
        number: Option<u32>,
    ) -> Vec<Vec<u8>> {
        let said = Header::parse(&bytes).unwrap();
        let out = Outgoing {
            request,
            command: said.command,
            status: said.status,
            nth,
            establishes,
            number,
            session_keys: &self.session_keys,
            keys: &self.keys,
        };
        (self.conduct.says)(&out, &mut bytes);
        let seal = (self.conduct.seals)(&out, conduct::seal(self.signing.as_ref(), &out));
        seal.apply(&mut bytes);
        (self.conduct.sends)(&out, bytes)
    }

    /// Closes what `of` says.
    pub(super) fn close(&mut self, of: impl Fn(u16, &Opened) -> bool) {
        let fids: Vec<u16> =
            self.opens.iter().filter(|(fid, opened)| of(**fid, opened)).map(|(fid, _)| *fid).collect();
        for opened in fids.iter().filter_map(|fid| self.opens.remove(fid)).collect::<Vec<_>>() {
            self.store().close(&opened.open);
        }
    }

    /// Ends a session with all that was opened in it ([MS-CIFS] 3.3.5.44).
    pub(super) fn log_off(&mut self, uid: u16) {
        self.close(|_, opened| opened.uid == uid);
        self.trees.retain(|_, tree| tree.uid != uid);
        self.sessions.remove(&uid);
    }

    /// The block's command, which is that of the header only in the first.
    fn command(&mut self, context: &mut Context<'_>, block: &Block<'_>) -> Result<Answer, NtStatus> {
        self.validate(context, block.command)?;
        self.dispatch(context, block)
    }

    /// Whether a request has the UID and the TID that its command needs ([MS-CIFS] 3.3.5.2).
    fn validate(&self, context: &Context<'_>, command: Command) -> Result<(), NtStatus> {
        let anywhere = matches!(command, Command::NEGOTIATE | Command::SESSION_SETUP_ANDX);
        if !anywhere && self.negotiated.is_none() {
            return Err(NtStatus::INVALID_SMB);
        }
        let session = self.sessions.get(&context.uid).is_some_and(|session| session.identity.is_some());
        if !anywhere && command != Command::ECHO && !session {
            return Err(NtStatus::SMB_BAD_UID);
        }
        let mounted = self.trees.get(&context.tid).is_some_and(|tree| tree.uid == context.uid);
        let needs_none = anywhere
            || matches!(command, Command::TREE_CONNECT_ANDX | Command::LOGOFF_ANDX)
            || command == Command::ECHO && context.tid == 0xFFFF;
        if needs_none || mounted { Ok(()) } else { Err(NtStatus::SMB_BAD_TID) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close(|_, _| true);
    }
}

/// The header that answers a request: its identifiers, its Flags2 ([MS-CIFS] 3.3.4.1.1), and the flag of a response.
fn answering(request: &Header) -> Header {
    Header {
        status: NtStatus::SUCCESS,
        flags: request.flags.with(Flags::REPLY),
        signature: [0; 8],
        reserved: 0,
        ..request.clone()
    }
}
