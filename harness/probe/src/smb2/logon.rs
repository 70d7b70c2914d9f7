//! SESSION_SETUP: the authentication, and whether the session signs.

use super::exchange::{Answer, Sign};
use super::{Client, Session, deviate};
use crate::logon::{credentials, credentials_of, filetime, identity};
use crate::{Recording, Stop};
use evidence::{Recorder, SessionKey};
use model::outcome::As;
use model::scenario::{ShareRole, WrongSetup};
use model::{Dialect, Login, NtStatus};
use smb::auth::{AuthConfig, Authenticator};
use smb::kdf;
use smb::ntlm::Credentials;
use smb::preauth::PreauthHash;
use smb::signing::SigningKey;
use smb::wire::{
    Command, Flags, SecurityMode, SessionFlags, SessionSetupRequest, SessionSetupResponse,
    TreeConnectRequest, utf16,
};

impl Client<'_> {
    /// NEGOTIATE, as far as it is not done, and SESSION_SETUP.
    pub(super) async fn log_on(&mut self, recording: &mut Recording) -> Result<(), Stop> {
        let negotiated = match self.negotiated.take() {
            Some(negotiated) => negotiated,
            None => self.negotiate(&mut recording.recorder).await?,
        };
        let mut preauth = negotiated.preauth.clone();
        let dialect = negotiated.dialect;
        self.settled = Some(negotiated.clone());
        let (id, session_key, flags, last) =
            self.session_setup(&negotiated.hint, &mut preauth, recording).await?;
        recording.session_keys.push(SessionKey {
            connection: self.context.link.connection,
            session_id: id,
            key: session_key,
        });
        let signing_key = kdf::signing_key(dialect, &session_key, preauth.value());
        let key = SigningKey::new(negotiated.algorithm, signing_key).ok();
        let (guest, null) = (flags.contains(SessionFlags::IS_GUEST), flags.contains(SessionFlags::IS_NULL));
        let secret = identity(&self.context, guest, null)? == As::User;
        let signs = secret
            && (self.context.case.client.requires_signing()
                || negotiated.security_mode.contains(SecurityMode::SIGNING_REQUIRED));
        let key = key.filter(|_| secret);
        self.session =
            Some(Session { id, key, session_key, signing_key, former_key: self.former_key.take(), signs });
        if secret && dialect == Dialect::Smb311 && !last.header.flags.contains(Flags::SIGNED) {
            return Err(Stop::GivesUp("the client gave up: the final SESSION_SETUP response is not signed"));
        }
        self.verify(&last)
    }

    /// The same user logs on again on the connection, to a session of its own.
    pub(super) async fn second_session(&mut self, recording: &mut Recording) -> Result<(), Stop> {
        self.former_key = self.session.take().map(|session| session.signing_key);
        self.negotiated = self.settled.take();
        (self.tree, self.file) = (0, None);
        self.log_on(recording).await
    }

    /// The same user logs on with a wrong password. Nothing of this is in the hash of the logon that comes after it
    /// (3.2.4.2.3).
    pub(super) async fn failed_setup(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let negotiated = match self.negotiated.take() {
            Some(negotiated) => negotiated,
            None => self.negotiate(recorder).await?,
        };
        let credentials = credentials_of(&self.context, Login::WrongPassword)?;
        let result = match self.setup {
            Some(WrongSetup::Signed) => self.signed_setup(credentials, &negotiated.hint, recorder).await,
            _ => self.talk(credentials, &negotiated.hint, Sign::AsSession, recorder).await,
        };
        self.negotiated = Some(negotiated);
        self.session = None;
        result
    }

    /// The same user logs on to the session there is. Its keys stay (3.2.5.3.2), so nothing of this is hashed.
    pub(super) async fn reauthenticate(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        // The server's hint is only that.
        self.talk(credentials(&self.context)?, &[], Sign::Always, recorder).await
    }

    /// Both requests of a logon, whatever comes of it: the judge sees the status.
    async fn talk(
        &mut self,
        credentials: Credentials,
        hint: &[u8],
        sign: Sign,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let config = AuthConfig::random(credentials, filetime()).map_err(|_| Stop::NoRandomness)?;
        let mut authenticator = Authenticator::new(config);
        let mut token = authenticator.first(hint)?;
        for last in [false, true] {
            let body = SessionSetupRequest {
                security_mode: self.security_mode(Command::SESSION_SETUP),
                security_buffer: token,
                ..SessionSetupRequest::default()
            };
            let answer = self.exchange(&body, sign, recorder).await?;
            if last || answer.header.status != NtStatus::MORE_PROCESSING_REQUIRED {
                break;
            }
            self.session.get_or_insert_with(|| Session::beginning(answer.header.session_id));
            if self.setup == Some(WrongSetup::CommandBetween) {
                let path = format!("\\\\{}", self.context.share(ShareRole::Share));
                let body = TreeConnectRequest { path: utf16(&path), ..Default::default() };
                self.exchange(&body, Sign::AsSession, recorder).await?;
                break;
            }
            token = authenticator.next(&answer.body::<SessionSetupResponse>()?.security_buffer)?;
        }
        Ok(())
    }

    /// The first request of a logon, with a signature that nobody can have made.
    async fn signed_setup(
        &mut self,
        credentials: Credentials,
        hint: &[u8],
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let config = AuthConfig::random(credentials, filetime()).map_err(|_| Stop::NoRandomness)?;
        let body = SessionSetupRequest {
            security_mode: self.security_mode(Command::SESSION_SETUP),
            security_buffer: Authenticator::new(config).first(hint)?,
            ..SessionSetupRequest::default()
        };
        let (header, mut request) = self.request(&body, Sign::AsSession)?;
        deviate::sign_without_a_key(&mut request);
        self.round_trip(&request, &header, recorder).await?;
        Ok(())
    }

    /// The authentication: SessionId, session key, SessionFlags and the final response.
    async fn session_setup(
        &mut self,
        hint: &[u8],
        preauth: &mut PreauthHash,
        recording: &mut Recording,
    ) -> Result<(u64, [u8; 16], SessionFlags, Answer), Stop> {
        let credentials = credentials(&self.context)?;
        let mut config = AuthConfig::random(credentials, filetime()).map_err(|_| Stop::NoRandomness)?;
        config.ntlm.key_exchange &= self.setup != Some(WrongSetup::NoKeyExchange);
        let mut authenticator = Authenticator::new(config);
        let mut token = authenticator.first(hint)?;
        let mut first = true;
        loop {
            let body = SessionSetupRequest {
                security_mode: self.security_mode(Command::SESSION_SETUP),
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
                    let session = Session::beginning(answer.header.session_id);
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
}
