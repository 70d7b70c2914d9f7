//! The client of SMB1 against a server that keeps to the specification, and against one that does not.
#![cfg(test)]

mod server;

use countersign_probe::{self as probe, Endpoint, Limits, Recording};
use model::plan::expand;
use model::{PlannedCase, Scenario, Target};
use rstest::rstest;
use server::{Behaviour, DOMAIN, PASSWORD, Server, USER};
use smb::ntlm::Password;
use smb::smb1::{BSRSPYL, Command, Flags2, Header, SecurityMode};
use std::sync::Arc;
use std::time::{Duration, Instant};

const OFF: SecurityMode = SecurityMode(0);
const ENABLED: SecurityMode = SecurityMode::SECURITY_SIGNATURES_ENABLED;
const REQUIRED: SecurityMode = ENABLED.with(SecurityMode::SECURITY_SIGNATURES_REQUIRED);

/// Short enough for a server that says nothing, long enough for a busy machine.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    answer: Duration::from_secs(10),
    message: 64 << 10,
    received: 1 << 20,
};

const HEAD: &str = "do = \"session-setup\"\n[[step]]\ndo = \"tree-connect\"\nshare = \"share\"\n";
const FILE: &str = "[[step]]\ndo = \"create\"\n[[step]]\ndo = \"write\"\n";
const TAIL: &str = "[[step]]\ndo = \"echo\"\n[[step]]\ndo = \"tree-disconnect\"\n[[step]]\ndo = \"logoff\"\n";

fn case(axes: &str, steps: &str) -> PlannedCase {
    let scenario = format!(
        "title = \"t\"\ncites = [\"MS-CIFS 3.3.5.2.3\"]\nexpect = \"steps\"\n[axes]\ndialect = [\"nt1\"]\n\
         {axes}\n[[step]]\n{HEAD}{steps}{TAIL}"
    );
    let target = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
                  [shares]\nshare = \"share\"\nguest = \"guest\"\n";
    let scenario = Scenario::parse("s", "s.toml", &scenario).unwrap();
    let target = Target::parse("t", target, "").unwrap();
    let mut cases = expand(&[scenario], &[target]);
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

fn signing(client: &str, generation: &str) -> String {
    format!(
        "client = [\"{client}\"]\ngeneration = [\"{generation}\"]\nextended-security = [\"no\"]\n\
         \"server.signing\" = [\"enabled\"]"
    )
}

async fn run(case: &PlannedCase, server: &Server, limits: Limits) -> Recording {
    let endpoint = Endpoint {
        address: server.address,
        user: USER.to_owned(),
        domain: DOMAIN.to_owned(),
        password: Password::new(PASSWORD),
        shares: model::target::Shares { share: "share".to_owned(), guest: "guest".to_owned() },
        host: None,
        folder: None,
    };
    let hang = Duration::from_secs(60);
    tokio::time::timeout(hang, probe::run(case, &endpoint, limits, 1)).await.expect("the probe hangs")
}

#[rstest]
#[tokio::test]
async fn everything_signed_has_the_next_number(
    #[values(false, true)] lanman_key: bool,
    #[values("required", "enabled")] client: &str,
    #[values("smb1-current", "smb1-older")] generation: &str,
) {
    let steps = format!(
        "[[step]]\ndo = \"echo\"\ncount = 3\n{FILE}[[step]]\ndo = \"open-read-close\"\n[[step]]\ndo = \"read-raw\"\n\
         [[step]]\ndo = \"read\"\n[[step]]\ndo = \"delete\"\n[[step]]\ndo = \"cancel\"\n[[step]]\ndo = \"query-fs\"\n\
         [[step]]\ndo = \"dfs-referral\"\n[[step]]\ndo = \"second-session\"\n\
         [[step]]\ndo = \"tree-connect\"\nshare = \"share\"\n"
    );
    let case = case(&signing(client, generation), &steps);
    let server = Server::start(Behaviour { lanman_key, ..Behaviour::signing(ENABLED) }).await;
    let recording = run(&case, &server, LIMITS).await;
    assert_eq!(recording.problem, None);
    assert_eq!(recording.steps.len(), case.steps.len());
    assert_eq!(recording.session_keys.iter().map(|key| key.session_id).collect::<Vec<_>>(), [1, 2]);
    let seen = server.seen.lock().unwrap().clone();
    let signed: Vec<_> = seen.iter().filter_map(|seen| seen.signed).collect();
    assert_eq!(signed.len(), seen.len() - 2, "all but NEGOTIATE and the first SESSION_SETUP");
    assert!(signed.iter().all(|(_, valid)| *valid), "{signed:?}");
    for seen in &seen {
        let setup = seen.header.command == Command::SESSION_SETUP_ANDX;
        let required = seen.header.flags2.contains(Flags2::SECURITY_SIGNATURE_REQUIRED);
        assert_eq!(required, setup && client == "required", "{:?}", seen.header);
        assert!(seen.header.pid != 0 && seen.header.mid != 0);
    }
    let setups = server.requests(Command::SESSION_SETUP_ANDX);
    assert_eq!(setups[0].header.signature, BSRSPYL);
    assert!(setups.iter().all(|seen| seen.header.uid == 0 && seen.header.tid == 0xFFFF));
}

/// [MS-CIFS] 3.2.4.2.4, [MS-SMB] 3.2.4.2.4: whether a client asks for signing, and what comes of it.
#[rstest]
#[case("smb1-older", "required", OFF, None)]
#[case("smb1-older", "required", REQUIRED, Some(true))]
#[case("smb1-older", "enabled", OFF, Some(false))]
#[case("smb1-older", "enabled", REQUIRED, Some(true))]
#[case("smb1-older", "disabled", REQUIRED, Some(false))]
#[case("smb1-current", "required", OFF, Some(true))]
#[case("smb1-current", "enabled", OFF, Some(false))]
#[case("smb1-current", "disabled", ENABLED, Some(false))]
#[case("smb1-current", "disabled", REQUIRED, Some(true))]
#[tokio::test]
async fn asks_for_signing(
    #[case] generation: &str,
    #[case] client: &str,
    #[case] mode: SecurityMode,
    #[case] asks: Option<bool>,
) {
    let case = case(&signing(client, generation), "");
    let server = Server::start(Behaviour::signing(mode)).await;
    let recording = run(&case, &server, LIMITS).await;
    let setups = server.requests(Command::SESSION_SETUP_ANDX);
    let asked = setups.first().map(|seen| seen.header.flags2.contains(Flags2::SECURITY_SIGNATURE));
    assert_eq!(asked, asks);
    assert!(
        setups.iter().all(|seen| seen.header.signature == if asks == Some(true) { BSRSPYL } else { [0; 8] })
    );
    let problem = match (asks, mode) {
        (None, _) => Some("the client gave up: the server does not sign"),
        // This server keeps to what it says.
        (Some(true), OFF) => {
            Some("the client gave up: the final SESSION_SETUP response carries no valid signature")
        }
        _ => None,
    };
    assert_eq!(recording.problem.as_deref(), problem);
}

#[rstest]
#[tokio::test]
async fn a_refused_deviation_is_not_counted(
    #[values(
        "signature = \"flip-bit\"",
        "signature = \"missing\"",
        "sequence = 2",
        "sequence = -2",
        "flag = \"dropped\""
    )]
    deviation: &str,
    #[values(false, true)] lenient: bool,
    #[values(false, true)] first: bool,
) {
    let deviate = format!("deviate = {{ {deviation} }}\n");
    let steps = if first {
        format!("[[step]]\ndo = \"echo\"\ncount = 2\n{deviate}{FILE}[[step]]\ndo = \"delete\"\n")
    } else {
        format!(
            "{FILE}[[step]]\ndo = \"delete\"\n{deviate}[[step]]\ndo = \"read\"\n[[step]]\ndo = \"delete\"\n"
        )
    };
    let case = case(&signing("required", "smb1-current"), &steps);
    let server = Server::start(Behaviour { lenient, ..Behaviour::signing(REQUIRED) }).await;
    let recording = run(&case, &server, LIMITS).await;
    assert_eq!(recording.problem, None);
    assert_eq!(recording.steps.len(), case.steps.len());
    let signed: Vec<_> = server.seen.lock().unwrap().iter().filter_map(|seen| seen.signed).collect();
    assert_eq!(signed.iter().filter(|(_, valid)| !valid).count(), 1, "{signed:?}");
    let repeated = signed.windows(2).filter(|two| two[0].0 == two[1].0).count();
    assert_eq!(repeated, usize::from(!lenient), "{signed:?}");
}

#[rstest]
#[tokio::test]
async fn without_signing_there_is_nothing_to_deviate_from() {
    let case = case(
        &signing("disabled", "smb1-current"),
        "[[step]]\ndo = \"query-fs\"\ndeviate = { sequence = 2 }\n",
    );
    let server = Server::start(Behaviour::signing(ENABLED)).await;
    let recording = run(&case, &server, LIMITS).await;
    let problem = "signing is not active, so there is nothing to deviate from";
    assert_eq!(recording.problem.as_deref(), Some(problem));
    assert!(server.requests(Command::TRANSACTION2).is_empty());
}

#[rstest]
#[case(Behaviour { extended: true, ..Behaviour::signing(ENABLED) }, "insists on extended security")]
#[case(Behaviour { mode: SecurityMode::ENCRYPT_PASSWORDS, ..Behaviour::signing(ENABLED) }, "passwords of shares")]
#[case(Behaviour { mode: SecurityMode::USER_SECURITY, ..Behaviour::signing(ENABLED) }, "in plain text")]
#[case(Behaviour { dialect_index: 0xFFFF, ..Behaviour::signing(ENABLED) }, "none of the dialects")]
#[case(Behaviour { dialect_index: 1, ..Behaviour::signing(ENABLED) }, "a dialect that was not offered")]
#[tokio::test]
async fn gives_up_after_negotiate(#[case] behaviour: Behaviour, #[case] says: &str) {
    let case = case(&signing("enabled", "smb1-current"), "");
    let server = Server::start(behaviour).await;
    let recording = run(&case, &server, LIMITS).await;
    let problem = recording.problem.unwrap();
    assert!(problem.contains(says), "{problem}");
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn falls_back_to_the_logon_the_server_has() {
    let axes = signing("required", "smb1-current").replace("\"no\"", "\"yes\"");
    let server = Server::start(Behaviour::signing(ENABLED)).await;
    let recording = run(&case(&axes, ""), &server, LIMITS).await;
    assert_eq!(recording.problem, None);
    let seen = server.seen.lock().unwrap();
    let extended: Vec<bool> =
        seen.iter().map(|seen| seen.header.flags2.contains(Flags2::EXTENDED_SECURITY)).collect();
    assert!(extended[0] && !extended[1..].contains(&true), "{extended:?}");
}

/// Guests do not sign, and say no more that they would.
#[tokio::test]
async fn a_guest_does_not_sign() {
    let axes =
        signing("enabled", "smb1-current") + "\nlogin = [\"unknown-user\"]\n\"client.guest\" = [\"allowed\"]";
    let server = Server::start(Behaviour::signing(REQUIRED)).await;
    let recording = run(&case(&axes, ""), &server, LIMITS).await;
    assert_eq!(recording.problem, None);
    let flagged = |seen: &server::Seen| seen.header.flags2.contains(Flags2::SECURITY_SIGNATURE);
    let seen = server.seen.lock().unwrap();
    let flagged: Vec<Command> =
        seen.iter().filter(|seen| flagged(seen)).map(|seen| seen.header.command).collect();
    assert_eq!(flagged, [Command::SESSION_SETUP_ANDX]);
}

/// The steps that read most of what a server can say, and how many answers there are to them.
const MOST: &str = "[[step]]\ndo = \"create\"\n[[step]]\ndo = \"write\"\n[[step]]\ndo = \"open-read-close\"\n\
    [[step]]\ndo = \"read\"\n[[step]]\ndo = \"delete\"\n[[step]]\ndo = \"cancel\"\n";
const ANSWERS: usize = 14;

#[rstest]
#[tokio::test]
async fn an_answer_that_is_cut_short(#[values("required", "disabled")] client: &str) {
    let case = case(&signing(client, "smb1-current"), MOST);
    for number in 0..ANSWERS {
        for length in (0..Header::LEN + 40).step_by(3) {
            let tamper = Arc::new(move |answer: usize, mut bytes: Vec<u8>| {
                if answer == number {
                    bytes.truncate(length);
                }
                vec![bytes]
            });
            let server = Server::start(Behaviour { tamper, ..Behaviour::signing(ENABLED) }).await;
            let limits = Limits { answer: Duration::from_secs(2), ..LIMITS };
            // Short answers that are errors by their form are answers; it is enough that nothing panics or hangs.
            let recording = run(&case, &server, limits).await;
            assert!(length >= Header::LEN || recording.problem.is_some(), "{number} {length}");
        }
    }
}

/// What answers nothing is passed over, and does not stretch the time.
#[rstest]
#[case(|header: &mut Header| header.mid ^= 0x4000)]
#[case(|header: &mut Header| header.pid ^= 1)]
#[case(|header: &mut Header| header.flags = smb::smb1::Flags(0))]
#[tokio::test]
async fn what_was_not_asked_for_is_passed_over(#[case] change: fn(&mut Header)) {
    let case = case(&signing("required", "smb1-current"), MOST);
    let stray = move |answer: &[u8]| {
        let mut header = Header::parse(answer).unwrap();
        change(&mut header);
        let mut stray = Vec::new();
        header.write(&mut stray);
        stray.extend_from_slice(&answer[Header::LEN..]);
        stray
    };
    let tamper = Arc::new(move |_, answer: Vec<u8>| vec![stray(&answer), answer.clone(), stray(&answer)]);
    let server = Server::start(Behaviour { tamper, ..Behaviour::signing(ENABLED) }).await;
    assert_eq!(run(&case, &server, LIMITS).await.problem, None);

    let tamper = Arc::new(move |_, answer: Vec<u8>| vec![stray(&answer); 20]);
    let server = Server::start(Behaviour { tamper, ..Behaviour::signing(ENABLED) }).await;
    let limits = Limits { answer: Duration::from_millis(300), ..LIMITS };
    let began = Instant::now();
    let problem = run(&case, &server, limits).await.problem.unwrap();
    assert!(problem.contains("no whole answer within"), "{problem}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_wrong_signature_ends_it() {
    for number in 1..ANSWERS {
        let case = case(&signing("required", "smb1-current"), MOST);
        let tamper = Arc::new(move |answer: usize, mut bytes: Vec<u8>| {
            if answer == number {
                bytes[Header::SIGNATURE.start] ^= 1;
            }
            vec![bytes]
        });
        let server = Server::start(Behaviour { tamper, ..Behaviour::signing(ENABLED) }).await;
        let problem = run(&case, &server, LIMITS).await.problem.unwrap();
        assert!(problem.ends_with("valid signature"), "{number}: {problem}");
    }
}
