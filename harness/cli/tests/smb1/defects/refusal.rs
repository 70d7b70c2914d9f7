//! Requests whose signature is wrong, and READ_RAW, which has none.

use crate::server::{Identity, OnBadSignature, RawAnswer, Seal};
use model::NtStatus;

defects! {
    wrong_signature_accepted: TamperSignature, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Accept;
    };
    first_wrong_signature_accepted: TamperFirst, "smb1/bad-signature" + "step/status", TREE_CONNECT_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::Accept;
    };
    wrong_number_accepted: TamperSequence, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Accept;
    };
    changed_flag_accepted: TamperFlag, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Accept;
    };
    missing_signature_accepted: TamperUnsigned, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Accept;
    };
    client_that_never_signs_is_served: Legacy, "smb1/bad-signature" + "smb1/sequence-number" + "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::Accept;
    };
    signs_although_it_is_disabled_and_wants_nothing: Free,
        "smb1/bad-signature" + "smb1/response-signed" + "smb1/sequence-number", TREE_CONNECT_ANDX => |_, c| {
        c.activates = |_, identity, _| identity == Identity::User;
        c.on_bad_signature = OnBadSignature::Accept;
    };
    refused_with_another_status: TamperSignature, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Refuse(NtStatus::INVALID_PARAMETER);
    };
    refused_as_an_ended_session: TamperUnsigned, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Refuse(NtStatus::USER_SESSION_DELETED);
    };
    disconnects_at_a_wrong_signature: TamperSignature, "smb1/bad-signature" + "step/status", CLOSE => |_, c| {
        c.on_bad_signature = OnBadSignature::Disconnect;
    };
    disconnects_at_the_first_wrong_signature: TamperFirst, "smb1/bad-signature" + "step/status", TREE_CONNECT_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::Disconnect;
    };
    disconnects_who_never_signs: Legacy, "smb1/bad-signature" + "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::Disconnect;
    };
    refused_and_done: TamperSignature, "step/status", READ_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::RefuseAndCarryOut;
    };
    refused_unsigned: TamperFlag, "smb1/response-signed", CLOSE => |_, c| {
        c.seals = |out, seal| if out.status == NtStatus::ACCESS_DENIED { Seal::Unsigned([0; 8]) } else { seal };
    };
    refused_with_the_number_of_what_was_refused: TamperSignature, "smb1/sequence-number", CLOSE => |_, c| {
        c.seals = |out, seal| match seal {
            Seal::Signed(key, number) if out.status == NtStatus::ACCESS_DENIED => Seal::Signed(key, number - 1),
            seal => seal,
        };
    };

    refused_and_counted: TamperSignature, "smb1/sequence-after-refusal" + "smb1/sequence-number" + "step/status", READ_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::RefuseAndCount;
    };
    first_refused_and_counted: TamperFirst, "smb1/sequence-after-refusal" + "smb1/sequence-number" + "step/status", TREE_CONNECT_ANDX => |_, c| {
        c.on_bad_signature = OnBadSignature::RefuseAndCount;
    };

    raw_data_while_signing_is_active: Raw, "smb1/read-raw", READ_RAW => |_, c| c.reads_raw = |_| RawAnswer::Data;
    raw_read_answered_with_an_error: Raw, "smb1/read-raw" + "step/status", READ_RAW => |_, c| {
        c.reads_raw = |_| RawAnswer::Error;
    };
    raw_read_ends_the_connection: Raw, "smb1/read-raw", READ_RAW => |_, c| c.reads_raw = |_| RawAnswer::Disconnect;
}
