//! What the server does at the places where others go wrong. [`Conduct::RIGHT`] is the specification; a defect is that
//! with one of them replaced.

use super::signing::{Seal, Signing as Active};
use super::{Identity, Policy};
use model::{NtStatus, Signing};
use smb::smb1::{Command, Flags2, Header, MacKey, SecurityMode};

/// One decision each.
#[derive(Clone, Copy)]
pub(crate) struct Conduct {
    /// The SecurityMode of a server with this policy.
    pub(crate) security_mode: fn(Signing) -> SecurityMode,
    /// As whom a logon ends that was found to be of this identity.
    pub(crate) admits: fn(Identity) -> Identity,
    /// Whether a successful logon activates signing, by the policy, the identity and the Flags2 of the request.
    pub(crate) activates: fn(Policy, Identity, Flags2) -> bool,
    /// The status with which a SESSION_SETUP request is refused before anything in it is looked at.
    pub(crate) refuses_setup: fn(&Header) -> Option<NtStatus>,
    /// What is done with a request whose signature is wrong.
    pub(crate) on_bad_signature: OnBadSignature,
    /// What answers READ_RAW, while signing is active or not.
    pub(crate) reads_raw: fn(active: bool) -> RawAnswer,
    /// How many numbers an NT_CANCEL takes.
    pub(crate) cancel_takes: u32,
    /// Changes a response before it is signed.
    pub(crate) says: fn(&Outgoing<'_>, &mut Vec<u8>),
    /// What goes into the signature field of a response.
    pub(crate) seals: fn(&Outgoing<'_>, Seal) -> Seal,
    /// What goes out for a response that is signed.
    pub(crate) sends: fn(&Outgoing<'_>, Vec<u8>) -> Vec<Vec<u8>>,
}

/// What answers READ_RAW.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawAnswer {
    /// The data.
    Data,
    /// No bytes.
    Nothing,
    /// An error response, as to any other request.
    Error,
    /// The end of the connection.
    Disconnect,
}

/// What is done with a request whose signature is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBadSignature {
    /// It is refused with this status, and discarded ([MS-CIFS] 3.1.5.1, 3.3.5.2.3).
    Refuse(NtStatus),
    /// The same, but the number is taken.
    RefuseAndCount,
    /// The same, but what it asks for is done.
    RefuseAndCarryOut,
    /// It is carried out and answered as if nothing were wrong.
    Accept,
    /// The connection ends.
    Disconnect,
}

/// A response on its way out.
pub(crate) struct Outgoing<'c> {
    /// The request it answers.
    pub(crate) request: &'c Header,
    /// Its first command.
    pub(crate) command: Command,
    /// Its status.
    pub(crate) status: NtStatus,
    /// Which of several responses to the request it is, from 0.
    pub(crate) nth: usize,
    /// Whether it says that somebody has logged on.
    pub(crate) establishes: bool,
    /// The number that it should be signed with.
    pub(crate) number: Option<u32>,
    /// The session keys of all sessions there have been, in order, whether they sign or not.
    pub(crate) session_keys: &'c [[u8; 16]],
    /// What they sign with.
    pub(crate) keys: &'c [MacKey],
}

impl Conduct {
    /// The specification.
    pub(crate) const RIGHT: Self = Self {
        security_mode: |signing| {
            let mode = SecurityMode::USER_SECURITY | SecurityMode::ENCRYPT_PASSWORDS;
            let enabled = mode | SecurityMode::SECURITY_SIGNATURES_ENABLED;
            match signing {
                Signing::Disabled | Signing::NotRequired => mode,
                Signing::Enabled => enabled,
                Signing::Required => enabled | SecurityMode::SECURITY_SIGNATURES_REQUIRED,
            }
        },
        admits: |identity| identity,
        // [MS-SMB] 3.3.5.3; of nobody [MS-CIFS] 3.2.4.2.4 says that signing is not for this logon.
        activates: |policy, identity, asked| {
            identity == Identity::User
                && (policy.signing == Signing::Required
                    || asked.contains(Flags2::SECURITY_SIGNATURE_REQUIRED)
                    || policy.signing == Signing::Enabled && asked.contains(Flags2::SECURITY_SIGNATURE))
        },
        refuses_setup: |_| None,
        on_bad_signature: OnBadSignature::Refuse(NtStatus::ACCESS_DENIED),
        reads_raw: |active| if active { RawAnswer::Nothing } else { RawAnswer::Data },
        cancel_takes: 1,
        says: |_, _| {},
        seals: |_, seal| seal,
        sends: |_, bytes| vec![bytes],
    };
}

/// The seal of a response that keeps to [MS-CIFS] 3.3.4.1: signed where signing is active, and otherwise with nothing in
/// the field, but that SESSION_SETUP sends back what came.
pub(super) fn seal(active: Option<&Active>, out: &Outgoing<'_>) -> Seal {
    match (active.map(|active| &active.key).zip(out.number), out.command) {
        (Some((key, number)), _) => Seal::Signed(key.clone(), number),
        (None, Command::SESSION_SETUP_ANDX) => Seal::Inactive(out.request.signature),
        (None, _) => Seal::Inactive([0; 8]),
    }
}
