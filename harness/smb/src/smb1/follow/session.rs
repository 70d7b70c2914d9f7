//! A session as the follower knows it.

use crate::smb1::{
    Action, Block, Body, Chain, Command, SessionSetupRequest, SessionSetupResponse, SetupCredentials, Text,
};

/// An established session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its UID.
    pub uid: u16,
    /// The index of the SESSION_SETUP request that succeeded.
    pub request: usize,
    /// The index of the response that established it.
    pub established: usize,
    /// The Action of that response.
    pub action: Action,
    /// Whether the logon was by extended security.
    pub extended_security: bool,
    /// Whether the client logged on as nobody: without a user and a response to the challenge. The server does not say so
    /// ([MS-SMB] 2.2.4.6.2).
    pub anonymous_logon: bool,
    /// Whether its key signs the connection: it is the first that is neither a guest's nor nobody's ([MS-CIFS] 3.2.1.2).
    pub signs: bool,
    /// The index of the LOGOFF_ANDX response that ended it.
    pub logged_off: Option<usize>,
}

impl Session {
    /// Whether the server let the user in as guest.
    #[must_use]
    pub const fn is_guest(&self) -> bool {
        self.action.contains(Action::GUEST)
    }
}

/// What a SESSION_SETUP request says of a logon.
pub(super) struct Logon {
    pub(super) extended_security: bool,
    pub(super) anonymous: bool,
    oem_password: Vec<u8>,
    unicode_password: Vec<u8>,
}

impl Logon {
    /// Reads the request in a message. What cannot be read is taken for a logon by extended security of somebody.
    pub(super) fn of(message: &[u8]) -> Self {
        let block = find(message, Command::SESSION_SETUP_ANDX);
        let unicode = block.is_some_and(|block| block.unicode);
        match block.and_then(|block| SessionSetupRequest::parse(&block).ok()) {
            Some(SessionSetupRequest {
                credentials: SetupCredentials::Plain { oem_password, unicode_password },
                names,
                ..
            }) => Self {
                extended_security: false,
                anonymous: is_nobody(&oem_password, &unicode_password, &names, unicode),
                oem_password,
                unicode_password,
            },
            Some(SessionSetupRequest {
                credentials: SetupCredentials::Extended { security_blob }, ..
            }) => Self { anonymous: crate::ntlm::message::is_anonymous(&security_blob), ..Self::unknown() },
            None => Self::unknown(),
        }
    }

    const fn unknown() -> Self {
        Self {
            extended_security: true,
            anonymous: false,
            oem_password: Vec::new(),
            unicode_password: Vec::new(),
        }
    }

    /// SigningChallengeResponse: empty with extended security ([MS-SMB] 3.3.5.3), else the response that the server says
    /// it accepted ([MS-CIFS] 3.2.5.3).
    pub(super) fn challenge_response(&self, action: Action) -> &[u8] {
        if action.contains(Action::USE_LANMAN_KEY) { &self.oem_password } else { &self.unicode_password }
    }
}

/// What a successful SESSION_SETUP response says; `None` where it says no success.
///
/// The status is that of the last command of a chain ([MS-CIFS] 3.2.5.1.3): where another one follows, this one
/// succeeded.
pub(super) fn success(message: &[u8], status_is_success: bool) -> Option<Action> {
    let mut chain = Chain::new(message).ok()?.map_while(Result::ok);
    let block = chain.find(|block| block.command == Command::SESSION_SETUP_ANDX);
    let followed = block.is_some() && chain.next().is_some();
    if !status_is_success && !followed {
        return None;
    }
    // A response that cannot be read in full has established its session all the same.
    let body = block.and_then(|block| SessionSetupResponse::parse(&block).ok());
    let raw = || match (message.get(32), message.get(37..39)) {
        (Some(3..), Some(&[low, high])) => Action(u16::from_le_bytes([low, high])),
        _ => Action(0),
    };
    Some(body.map_or_else(raw, |body| body.action))
}

/// The block of a command in a message, as far as the chain can be read.
pub(super) fn find(message: &[u8], command: Command) -> Option<Block<'_>> {
    Chain::new(message).ok()?.map_while(Result::ok).find(|block| block.command == command)
}

/// Whether a logon without extended security is that of nobody: no account, and no response but a zero byte
/// ([MS-CIFS] 3.2.4.2.4).
fn is_nobody(oem: &[u8], unicode_password: &[u8], names: &Text, unicode: bool) -> bool {
    let empty = |password: &[u8]| matches!(password, [] | [0]);
    empty(oem) && empty(unicode_password) && names.first(unicode).0.is_empty()
}
