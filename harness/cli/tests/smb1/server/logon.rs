//! The server's side of a logon: NTLM in SPNEGO or bare ([MS-NLMP] 3.2.5.1), or the NTLMv2 response of a SESSION_SETUP
//! without extended security ([MS-CIFS] 3.3.5.43).

use super::{DOMAIN, PASSWORD, USER};
use model::{GuestMapping, NtStatus};
use smb::ntlm::crypto::{self, Sender, utf16le};
use smb::ntlm::message::{AV_FLAG_MIC, AvId, MIC, SIGNATURE, TargetInfo};
use smb::ntlm::{Session, flags};
use smb::spnego::{NTLMSSP, NegState, NegTokenInit, NegTokenResp, Token, mech_type_list};
use smb::wire::utf16_text;
use std::time::SystemTime;

/// The name of the server.
const COMPUTER: &str = "SERVER";
/// NTLMSSP_TARGET_TYPE_SERVER: the target's name is that of a computer ([MS-NLMP] 2.2.2.5).
const TARGET_TYPE_SERVER: u32 = 0x0002_0000;

/// As whom somebody is logged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Identity {
    /// The account.
    User,
    /// Somebody else, let in all the same.
    Guest,
    /// Nobody.
    Anonymous,
}

/// What a logon proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The account's password, and with it this session key.
    User([u8; 16]),
    /// Nothing, and does not want to.
    Anonymous,
    /// There is no such account.
    UnknownUser,
    /// There is, and that is not its password.
    WrongPassword,
}

impl Proof {
    /// As whom it lets in, with what key.
    pub(crate) fn admitted(self, mapping: GuestMapping) -> Result<(Identity, [u8; 16]), NtStatus> {
        // Guests and nobody have a key of zeros ([MS-NLMP] 3.2.5.1.2).
        match (self, mapping) {
            (Self::User(key), _) => Ok((Identity::User, key)),
            (Self::Anonymous, _) => Ok((Identity::Anonymous, [0; 16])),
            (Self::UnknownUser, GuestMapping::BadUser | GuestMapping::BadPassword)
            | (Self::WrongPassword, GuestMapping::BadPassword) => Ok((Identity::Guest, [0; 16])),
            (Self::UnknownUser | Self::WrongPassword, _) => Err(NtStatus::LOGON_FAILURE),
        }
    }
}

/// What the responses of a SESSION_SETUP without extended security prove; the account's session key is SessionBaseKey.
pub(crate) fn plain(challenge: &[u8; 8], user: &str, domain: &str, oem: &[u8], unicode: &[u8]) -> Proof {
    if user.is_empty() && matches!(oem, [] | [0]) && matches!(unicode, [] | [0]) {
        return Proof::Anonymous;
    }
    if !user.eq_ignore_ascii_case(USER) {
        return Proof::UnknownUser;
    }
    nt_v2(challenge, user, domain, unicode).map_or(Proof::WrongPassword, Proof::User)
}

/// SessionBaseKey, where an NTLMv2 response is that of the account's password ([MS-NLMP] 3.3.2).
fn nt_v2(challenge: &[u8; 8], user: &str, domain: &str, response: &[u8]) -> Option<[u8; 16]> {
    // 24 bytes are NTLMv1.
    let (proof, temp) = response.split_first_chunk::<16>().filter(|_| response.len() > 24)?;
    let key = crypto::ntowf_v2(PASSWORD, user, domain);
    (crypto::nt_proof_str(&key, challenge, temp) == *proof).then(|| crypto::session_base_key(&key, proof))
}

/// The token that a NEGOTIATE response carries.
pub(crate) fn hint() -> Vec<u8> {
    NegTokenInit { mech_types: vec![NTLMSSP.to_vec()], mech_token: None }.encode()
}

/// A logon by tokens under way.
pub(crate) struct Exchange {
    challenge: [u8; 8],
    negotiate: Vec<u8>,
    challenge_message: Vec<u8>,
    /// The mechanisms the client listed; none where it speaks NTLM without SPNEGO.
    mech_types: Option<Vec<Vec<u8>>>,
}

/// What a token leads to.
pub(crate) enum Step {
    /// Another token has to follow; this goes with STATUS_MORE_PROCESSING_REQUIRED.
    More(Vec<u8>),
    /// The end, and what goes with it where the logon succeeds.
    Proved(Proof, Vec<u8>),
}

impl Exchange {
    pub(crate) const fn new(challenge: [u8; 8]) -> Self {
        Self { challenge, negotiate: Vec::new(), challenge_message: Vec::new(), mech_types: None }
    }

    /// Takes a token of the client.
    pub(crate) fn take(&mut self, token: &[u8]) -> Result<Step, NtStatus> {
        let wrong = NtStatus::INVALID_PARAMETER;
        match Token::decode(token).map_err(|_| wrong)? {
            Token::Init(init) => {
                if !init.mech_types.iter().any(|mech| mech == NTLMSSP) {
                    return Err(NtStatus::LOGON_FAILURE);
                }
                // The token is that of the first mechanism (RFC 4178 4.2.1), which has to be this one here.
                let negotiate = init.mech_token.filter(|_| init.mech_types[0] == NTLMSSP);
                self.mech_types = Some(init.mech_types);
                let response_token = negotiate.map(|token| self.challenge(&token)).transpose()?;
                Ok(Step::More(self.incomplete(response_token)))
            }
            Token::Resp(NegTokenResp { response_token: Some(message), mech_list_mic, .. })
                if self.mech_types.is_some() =>
            {
                if self.challenge_message.is_empty() {
                    let challenge = self.challenge(&message)?;
                    return Ok(Step::More(self.incomplete(Some(challenge))));
                }
                self.authenticated(&message, mech_list_mic.as_deref())
            }
            Token::Ntlm(message) if self.mech_types.is_none() => match self.challenge_message.is_empty() {
                true => self.challenge(&message).map(Step::More),
                false => self.authenticate(&message).map(|(proof, _)| Step::Proved(proof, Vec::new())),
            },
            Token::Resp(_) | Token::Ntlm(_) => Err(wrong),
        }
    }

    fn incomplete(&self, response_token: Option<Vec<u8>>) -> Vec<u8> {
        NegTokenResp {
            state: Some(NegState::AcceptIncomplete),
            supported_mech: Some(NTLMSSP.to_vec()),
            response_token,
            mech_list_mic: None,
        }
        .encode()
    }

    /// The CHALLENGE_MESSAGE that answers a NEGOTIATE_MESSAGE.
    fn challenge(&mut self, negotiate: &[u8]) -> Result<Vec<u8>, NtStatus> {
        const SUPPORTED: u32 = flags::CLIENT | flags::SEAL | flags::VERSION | flags::KEY_EXCH;
        if !negotiate.starts_with(SIGNATURE) || u32_at(negotiate, 8) != Some(1) {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let asked = u32_at(negotiate, 12).ok_or(NtStatus::INVALID_PARAMETER)?;
        let granted = asked & SUPPORTED
            | flags::REQUEST_TARGET
            | flags::NTLM
            | flags::ALWAYS_SIGN
            | flags::TARGET_INFO
            | TARGET_TYPE_SERVER;
        let mut info = TargetInfo::default();
        info.set(AvId::NB_DOMAIN_NAME, utf16le(DOMAIN));
        info.set(AvId::NB_COMPUTER_NAME, utf16le(COMPUTER));
        info.set(AvId::TIMESTAMP, filetime().to_le_bytes().to_vec());
        let (target, info) = (utf16le(COMPUTER), info.encode().unwrap());
        let field = |len: usize, offset: usize| {
            let len = u16::try_from(len).unwrap().to_le_bytes();
            [&len[..], &len, &u32::try_from(offset).unwrap().to_le_bytes()].concat()
        };
        self.negotiate = negotiate.to_vec();
        self.challenge_message = [
            &SIGNATURE[..],
            &2_u32.to_le_bytes(),
            &field(target.len(), 56),
            &granted.to_le_bytes(),
            &self.challenge,
            &[0; 8],
            &field(info.len(), 56 + target.len()),
            &[6, 1, 0, 0, 0, 0, 0, 15],
            &target,
            &info,
        ]
        .concat();
        Ok(self.challenge_message.clone())
    }

    /// The last token, where the logon is in SPNEGO: with the mechListMIC of both sides.
    fn authenticated(&self, message: &[u8], mic: Option<&[u8]>) -> Result<Step, NtStatus> {
        let (proof, granted) = self.authenticate(message)?;
        let list = mech_type_list(self.mech_types.as_deref().unwrap_or_default());
        let session = match proof {
            Proof::User(key) => Some(Session::new(key, granted)),
            _ => None,
        };
        let signature = |sender| session.as_ref().and_then(|session| session.first_signature(sender, &list));
        if let (Some(mic), Some(expected)) = (mic, signature(Sender::Client))
            && mic != expected
        {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let own = mic.and_then(|_| signature(Sender::Server));
        let last = NegTokenResp {
            state: Some(NegState::AcceptCompleted),
            supported_mech: None,
            response_token: None,
            mech_list_mic: own.map(|mic| mic.to_vec()),
        };
        Ok(Step::Proved(proof, last.encode()))
    }

    /// What an AUTHENTICATE_MESSAGE proves, and its flags; the account's session key is ExportedSessionKey.
    fn authenticate(&self, message: &[u8]) -> Result<(Proof, u32), NtStatus> {
        let wrong = NtStatus::INVALID_PARAMETER;
        if !message.starts_with(SIGNATURE) || u32_at(message, 8) != Some(3) {
            return Err(wrong);
        }
        let [lm, nt, domain, user, key] = [12, 20, 28, 36, 52].map(|at| field(message, at).ok_or(wrong));
        let (lm, nt, user, domain, encrypted) = (lm?, nt?, utf16_text(user?), utf16_text(domain?), key?);
        let granted = u32_at(message, 60).ok_or(wrong)?;
        if user.is_empty() && nt.is_empty() && matches!(lm, [] | [0]) {
            return Ok((Proof::Anonymous, granted));
        }
        if !user.eq_ignore_ascii_case(USER) {
            return Ok((Proof::UnknownUser, granted));
        }
        let Some(key) = nt_v2(&self.challenge, &user, &domain, nt) else {
            return Ok((Proof::WrongPassword, granted));
        };
        let exported = match granted & flags::KEY_EXCH != 0 && granted & (flags::SIGN | flags::SEAL) != 0 {
            true => crypto::rc4k(&key, encrypted.try_into().map_err(|_| wrong)?),
            false => key,
        };
        // The AV pairs stand behind the 16 bytes of NTProofStr and the 28 of what precedes them ([MS-NLMP] 2.2.2.7).
        let info = nt.get(44..).and_then(|pairs| TargetInfo::parse(pairs).ok()).ok_or(wrong)?;
        if info.flags() & AV_FLAG_MIC != 0 {
            let mut bare = message.to_vec();
            let mic = bare.get_mut(MIC).ok_or(wrong)?;
            let got = mic.to_vec();
            mic.fill(0);
            if crypto::mic(&exported, &self.negotiate, &self.challenge_message, &bare) != *got {
                return Err(wrong);
            }
        }
        Ok((Proof::User(exported), granted))
    }
}

/// The time in units of 100 ns since 1601.
pub(crate) fn filetime() -> u64 {
    const UNIX_EPOCH: u64 = 116_444_736_000_000_000;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UNIX_EPOCH + u64::try_from(since.as_nanos() / 100).unwrap()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// The bytes that a Len, MaxLen, Offset triple at `at` points to.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let len = usize::from(u16::from_le_bytes(*message.get(at..)?.first_chunk()?));
    let offset = u32_at(message, at + 4)? as usize;
    message.get(offset..)?.get(..len)
}
