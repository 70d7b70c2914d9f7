//! SMB1 between two sides: one key, and the numbers of each side ([MS-CIFS] 3.2.4.1.3, 3.3.5.2.3).
//!
//! The key is the same on both: nothing that is changed here goes into it. The numbers may differ, where a request that the
//! client signed wrongly was made right for the server.

mod edit;

pub(crate) use edit::{Asked, Memory, Reply, Request, Seal};

use crate::smb2::{Check, Learned};
use crate::{Account, Output};
use model::NtStatus;
use smb::follow::Way;
use smb::ntlm::overheard::{self, KeyUnknown, Who};
use smb::smb1::{
    Action, BSRSPYL, Command, Flags2, Header, MacKey, NegotiateResponse, Sequence, SessionSetupRequest,
    SessionSetupResponse, SetupCredentials, parse,
};
use std::collections::BTreeMap;

/// What a defect does; whether it did.
#[derive(Clone, Copy, Default)]
pub(crate) struct Edits {
    /// To a request.
    pub(crate) request: Option<fn(&mut Request<'_>) -> bool>,
    /// To an answer.
    pub(crate) reply: Option<fn(&mut Reply<'_>) -> bool>,
}

/// No client has so many of anything; beyond, the first is forgotten.
const MOST: usize = 4096;

/// Signing, once it is active.
pub(crate) struct Active {
    pub(crate) key: MacKey,
    pub(crate) uid: u16,
    /// The number of the client's next request, as it counts.
    client: u32,
    /// The same, as a server counts that saw what the client sent.
    accepted: u32,
    /// The number the server waits for.
    server: u32,
}

/// One connection.
pub(crate) struct Smb1 {
    account: Account,
    edits: Edits,
    challenge: Option<[u8; 8]>,
    challenges: BTreeMap<u16, Vec<u8>>,
    outstanding: BTreeMap<(u32, u16), Asked>,
    active: Option<Active>,
    /// What each session would sign with, in the order in which they were established.
    macs: Vec<(u16, MacKey)>,
    memory: Memory,
    pub(crate) learned: Learned,
}

impl Smb1 {
    pub(crate) fn new(account: &Account, edits: Edits) -> Self {
        Self {
            account: account.clone(),
            edits,
            challenge: None,
            challenges: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            active: None,
            macs: Vec::new(),
            memory: Memory::default(),
            learned: Learned::default(),
        }
    }

    /// Takes a message. What is no SMB1 goes on as it is.
    pub(crate) fn message(&mut self, way: Way, mut bytes: Vec<u8>) -> Output {
        let mut answer = None;
        if let Ok(header) = Header::parse(&bytes) {
            match way {
                Way::ToServer => answer = self.request(&header, &mut bytes),
                Way::ToClient => self.response(&header, &mut bytes),
            }
        }
        let send = answer.map_or((way, bytes), |answer| (Way::ToClient, answer));
        Output { send: vec![send], ends: false }
    }

    /// Looks at a request and edits it; what is answered instead, where it does not go on to the server.
    fn request(&mut self, header: &Header, bytes: &mut [u8]) -> Option<Vec<u8>> {
        let takes = if header.command == Command::NT_CANCEL { 1 } else { 2 };
        let mut asked = Asked::new(header);
        if header.command == Command::SESSION_SETUP_ANDX {
            asked.logon = self.logon(header, bytes);
        }
        let mut numbers = (0, 0);
        if let Some(active) = &mut self.active {
            numbers = active.count(bytes, takes, &mut asked);
        }
        let mut answer = None;
        if let Some(edit) = self.edits.request {
            let mut request = Request {
                header,
                active: self.active.is_some(),
                memory: &mut self.memory,
                asked: &mut asked,
                answer: &mut answer,
            };
            self.learned.applied += u64::from(edit(&mut request));
        }
        if let Some(mut answer) = answer {
            // What the server does not see it does not count.
            if let (Some(active), true) = (&self.active, Header::parse(&answer).is_ok()) {
                let number = if asked.check == Check::Valid { numbers.0 } else { numbers.1 };
                edit::apply(&mut answer, &Seal::Right, Some(&active.key), number);
            }
            return Some(answer);
        }
        if let Some(active) = &mut self.active {
            if asked.repaired || asked.check == Check::Valid {
                let _ = active.key.sign(bytes, active.server); // It has a header, so it is long enough.
            }
            asked.numbers = [numbers.0, active.server.wrapping_add(1)];
            if !asked.repaired && asked.check != Check::Valid {
                asked.numbers[0] = numbers.1;
            }
            if active.key.verify(bytes, active.server).is_ok() {
                active.server = active.server.wrapping_add(takes);
            }
        }
        if header.command == Command::NT_CANCEL {
            return None; // It has the PID and MID of what it cancels, whose response is still to come.
        }
        let key = (header.pid, header.mid);
        match self.outstanding.get_mut(&key) {
            // The response belongs to the first request, and has the number behind the last.
            Some(first) if header.command.is_secondary() => first.numbers = asked.numbers,
            _ => {
                self.outstanding.insert(key, asked);
                if self.outstanding.len() > MOST {
                    self.outstanding.pop_first();
                }
            }
        }
        None
    }

    /// What a SESSION_SETUP request leads to, where it is the last of its exchange.
    fn logon(&self, header: &Header, bytes: &[u8]) -> Option<edit::Logon> {
        let (_, body) = parse::<SessionSetupRequest>(bytes).ok()?;
        match &body.credentials {
            SetupCredentials::Extended { security_blob } => {
                let anonymous = smb::ntlm::message::is_anonymous(security_blob);
                overheard::authenticates(security_blob).then(|| {
                    let challenge = self.challenges.get(&header.uid).map(Vec::as_slice);
                    let key = challenge.ok_or(KeyUnknown::NoChallenge).and_then(|challenge| {
                        overheard::session_key(self.account.known(), challenge, security_blob)
                    });
                    // The key whole, and no response to the challenge ([MS-SMB] 3.2.5.3).
                    edit::Logon { key: key.map(|key| (key, MacKey::new(&key, &[]))), anonymous }
                })
            }
            SetupCredentials::Plain { unicode_password, .. } => {
                let unicode = header.is_unicode();
                let mut names = body.names.strings(unicode).into_iter();
                let (user, domain) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
                let who = Who { user, domain };
                let anonymous = who.user.is_empty() && unicode_password.len() <= 1;
                let key = self
                    .challenge
                    .ok_or(KeyUnknown::NoChallenge)
                    .and_then(|challenge| {
                        overheard::base_key(self.account.known(), &who, &challenge, unicode_password)
                    })
                    .map(|key| (key, MacKey::new(&key, unicode_password)));
                Some(edit::Logon { key, anonymous })
            }
        }
    }

    fn response(&mut self, header: &Header, bytes: &mut Vec<u8>) {
        let key = (header.pid, header.mid);
        let Some(mut asked) = header.is_response().then(|| self.outstanding.get(&key).cloned()).flatten()
        else {
            return;
        };
        if header.command == Command::NEGOTIATE && header.status == NtStatus::SUCCESS {
            self.challenge = parse::<NegotiateResponse>(bytes).ok().and_then(|(_, body)| body.challenge());
        }
        let setup = header.command == Command::SESSION_SETUP_ANDX;
        let activates = setup && self.setup_response(header, bytes, &mut asked);
        let mut seal = Seal::AsSent;
        let signed = match &self.active {
            None => Check::NoKey,
            Some(active) if active.key.verify(bytes, asked.numbers[1]).is_ok() => {
                seal = Seal::Right;
                Check::Valid
            }
            Some(_) if header.flags2.contains(Flags2::SECURITY_SIGNATURE) => Check::Invalid,
            Some(_) => Check::Unsigned,
        };
        if let Some(edit) = self.edits.reply {
            let mut reply = Reply {
                bytes,
                header,
                asked: &asked,
                signed,
                activates,
                active: self.active.as_ref(),
                macs: &self.macs,
                memory: &mut self.memory,
                seal: &mut seal,
            };
            self.learned.applied += u64::from(edit(&mut reply));
        }
        edit::apply(bytes, &seal, self.active.as_ref().map(|active| &active.key), asked.numbers[0]);
        asked.answers += 1;
        self.outstanding.insert(key, asked);
    }

    /// Follows SESSION_SETUP; whether the response activates signing.
    fn setup_response(&mut self, header: &Header, bytes: &[u8], asked: &mut Asked) -> bool {
        let body = parse::<SessionSetupResponse>(bytes).map(|(_, body)| body).unwrap_or_default();
        if header.status == NtStatus::MORE_PROCESSING_REQUIRED {
            if let Some(challenge) = body.security_blob.as_deref().and_then(overheard::challenge) {
                self.challenges.insert(header.uid, challenge);
            }
            return false;
        }
        if header.status != NtStatus::SUCCESS {
            return false;
        }
        self.challenges.remove(&header.uid);
        let guest = body.action.contains(Action::GUEST);
        let Some(logon) = &asked.logon else { return false };
        match &logon.key {
            Ok((session_key, mac)) => {
                self.learned.keys.push((u64::from(header.uid), *session_key));
                self.macs.push((header.uid, mac.clone()));
                // What the server signs as number 1 is what activates signing ([MS-CIFS] 3.2.5.3); a guest never does.
                let signs = mac.verify(bytes, Sequence::SETUP_RESPONSE).is_ok();
                if self.active.is_none() && signs && !guest && !logon.anonymous {
                    let next = Sequence::FIRST_REQUEST;
                    let (key, uid) = (mac.clone(), header.uid);
                    self.active = Some(Active { key, uid, client: next, accepted: next, server: next });
                    asked.numbers = [Sequence::SETUP_RESPONSE; 2];
                    return true;
                }
            }
            Err(why) if !guest && !logon.anonymous => {
                self.learned.problem =
                    Some(format!("the key of session {:#06x} is not known: {why}", header.uid));
            }
            Err(_) => {}
        }
        false
    }
}

impl Active {
    /// Counts a request on the client's side and checks it: the number behind its own, and the one behind that of a server
    /// that does not count it.
    fn count(&mut self, bytes: &[u8], takes: u32, asked: &mut Asked) -> (u32, u32) {
        let mut number = self.client;
        let mut valid = self.key.verify(bytes, number).is_ok();
        // After a refusal a client goes on with either.
        if !valid && self.accepted != number && self.key.verify(bytes, self.accepted).is_ok() {
            (number, valid) = (self.accepted, true);
        }
        asked.check = match asked.signature {
            _ if valid => Check::Valid,
            BSRSPYL => Check::Unsigned,
            [0, 0, 0, 0, 0, 0, 0, 0] => Check::Unsigned,
            _ if !asked.flagged => Check::Unsigned,
            _ => Check::Invalid,
        };
        let uncounted = self.accepted.wrapping_add(1);
        self.client = number.wrapping_add(takes);
        if valid {
            self.accepted = self.client;
        }
        (number.wrapping_add(1), uncounted)
    }
}
