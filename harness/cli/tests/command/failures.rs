//! What a wrong call gets: one message that names the place and the mend, and its exit status.

use crate::support::Bench;
use model::Verdict;
use model::results::TargetState;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[rstest]
#[case(&["run", "smb2-polcy"], "scenario", "`smb2-policy`")]
#[case(&["run", "--target", "smba-4.22"], "target", "`samba-4.22`")]
#[case(&["run", "--target", "embeded"], "target", "`embedded`")]
#[case(&["run", "--client", "prob"], "client", "`probe`")]
fn an_unknown_name_says_the_nearest(#[case] args: &[&str], #[case] what: &str, #[case] nearest: &str) {
    let bench = Bench::new();
    let ended = bench.run(args);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("no {what} is called")), "{}", ended.stderr);
    assert!(ended.stderr.contains(nearest), "{}", ended.stderr);
    assert!(!bench.path("countersign-runs").exists());
}

#[rstest]
#[case("sahre = \"share\"", "line 10", "sahre")]
#[case("share = 7", "line 10", "share = 7")]
fn a_wrong_scenario_file_shows_the_line(#[case] line: &str, #[case] place: &str, #[case] what: &str) {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    let text = format!(
        "title = \"t\"\ncites = []\nexpect = \"policy\"\n[axes]\ndialect = [\"3.1.1\"]\n\
         [[step]]\ndo = \"session-setup\"\n[[step]]\ndo = \"tree-connect\"\n{line}\n"
    );
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", "embedded"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("mine/own.toml"), "{}", ended.stderr);
    assert!(ended.stderr.contains(place) && ended.stderr.contains(what), "{}", ended.stderr);
}

#[test]
fn a_scenario_of_ones_own_runs() {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    let text = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.17\"]\nexpect = \"policy\"\n[axes]\ndialect = [\"2.1\"]\n\
                [[step]]\ndo = \"session-setup\"\n[[step]]\ndo = \"echo\"\n";
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", "embedded", "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    assert_eq!(bench.results("r").cases[0].id.as_str(), "own/dialect=2.1@embedded");
}

/// A case that its scenario leaves out, and the one that shows the same.
const LEFT_OUT: &str = "smb2-tamper/algorithm=hmac-sha256,client=not-required,deviation=signature-byte-3,dialect=2.1,\
                        server.signing=not-required@embedded";
const SHOWN_BY: &str = "countersign run --case smb2-tamper/algorithm=hmac-sha256,client=not-required,\
                        deviation=signature-byte-3,dialect=2.1,server.signing=required@embedded";

#[test]
fn what_a_scenario_leaves_out_is_said_with_where_the_same_is_seen() {
    let bench = Bench::new();
    let ended = bench.run(&["explain", LEFT_OUT]);
    assert!(ended.status == 0 && ended.stdout.contains(SHOWN_BY), "{}{}", ended.stdout, ended.stderr);

    let ended = bench.run(&["run", "smb2-tamper", "--target", "embedded", "--shard", "1/50", "--out", "r"]);
    assert!(ended.stdout.contains("deviation=signature-byte-0, signature-byte-1,"), "{}", ended.stdout);
    assert!(ended.stdout.contains("server.signing=required shows the same"), "{}", ended.stdout);
    let results = bench.results("r");
    let [left_out] = results.left_out.as_slice() else { panic!("{:?}", results.left_out) };
    let in_plan = bench.run(&["list", "cases", "--json"]).stdout.matches("\"smb2-tamper/").count() as u64;
    assert!(left_out.total() > 100 && in_plan > left_out.total(), "{left_out:?}");
    let page = fs::read_to_string(bench.path("r/report.html")).unwrap();
    assert!(page.contains("<li>left out: "), "the report does not say it");
}

#[rstest]
#[case(&["run", "--case", "smb2-policy/dialect=3.1.1@embedded"], "the nearest is")]
#[case(&["run", "smb2-guest", "--case",
    "smb2-policy/algorithm=hmac-sha256,client=required,dialect=2.1,server.signing=required@embedded"], "select no case")]
#[case(&["run", "--target", "embedded", "--case",
    "smb2-policy/algorithm=hmac-sha256,client=required,dialect=2.1,server.signing=required@samba-4.22"], "select no case")]
#[case(&["run", "--target", "embedded", "--shard", "100000/100000"], "empty")]
#[case(&["run", "--case", LEFT_OUT], SHOWN_BY)]
fn a_filter_that_selects_nothing_is_no_success(#[case] args: &[&str], #[case] says: &str) {
    let ended = Bench::new().run(args);
    assert_eq!(ended.status, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
}

#[rstest]
#[case(&["run", "--shard", "3/2"])]
#[case(&["run", "--jobs", "0"])]
#[case(&["run", "--nonsense"])]
#[case(&["judge", "not-there"])]
#[case(&["report", "not-there"])]
#[case(&[])]
fn a_wrong_call_exits_2(#[case] args: &[&str]) {
    let ended = Bench::new().run(args);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(!ended.stderr.is_empty());
}

#[test]
fn a_run_folder_is_private_and_never_overwritten() {
    let bench = Bench::new();
    let args = ["run", "smb2-anonymous", "--target", "embedded", "--out", "r"];
    assert_eq!(bench.run(&args).status, 0);
    assert_eq!(fs::metadata(bench.path("r")).unwrap().permissions().mode() & 0o777, 0o700);
    let before = fs::read(bench.path("r/results.json")).unwrap();
    let ended = bench.run(&args);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("not empty"), "{}", ended.stderr);
    assert_eq!(fs::read(bench.path("r/results.json")).unwrap(), before);
}

#[test]
fn without_an_engine_what_was_not_asked_for_is_left_out_and_said() {
    let bench = Bench::new();
    let ended = bench.run_without_engine(&["run", "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // A server and a client, each in a line.
    let said: Vec<&str> = ended.stderr.lines().collect();
    assert!(said.len() == 2 && said.iter().all(|line| line.contains(" is left out: ")), "{}", ended.stderr);
    assert_eq!(said.iter().filter(|line| line.contains("the client ")).count(), 1, "{}", ended.stderr);
    let results = bench.results("r");
    let omitted: Vec<_> = results.targets.iter().filter(|t| t.state == TargetState::Omitted).collect();
    assert!(!omitted.is_empty() && omitted.iter().all(|target| target.why.is_some()));
    assert!(results.summary.conforms > 0);
    let junit = fs::read_to_string(bench.path("r/junit.xml")).unwrap();
    assert!(junit.contains("<skipped") && junit.contains(&omitted[0].id));
    // Of the clients one is here, with its version, and the other is left out.
    let (here, omitted): (Vec<_>, Vec<_>) =
        results.clients.iter().partition(|client| client.state == TargetState::Ready);
    assert!(here.len() == 1 && here[0].version.is_some(), "{here:?}");
    assert!(omitted.len() == 1 && omitted[0].state == TargetState::Omitted && omitted[0].why.is_some());
    assert!(junit.contains(&format!("<testsuite name=\"{}\"", omitted[0].id)), "{junit}");
}

#[test]
fn without_an_engine_what_was_asked_for_by_name_is_inconclusive() {
    let bench = Bench::new();
    let args = ["run", "smb2-anonymous", "--target", "samba-4.22", "--target", "embedded", "--out", "r"];
    let ended = bench.run_without_engine(&args);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    let results = bench.results("r");
    for case in &results.cases {
        if case.target == "embedded" {
            assert_eq!(case.verdict, Verdict::Conforms);
        } else {
            assert_eq!(case.verdict, Verdict::Inconclusive);
            assert!(case.why.as_deref().is_some_and(|why| why.contains("Docker")), "{:?}", case.why);
        }
    }
}

#[test]
fn a_target_that_was_not_started_is_not_called_ready() {
    let bench = Bench::new();
    let case =
        "smb2-policy/algorithm=aes-128-gmac,client=required,dialect=3.1.1,server.signing=required@embedded";
    assert_eq!(bench.run(&["run", "--case", case, "--out", "r"]).status, 0);
    let results = bench.results("r");
    assert_eq!(results.cases[0].verdict, Verdict::Unsupported);
    assert_eq!(results.targets[0].state, TargetState::Omitted);
    assert!(results.targets[0].why.is_some() && results.targets[0].version.is_none());
}

#[test]
fn what_is_no_terminal_gets_no_colours_and_no_progress() {
    let bench = Bench::new();
    let ended = bench.run(&["run", "smb2-anonymous", "--target", "embedded"]);
    assert_eq!(ended.status, 0);
    assert!(!ended.stdout.contains('\x1b') && ended.stderr.is_empty(), "{}", ended.stderr);
}

#[rstest]
#[case("scenarios", "smb2-policy")]
#[case("targets", "samba-4.22")]
#[case("clients", "probe")]
#[case("rules", "signing/response-signed")]
#[case(
    "cases",
    "smb2-policy/algorithm=aes-128-gmac,client=required,dialect=3.1.1,server.signing=required@samba-4.22"
)]
fn lists(#[case] what: &str, #[case] has: &str) {
    let bench = Bench::new();
    let plain = bench.run(&["list", what]);
    assert_eq!(plain.status, 0);
    assert!(plain.stdout.lines().any(|line| line.split_whitespace().next() == Some(has)), "{}", plain.stdout);
    let json = bench.run(&["list", what, "--json"]);
    let values: Vec<serde_json::Value> = serde_json::from_str(&json.stdout).unwrap();
    assert!(values.iter().any(|value| value["id"] == has));
    assert_eq!(values.len(), plain.stdout.lines().count());
}

#[test]
fn shards_are_disjoint_and_whole() {
    let bench = Bench::new();
    let mut all = Vec::new();
    for k in 1..=3 {
        let out = format!("shard-{k}");
        let shard = format!("{k}/3");
        let ended =
            bench.run(&["run", "smb2-algorithms", "--target", "embedded", "--shard", &shard, "--out", &out]);
        assert_eq!(ended.status, 0, "{}", ended.stdout);
        all.extend(bench.results(&out).cases.into_iter().map(|case| case.id));
    }
    all.sort();
    let whole = bench.run(&["run", "smb2-algorithms", "--target", "embedded", "--out", "whole"]);
    assert_eq!(whole.status, 0);
    let mut expected: Vec<_> = bench.results("whole").cases.into_iter().map(|case| case.id).collect();
    expected.sort();
    assert_eq!(all, expected);
}
