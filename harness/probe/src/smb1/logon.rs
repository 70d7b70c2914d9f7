//! SMB_COM_SESSION_SETUP_ANDX: the authentication in both forms, and whether it activates signing.

use super::exchange::Answer;
use super::negotiate::Security;
use super::signing::Signing;
use super::{Client, NO_TREE};
use crate::logon::{credentials, filetime, identity};
use crate::{Recording, Stop};
use evidence::{Recorder, SessionKey};
use model::NtStatus;
use model::outcome::As;
use smb::auth::{AuthConfig, Authenticator};
use smb::ntlm::{Credentials, Nonces};
use smb::smb1::ntlm::NtlmV2;
use smb::smb1::{
    self, Action, BSRSPYL, Capabilities, Command, Flags2, Header, MacKey, SessionSetupRequest,
    SessionSetupResponse, SetupCredentials,
};

/// What the client can, as far as the server can, too ([MS-CIFS] 3.2.4.2.3).
const CAPABILITIES: Capabilities = Capabilities::UNICODE
    .with(Capabilities::LARGE_FILES)
    .with(Capabilities::NT_SMBS)
    .with(Capabilities::STATUS32)
    .with(Capabilities::EXTENDED_SECURITY);
/// The largest message the client takes by its own word: as much as Windows clients say. It takes longer ones.
const MAX_BUFFER_SIZE: u16 = 16_644;
/// How many requests the client may have outstanding: the one that is cancelled, and its cancellation.
const MAX_MPX_COUNT: u16 = 2;
/// Not 0: that closes all other connections of the same computer ([MS-CIFS] 3.3.5.43).
const VC_NUMBER: u16 = 1;
/// MsvAvEOL alone: the target names nobody ([MS-NLMP] 2.2.2.1).
const NO_TARGET: [u8; 4] = [0; 4];
/// NativeOS and NativeLanMan.
const NATIVE: [&str; 2] = ["countersign", "countersign"];

/// A session the server established.
struct Established {
    /// The request that was granted.
    setup: Header,
    answer: Answer,
    action: Action,
    /// What the connection would sign with; nothing for nobody.
    key: Option<MacKey>,
}

impl Client<'_> {
    /// NEGOTIATE, as far as it is not done, and SESSION_SETUP.
    pub(super) async fn log_on(&mut self, recording: &mut Recording) -> Result<(), Stop> {
        if self.negotiated.is_none() {
            self.negotiate(&mut recording.recorder).await?;
        }
        // A session of its own, also where there is another ([MS-SMB] 3.2.4.2.4).
        (self.uid, self.tree, self.file) = (0, NO_TREE, None);
        let security = self.negotiated.as_ref().map(|negotiated| negotiated.security.clone());
        let established = match security {
            Some(Security::Extended { hint }) => self.extended(&hint, recording).await?,
            Some(Security::Plain { challenge }) => self.plain(&challenge, recording).await?,
            None => return Err(Stop::GivesUp("nothing was negotiated for this step")),
        };
        self.uid = established.answer.header.uid;
        let identity = identity(&self.context, established.action.contains(Action::GUEST), false)?;
        // There is no signing for guests and nobody ([MS-SMB] 3.2.5.3), and the first key signs for all sessions.
        if identity == As::User && self.targets_signing() && self.signing.is_none() {
            let signing = established
                .key
                .and_then(|key| Signing::activated(key, &established.setup, &established.answer.message));
            self.signing = Some(signing.ok_or(Stop::GivesUp(
                "the client gave up: the final SESSION_SETUP response carries no valid signature",
            ))?);
        }
        Ok(())
    }

    /// Puts a session's key into the evidence, once.
    fn keep(&self, key: [u8; 16], uid: u16, recording: &mut Recording) {
        let kept = SessionKey { connection: self.context.link.connection, session_id: u64::from(uid), key };
        if !recording.session_keys.contains(&kept) {
            recording.session_keys.push(kept);
        }
    }

    fn targets_signing(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.targets_signing)
    }

    /// Extended security: token by token ([MS-SMB] 3.2.4.2.4.1, 3.2.5.3).
    async fn extended(&mut self, hint: &[u8], recording: &mut Recording) -> Result<Established, Stop> {
        let credentials = credentials(&self.context)?;
        let config = AuthConfig::random(credentials, filetime()).map_err(|_| Stop::NoRandomness)?;
        let mut authenticator = Authenticator::new(config);
        let mut token = authenticator.first(hint)?;
        let mut first = true;
        loop {
            let credentials = SetupCredentials::Extended { security_blob: token };
            let (setup, answer) = self.setup(credentials, &[], &mut recording.recorder).await?;
            match answer.header.status {
                NtStatus::MORE_PROCESSING_REQUIRED if first => {
                    first = false;
                    self.uid = answer.header.uid;
                    token = authenticator.next(&security_blob(answer.body()?)?)?;
                    // Known before the answer: what is wrong with the answer must not take the key away.
                    if let Some(key) = authenticator.session_key() {
                        self.keep(key, answer.header.uid, recording);
                    }
                }
                NtStatus::SUCCESS => {
                    let key = authenticator.session_key().ok_or(Stop::GivesUp(
                        "the server established a session before it was asked for a proof",
                    ))?;
                    self.keep(key, answer.header.uid, recording);
                    let body: SessionSetupResponse = answer.body()?;
                    let action = body.action;
                    // Whether the server's mechListMIC is right is not this client's to judge; the key is there.
                    let _ = authenticator.finish(&security_blob(body)?);
                    let key = Some(MacKey::new(&key, &[]));
                    return Ok(Established { setup, answer, action, key });
                }
                _ => return Err(Stop::GivesUp("the server refused SESSION_SETUP")),
            }
        }
    }

    /// The answer to the challenge of NEGOTIATE ([MS-CIFS] 3.2.4.2.4, 3.2.5.3).
    async fn plain(&mut self, challenge: &[u8; 8], recording: &mut Recording) -> Result<Established, Stop> {
        let (names, responses) = match credentials(&self.context)? {
            Credentials::Anonymous => ([String::new(), String::new()], None),
            Credentials::User { user, domain, password } => {
                let nonces = Nonces::random().map_err(|_| Stop::NoRandomness)?;
                let account = (user.as_str(), domain.as_str(), &password);
                let responses =
                    NtlmV2::answer(account, challenge, &nonces.client_challenge, filetime(), &NO_TARGET);
                ([user, domain], Some(responses))
            }
        };
        let credentials = responses.as_ref().map_or_else(
            || SetupCredentials::Plain { oem_password: Vec::new(), unicode_password: Vec::new() },
            NtlmV2::credentials,
        );
        let names = [names[0].as_str(), names[1].as_str()];
        let (setup, answer) = self.setup(credentials, &names, &mut recording.recorder).await?;
        if !answer.is_success() {
            return Err(Stop::GivesUp("the server refused SESSION_SETUP"));
        }
        if let Some(responses) = &responses {
            self.keep(responses.session_key(), answer.header.uid, recording);
        }
        let action = answer.body::<SessionSetupResponse>()?.action;
        let key = responses.map(|responses| {
            if action.contains(Action::USE_LANMAN_KEY) {
                MacKey::new(&responses.session_key(), &responses.lm_response)
            } else {
                responses.mac_key()
            }
        });
        Ok(Established { setup, answer, action, key })
    }

    /// One SESSION_SETUP_ANDX request, and its answer; `names` are those in front of NativeOS.
    async fn setup(
        &mut self,
        credentials: SetupCredentials,
        names: &[&str],
        recorder: &mut Recorder,
    ) -> Result<(Header, Answer), Stop> {
        let mut header = self.header(Command::SESSION_SETUP_ANDX);
        if self.targets_signing() {
            // It asks for signing ([MS-CIFS] 3.2.4.2.4), with what Windows clients put where there is no signature yet
            // ([MS-SMB] <81>). Where signing is active already, the signature takes its place.
            header.flags2 = header.flags2.with(Flags2::SECURITY_SIGNATURE);
            header.signature = BSRSPYL;
        }
        if self.context.case.client.requires_signing() {
            header.flags2 = header.flags2.with(Flags2::SECURITY_SIGNATURE_REQUIRED);
        }
        let server = self.negotiated.as_ref();
        let mut body = SessionSetupRequest::new(credentials);
        body.max_buffer_size = MAX_BUFFER_SIZE;
        body.max_mpx_count = server.map_or(MAX_MPX_COUNT, |server| server.max_mpx_count.min(MAX_MPX_COUNT));
        body.vc_number = VC_NUMBER;
        body.session_key = server.map_or(0, |server| server.session_key);
        body.capabilities = Capabilities(server.map_or(0, |server| server.capabilities.0 & CAPABILITIES.0));
        let body = body.with_names(self.is_unicode(), &[names, &NATIVE].concat());
        let message = smb1::message(&header, &body).map_err(Stop::RequestSmb1)?;
        let answer = self.transact(header.clone(), message, None, recorder).await?;
        Ok((header, answer))
    }
}

/// The token of a response, which has to have the form of extended security ([MS-SMB] 3.2.5.3).
fn security_blob(body: SessionSetupResponse) -> Result<Vec<u8>, Stop> {
    body.security_blob.ok_or(Stop::GivesUp(
        "the client gave up: the SESSION_SETUP response is not that of extended security",
    ))
}
