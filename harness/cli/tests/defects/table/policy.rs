//! Sessions that come out other than predicted.

use crate::faulty::{echo, establishes, fails, lets_in, negotiate};
use model::{GuestPolicy, NtStatus};
use smb::wire::{Command, DialectRevision, SessionFlags};

defects! {
    user_becomes_guest: Required21, "policy/outcome" => |x| {
        let at = establishes(x, SessionFlags::IS_GUEST);
        x.unsign(at);
        // What the client would have sent to a guest session does not matter: it gives up.
        x.messages.truncate(at + 1);
        at
    };
    user_becomes_guest_and_signed: Free21, "policy/outcome" + "signing/unsigned-response" => |x| {
        establishes(x, SessionFlags::IS_GUEST)
    };
    user_becomes_nobody: Free21, "policy/outcome" => |x| {
        let at = establishes(x, SessionFlags::IS_NULL);
        x.unsign(at)
    };
    right_password_refused: Required30, "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.messages.truncate(at + 1);
        x.unsign(at);
        fails(x, at, NtStatus::LOGON_FAILURE)
    };
    wrong_user_let_in_as_guest: WrongUser, "policy/outcome" => |x| {
        x.case.client.guest = GuestPolicy::Blocked;
        lets_in(x, SessionFlags::IS_GUEST)
    };
    tree_connect_refused: Required21, "policy/outcome" => |x| {
        let at = x.response(Command::TREE_CONNECT);
        fails(x, at, NtStatus::ACCESS_DENIED)
    };
    share_is_not_there: Free311, "policy/outcome" => |x| {
        let at = x.response(Command::TREE_CONNECT);
        fails(x, at, NtStatus::BAD_NETWORK_NAME)
    };
    goes_away: Required311, "policy/outcome" => |x| {
        let at = x.response(Command::WRITE);
        x.messages.truncate(at);
        x.closed = true;
        at
    };
    goes_away_between_two_steps: Free21, "policy/outcome" => |x| {
        let at = x.response(Command::WRITE);
        x.messages.truncate(at + 1);
        x.closed = true;
        at
    };
    signs_what_nobody_asked_for: Free21, "policy/outcome" => |x| {
        let at = echo(x);
        x.sign(at);
        at
    };
    no_dialect: Free21, "policy/outcome" => |x| {
        let at = x.response(Command::NEGOTIATE);
        x.messages.truncate(at + 1);
        fails(x, at, NtStatus::NOT_SUPPORTED)
    };
    session_says_it_is_encrypted: Required311, "session-setup/encrypt-data" + "policy/outcome" => |x| {
        establishes(x, SessionFlags::ENCRYPT_DATA)
    };
    another_dialect: Free21, "policy/outcome" => |x| {
        negotiate(x, |body| body.dialect_revision = DialectRevision::SMB_2_0_2)
    };
}
