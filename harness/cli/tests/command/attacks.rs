//! Something between client and server.

use crate::support::Bench;
use evidence::Evidence;
use model::Verdict;
use model::outcome::{By, Kind, Why};
use std::collections::BTreeSet;
use std::fs;

#[test]
fn every_attack_is_noticed_and_the_report_says_by_whom() {
    let bench = Bench::new();
    let scenarios = ["smb2-attacks", "smb2-attacks-preauth", "smb2-attacks-downgrade"];
    let args = [&["run"], &scenarios[..], &["--target", "embedded", "--out", "r"]].concat();
    let ended = bench.run(&args);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let results = bench.results("r");
    let mut by = BTreeSet::new();
    for case in results.cases.iter().filter(|case| case.verdict != Verdict::Unsupported) {
        assert_eq!(case.verdict, Verdict::Conforms, "{}: {:?} {:?}", case.id, case.why, case.findings);
        let outcome = case.outcome.as_ref().unwrap();
        assert_eq!(outcome.kind, Kind::Refused, "{}", case.id);
        assert_eq!(case.checks.get("attack/noticed"), Some(&1), "{}", case.id);
        by.extend(outcome.by.map(By::word));
        // Both sides of it are in the evidence.
        let path = bench.path("r").join(case.evidence.as_ref().unwrap());
        let evidence = Evidence::read(&path).unwrap();
        let legs: BTreeSet<_> = evidence.connections.iter().map(|connection| connection.leg).collect();
        assert_eq!(legs, BTreeSet::from([Some(0), Some(1)]), "{}", case.id);
        assert_eq!(evidence.problems, []);
    }
    assert_eq!(by, BTreeSet::from(["client", "server"]));
}

#[test]
fn what_is_dropped_is_missed_and_what_is_swapped_does_no_harm() {
    let bench = Bench::new();
    let args = ["run", "smb2-attacks-drop", "smb2-attacks-order", "--target", "embedded", "--out", "r"];
    let ended = bench.run(&args);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    for case in &bench.results("r").cases {
        assert_eq!(case.verdict, Verdict::Conforms, "{}: {:?} {:?}", case.id, case.why, case.findings);
        let outcome = case.outcome.as_ref().unwrap();
        let dropped = case.scenario == "smb2-attacks-drop";
        assert_eq!(outcome.kind, if dropped { Kind::Refused } else { Kind::Signed }, "{}", case.id);
        assert_eq!(outcome.why, dropped.then_some(Why::Unanswered), "{}", case.id);
    }
}

#[test]
fn a_relayed_logon_is_of_no_use_and_where_it_is_that_is_a_finding() {
    let bench = Bench::new();
    let args =
        ["run", "smb2-attacks-relay", "smb2-attacks-relay-3.1.1", "--target", "embedded", "--out", "r"];
    let ended = bench.run(&args);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    for case in &bench.results("r").cases {
        assert_eq!(case.checks.get("attack/relayed-logon"), Some(&1), "{}: {:?}", case.id, case.why);
    }
    let bench = Bench::new();
    let text = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.2.4\"]\nexpect = \"relay-fails\"\n[axes]\n\
                dialect = [\"3.0.2\"]\nattack = [\"relay-logon\"]\n[[step]]\ndo = \"session-setup\"\n";
    fs::create_dir_all(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", "embedded", "--out", "r"]);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    let results = bench.results("r");
    let [finding] = results.cases[0].findings.as_slice() else { panic!("{:?}", results.cases[0]) };
    assert_eq!(finding.rule, "attack/relayed-logon");
    // It is where the server said it: on its side of what stands between.
    assert_eq!(finding.at.map(|at| at.leg), Some(Some(1)));
}

fn own(bench: &Bench, attack: &str, client: &str) -> (i32, model::Results) {
    let text = format!(
        "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.4\"]\nexpect = \"noticed\"\n[axes]\ndialect = [\"2.1\"]\n\
         client = [\"{client}\"]\nattack = [\"{attack}\"]\n[[step]]\ndo = \"session-setup\"\n\
         [[step]]\ndo = \"tree-connect\"\nshare = \"share\"\n[[step]]\ndo = \"echo\"\n"
    );
    fs::create_dir_all(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", "embedded", "--out", "r"]);
    (ended.status, bench.results("r"))
}

#[test]
fn an_attack_that_succeeds_is_a_finding() {
    let bench = Bench::new();
    // At 2.1 and without signing nothing protects the negotiation.
    let (status, results) = own(&bench, "change-guid", "not-required");
    assert_eq!(status, 1);
    let rules: Vec<&str> = results.cases[0].findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["attack/noticed"]);
}

#[test]
fn an_attack_that_found_nothing_to_do_proves_nothing() {
    let bench = Bench::new();
    let (status, results) = own(&bench, "strip-required", "not-required");
    assert_eq!(status, 3);
    let case = &results.cases[0];
    assert_eq!((case.verdict, case.findings.len()), (Verdict::Inconclusive, 0));
    assert!(case.why.as_ref().unwrap().contains("was not done"), "{:?}", case.why);
}

#[test]
fn an_attack_that_does_not_exist_names_its_neighbour() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("mine")).unwrap();
    let text = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.4\"]\nexpect = \"noticed\"\n[axes]\nattack = [\"change-giud\"]\n\
                [[step]]\ndo = \"session-setup\"\n";
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", "embedded", "--out", "r"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("did you mean `change-guid`?"), "{}", ended.stderr);
}

#[test]
fn a_broken_request_that_is_made_to_wait_was_taken() {
    let bench = Bench::new();
    let text = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.2.4\"]\nexpect = \"steps\"\n[axes]\ndialect = [\"3.0\", \"3.1.1\"]\n\
                \"server.signing\" = [\"required\"]\ndefect = [\"accepts-unsigned\"]\n[[step]]\ndo = \"session-setup\"\n\
                [[step]]\ndo = \"tree-connect\"\nshare = \"share\"\n[[step]]\ndo = \"change-notify\"\n\
                deviate = { signature = \"missing\" }\nexpect = { status = \"ACCESS_DENIED\", or = \"disconnect\" }\n";
    fs::create_dir_all(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", "embedded", "--out", "r"]);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    for case in &bench.results("r").cases {
        assert_eq!(case.verdict, Verdict::Deviates, "{}: {:?}", case.id, case.why);
        assert!(
            case.findings.iter().any(|f| f.rule == "step/status" && f.got == "STATUS_PENDING"),
            "{:?}",
            case.findings
        );
    }
}
