//! The capture as it was made.

use crate::file;
use crate::made::{SESSIONS, made};
use evidence::{Capture, Chunk, Conversation, Direction, Wanted};
use judge::{Secrets, View};
use model::outcome::Kind;
use model::{As, CaseResult, Verdict};
use smb::ntlm::overheard::Known;
use std::process::Command;

fn of_connection(cases: &[CaseResult], stream: usize) -> &CaseResult {
    cases.iter().find(|case| case.axes["connection"] == stream.to_string()).unwrap()
}

/// Every signature of every dialect and algorithm, given only the password.
#[test]
fn given_only_the_password_every_signature_is_verified() {
    let made = made();
    let judged = made.judge(&made.pcapng(), Some(&made.password), &[]);
    let cases = &judged.results().cases;
    println!("{}", judged.said);
    for (stream, session) in SESSIONS.iter().enumerate() {
        let case = of_connection(cases, stream);
        let name = format!("{} {}: {case:#?}", session.dialect, session.algorithm);
        let outcome = case.outcome.as_ref().expect(&name);
        assert_eq!(outcome.kind.word(), session.kind, "{name}");
        assert_eq!(outcome.dialect.map(model::Dialect::word), Some(session.dialect), "{name}");
        assert_eq!(outcome.identity, Some(As::User), "{name}");
        assert_eq!(case.predicted, None, "{name}");
        let findings: Vec<_> =
            case.findings.iter().filter(|finding| finding.level >= model::CheckLevel::Should).collect();
        assert!(findings.is_empty(), "{name}");
        match outcome.kind {
            Kind::Signed => {
                assert_eq!(case.verdict, Verdict::Conforms, "{name}");
                assert_eq!(outcome.algorithm.map(model::Algorithm::word), Some(session.algorithm), "{name}");
                let counted = outcome.signed.unwrap();
                assert!(counted.requests.1 >= 6 && counted.responses.1 >= 6, "{name}");
                assert_eq!(counted.requests.0, counted.requests.1, "{name}");
                assert_eq!(counted.responses.0, counted.responses.1, "{name}");
            }
            Kind::Encrypted => {
                assert_eq!(case.verdict, Verdict::Inconclusive, "{name}");
                assert!(case.why.as_ref().unwrap().contains("encrypted"), "{name}");
            }
            _ => assert_eq!(case.verdict, Verdict::Conforms, "{name}"),
        }
    }
    // The encrypted one, and the one that said nothing of SMB.
    assert_eq!(judged.status, 3, "{}", judged.said);
    for file in ["results.json", "report.html", "junit.xml"] {
        let text = std::fs::read_to_string(judged.out.join(file)).unwrap();
        assert!(!text.contains(&made.password), "{file}");
    }
}

/// The numbers are those of Wireshark, and as many messages are signed as it counts.
#[test]
fn wireshark_counts_the_same() {
    let made = made();
    let judged = made.judge(&made.pcapng(), Some(&made.password), &[]);
    for (stream, session) in SESSIONS.iter().enumerate().filter(|(_, it)| it.kind == "signed") {
        let case = of_connection(&judged.results().cases, stream);
        let counted = case.outcome.as_ref().unwrap().signed.unwrap();
        // What is ordinary: not NEGOTIATE, SESSION_SETUP, TREE_CONNECT.
        let (filter, field) = match session.dialect {
            "nt1" => (
                "smb.cmd != 0x72 && smb.cmd != 0x73 && smb.cmd != 0x75 && smb.flags2.sec_sig == 1",
                "smb.flags.response",
            ),
            // Nor FSCTL_VALIDATE_NEGOTIATE_INFO, which is signed in every session.
            _ => (
                "smb2.cmd > 1 && smb2.cmd != 3 && !(smb2.ioctl.function == 0x140204) && smb2.flags.signature == 1",
                "smb2.flags.response",
            ),
        };
        let output = Command::new("tshark")
            .arg("-r")
            .arg(made.pcapng())
            .args([
                "-n",
                "-d",
                "tcp.port==1-65535,nbss",
                "-Y",
                &format!("tcp.stream == {stream} && {filter}"),
            ])
            .args(["-T", "fields", "-e", field])
            .output()
            .expect("these tests need tshark");
        let lines = String::from_utf8(output.stdout).unwrap();
        let is_response = |line: &str| line.split(',').any(|it| matches!(it, "1" | "True"));
        let responses = lines.lines().filter(|line| is_response(line)).count();
        let requests = lines.lines().count() - responses;
        assert_eq!(
            (counted.requests.0, counted.responses.0),
            (requests as u64, responses as u64),
            "{}",
            session.dialect
        );
    }
}

#[test]
fn another_password_fits_no_session() {
    let made = made();
    let judged = made.judge(&made.pcapng(), Some("not it"), &[]);
    assert_eq!(judged.status, 3, "{}", judged.said);
    for stream in 0..SESSIONS.len() {
        let case = of_connection(&judged.results().cases, stream);
        assert_eq!((case.verdict, &case.outcome), (Verdict::Inconclusive, &None), "{case:#?}");
        let why = case.why.as_ref().unwrap();
        assert!(why.contains("no key fits") && why.contains(&made.user), "{why}");
    }
}

#[test]
fn without_a_password_it_says_how_to_give_one() {
    let made = made();
    let judged = made.judge(&made.pcapng(), None, &[]);
    assert_eq!(judged.status, 3);
    let why = of_connection(&judged.results().cases, 0).why.clone().unwrap();
    assert!(why.contains("set COUNTERSIGN_PASSWORD, or give --session-key"), "{why}");
}

/// A connection of the capture, and the id and the key of its session.
fn with_key(stream: usize) -> (Vec<u8>, Conversation, u64, [u8; 16]) {
    let made = made();
    let bytes = file::pcap(&file::connection(&std::fs::read(made.pcapng()).unwrap(), stream));
    let wanted = Wanted { ports: vec![445], recognises: judge::recognise };
    let conversation = Capture::of(&bytes, &wanted).unwrap().conversations.remove(0);
    let view = View::of_capture(&conversation, &[]);
    let session = view.connections()[0].sessions.values().next().unwrap();
    let known = Known { user: None, password: &made.password.as_str().into() };
    let (id, key) = (session.id, view.connections()[0].logon(session).session_key(known).unwrap());
    (bytes, conversation, id, key)
}

#[test]
fn a_session_key_does_instead_of_a_password() {
    let made = made();
    let (bytes, _, id, key) = with_key(4);
    let path = made.pcapng().with_file_name("key.pcap");
    std::fs::write(&path, bytes).unwrap();
    let (right, mut wrong) = (hex::encode(key), key);
    wrong[3] ^= 1;
    let wrong = hex::encode(wrong);
    let given = |keys: &[&str]| {
        let args: Vec<&str> = keys.iter().flat_map(|key| ["--session-key", key]).collect();
        let judged = made.judge(&path, None, &args);
        let shown = [judged.said.clone(), std::fs::read_to_string(judged.out.join("report.html")).unwrap()];
        for text in shown.iter().chain([&serde_json::to_string(judged.results()).unwrap()]) {
            assert!(!text.contains(&right) && !text.contains(&wrong), "a key is shown: {text}");
        }
        (judged.status, judged.results().cases[0].why.clone().unwrap_or_default())
    };
    let of_it = |key: &str| format!("{id:#x}={key}");
    assert_eq!(given(&[&right]), (0, String::new()));
    assert_eq!(given(&[&wrong, &right]), (0, String::new()));
    assert_eq!(given(&[&of_it(&right)]), (0, String::new()));
    let (status, why) = given(&[&wrong]);
    assert!(status == 3 && why.contains("no session key that was given fits"), "{status} {why}");
    let (status, why) = given(&[&of_it(&wrong)]);
    assert!(
        status == 3 && why.contains("does not verify") && why.contains("another session"),
        "{status} {why}"
    );
    // That of another session is not this one's.
    let (status, why) = given(&[&format!("{:#x}={right}", id ^ 1)]);
    assert!(status == 3 && why.contains("no session key that was given fits"), "{status} {why}");
}

/// RFC 1002 4.3: port 139 has the opening of a session in front.
#[test]
fn the_opening_of_a_netbios_session_is_passed_over() {
    let (_, mut conversation, ..) = with_key(4);
    let password = Some(made().password.as_str().into());
    let secrets = Secrets { password, ..Secrets::default() };
    let before = judge::judge_capture(&conversation, &secrets);
    assert_eq!(before.verdict, Verdict::Conforms);
    let first = conversation.connection.chunks[0].clone();
    let names = [&[0x81, 0, 0, 68][..], &[b'A'; 68]].concat();
    let granted = vec![0x82, 0, 0, 0];
    let opening = [(Direction::ToServer, names), (Direction::ToClient, granted)];
    let chunks = opening.map(|(direction, bytes)| Chunk { direction, bytes, ..first.clone() });
    conversation.connection.chunks.splice(0..0, chunks);
    assert_eq!(judge::judge_capture(&conversation, &secrets), before);
}
