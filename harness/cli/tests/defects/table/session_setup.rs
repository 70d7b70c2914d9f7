//! The last answer of SESSION_SETUP, signed wrongly or not at all.

use crate::faulty::{CMAC, forged, lets_in, zeroed};
use smb::wire::{Command, SessionFlags};

defects! {
    setup_unsigned: Free21, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.unsign(at)
    };
    setup_unsigned_where_signing_is_required: Required30, "session-setup/final-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.unsign(at)
    };
    setup_unsigned_at_3_1_1: Free311, "session-setup/final-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.unsign(at)
    };
    setup_with_a_zero_signature: Free311, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        zeroed(x, at)
    };
    setup_with_a_flipped_bit: Required311, "session-setup/final-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.spoil(at, |bytes| bytes[50] ^= 4)
    };
    setup_with_the_wrong_key: Free30, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        forged(x, at, CMAC, x.keys[0].key)
    };
    setup_with_the_wrong_algorithm: Free21, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        forged(x, at, CMAC, x.keys[0].key)
    };
    setup_signed_without_the_flag: Free30,
        "session-setup/final-signed" + "signing/zero-when-unsigned" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.spoil(at, |bytes| bytes[16] &= !8)
    };
    wrong_user_let_in: WrongUser, "session-setup/final-signed" => |x| {
        lets_in(x, SessionFlags(0))
    };
}
