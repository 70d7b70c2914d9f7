//! Signatures where there must be one and where there must be none.

use crate::faulty::{CMAC, HMAC, echo, establishes, flagged, forged, zeroed};
use model::{Dialect, NtStatus};
use smb::wire::{Command, SessionFlags};

defects! {
    response_unsigned: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        x.unsign(at)
    };
    response_unsigned_where_only_the_server_requires: Server21,
        "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::READ);
        x.unsign(at)
    };
    response_unsigned_to_the_one_signed_request: Free311, "signing/response-signed" => |x| {
        let at = x.response(Command::TREE_CONNECT);
        x.unsign(at)
    };
    error_unsigned: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let failed = |i: &usize| x.header(*i).status == NtStatus::OBJECT_NAME_NOT_FOUND;
        let at = (0..x.messages.len()).find(failed).unwrap();
        x.unsign(at)
    };
    response_with_a_zero_signature: Required311, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        zeroed(x, at)
    };
    response_with_a_flipped_signature_bit: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::WRITE);
        x.spoil(at, |bytes| bytes[63] ^= 0x80)
    };
    response_with_a_flipped_body_bit: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::QUERY_INFO);
        x.spoil(at, |bytes| *bytes.last_mut().unwrap() ^= 1)
    };
    response_with_the_wrong_key: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        forged(x, at, CMAC, x.keys[0].key)
    };
    response_with_a_zero_key: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        forged(x, at, HMAC, [0; 16])
    };
    response_with_the_algorithm_of_2_x: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        let key = smb::kdf::signing_key(Dialect::Smb30, &x.keys[0].key, &[0; 64]);
        forged(x, at, HMAC, key)
    };
    response_signed_without_the_flag: Required21,
        "signing/response-signed" + "policy/outcome" + "signing/zero-when-unsigned" => |x| {
        let at = echo(x);
        x.spoil(at, |bytes| bytes[16] &= !8)
    };
    response_with_the_signature_of_its_request: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let signature = x.header(x.request(Command::ECHO)).signature;
        let at = echo(x);
        x.spoil(at, |bytes| bytes[48..64].copy_from_slice(&signature))
    };
    session_of_2_1_says_it_is_encrypted: Required21,
        "signing/response-signed" + "session-setup/encrypt-data" + "policy/outcome" => |x| {
        // The bit means nothing there: signing stays required.
        establishes(x, SessionFlags::ENCRYPT_DATA);
        let at = echo(x);
        x.unsign(at)
    };

    negotiate_flagged: Free21, "signing/unsigned-response" => |x| {
        let at = x.response(Command::NEGOTIATE);
        flagged(x, at)
    };
    challenge_flagged: Required30, "signing/unsigned-response" => |x| {
        let at = x.first_response(Command::SESSION_SETUP);
        flagged(x, at)
    };
    interim_flagged: Commands202, "signing/unsigned-response" => |x| {
        let at = x.first_response(Command::CHANGE_NOTIFY);
        x.sign(at);
        at
    };
    anonymous_session_flagged: Anonymous, "signing/unsigned-response" => |x| {
        let at = echo(x);
        flagged(x, at)
    };
    anonymous_setup_flagged: Anonymous, "signing/unsigned-response" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        flagged(x, at)
    };

    signature_nobody_asked_for: Free21, "signing/zero-when-unsigned" => |x| {
        let at = echo(x);
        x.spoil(at, |bytes| bytes[55] = 1)
    };
    signature_in_negotiate: Required21, "signing/zero-when-unsigned" => |x| {
        let at = x.response(Command::NEGOTIATE);
        x.spoil(at, |bytes| bytes[48] = 1)
    };
    signature_in_a_refusal: WrongUser, "signing/zero-when-unsigned" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.spoil(at, |bytes| bytes[48..64].fill(9))
    };
}
