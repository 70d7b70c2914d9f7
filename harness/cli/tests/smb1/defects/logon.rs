//! What leads up to a session: what the server says of signing, and the response that activates it.

use crate::server::{Identity, Seal, Smb1};
use model::{NtStatus, Signing};
use smb::smb1::{BSRSPYL, Flags2, Header, MacKey, SecurityMode};

const BARE: SecurityMode = SecurityMode(0x03);
const ENABLED: SecurityMode = SecurityMode(0x07);
const REQUIRED: SecurityMode = SecurityMode(0x0F);

defects! {
    speaks_what_it_shall_not: Absent, "smb1/absent", NEGOTIATE => |p, _| p.smb1 = Smb1::Spoken;

    requires_what_it_does_not_offer: Required, "smb1/required-implies-enabled" + "smb1/security-mode", NEGOTIATE => |_, c| {
        c.security_mode = |_| BARE.with(SecurityMode::SECURITY_SIGNATURES_REQUIRED);
    };
    offers_what_it_does_not_do: Never, "smb1/security-mode", NEGOTIATE => |_, c| c.security_mode = |_| ENABLED;
    does_not_offer_what_it_does: FreeServer, "smb1/security-mode", NEGOTIATE => |_, c| c.security_mode = |_| BARE;
    says_it_requires: FreeServer, "smb1/security-mode" + "policy/outcome", NEGOTIATE => |_, c| {
        // The client takes it at its word, and signs.
        c.security_mode = |_| REQUIRED;
    };
    does_not_say_that_it_requires: Enabled, "smb1/security-mode", NEGOTIATE => |p, c| {
        p.signing = Signing::Required;
        c.security_mode = |_| REQUIRED;
    };

    setup_unsigned: Required, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Unsigned([0; 8]) } else { seal };
    };
    setup_flagged_and_unsigned: Required, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Inactive([0; 8]) } else { seal };
    };
    setup_unsigned_without_extended_security: RequiredPlain, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Unsigned([0; 8]) } else { seal };
    };
    setup_with_the_filler: Required, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Inactive(BSRSPYL) } else { seal };
    };
    setup_with_a_flipped_bit: Enabled, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.sends = |out, mut bytes| {
            bytes[Header::SIGNATURE.start] ^= u8::from(out.establishes) << 3;
            vec![bytes]
        };
    };
    setup_as_number_0: Required, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Signed(out.keys[0].clone(), 0) } else { seal };
    };
    setup_as_number_2: Required, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Signed(out.keys[0].clone(), 2) } else { seal };
    };
    setup_without_the_response_in_its_key: RequiredPlain, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Signed(MacKey::new(&out.session_keys[0], &[]), 1) } else { seal };
    };
    setup_with_a_key_of_zeros: Required, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Signed(MacKey::new(&[0; 16], &[]), 1) } else { seal };
    };
    disabled_server_does_not_heed_a_client_that_requires: Insists, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.activates = |policy, identity, _| identity == Identity::User && policy.signing == Signing::Required;
    };
    enabled_server_does_not_heed_a_client_that_asks: Enabled, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.activates = |_, _, _| false;
    };
    requiring_server_waits_to_be_asked: Obeys, "smb1/setup-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.activates = |_, _, asked| asked.contains(Flags2::SECURITY_SIGNATURE_REQUIRED);
    };
    requiring_server_does_not_sign_for_who_never_does: Legacy,
        "smb1/setup-signed" + "smb1/response-signed" + "smb1/bad-signature" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.activates = |_, _, _| false;
    };
    setup_signed_without_the_flag: Required, "smb1/signed-flag", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| match seal {
            Seal::Signed(key, number) if out.establishes => Seal::Unflagged(key, number),
            seal => seal,
        };
    };

    filler_taken_for_a_signature: Enabled, "smb1/filler-ignored" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.refuses_setup = |header| (header.signature == BSRSPYL).then_some(NtStatus::ACCESS_DENIED);
    };
    filler_taken_for_a_signature_in_another_word: Required, "smb1/filler-ignored" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.refuses_setup = |header| (header.signature == BSRSPYL).then_some(NtStatus::INVALID_SIGNATURE);
    };

    guest_setup_signed_with_a_key_of_zeros: Guest, "smb1/guest-unsigned", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| if out.establishes { Seal::Signed(MacKey::new(&[0; 16], &[]), 1) } else { seal };
    };
    guest_answers_signed: Guest, "smb1/guest-unsigned" + "smb1/inactive-zero", READ_ANDX => |_, c| {
        c.seals = |out, seal| match (out.command, out.keys) {
            (smb::smb1::Command::READ_ANDX, [key]) => Seal::Signed(key.clone(), 9),
            _ => seal,
        };
    };
    user_becomes_guest_and_is_signed: Required, "smb1/guest-unsigned" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.admits = |_| Identity::Guest;
        c.seals = |out, seal| if out.establishes { Seal::Signed(out.keys[0].clone(), 1) } else { seal };
    };
}
