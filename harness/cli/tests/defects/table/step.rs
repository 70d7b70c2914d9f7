//! Steps that end otherwise, and data that is not what was written.

use crate::faulty::{fails, reads};
use model::NtStatus;
use smb::follow::Way;
use smb::wire::Command;

defects! {
    write_refused: Required21, "step/status" => |x| {
        let at = x.response(Command::WRITE);
        fails(x, at, NtStatus::ACCESS_DENIED)
    };
    read_fails: Free311, "step/status" => |x| {
        let at = x.response(Command::READ);
        fails(x, at, NtStatus::END_OF_FILE)
    };
    deleted_file_is_still_there: Required30, "step/status" => |x| {
        let failed = |i: &usize| x.header(*i).status == NtStatus::OBJECT_NAME_NOT_FOUND;
        let at = (0..x.messages.len()).find(failed).unwrap();
        let opened = x.messages[x.first_response(Command::CREATE)].bytes[64..].to_vec();
        x.change(at, |bytes| {
            bytes[8..12].fill(0);
            bytes.truncate(64);
            bytes.extend_from_slice(&opened);
        })
    };
    directory_does_not_open: Free21, "step/status" => |x| {
        // The second CREATE leads up to QUERY_DIRECTORY.
        let created = x.first_response(Command::CREATE);
        let at = (created + 1..x.messages.len())
            .find(|i| x.messages[*i].way == Way::ToClient && x.header(*i).command == Command::CREATE)
            .unwrap();
        fails(x, at, NtStatus::OBJECT_NAME_NOT_FOUND)
    };
    success_with_another_number: Required311, "step/status" => |x| {
        let at = x.response(Command::LOGOFF);
        x.change(at, |bytes| bytes[8..12].copy_from_slice(&1_u32.to_le_bytes()))
    };

    reads_another_byte: Required21, "step/read-back" => |x| reads(x, |data| data[7] ^= 0x20);
    reads_too_little: Required311, "step/read-back" => |x| reads(x, |data| { data.pop(); });
    reads_too_much: Free21, "step/read-back" => |x| reads(x, |data| data.push(b'!'));
    reads_nothing: Free311, "step/read-back" => |x| reads(x, Vec::clear);
}
