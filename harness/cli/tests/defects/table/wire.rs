//! Answers that are none.

use crate::faulty::{echo, fails};
use model::NtStatus;
use smb::wire::Command;

defects! {
    answer_of_another_command: Required21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes[12] = 17)
    };
    answer_to_another_message: Free21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes[25] ^= 1)
    };
    answer_that_says_it_is_a_request: Required311, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes[16] &= !1)
    };
    answer_twice: Required21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.insert(at + 1, x.messages[at].bytes.clone())
    };
    answer_twice_with_other_words: Free30, "wire/well-formed" => |x| {
        let at = x.response(Command::READ);
        let mut bytes = x.messages[at].bytes.clone();
        *bytes.last_mut().unwrap() ^= 1;
        x.insert(at + 1, bytes)
    };
    answer_to_nobody: Free311, "wire/well-formed" => |x| {
        let at = x.response(Command::CREATE);
        let mut bytes = x.messages[at].bytes.clone();
        bytes[24..32].fill(0xff);
        x.insert(at, bytes)
    };
    answer_without_a_body: Required30, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes.truncate(64))
    };
    answer_with_the_body_of_an_error: Required311, "wire/well-formed" => |x| {
        let at = x.response(Command::WRITE);
        fails(x, at, NtStatus::SUCCESS)
    };
    not_smb_at_all: Free21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.insert(at, b"HTTP/1.1 200 OK\r\n\r\n".to_vec())
    };
    not_smb_instead_of_an_answer: Free21, "wire/well-formed" + "policy/outcome" => |x| {
        let at = x.first_response(Command::SESSION_SETUP);
        x.messages.truncate(at);
        x.insert(at, b"\xffSMB".repeat(10))
    };
}
