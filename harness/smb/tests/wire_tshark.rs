//! What this crate writes of LOCK, SET_INFO, CHANGE_NOTIFY, OPLOCK_BREAK and leases, as the real tshark reads it.

#![cfg(test)]

use countersign_smb::wire::*;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};

/// A capture of one connection to port 445: a segment per message, from the client or from the server.
#[derive(Default)]
struct Capture {
    segments: Vec<u8>,
    sent: [u32; 2],
}

impl Capture {
    /// Adds a message.
    fn add(&mut self, message: &[u8]) {
        let from_server = message[16] & 1;
        let (mine, theirs) = (usize::from(from_server), usize::from(1 - from_server));
        let (sequence, acknowledged) = (1 + self.sent[mine], 1 + self.sent[theirs]);
        let length = u32::try_from(message.len()).unwrap();
        self.sent[mine] += 4 + length;
        let (ports, addresses) = if from_server == 1 {
            ([445u16, 50000], [[10, 0, 0, 2], [10, 0, 0, 1]])
        } else {
            ([50000u16, 445], [[10, 0, 0, 1], [10, 0, 0, 2]])
        };
        let mut ip = vec![0x45, 0];
        ip.extend(u16::try_from(20 + 20 + 4 + length).unwrap().to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        ip.extend(addresses.concat());
        ip.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        ip.extend(sequence.to_be_bytes());
        ip.extend(acknowledged.to_be_bytes());
        ip.extend([0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
        ip.extend(length.to_be_bytes());
        ip.extend(message);
        let captured = u32::try_from(ip.len()).unwrap();
        for number in [0, 0, captured, captured] {
            self.segments.extend(number.to_le_bytes());
        }
        self.segments.extend(ip);
    }

    /// The capture as a pcap file of raw IP packets.
    fn pcap(&self) -> Vec<u8> {
        let mut file = 0xA1B2_C3D4u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0]);
        for number in [0, 0, 65535, 101u32] {
            file.extend(number.to_le_bytes());
        }
        file.extend(&self.segments);
        file
    }
}

/// What tshark prints of a capture, a line per frame that matches `filter`.
fn tshark(pcap: &[u8], filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Process::new("tshark");
    command.args(["-r", "-", "-n", "-Y", filter, "-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!(
            "this test needs tshark and cannot run it ({error}): install it (Debian: apt-get install tshark)"
        )
    });
    child.stdin.take().unwrap().write_all(pcap).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A field that tshark has to find, and its value; those of a repeated field with commas between.
type Found = (&'static str, &'static str);

/// Messages, each with what has to be found in it.
#[derive(Default)]
struct Cases(Vec<(Vec<u8>, Vec<Found>)>);

impl Cases {
    fn request<B: Body>(&mut self, body: &B, fields: &[Found]) {
        self.add(Flags(0), body, fields);
    }

    fn response<B: Body>(&mut self, body: &B, fields: &[Found]) {
        self.add(Flags::SERVER_TO_REDIR, body, fields);
    }

    fn add<B: Body>(&mut self, flags: Flags, body: &B, fields: &[Found]) {
        let message_id = self.0.len() as u64;
        let header =
            Header { flags, message_id, session_id: 0x11, tree_id: 5, ..Header::request(B::COMMAND) };
        self.0.push((message(&header, body).unwrap(), fields.to_vec()));
    }

    /// Nothing is malformed, and every field is found.
    fn check(&self) {
        let mut capture = Capture::default();
        for (message, _) in &self.0 {
            capture.add(message);
        }
        let pcap = capture.pcap();
        let suspect = "_ws.malformed || _ws.expert.severity >= 6291456";
        assert_eq!(tshark(&pcap, suspect, &["frame.number", "_ws.expert.message"]), [""; 0]);
        let mut names: Vec<_> = self.0.iter().flat_map(|(_, fields)| fields).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let lines = tshark(&pcap, "smb2", &names);
        assert_eq!(lines.len(), self.0.len());
        for (line, (_, fields)) in lines.iter().zip(&self.0) {
            let values: Vec<_> = line.split('|').collect();
            for (name, value) in fields {
                let place = names.iter().position(|other| other == name).unwrap();
                assert_eq!((name, values[place]), (name, *value), "{line}");
            }
        }
    }
}

const FILE: FileId = FileId { persistent: 0x0102_0304_0506_0708, volatile: 0x1112_1314_1516_1718 };
/// [`FILE`] as tshark prints it.
const FID: Found = ("smb2.fid", "05060708-0304-0102-1817-161514131211");
/// A lease key, and how tshark prints it.
const KEY: [u8; 16] = [0x0F, 0x0E, 0x0D, 0x0C, 0x0B, 0x0A, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
const GUID: Found = ("smb2.lease.lease_key", "0c0d0e0f-0a0b-0809-0706-050403020100");

#[test]
fn locks() {
    let mut cases = Cases::default();
    let locks = vec![
        LockElement::new(0x10, 0x20, LockFlags::EXCLUSIVE_LOCK | LockFlags::FAIL_IMMEDIATELY),
        LockElement::new(0x30, 1, LockFlags::UNLOCK),
    ];
    cases.request(
        &LockRequest { lock_sequence: 0, file_id: FILE, locks },
        &[
            ("smb2.cmd", "10"),
            ("smb2.buffer_code", "0x0030"),
            FID,
            ("smb2.lock_count", "2"),
            ("smb2.file_offset", "16,48"),
            ("smb2.lock_length", "32,1"),
            ("smb2.lock_flags", "0x00000012,0x00000004"),
            ("smb2.lock_flags.exclusive", "1,0"),
            ("smb2.lock_flags.unlock", "0,1"),
            ("smb2.lock_flags.fail_immediately", "1,0"),
        ],
    );
    cases.response(&LockResponse::default(), &[("smb2.cmd", "10"), ("smb2.buffer_code", "0x0004")]);
    cases.check();
}

#[test]
fn information_and_its_classes() {
    let mut cases = Cases::default();
    cases.request(
        &FileBasicInformation {
            creation_time: 0x01D9_0000_0000_0000,
            file_attributes: FileAttributes::HIDDEN,
            ..FileBasicInformation::default()
        }
        .request(FILE),
        &[
            ("smb2.class", "0x01"),
            ("smb2.file_info.infolevel", "0x04"),
            ("smb2.setinfo_size", "40"),
            ("smb2.setinfo_offset", "0x0060"),
            FID,
            ("smb2.file_basic_info", "1"),
            ("smb2.file_attribute", "0x00000002"),
        ],
    );
    cases.request(
        &FileEndOfFileInformation { end_of_file: 0x1234 }.request(FILE),
        &[
            ("smb2.file_info.infolevel", "0x14"),
            ("smb2.file_endoffile_info", "1"),
            ("smb2.setinfo_size", "8"),
        ],
    );
    cases.request(
        &FileDispositionInformation { delete_pending: 1 }.request(FILE),
        &[("smb2.file_info.infolevel", "0x0d"), ("smb2.disposition.delete_on_close", "1")],
    );
    cases.response(&SetInfoResponse, &[("smb2.cmd", "17"), ("smb2.buffer_code", "0x0002")]);
    cases.check();
}

#[test]
fn notifications_of_changes() {
    let mut cases = Cases::default();
    cases.request(
        &ChangeNotifyRequest {
            flags: ChangeNotifyFlags::WATCH_TREE,
            output_buffer_length: 4096,
            file_id: FILE,
            completion_filter: CompletionFilter::FILE_NAME | CompletionFilter::STREAM_WRITE,
            reserved: 0,
        },
        &[
            ("smb2.buffer_code", "0x0020"),
            ("smb2.notify.watch_tree", "1"),
            FID,
            ("smb2.output_buffer_len", "4096"),
            ("smb.nt.notify.completion_filter", "0x00000801"),
        ],
    );
    // FILE_NOTIFY_INFORMATION: a file "a" was added.
    let output_buffer = [&[0; 4][..], &[1, 0, 0, 0, 2, 0, 0, 0], b"a\0"].concat();
    cases.response(
        &ChangeNotifyResponse { output_buffer },
        &[("smb2.buffer_code", "0x0009"), ("smb2.notify.action", "0x00000001"), ("smb2.olb.length", "14")],
    );
    cases.check();
}

#[test]
fn breaks() {
    let oplock_level = OplockLevel::II;
    let (reserved, reserved2) = (0, 0);
    let mut cases = Cases::default();
    let fields = [("smb2.cmd", "18"), ("smb2.buffer_code", "0x0018"), ("smb2.create.oplock", "0x01"), FID];
    cases.response(&OplockBreakNotification { oplock_level, reserved, reserved2, file_id: FILE }, &fields);
    cases.request(&OplockBreakAcknowledgment { oplock_level, reserved, reserved2, file_id: FILE }, &fields);
    cases.response(&OplockBreakResponse { oplock_level, reserved, reserved2, file_id: FILE }, &fields);
    let read = LeaseState::READ_CACHING;
    let body = LeaseBreakNotification {
        new_epoch: 9,
        flags: LeaseBreakFlags::ACK_REQUIRED,
        lease_key: KEY,
        current_lease_state: read | LeaseState::WRITE_CACHING | LeaseState::HANDLE_CACHING,
        new_lease_state: read,
        ..LeaseBreakNotification::default()
    };
    let fields = [
        ("smb2.buffer_code", "0x002c"),
        GUID,
        ("smb2.lease.lease_state", "0x00000007,0x00000001"),
        ("smb2.lease.lease_state.break_ack_required", "1"),
    ];
    cases.response(&body, &fields);
    let fields = [("smb2.buffer_code", "0x0024"), GUID, ("smb2.lease.lease_state", "0x00000001")];
    let body = LeaseBreakAcknowledgment { lease_key: KEY, lease_state: read, ..Default::default() };
    cases.request(&body, &fields);
    let body = LeaseBreakResponse { lease_key: KEY, lease_state: read, ..Default::default() };
    cases.response(&body, &fields);
    cases.check();
}

#[test]
fn leases() {
    let state = LeaseState::READ_CACHING | LeaseState::HANDLE_CACHING;
    let create = |lease: LeaseContext| CreateRequest {
        requested_oplock_level: OplockLevel::LEASE,
        name: utf16("a"),
        create_contexts: vec![CreateContext::new(*b"MxAc", Vec::new()), lease.context()],
        ..CreateRequest::default()
    };
    let mut cases = Cases::default();
    let lease = Lease { lease_key: KEY, lease_state: state, ..Lease::default() };
    cases.request(
        &create(LeaseContext::V1(lease)),
        &[
            ("smb2.create.oplock", "0xff"),
            ("smb2.tag", "MxAc,RqLs"),
            GUID,
            ("smb2.lease.lease_state", "0x00000003"),
            ("smb2.lease.parent_lease_key", ""),
        ],
    );
    let lease = LeaseV2 {
        lease_key: KEY,
        lease_state: state,
        flags: LeaseFlags::PARENT_LEASE_KEY_SET,
        parent_lease_key: KEY,
        epoch: 0x0102,
        ..LeaseV2::default()
    };
    cases.request(
        &create(LeaseContext::V2(lease)),
        &[
            GUID,
            ("smb2.lease.lease_state", "0x00000003"),
            ("smb2.lease.lease_state.parent_lease_key_set", "1"),
            ("smb2.lease.parent_lease_key", GUID.1),
            ("smb2.lease.lease_oplock", "0x0102"),
        ],
    );
    cases.check();
}

#[test]
fn an_asynchronous_cancel() {
    let header =
        Header { message_id: 7, ..Header::request(Command::CANCEL) }.with_async_id(0x0102_0304_0506_0708);
    let mut capture = Capture::default();
    capture.add(&message(&header, &CancelRequest::default()).unwrap());
    let fields = ["smb2.cmd", "smb2.flags.async", "smb2.aid", "smb2.msg_id"];
    assert_eq!(tshark(&capture.pcap(), "smb2", &fields), ["12|1|0x0102030405060708|7"]);
}

#[test]
fn a_related_compound() {
    let header = |message_id, flags, command| Header { message_id, flags, ..Header::request(command) };
    let create = CreateRequest { name: utf16("a"), ..CreateRequest::default() };
    let lock = LockRequest {
        file_id: FileId::RELATED,
        locks: vec![LockElement::new(0, 1, LockFlags::SHARED_LOCK)],
        ..LockRequest::default()
    };
    let set = FileEndOfFileInformation { end_of_file: 3 }.request(FileId::RELATED);
    let parts = [
        message(&header(1, Flags(0), Command::CREATE), &create).unwrap(),
        message(&header(2, Flags::RELATED, Command::SET_INFO), &set).unwrap(),
        message(&header(3, Flags::RELATED, Command::LOCK), &lock).unwrap(),
    ];
    let whole = compound_signed(parts, |index, bytes| bytes[48] = u8::try_from(index).unwrap() + 1).unwrap();
    let mut capture = Capture::default();
    capture.add(&whole);
    let pcap = capture.pcap();
    assert_eq!(tshark(&pcap, "_ws.malformed", &["frame.number"]), [""; 0]);
    let fields = ["smb2.cmd", "smb2.msg_id", "smb2.flags.chained", "smb2.signature"];
    let signatures = [1, 2, 3].map(|first| format!("{first:02x}{}", "00".repeat(15))).join(",");
    assert_eq!(tshark(&pcap, "smb2", &fields), [format!("5,17,10|1,2,3|0,1,1|{signatures}")]);
}
