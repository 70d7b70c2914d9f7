//! With a Docker engine, which these tests require: real servers, signals, kills.

use crate::support::{Bench, ended, results};
use evidence::Evidence;
use model::results::TargetState;
use model::{Algorithm, Dialect, ExpectationState, Verdict};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const TARGET: &str = "samba-4.22";

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().expect("the docker command is required");
    assert!(
        output.status.success(),
        "the Docker engine is required: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The containers of a run, running or not.
fn containers(run: &str) -> Vec<String> {
    let filter = format!("label=countersign.run={run}");
    docker(&["ps", "-aq", "--filter", &filter]).lines().map(str::to_owned).collect()
}

fn plan(run: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(run.join("plan.json")).unwrap()).unwrap()
}

fn run_id(run: &Path) -> String {
    plan(run)["run"]["id"].as_str().unwrap().to_owned()
}

/// How many cases were planned.
fn planned(run: &Path) -> usize {
    let cases = plan(run)["cases"].as_array().unwrap().len();
    assert!(cases > 1000, "the whole catalogue");
    cases
}

/// Waits until the run has a container.
fn wait_for_container(run: &Path, child: &mut Child) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(600) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was to be stopped");
        if run.join("plan.json").exists() && !containers(&run_id(run)).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no container within ten minutes");
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

/// Where the server of a case listened.
fn server_of(bench: &Bench, evidence: &str) -> String {
    Evidence::read(&bench.path("r").join(evidence)).unwrap().sidecar.server
}

#[test]
fn every_policy_cell_on_samba_is_as_predicted_with_every_algorithm() {
    let bench = Bench::new();
    let ended = bench.run(&["run", "smb2-policy", "smb2-algorithms", "--target", TARGET, "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let results = bench.results("r");
    let target = &results.targets[0];
    assert_eq!(target.state, TargetState::Ready);
    assert!(target.version.as_deref().is_some_and(|version| version.starts_with("4.22")), "{target:?}");
    assert!(target.image.as_deref().is_some_and(|image| image.starts_with("sha256:")), "{target:?}");

    let policy: Vec<_> = results.cases.iter().filter(|case| case.scenario == "smb2-policy").collect();
    assert_eq!(policy.len(), 28);
    for case in &policy {
        assert_eq!(case.verdict, Verdict::Conforms, "{}: {:?} {:?}", case.id, case.why, case.findings);
    }
    let selected: BTreeSet<Algorithm> = policy
        .iter()
        .filter_map(|case| case.outcome.as_ref())
        .filter(|outcome| outcome.dialect == Some(Dialect::Smb311))
        .filter_map(|outcome| outcome.algorithm)
        .collect();
    let all = BTreeSet::from([Algorithm::HmacSha256, Algorithm::Aes128Cmac, Algorithm::Aes128Gmac]);
    assert_eq!(selected, all);
    for case in policy.iter().filter(|case| case.axes["client"] == "required") {
        let signed = case.outcome.as_ref().unwrap().signed.unwrap();
        assert!(signed.requests.0 == signed.requests.1 && signed.responses.0 == signed.responses.1);
        assert!(signed.requests.1 >= 10, "{signed:?}");
    }
    assert_eq!(containers(&run_id(&bench.path("r"))), Vec::<String>::new());
    let logs: Vec<_> = fs::read_dir(bench.path("r/evidence/logs")).unwrap().collect();
    assert_eq!(logs.len(), 1, "one container");
    let servers: BTreeSet<String> =
        policy.iter().map(|case| server_of(&bench, case.evidence.as_deref().unwrap())).collect();
    assert_eq!(servers.len(), 2, "one server per effective policy");
}

#[test]
fn scenarios_of_ones_own_make_no_known_deviation_stale() {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    let text = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.17\"]\nexpect = \"policy\"\n[axes]\ndialect = [\"2.1\"]\n\
                [[step]]\ndo = \"session-setup\"\n[[step]]\ndo = \"echo\"\n";
    fs::write(bench.path("mine/own.toml"), text).unwrap();
    let ended = bench.run(&["run", "--scenarios", "mine", "--target", TARGET, "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let results = bench.results("r");
    assert!(!results.expectations.is_empty());
    assert!(results.expectations.iter().all(|it| it.state == ExpectationState::NotRun));
    let again: Vec<&str> = results.cases[0].reproduce.split(' ').skip(1).collect();
    assert_eq!(bench.run(&again).status, 0, "what the report prints runs the case again");
}

#[test]
fn guests_and_nobody_on_samba_are_as_predicted() {
    let bench = Bench::new();
    let ended = bench.run(&["run", "smb2-guest", "smb2-anonymous", "--target", TARGET, "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    for case in &bench.results("r").cases {
        assert_eq!(case.verdict, Verdict::Conforms, "{}: {:?} {:?}", case.id, case.why, case.findings);
    }
}

#[test]
fn both_tables_of_smb1_on_samba_are_as_known_and_every_cell_is_there() {
    let bench = Bench::new();
    let ended = bench.run(&["run", "smb1-policy", "--target", TARGET, "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let results = bench.results("r");
    assert_eq!(results.cases.len(), 2 * 2 * 9);
    let known = |case: &&model::CaseResult| case.verdict == Verdict::Deviates;
    for case in &results.cases {
        let word = |axis: &str| case.axes[axis].as_str();
        let cell = (word("generation"), word("client"), word("server.signing"));
        let differs = case.outcome.as_ref().unwrap().differences(case.predicted.as_ref().unwrap());
        match word("extended-security") {
            // One cell of the eighteen: the connection ends where STATUS_ACCESS_DENIED is due.
            "yes" => assert_eq!(
                !differs.is_empty(),
                cell == ("smb1-older", "disabled", "required"),
                "{}: {differs:?}",
                case.id
            ),
            // Signing never becomes active.
            _ => assert_eq!(
                !differs.is_empty(),
                !matches!(case.predicted.as_ref().unwrap().kind, model::outcome::Kind::NotSigned)
                    && cell != ("smb1-older", "required", "disabled"),
                "{}: {differs:?}",
                case.id
            ),
        }
        if !known(&case) {
            assert_eq!(case.verdict, Verdict::Conforms, "{}: {:?} {:?}", case.id, case.why, case.findings);
        }
    }
    // Signatures were recomputed wherever there are any.
    let signed = results.cases.iter().filter(|case| {
        case.outcome.as_ref().is_some_and(|outcome| outcome.algorithm == Some(Algorithm::Md5))
            && case.checks.contains_key("smb1/response-signed")
            && !known(case)
    });
    for case in signed {
        let counted = case.outcome.as_ref().unwrap().signed.unwrap();
        assert!(
            counted.requests.0 >= 9 && counted.requests.0 == counted.requests.1,
            "{}: {counted:?}",
            case.id
        );
        assert_eq!(counted.responses.0, counted.responses.1, "{}: {counted:?}", case.id);
    }
    // What the journal says, the evidence says again.
    let again = bench.run(&["judge", "r"]);
    assert_eq!(again.status, 0, "{}", again.stdout);
}

#[test]
fn smb1_and_the_way_to_smb2_on_samba_are_as_known() {
    let bench = Bench::new();
    let scenarios = ["smb1-guest", "smb1-signing", "smb1-absent", "smb1-tamper", "multi-protocol"];
    let args = [&["run"], &scenarios[..], &["--target", TARGET, "--out", "r"]].concat();
    let ended = bench.run(&args);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let results = bench.results("r");
    for case in results.cases.iter().filter(|case| {
        ["smb1-guest", "smb1-absent", "multi-protocol"].contains(&case.scenario.as_str())
            || case.scenario == "smb1-signing" && case.axes["extended-security"] == "yes"
    }) {
        assert_eq!(case.verdict, Verdict::Conforms, "{}: {:?} {:?}", case.id, case.why, case.findings);
    }
    let count = |rule: &str| results.cases.iter().filter_map(|case| case.checks.get(rule)).sum::<u64>();
    for rule in [
        "smb1/echo-sequence",
        "smb1/first-session-key",
        "smb1/sequence-number",
        "smb1/guest-unsigned",
        "smb1/bad-signature",
        "negotiate/multi-protocol",
    ] {
        assert!(count(rule) > 0, "{rule} met nothing it is about");
    }
}

#[test]
fn every_other_command_is_answered_as_known() {
    let bench = Bench::new();
    let scenarios = [
        "smb2-commands",
        "smb2-compounds",
        "smb2-oplocks",
        "smb2-pipe",
        "smb2-reauthentication",
        "smb2-failed-logon",
    ];
    let ended = bench.run(&[&["run"], &scenarios[..], &["--out", "r"]].concat());
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let results = bench.results("r");
    for target in &results.targets {
        assert_eq!(target.state, TargetState::Ready);
        let of = || results.cases.iter().filter(|case| case.target == target.id);
        assert_eq!(of().count(), scenarios.len() * 14);
        let count = |rule: &str| of().filter_map(|case| case.checks.get(rule)).sum::<u64>();
        for rule in
            ["signing/break-unsigned", "signing/interim-zero", "signing/response-signed", "step/read-back"]
        {
            assert!(count(rule) > 0, "{rule} met nothing it is about on {}", target.id);
        }
        // Whatever the client signed, it signed rightly, and every answer to it but the known ones was signed.
        let signed =
            of().filter(|case| case.verdict == Verdict::Conforms && case.axes["client"] == "required");
        for case in signed {
            let counted = case.outcome.as_ref().unwrap().signed.unwrap();
            assert!(counted.requests.0 == counted.requests.1, "{}: {counted:?}", case.id);
            assert!(counted.responses.0 == counted.responses.1, "{}: {counted:?}", case.id);
        }
    }
}

#[test]
fn a_signal_ends_a_run_in_order() {
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let bench = Bench::new();
        let mut child = bench.command(&["run", "--target", TARGET, "--out", "r"]).spawn().unwrap();
        let run = bench.path("r");
        wait_for_container(&run, &mut child);
        signal(&child, name);
        let ended = ended(child.wait_with_output().unwrap());
        assert_eq!(ended.status, status, "{}", ended.stderr);
        assert_eq!(containers(&run_id(&run)), Vec::<String>::new());
        let results = results(&run);
        assert_eq!(results.cases.len(), planned(&run));
        assert!(results.summary.inconclusive > 0);
        assert!(run.join("report.html").exists() && run.join("junit.xml").exists());
        if results.cases.iter().any(|case| case.evidence.is_some()) {
            let logs = fs::read_dir(run.join("evidence/logs")).map_or(0, Iterator::count);
            assert!(logs > 0, "the logs of servers that were up are saved");
        }
    }
}

#[test]
fn what_a_killed_run_left_is_reported_and_swept() {
    let bench = Bench::new();
    // One case at a time, so that the kill lands in the middle.
    let mut child = bench.command(&["run", "--target", TARGET, "--jobs", "1", "--out", "r"]).spawn().unwrap();
    let run = bench.path("r");
    let start = Instant::now();
    while fs::read_to_string(run.join("results.jsonl"))
        .map_or(0, |text| text.matches("\"verdict\":\"conforms\"").count())
        < 3
    {
        assert!(start.elapsed() < Duration::from_secs(600), "no case ended within ten minutes");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was to be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let id = run_id(&run);
    assert!(!containers(&id).is_empty(), "a killed run leaves its containers");
    assert!(!run.join("results.json").exists());

    assert_eq!(bench.run(&["report", "r"]).status, 3);
    let results = bench.results("r");
    assert_eq!(results.cases.len(), planned(&run));
    assert!(results.summary.conforms >= 3 && results.summary.inconclusive > 0, "{:?}", results.summary);
    // What the killed run had seen of its server is not forgotten.
    assert_eq!(results.targets[0].state, TargetState::Ready);
    assert!(results.targets[0].version.is_some());

    let next = ["run", "smb2-anonymous", "--target", TARGET, "--out", "next"];
    assert_eq!(bench.run(&next).status, 0);
    assert_eq!(containers(&id), Vec::<String>::new(), "the next run sweeps them");
}
