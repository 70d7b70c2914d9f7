//! Every driver before the embedded server, and before what is no proper server. What they say is read with their
//! `client.toml`, which is thereby held against them.

#![cfg(test)]

mod support;

use inprocess::{Ended, Job, Said, drivers, run};
use rstest::rstest;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{
    CREATE, Change, PASSWORD, SESSION_SETUP, Server, TREE_CONNECT, TREE_DISCONNECT, USER, alone, append,
    as_guest, between, flip, offers, pretend, refusal, strip,
};
use toml::{Table, Value};

const MOUNTED: &str = "did: mount\n";
const ALL: &str = "did: mount\ndid: write\ndid: read\ndid: delete\n";

fn job(server: SocketAddr) -> Job {
    Job {
        server,
        share: "share".to_owned(),
        file: "countersign-test.txt".to_owned(),
        user: USER.to_owned(),
        domain: String::new(),
        password: PASSWORD.to_owned(),
        signing: String::new(),
        time: Duration::from_secs(20),
    }
}

async fn said(driver: &str, job: Job) -> Said {
    let password = job.password.clone();
    let said = run(driver, job).await.unwrap();
    let shown = format!("{driver}: {said:?}");
    println!("{shown}");
    assert!(password.is_empty() || !shown.contains(&password), "it shows the password");
    assert!(!shown.contains(".cargo"), "it shows this machine");
    said
}

fn client(driver: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../containers/clients")
        .join(driver)
        .join("client.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// What the client's folder makes of what it printed: the first match counts.
fn means(driver: &str, printed: &str) -> String {
    let client = client(driver);
    let entries = client["says"].as_array().unwrap();
    let word = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    entries
        .iter()
        .find(|entry| printed.contains(&word(entry, "text")))
        .map(|entry| word(entry, "means"))
        .unwrap()
}

#[tokio::test]
async fn there_are_these_and_no_other() {
    assert_eq!(drivers(), ["smb-rs", "smb2"]);
    assert_eq!(run("smb3", job(([127, 0, 0, 1], 1).into())).await, None);
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    for (driver, package) in [("smb-rs", "smb"), ("smb2", "smb2")] {
        let client = client(driver);
        assert_eq!(client["driver"].as_str(), Some(driver));
        let version = client["version"].as_str().unwrap();
        assert!(
            lock.contains(&format!("name = \"{package}\"\nversion = \"{version}\"")),
            "{driver} is another version"
        );
    }
}

#[rstest]
#[tokio::test]
async fn smb_rs_does_all_four(
    #[values(false, true)] required: bool,
    #[values("", "WORKGROUP")] domain: &str,
) {
    let server = Server::start(required).await;
    let said = said("smb-rs", Job { domain: domain.to_owned(), ..job(server.address) }).await;
    assert_eq!(said, Said { printed: ALL.to_owned(), done: true, ended: Ended::ByItself });
    assert_eq!(fs::read_dir(server.storage.path().join("share")).unwrap().count(), 0);
}

/// smb2 never asks for FILE_APPEND_DATA, without which a file cannot grow at a server that keeps to [MS-SMB2] 3.3.5.13.
#[rstest]
#[tokio::test]
async fn smb2_cannot_write_to_a_server_that_wants_append_for_it(#[values(false, true)] required: bool) {
    let server = Server::start(required).await;
    let said = said("smb2", job(server.address)).await;
    assert!(said.printed.starts_with(MOUNTED) && !said.done, "{}", said.printed);
    assert_eq!(means("smb2", &said.printed), "access-denied");
}

/// In a guest's session nothing is signed, so somebody can ask for it in smb2's place.
#[tokio::test]
async fn smb2_does_all_four_where_somebody_else_asks_for_append() {
    let server = Server::start(false).await;
    let (address, _) = between(server.address, append, alone).await;
    let guest =
        Job { user: "guest".to_owned(), password: String::new(), share: "guest".to_owned(), ..job(address) };
    let said = said("smb2", guest).await;
    assert_eq!(said, Said { printed: ALL.to_owned(), done: true, ended: Ended::ByItself });
    assert_eq!(fs::read_dir(server.storage.path().join("guest")).unwrap().count(), 0);
}

#[rstest]
#[case::wrong_password("share", USER, "wr0ng-Zm9v", "", "logon-failure")]
#[case::nobody_by_that_name("share", "somebody", "wr0ng-Zm9v", "", "logon-failure")]
#[case::read_only("readonly", USER, PASSWORD, MOUNTED, "access-denied")]
#[case::no_such_share("nosuch", USER, PASSWORD, "", "not-found")]
#[tokio::test]
async fn what_the_server_refuses(
    #[values("smb-rs", "smb2")] driver: &str,
    #[case] share: &str,
    #[case] user: &str,
    #[case] password: &str,
    #[case] did: &str,
    #[case] meaning: &str,
) {
    let server = Server::start(true).await;
    let job = Job {
        share: share.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
        ..job(server.address)
    };
    let said = said(driver, job).await;
    assert_eq!((said.done, said.ended), (false, Ended::ByItself));
    assert!(said.printed.starts_with(&format!("{did}error: ")), "{}", said.printed);
    assert_eq!(means(driver, &said.printed), meaning);
}

#[rstest]
#[case::the_session_is_signed_wrongly(flip::<SESSION_SETUP>, "", "invalid-signature", "invalid-signature")]
#[case::the_session_is_not_signed(strip::<SESSION_SETUP>, "", "invalid-signature", "invalid-signature")]
#[case::the_share_is_signed_wrongly(flip::<TREE_CONNECT>, "", "invalid-signature", "invalid-signature")]
#[case::the_share_is_not_signed(strip::<TREE_CONNECT>, "", "invalid-signature", "invalid-signature")]
#[case::the_file_is_signed_wrongly(flip::<CREATE>, MOUNTED, "invalid-signature", "invalid-signature")]
#[case::the_session_is_a_guest_s(as_guest, "", "invalid-signature", "guest-blocked")]
#[tokio::test]
async fn what_the_client_refuses(
    #[case] change: Change,
    #[case] did: &str,
    #[case] smb_rs: &str,
    #[case] smb2: &str,
) {
    let server = Server::start(true).await;
    let (address, _) = between(server.address, alone, change).await;
    for (driver, meaning) in [("smb-rs", smb_rs), ("smb2", smb2)] {
        let said = said(driver, job(address)).await;
        assert_eq!((said.done, said.ended), (false, Ended::ByItself));
        assert!(said.printed.starts_with(&format!("{did}error: ")), "{}", said.printed);
        assert_eq!(means(driver, &said.printed), meaning, "{driver}");
    }
}

#[tokio::test]
async fn a_farewell_that_goes_wrong_undoes_nothing() {
    let server = Server::start(true).await;
    let (address, _) = between(server.address, alone, flip::<TREE_DISCONNECT>).await;
    let said = said("smb-rs", job(address)).await;
    assert!(said.done && said.printed.starts_with(&format!("{ALL}error: ")), "{}", said.printed);
    assert_eq!(means("smb-rs", &said.printed), "invalid-signature");
}

#[rstest]
#[case::nothing_at_all(|_: &[u8]| Some(Vec::new()))]
#[case::the_beginning_of_much(|_: &[u8]| Some(b"\0\xff\xff\xff\xfeSMB".to_vec()))]
#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for(
    #[values("smb-rs", "smb2")] driver: &str,
    #[case] answer: fn(&[u8]) -> Option<Vec<u8>>,
) {
    let begun = Instant::now();
    let said = said(driver, Job { time: Duration::from_millis(500), ..job(pretend(answer).await) }).await;
    assert_eq!(said, Said { printed: String::new(), done: false, ended: Ended::Timeout });
    assert!((Duration::from_millis(500)..Duration::from_secs(2)).contains(&begun.elapsed()));
}

/// smb-rs says of any error only that it is none of what it expected; smb2 hangs up at what is no SMB2.
#[rstest]
#[case::closes(|_: &[u8]| None, "disconnected", "disconnected")]
#[case::speaks_something_else(|_: &[u8]| Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), "other", "disconnected")]
#[case::sends_garbage(|_: &[u8]| Some(b"\0\0\0\x10abcdefghijklmnop".to_vec()), "other", "disconnected")]
#[case::sends_zeros(|_: &[u8]| Some(vec![0; 64]), "other", "disconnected")]
#[case::speaks_smb1(|_: &[u8]| Some([b"\0\0\0\x40\xffSMB\x72".as_slice(), &[0; 59]].concat()), "no-common-dialect", "disconnected")]
#[case::has_no_dialect(|r: &[u8]| Some(refusal(r, 0xC000_00BB)), "negotiate-failed", "no-common-dialect")]
#[case::refuses(|r: &[u8]| Some(refusal(r, 0xC000_000D)), "negotiate-failed", "negotiate-failed")]
#[tokio::test]
async fn a_server_that_is_none_is_data(
    #[case] answer: fn(&[u8]) -> Option<Vec<u8>>,
    #[case] smb_rs: &str,
    #[case] smb2: &str,
) {
    for (driver, meaning) in [("smb-rs", smb_rs), ("smb2", smb2)] {
        let said = said(driver, job(pretend(answer).await)).await;
        assert_eq!((said.done, said.ended), (false, Ended::ByItself));
        assert!(said.printed.starts_with("error: "), "{}", said.printed);
        assert_eq!(means(driver, &said.printed), meaning, "{driver}");
    }
}

#[tokio::test]
async fn a_setting_that_a_client_does_not_have_is_said() {
    for driver in drivers() {
        let said =
            said(driver, Job { signing: "sideways".to_owned(), ..job(([127, 0, 0, 1], 1).into()) }).await;
        assert_eq!(means(driver, &said.printed), "unsupported");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_data() {
    for driver in drivers() {
        let said = said(driver, job(([127, 0, 0, 1], 1).into())).await;
        assert_eq!(means(driver, &said.printed), "disconnected");
    }
}

#[rstest]
#[tokio::test]
async fn what_a_client_offers_is_what_its_folder_says(#[values("smb-rs", "smb2")] driver: &str) {
    let server = Server::start(false).await;
    let (address, sent) = between(server.address, alone, alone).await;
    said(driver, job(address)).await;
    let sent = sent.lock().unwrap();
    let smb2 = |command: u8| sent.iter().filter(move |m| m.starts_with(b"\xfeSMB") && m[12] == command);
    let (dialects, mode, algorithms) = offers(smb2(0).next().unwrap());

    let client = client(driver);
    let offers = client["offers"].as_table().unwrap();
    let ids = |key: &str, words: &[(&str, u16)]| -> Vec<u16> {
        let id = |word: &Value| words.iter().find(|(w, _)| Some(*w) == word.as_str()).unwrap().1;
        offers[key].as_array().unwrap().iter().map(id).collect()
    };
    let versions =
        [("2.0.2", 0x0202), ("2.1", 0x0210), ("3.0", 0x0300), ("3.0.2", 0x0302), ("3.1.1", 0x0311)];
    assert_eq!(ids("dialects", &versions), dialects);
    let names = [("hmac-sha256", 0), ("aes-128-cmac", 1), ("aes-128-gmac", 2)];
    assert_eq!(ids("algorithms", &names), algorithms);
    // SMB2_NEGOTIATE_SIGNING_REQUIRED, in the NEGOTIATE and in every SESSION_SETUP.
    let required = mode & 2 != 0 || smb2(SESSION_SETUP).any(|m| m[67] & 2 != 0);
    assert_eq!(offers["signing"].as_str(), Some(if required { "required" } else { "not-required" }));
}
