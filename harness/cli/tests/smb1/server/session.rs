//! NEGOTIATE and SESSION_SETUP_ANDX.

use super::connection::{Connection, Context, Session, piece};
use super::logon::{self, Exchange, Identity, Proof, Step, filetime};
use super::requests::{Answer, Answered, one, read};
use super::signing::Signing;
use super::{DOMAIN, MAX_BUFFER, Smb1, USER};
use model::NtStatus;
use smb::smb1::{
    Action, Block, Capabilities, Command, Flags2, MacKey, NegotiateRefusal, NegotiateRequest,
    NegotiateResponse, NegotiateSecurity, SessionSetupRequest, SessionSetupResponse, SetupCredentials,
};

const CAPABILITIES: Capabilities = Capabilities(
    Capabilities::RAW_MODE.0
        | Capabilities::UNICODE.0
        | Capabilities::LARGE_FILES.0
        | Capabilities::NT_SMBS.0
        | Capabilities::STATUS32.0
        | Capabilities::NT_FIND.0,
);

/// Server.Connection.SessionKey: no secret, and no key.
const SESSION_KEY: u32 = 0x5353_4B31;

impl Connection {
    /// [MS-CIFS] 3.3.5.42, [MS-SMB] 3.3.5.2.
    pub(super) fn negotiate(&mut self, context: &Context<'_>, block: &Block<'_>) -> Answered {
        let request: NegotiateRequest = read(block)?;
        if self.negotiated.is_some() {
            return Err(NtStatus::INVALID_SMB);
        }
        if self.policy.smb1 == Smb1::Unknown {
            return Ok(Answer::End);
        }
        let known = |name: &Vec<u8>| name == NegotiateRequest::NT_LM_0_12 && self.policy.smb1 == Smb1::Spoken;
        let Some(index) = request.dialects.iter().rposition(known) else {
            return one(NegotiateRefusal { dialect_index: 0xFFFF });
        };
        let extended = self.policy.extended && context.header.flags2.contains(Flags2::EXTENDED_SECURITY);
        self.negotiated = Some(extended);
        let (capabilities, security) = if extended {
            let security = NegotiateSecurity::Extended {
                challenge_length: 0,
                server_guid: *b"smb1 for testing",
                security_blob: logon::hint(),
            };
            (CAPABILITIES | Capabilities::EXTENDED_SECURITY, security)
        } else {
            (CAPABILITIES, NegotiateSecurity::plain(self.challenge, block.unicode, DOMAIN, "SERVER"))
        };
        one(NegotiateResponse {
            dialect_index: u16::try_from(index).map_err(|_| NtStatus::INVALID_SMB)?,
            security_mode: (self.conduct.security_mode)(self.policy.signing),
            max_mpx_count: 50,
            max_number_vcs: 1,
            max_buffer_size: MAX_BUFFER.into(),
            max_raw_size: 65536,
            session_key: SESSION_KEY,
            capabilities,
            system_time: filetime(),
            server_time_zone: 0,
            security,
        })
    }

    /// [MS-CIFS] 3.3.5.43, [MS-SMB] 3.3.5.3.
    pub(super) fn session_setup(&mut self, context: &mut Context<'_>, block: &Block<'_>) -> Answered {
        let request: SessionSetupRequest = read(block)?;
        let extended = self.negotiated.ok_or(NtStatus::INVALID_SMB)?;
        if let Some(status) = (self.conduct.refuses_setup)(context.header) {
            return Err(status);
        }
        match (&request.credentials, extended) {
            (SetupCredentials::Extended { security_blob }, true) => {
                self.setup_by_tokens(context, block, &request, security_blob)
            }
            (SetupCredentials::Plain { oem_password, unicode_password }, false) => {
                let names = request.names.strings(block.unicode);
                let name = |at: usize| names.get(at).map_or("", String::as_str);
                let (user, domain) = (name(0), name(1));
                let proof = logon::plain(&self.challenge, user, domain, oem_password, unicode_password);
                let (identity, key) = proof.admitted(self.policy.guest)?;
                let mac = MacKey::new(&key, unicode_password);
                context.uid = self.issue(0x1000);
                let action = self.establish(context, &request, identity, user.to_owned(), key, mac);
                let body = SessionSetupResponse { action, ..SessionSetupResponse::default() };
                one(body.with_names(block.unicode, &["Tests", "countersign", DOMAIN]))
            }
            _ => Err(NtStatus::INVALID_PARAMETER),
        }
    }

    fn setup_by_tokens(
        &mut self,
        context: &mut Context<'_>,
        block: &Block<'_>,
        request: &SessionSetupRequest,
        token: &[u8],
    ) -> Answered {
        let challenge = self.challenge;
        let mut exchange = if context.uid == 0 {
            context.uid = self.issue(0x1000);
            Exchange::new(challenge)
        } else {
            let session = self.sessions.get_mut(&context.uid).ok_or(NtStatus::SMB_BAD_UID)?;
            session.exchange.take().unwrap_or_else(|| Exchange::new(challenge))
        };
        let body = |action, token| {
            let body = SessionSetupResponse {
                action,
                security_blob: Some(token),
                ..SessionSetupResponse::default()
            };
            piece(Command::SESSION_SETUP_ANDX, body.with_names(block.unicode, &["Tests", "countersign"]))
        };
        let outcome = exchange.take(token).and_then(|step| match step {
            Step::More(token) => Ok((None, token)),
            Step::Proved(proof, token) => Ok((Some((proof, proof.admitted(self.policy.guest)?)), token)),
        });
        match outcome {
            Ok((None, token)) => {
                let session = self.sessions.entry(context.uid).or_insert_with(|| Session {
                    identity: None,
                    user: String::new(),
                    exchange: None,
                });
                session.exchange = Some(exchange);
                Ok(Answer::Last(body(Action(0), token), NtStatus::MORE_PROCESSING_REQUIRED))
            }
            Ok((Some((proof, (identity, key))), token)) => {
                let user = if matches!(proof, Proof::User(_)) { USER } else { "" };
                let mac = MacKey::new(&key, &[]);
                let action = self.establish(context, request, identity, user.to_owned(), key, mac);
                Ok(Answer::One(body(action, token)))
            }
            Err(status) => {
                self.log_off(context.uid);
                context.uid = context.header.uid;
                Err(status)
            }
        }
    }

    /// Somebody has logged on.
    fn establish(
        &mut self,
        context: &mut Context<'_>,
        request: &SessionSetupRequest,
        found: Identity,
        user: String,
        key: [u8; 16],
        mac: MacKey,
    ) -> Action {
        let identity = (self.conduct.admits)(found);
        if request.vc_number == 0 {
            let same = |(uid, session): (&u16, &Session)| {
                (*uid != context.uid && session.identity == Some(identity) && session.user == user)
                    .then_some(*uid)
            };
            for uid in self.sessions.iter().filter_map(same).collect::<Vec<_>>() {
                self.log_off(uid);
            }
        }
        self.sessions.insert(context.uid, Session { identity: Some(identity), user, exchange: None });
        self.session_keys.push(key);
        self.keys.push(mac.clone());
        context.established = true;
        if self.signing.is_none() && (self.conduct.activates)(self.policy, identity, context.header.flags2) {
            self.signing = Some(Signing::activated_by(mac, context.header));
        }
        if identity == Identity::Guest { Action::GUEST } else { Action(0) }
    }
}
