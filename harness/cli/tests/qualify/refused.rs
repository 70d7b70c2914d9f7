//! What cannot be qualified: one message that says the mend, and its exit status.

use crate::nas::Nas;
use crate::support::{Bench, ended};
use rstest::rstest;
use std::net::TcpListener;

#[rstest]
#[case("nas.invalid", 2, "does not resolve")]
#[case("nas:x", 2, "a port that is none")]
#[case("[::1", 2, "no `]`")]
#[case("127.0.0.1:1", 3, "nothing takes connections at 127.0.0.1:1")]
#[case("[::1]:1", 3, "nothing takes connections at [::1]:1")]
fn an_address_that_leads_nowhere(#[case] address: &str, #[case] status: i32, #[case] says: &str) {
    let bench = Bench::new();
    let ended = bench.run(&["qualify", address, "--user", "u", "--share", "s"]);
    assert_eq!(ended.status, status, "{}", ended.stderr);
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    assert!(!bench.path("countersign-runs").exists());
}

#[rstest]
#[case(&["qualify"], "there is no server")]
#[case(&["qualify", "nas", "--share", "s"], "--user")]
#[case(&["qualify", "nas", "--user", "u"], "--share")]
#[case(&["qualify", "nas", "--user", "u", "--share", "s", "--id", "192.0.2.7:445"], "--id 192.0.2.7:445")]
#[case(&["qualify", "nas", "--user", "u", "--share", "s", "--step", "signing"], "signing=required")]
#[case(&["qualify", "nas", "--user", "u", "--share", "s", "--step", "signing=on"], "--step signing=on")]
#[case(&["qualify", "nas", "--user", "u", "--share", "s", "--step", "colour=red"], "no setting `colour`")]
#[case(&["qualify", "nas", "--user", "u", "--share", "s", "--scenario", "smb2-polcy"], "`smb2-policy`")]
#[case(&["qualify", "nas", "--target-file", "none.toml"], "none.toml")]
fn a_wrong_call(#[case] args: &[&str], #[case] says: &str) {
    let ended = Bench::new().run(args);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
}

#[test]
fn without_a_password_it_says_where_to_put_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let bench = Bench::new();
    // A session of its own, so that there is no terminal to ask on.
    let mut command = std::process::Command::new("setsid");
    command.arg("--wait").arg(env!("CARGO_BIN_EXE_countersign"));
    command.args(["qualify", &address, "--user", "u", "--share", "s"]).env_remove("COUNTERSIGN_PASSWORD");
    let ended = ended(command.current_dir(bench.folder.path()).output().unwrap());
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("COUNTERSIGN_PASSWORD"), "{}", ended.stderr);
}

#[test]
fn a_server_that_does_not_let_the_account_in() {
    let nas = Nas::samba();
    let bench = Bench::new();
    let mut wrong = nas.command(&bench, &["--out", "wrong"]);
    let wrong = ended(wrong.env("COUNTERSIGN_PASSWORD", "another").output().unwrap());
    assert_eq!(wrong.status, 2, "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("STATUS_LOGON_FAILURE") && wrong.stderr.contains("tried once"),
        "{}",
        wrong.stderr
    );
    // Its evidence is there, and no case ran.
    assert_eq!(bench.run(&["report", "wrong"]).status, 3);
    assert!(bench.results("wrong").cases.iter().all(|case| case.evidence.is_none()));

    let missing = nas.qualify(&bench, &["--share", "nosuch", "--out", "missing"]);
    assert_eq!(missing.status, 2, "{}", missing.stderr);
    // The option is said twice: clap refuses that.
    assert!(missing.stderr.contains("--share"), "{}", missing.stderr);
    let address = nas.address();
    let user = &nas.server.account.user;
    for (share, args, says) in [
        ("nosuch", &[][..], "STATUS_BAD_NETWORK_NAME"),
        ("nosuch", &["--read-only"][..], "STATUS_BAD_NETWORK_NAME"),
    ] {
        let all = [&["qualify", &address, "--user", user, "--share", share][..], args].concat();
        let mut command = bench.command(&all);
        let refused = ended(command.env("COUNTERSIGN_PASSWORD", nas.password()).output().unwrap());
        assert_eq!(refused.status, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    nas.shell("chmod 0555 /srv/1/share; chown root /srv/1/share");
    let denied = nas.qualify(&bench, &["--out", "denied"]);
    assert_eq!(denied.status, 2, "{}", denied.stderr);
    assert!(
        denied.stderr.contains("--read-only") && denied.stderr.contains("ACCESS_DENIED"),
        "{}",
        denied.stderr
    );
}

#[test]
fn a_step_that_was_not_taken_stops_before_any_case() {
    let nas = Nas::samba();
    let bench = Bench::new();
    let ended = nas.qualify(&bench, &["--step", "signing=required", "--out", "r"]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("signing is to be required, and it is not-required"), "{}", ended.stderr);
    assert_eq!(bench.run(&["report", "r"]).status, 3);
    assert!(bench.results("r").cases.iter().all(|case| case.evidence.is_none()));
}
