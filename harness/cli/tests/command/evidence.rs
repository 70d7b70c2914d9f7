//! Grading and rendering again, from what is on disk.

use crate::support::Bench;
use model::Verdict;
use std::fs;

const CASE: &str =
    "smb2-policy/algorithm=aes-128-cmac,client=required,dialect=3.1.1,server.signing=required@embedded";

/// A finished run of one case on the built-in server.
fn recorded() -> Bench {
    let bench = Bench::new();
    let ended = bench.run(&["run", "--case", CASE, "--out", "r"]);
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    bench
}

#[test]
fn judging_again_says_the_same() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["run", "--target", "embedded", "--out", "r"]).status, 0);
    let before = bench.results("r");
    fs::remove_file(bench.path("r/results.json")).unwrap();
    assert_eq!(bench.run(&["judge", "r"]).status, 0);
    assert_eq!(bench.results("r"), before);
    fs::remove_file(bench.path("r/results.json")).unwrap();
    assert_eq!(bench.run(&["report", "r", "--html", "x.html", "--junit", "x.xml"]).status, 0);
    assert_eq!(bench.results("r"), before);
    assert_eq!(fs::read(bench.path("x.html")).unwrap(), fs::read(bench.path("r/report.html")).unwrap());
    assert_eq!(fs::read(bench.path("x.xml")).unwrap(), fs::read(bench.path("r/junit.xml")).unwrap());
}

#[test]
fn a_changed_byte_is_found_at_its_frame() {
    let bench = recorded();
    let pcapng = bench.path(&format!("r/evidence/{CASE}.pcapng"));
    let mut bytes = fs::read(&pcapng).unwrap();
    // A byte of what was read: the second time the pattern stands in the file is the READ response.
    let pattern = b"countersign: what is read is what was written";
    let places: Vec<usize> =
        (0..bytes.len() - pattern.len()).filter(|at| bytes[*at..].starts_with(pattern)).collect();
    assert_eq!(places.len(), 2);
    bytes[places[1]] ^= 0x20;
    fs::write(&pcapng, bytes).unwrap();

    let ended = bench.run(&["judge", "r"]);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    let results = bench.results("r");
    let case = &results.cases[0];
    assert_eq!(case.verdict, Verdict::Deviates);
    let signature = case.findings.iter().find(|f| f.rule == "signing/response-signed").unwrap();
    let frame = signature.at.unwrap().frame;
    assert!(
        case.why.as_deref().is_some_and(|why| why.contains(&format!("frame {frame}:"))),
        "{:?}",
        case.why
    );
    assert!(ended.stdout.contains(&format!("frame {frame}")), "{}", ended.stdout);
    // What was judged stays judged: rendering again does not bring back what the run once thought.
    assert_eq!(bench.run(&["report", "r"]).status, 1);
    assert_eq!(bench.results("r"), results);
}

/// The sidecar of the recorded case, changed.
fn with_sidecar(bench: &Bench, change: impl Fn(&mut serde_json::Value)) {
    let path = bench.path(&format!("r/evidence/{CASE}.json"));
    let mut value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(&path, serde_json::to_string(&value).unwrap()).unwrap();
}

#[test]
fn a_client_that_is_not_the_planned_one_proves_nothing() {
    let bench = recorded();
    // The plan now says that the client does not require signing; the bytes say SMB2_NEGOTIATE_SIGNING_REQUIRED.
    with_sidecar(&bench, |value| value["case"]["client"]["signing"] = "not-required".into());
    let ended = bench.run(&["judge", &format!("r/evidence/{CASE}.pcapng")]);
    assert_eq!(ended.status, 3, "{}", ended.stdout);
    assert!(ended.stdout.contains("SecurityMode"), "{}", ended.stdout);
}

#[test]
fn bytes_that_belong_to_another_step_fulfil_none() {
    let bench = recorded();
    with_sidecar(&bench, |value| {
        let steps = value["steps"].as_array_mut().unwrap();
        let logoff = steps.last().unwrap()["sent"].clone();
        for step in steps.iter_mut() {
            step["sent"] = logoff.clone();
        }
    });
    let ended = bench.run(&["judge", &format!("r/evidence/{CASE}.pcapng")]);
    assert_eq!(ended.status, 3, "{}", ended.stdout);
    assert!(ended.stdout.contains("was not sent"), "{}", ended.stdout);
}

#[test]
fn evidence_that_is_gone_is_inconclusive() {
    for gone in [".pcapng", ".json"] {
        let bench = recorded();
        fs::remove_file(bench.path(&format!("r/evidence/{CASE}{gone}"))).unwrap();
        assert_eq!(bench.run(&["judge", "r"]).status, 3);
        let case = &bench.results("r").cases[0];
        assert_eq!(case.verdict, Verdict::Inconclusive);
        assert!(case.why.is_some() && case.outcome.is_none());
    }
}

#[test]
fn one_pcapng_is_judged_by_itself() {
    let bench = recorded();
    let ended = bench.run(&["judge", &format!("r/evidence/{CASE}.pcapng")]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let case: model::CaseResult = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((case.id.as_str(), case.verdict), (CASE, Verdict::Conforms));
}

#[test]
fn no_file_of_a_run_holds_a_password_and_the_sidecar_no_opinion() {
    let bench = recorded();
    let sidecar = fs::read_to_string(bench.path(&format!("r/evidence/{CASE}.json"))).unwrap();
    let value: serde_json::Value = serde_json::from_str(&sidecar).unwrap();
    let mut keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    let known = ["case", "problem", "recorded", "schema", "server", "server_log", "session_keys", "steps"];
    assert_eq!(keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(), known);
    assert!(!sidecar.to_lowercase().contains("password"));
}

#[test]
fn a_journal_that_a_kill_cut_short_still_reports() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["run", "smb2-anonymous", "--target", "embedded", "--out", "r"]).status, 0);
    let journal = bench.path("r/results.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let cases = bench.results("r").cases.len();
    let half = text.len() / 2;
    fs::write(&journal, &text[..half]).unwrap();
    let whole_lines = text[..half].matches("\n{\"case\"").count().max(1);

    assert_eq!(bench.run(&["report", "r"]).status, 3);
    let results = bench.results("r");
    assert_eq!(results.cases.len(), cases);
    let finished = results.cases.iter().filter(|case| case.verdict == Verdict::Conforms).count();
    assert!(finished >= whole_lines - 1 && finished < cases, "{finished} of {cases}");
    let named: Vec<_> = results.cases.iter().filter(|case| case.verdict == Verdict::Inconclusive).collect();
    assert!(named.iter().all(|case| case.why.as_deref() == Some("the run ended before this case did")));
    // What the kill kept out of the journal is still in the evidence.
    assert_eq!(bench.run(&["judge", "r"]).status, 0);
}
