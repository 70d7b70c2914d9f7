//! Invariants of SMB1, in the order of a connection's life.

mod absent;
mod bad_signature;
mod client_requires;
mod echo_data;
mod echo_sequence;
mod filler_ignored;
mod first_session_key;
mod guest_unsigned;
mod inactive_zero;
mod read_raw;
mod required_implies_enabled;
mod response_signed;
mod security_mode;
mod sequence_after_refusal;
mod sequence_number;
mod setup_signed;
mod signed_flag;
mod well_formed;

use super::{Invariant, hex};
use model::FrameRef;
use smb::smb1::follow::Signature;
use smb::smb1::{BSRSPYL, Header};

/// Every invariant of SMB1.
pub(super) const INVARIANTS: &[Invariant] = &[
    well_formed::RULE,
    absent::RULE,
    required_implies_enabled::RULE,
    security_mode::RULE,
    client_requires::RULE,
    filler_ignored::RULE,
    setup_signed::RULE,
    guest_unsigned::RULE,
    inactive_zero::RULE,
    response_signed::RULE,
    signed_flag::RULE,
    sequence_number::RULE,
    echo_data::RULE,
    echo_sequence::RULE,
    first_session_key::RULE,
    bad_signature::RULE,
    sequence_after_refusal::RULE,
    read_raw::RULE,
];

/// The place of a message's signature ([MS-CIFS] 2.2.3.1).
const fn signature_of(at: FrameRef) -> FrameRef {
    FrameRef { bytes: Some((14, 22)), ..at }
}

/// The place of a message's Flags2.
const fn flags2_of(at: FrameRef) -> FrameRef {
    FrameRef { bytes: Some((10, 12)), ..at }
}

const _: () = assert!(Header::SIGNATURE.start == 14 && Header::FLAGS2.start == 10);

const NOTHING: [u8; 8] = [0; 8];

/// What a signature is, for a finding.
fn describe(signature: Signature) -> String {
    match signature {
        Signature::Unsigned { zero: true, .. } => "no signature: the field is zero".to_owned(),
        Signature::Unsigned { bsrspyl: true, .. } => "the filler BSRSPYL instead of a signature".to_owned(),
        Signature::Unsigned { .. } => {
            "SMB_FLAGS2_SMB_SECURITY_SIGNATURE clear, and bytes that are no valid signature".to_owned()
        }
        Signature::Valid => "a valid signature".to_owned(),
        Signature::Invalid { got: BSRSPYL, .. } => "the filler BSRSPYL instead of a signature".to_owned(),
        Signature::Invalid { got: NOTHING, .. } => "eight zero bytes instead of a signature".to_owned(),
        Signature::Invalid { expected, got, other_sequence: None } => {
            format!("signature {} where the bytes should carry {}", hex(&got), hex(&expected))
        }
        Signature::Invalid { other_sequence: Some(other), .. } => {
            format!("a signature with sequence number {other}")
        }
        Signature::NoKey => "signed with no key to verify it with".to_owned(),
        Signature::NoSequence => {
            "signed, and in answer to nothing, so that it has no sequence number".to_owned()
        }
    }
}
