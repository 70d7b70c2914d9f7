//! What comes after the logon.

use super::{ASKS, Client, existing, policy, status, user};
use model::{NtStatus, Signing};
use rstest::rstest;
use smb::auth::Wrapping;
use smb::smb1::{
    Body, ChainBuilder, CloseRequest, Command, CompletionFilter, EchoRequest, EchoResponse, Flags2,
    FsInformationLevel, Header, LogoffRequest, NtCancelRequest, NtCreateResponse, NtTransactRequest,
    ReadRawRequest, ReadRequest, ReadResponse, Trans2Request, Trans2Response, TreeConnectRequest,
    TreeDisconnectRequest, WriteRequest, blocks, message, parse,
};

/// [MS-CIFS] 3.3.5.2.3.
#[test]
fn a_wrong_signature_is_refused_and_takes_no_number() {
    let mut client = Client::signed(Signing::Required);
    let fid = client.file();
    let (key, number) = client.signs.clone().unwrap();
    let close = client.message(&CloseRequest { fid, last_time_modified: 0 });
    let signed = |number| {
        let mut bytes = close.clone();
        key.sign(&mut bytes, number).unwrap();
        bytes
    };
    let mut flipped = signed(number);
    flipped[Header::SIGNATURE.start] ^= 1;
    let mut unflagged = signed(number);
    unflagged[Header::FLAGS2.start] ^= ASKS.0.to_le_bytes()[0];
    for wrong in [flipped, unflagged, signed(number + 2), signed(number - 2), close.clone()] {
        let answers = client.server.take(&wrong);
        let [answer] = answers.messages.as_slice() else { panic!() };
        assert_eq!((status(answer), answers.ends), (NtStatus::ACCESS_DENIED, false));
        assert_eq!(answer.len(), Header::LEN + 3, "an error response");
        key.verify(answer, number + 1).unwrap();
        assert!(Header::parse(answer).unwrap().flags2.contains(ASKS));
    }
    let mut cancel = client.message(&NtCancelRequest {});
    key.sign(&mut cancel, number + 1).unwrap();
    assert_eq!(client.server.take(&cancel).messages, Vec::<Vec<u8>>::new());
    // The file was not closed, and the next number is what it was.
    let read = client.asks(&ReadRequest { fid, max_count: 10, ..ReadRequest::default() });
    assert_eq!(parse::<ReadResponse>(&read).unwrap().1.data, b"0123456789");
}

#[test]
fn an_unsigned_request_is_refused_where_signing_is_required() {
    let mut client = Client::of(policy(Signing::Required));
    let (last, key) = client.log_on(user(), Flags2(0));
    client.goes_on_in(&last);
    let refused = client.asks(&TreeConnectRequest::new(true, r"\\server\IPC$", "IPC"));
    assert_eq!(status(&refused), NtStatus::ACCESS_DENIED);
    key.verify(&refused, 3).unwrap();
}

/// [MS-CIFS] 3.3.5.33.
#[test]
fn all_answers_to_an_echo_have_one_number() {
    let mut client = Client::signed(Signing::Enabled);
    let echo = client.message(&EchoRequest { echo_count: 3, data: b"hello".to_vec() });
    let answers = client.exchange(echo);
    let bodies: Vec<EchoResponse> = answers.iter().map(|answer| parse(answer).unwrap().1).collect();
    assert_eq!(bodies.iter().map(|body| body.sequence_number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(bodies.iter().all(|body| body.data == b"hello"));
    // Without an answer it takes two numbers all the same.
    let echo = client.message(&EchoRequest { echo_count: 0, data: Vec::new() });
    assert_eq!(client.exchange(echo), Vec::<Vec<u8>>::new());
    client.asks(&TreeDisconnectRequest {});
}

/// [MS-CIFS] 3.3.5.52: the answer is that of what was cancelled, also in its number, and NT_CANCEL takes but one.
#[test]
fn what_waits_is_cancelled() {
    let mut client = Client::signed(Signing::Enabled);
    let fid = client.create(existing(1), "");
    let (key, number) = client.signs.clone().unwrap();
    let notify = NtTransactRequest::notify_change(fid, CompletionFilter::FILE_NAME, false, 64);
    let notify = client.message(&notify);
    let waiting = Header::parse(&notify).unwrap();
    assert_eq!(client.exchange(notify), Vec::<Vec<u8>>::new());
    let mut cancel =
        message(&Header { command: Command::NT_CANCEL, ..waiting.clone() }, &NtCancelRequest {}).unwrap();
    key.sign(&mut cancel, number + 2).unwrap();
    let answers = client.server.take(&cancel).messages;
    let [answer] = answers.as_slice() else { panic!() };
    let header = Header::parse(answer).unwrap();
    assert_eq!(
        (header.status, header.command, header.mid),
        (NtStatus::CANCELLED, waiting.command, waiting.mid)
    );
    key.verify(answer, number + 1).unwrap();
    client.signs = Some((key, number + 3));
    client.asks(&EchoRequest { echo_count: 1, data: Vec::new() });
}

/// [MS-CIFS] 3.3.5.2.4: one answer for all, signed whole, and the file of the first is that of the others.
#[test]
fn a_chain_is_answered_by_a_chain() {
    let mut client = Client::signed(Signing::Enabled);
    client.file();
    client.header.mid += 1;
    let chain = |client: &Client, name: &str| {
        let mut builder =
            ChainBuilder::new(&Header { command: Command::NT_CREATE_ANDX, ..client.header.clone() });
        builder.push(&existing(1).with_name(true, name).unwrap()).unwrap();
        builder.push(&ReadRequest { fid: 0xFFFF, max_count: 4, ..ReadRequest::default() }).unwrap();
        builder.push(&CloseRequest { fid: 0xFFFF, last_time_modified: 0 }).unwrap();
        builder.finish()
    };
    let request = chain(&client, r"\file");
    let answer = client.exchange(request).remove(0);
    let all = blocks(&answer).unwrap();
    let commands: Vec<Command> = all.iter().map(|block| block.command).collect();
    assert_eq!(commands, [Command::NT_CREATE_ANDX, Command::READ_ANDX, Command::CLOSE]);
    assert_eq!(ReadResponse::parse(&all[1]).unwrap().data, b"0123");
    let fid = NtCreateResponse::parse(&all[0]).unwrap().fid;
    let closed = client.asks(&CloseRequest { fid, last_time_modified: 0 });
    assert_eq!(status(&closed), NtStatus::INVALID_HANDLE);
    // An error is the last there is.
    let request = chain(&client, r"\another");
    let answer = client.exchange(request).remove(0);
    assert_eq!(status(&answer), NtStatus::OBJECT_NAME_NOT_FOUND);
    assert_eq!(blocks(&answer).unwrap().len(), 1);
}

/// [MS-CIFS] 3.3.5.24.
#[test]
fn nothing_is_read_raw_while_signing_is_active() {
    for (mut client, bytes) in
        [(Client::signed(Signing::Enabled), &b""[..]), (Client::unsigned(), b"0123456789")]
    {
        let fid = client.file();
        let mut raw = client.message(&ReadRawRequest { fid, max_count: 100, ..ReadRawRequest::default() });
        if let Some((key, number)) = &mut client.signs {
            key.sign(&mut raw, *number).unwrap();
            *number += 2;
        }
        assert_eq!(client.server.take(&raw).messages, [bytes.to_vec()]);
        client.asks(&EchoRequest { echo_count: 1, data: Vec::new() });
    }
}

/// [MS-CIFS] 3.2.1.2: the first session's key signs for all, whatever becomes of it.
#[rstest]
fn a_later_session_signs_with_the_key_of_the_first(#[values(0, 1)] vc_number: u16) {
    let mut client = Client::signed(Signing::Enabled);
    let fid = client.file();
    let first = client.header.uid;
    let tid = client.header.tid;
    (client.header.tid, client.vc_number) = (0xFFFF, vc_number);
    let (last, _) = client.log_on_by_tokens(user(), ASKS, Wrapping::Spnego);
    client.goes_on_in(&last);
    assert_ne!(client.header.uid, first);
    client.mount();
    // VcNumber 0 ends the sessions that the user had ([MS-CIFS] 3.3.5.43), and with them their files.
    let (opened, found) = match vc_number {
        0 => (NtStatus::OBJECT_NAME_NOT_FOUND, NtStatus::SMB_BAD_UID),
        _ => (NtStatus::SUCCESS, NtStatus::SUCCESS),
    };
    assert_eq!(status(&client.asks(&existing(1).with_name(true, r"\file").unwrap())), opened);
    (client.header.uid, client.header.tid) = (first, tid);
    assert_eq!(status(&client.asks(&ReadRequest { fid, max_count: 1, ..ReadRequest::default() })), found);
}

#[test]
fn answers_what_a_share_and_a_session_are_asked() {
    let mut client = Client::unsigned();
    for level in [1, 2, 0x102, 0x103, 0x104, 0x105] {
        let answer = client.asks(&Trans2Request::query_fs_information(FsInformationLevel(level), 512));
        assert!(!parse::<Trans2Response>(&answer).unwrap().1.data.is_empty(), "{level:#x}");
    }
    let referral = Trans2Request::get_dfs_referral(3, r"\server\share", 4096).unwrap();
    assert_eq!(status(&client.asks(&referral)), NtStatus::NOT_FOUND);
    let fid = client.file();
    assert_eq!(status(&client.asks(&CloseRequest { fid, last_time_modified: 0 })), NtStatus::SUCCESS);
    let gone = client.asks(&existing(1).with_name(true, r"\file").unwrap());
    assert_eq!(status(&gone), NtStatus::OBJECT_NAME_NOT_FOUND);
    assert_eq!(status(&client.asks(&TreeDisconnectRequest {})), NtStatus::SUCCESS);
    assert_eq!(status(&client.asks(&TreeDisconnectRequest {})), NtStatus::SMB_BAD_TID);
    client.header.tid = 0xFFFF;
    assert_eq!(status(&client.asks(&LogoffRequest::default())), NtStatus::SUCCESS);
    assert_eq!(status(&client.asks(&LogoffRequest::default())), NtStatus::SMB_BAD_UID);
    let lost = client.asks(&TreeConnectRequest::new(true, r"\\server\nowhere", "?????"));
    assert_eq!(status(&lost), NtStatus::SMB_BAD_UID);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut client = Client::unsigned();
    let fid = client.file();
    let request =
        client.message(&WriteRequest { fid, pad: vec![0], data: vec![7; 40], ..WriteRequest::default() });
    for at in 0..request.len() {
        for byte in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut wrong = request.clone();
            wrong[at] = byte;
            client.server.take(&wrong);
        }
        client.server.take(&request[..at]);
    }
    assert!(client.server.take(b"\xfeSMB").ends);
}
