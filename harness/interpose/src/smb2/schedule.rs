//! One side's key schedule ([MS-SMB2] 3.2.5.2, 3.2.5.3, 3.3.5.4, 3.3.5.5).

use super::{Asked, CLIENT, SERVER, requires};
use model::{Algorithm, Dialect, NtStatus};
use smb::kdf;
use smb::preauth::PreauthHash;
use smb::signing::SigningKey;
use smb::wire::{
    Body, Command, ContextType, DialectRevision, Header, NegotiateContext, NegotiateRequest,
    NegotiateResponse, SecurityMode, SigningCapabilities,
};
use std::collections::BTreeMap;

/// What one side saw of NEGOTIATE and SESSION_SETUP.
#[derive(Default)]
pub(crate) struct Schedule {
    preauth: PreauthHash,
    setups: BTreeMap<u64, PreauthHash>,
    pub(crate) request: Option<NegotiateRequest>,
    pub(crate) response: Option<NegotiateResponse>,
}

impl Schedule {
    /// Takes a NEGOTIATE request, or a SESSION_SETUP request of a session that is not established.
    pub(crate) fn request(&mut self, header: &Header, bytes: &[u8]) {
        match header.command {
            Command::NEGOTIATE => {
                // It begins with zero at the NEGOTIATE that is granted (3.3.5.4): one that was refused is not in it.
                self.preauth = PreauthHash::default();
                self.preauth.update(bytes);
                self.request = NegotiateRequest::parse(bytes).ok();
            }
            Command::SESSION_SETUP => {
                let under_way = self.setups.remove(&header.session_id).filter(|_| header.session_id != 0);
                let mut hash = under_way.unwrap_or_else(|| self.preauth.clone());
                hash.update(bytes);
                // Until the first response names the session, its exchange is known by SessionId 0.
                super::insert(&mut self.setups, header.session_id, hash);
            }
            _ => {}
        }
    }

    /// Takes the answer to one of them.
    pub(crate) fn response(&mut self, header: &Header, asked: &Asked, bytes: &[u8]) {
        match header.command {
            Command::NEGOTIATE if header.status == NtStatus::SUCCESS => {
                if !asked.multi_protocol {
                    self.preauth.update(bytes);
                }
                let body = NegotiateResponse::parse_lenient(bytes).ok().map(|(body, _)| body);
                // 0x02FF settles nothing: it asks for an SMB2 NEGOTIATE.
                self.response = body.filter(|body| body.dialect_revision != DialectRevision::WILDCARD);
            }
            Command::SESSION_SETUP if asked.command == Command::SESSION_SETUP => {
                let hash = self.setups.remove(&asked.session_id_sent);
                if let (Some(mut hash), NtStatus::MORE_PROCESSING_REQUIRED) = (hash, header.status) {
                    hash.update(bytes);
                    super::insert(&mut self.setups, header.session_id, hash);
                }
            }
            _ => {}
        }
    }

    /// The dialect, where one was negotiated that has a name.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        self.response.as_ref()?.dialect_revision.to_dialect()
    }

    /// The algorithm this side signs with: the first that was selected at 3.1.1, else the dialect's own. Where the request
    /// has no SMB2_SIGNING_CAPABILITIES the client does not know the type, and ignores it (3.2.5.2).
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        let dialect = self.dialect()?;
        let contexts = &self.response.as_ref()?.negotiate_contexts;
        match NegotiateContext::find::<SigningCapabilities>(contexts) {
            Some(selected) if dialect == Dialect::Smb311 && self.offers() => {
                selected.ok()?.algorithms.first().copied().and_then(Algorithm::from_smb2_id)
            }
            _ => dialect.algorithms().first().copied(),
        }
    }

    /// Whether the request has an SMB2_SIGNING_CAPABILITIES, readable or not.
    fn offers(&self) -> bool {
        let kind = ContextType::SIGNING_CAPABILITIES;
        self.request
            .as_ref()
            .is_some_and(|body| body.negotiate_contexts.iter().any(|context| context.context_type == kind))
    }

    /// Whether the server's answer, or the client's request, requires signing ([MS-SMB2] 3.3.5.5.3).
    pub(crate) fn requires(&self) -> bool {
        requires(self.request.as_ref())
            || self
                .response
                .as_ref()
                .is_some_and(|body| body.security_mode.contains(SecurityMode::SIGNING_REQUIRED))
    }

    /// The hash that leads to the key of the session whose last request had this SessionId.
    fn hash(&self, session_id: u64) -> PreauthHash {
        self.setups.get(&session_id).cloned().unwrap_or_default()
    }

    /// The key of a session on this side.
    fn key(&self, session_key: &[u8; 16], hash: &PreauthHash) -> Option<SigningKey> {
        let key = kdf::signing_key(self.dialect()?, session_key, hash.value());
        SigningKey::new(self.algorithm()?, key).ok()
    }
}

/// An established session.
pub(crate) struct Session {
    /// What the client's side and the server's sign with, where the session key is known.
    pub(crate) keys: [Option<SigningKey>; 2],
    /// What answers are signed with on the client's side.
    pub(crate) reply: Option<SigningKey>,
    /// The session key, where it is known.
    pub(crate) session_key: Option<[u8; 16]>,
    /// The hash that leads to the client's side's key.
    pub(crate) preauth: PreauthHash,
    /// Whether the server has it for neither a guest's nor nobody's.
    pub(crate) user: bool,
    /// Whether either side requires signing.
    pub(crate) requires: bool,
}

impl Session {
    pub(super) fn new(
        schedules: &[Schedule; 2],
        asked_id: u64,
        session_key: Option<[u8; 16]>,
        user: bool,
        requires: bool,
    ) -> Self {
        let key = |side: usize| {
            let schedule = schedules.get(side)?;
            schedule.key(&session_key?, &schedule.hash(asked_id))
        };
        let keys = [key(CLIENT), key(SERVER)];
        Self {
            reply: keys[CLIENT].clone(),
            keys,
            session_key,
            preauth: schedules[CLIENT].hash(asked_id),
            user,
            requires,
        }
    }
}
