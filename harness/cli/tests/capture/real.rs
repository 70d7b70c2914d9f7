//! The capture as it was made.

use crate::made::{SESSIONS, made};
use model::outcome::Kind;
use model::{As, CaseResult, Verdict};
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
        assert_eq!(outcome.dialect.map(|dialect| dialect.word()), Some(session.dialect), "{name}");
        assert_eq!(outcome.identity, Some(As::User), "{name}");
        assert_eq!(case.predicted, None, "{name}");
        let findings: Vec<_> =
            case.findings.iter().filter(|finding| finding.level >= model::CheckLevel::Should).collect();
        assert!(findings.is_empty(), "{name}");
        match outcome.kind {
            Kind::Signed => {
                assert_eq!(case.verdict, Verdict::Conforms, "{name}");
                assert_eq!(outcome.algorithm.map(|it| it.word()), Some(session.algorithm), "{name}");
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
