//! What a target declares is held against what it does, either way, out of the recorded bytes.

use crate::support::{Bench, results};
use model::discovery::{Capability, DECLARED_RULE, Topic};
use model::{Algorithm, Dialect, Discovery, Results};
use rstest::rstest;
use std::fs;
use std::path::{Path, PathBuf};

/// A copy of the embedded server's folder with its target.toml changed.
fn declared(bench: &Bench, change: impl Fn(String) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers/embedded");
    let to = bench.path("targets/embedded");
    fs::create_dir_all(&to).unwrap();
    for name in ["target.toml", "expectations.toml"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        fs::write(to.join(name), if name == "target.toml" { change(text) } else { text }).unwrap();
    }
}

fn run(bench: &Bench) -> (i32, String) {
    let ended = bench.run_without_engine(&[
        "run",
        "smb2-anonymous",
        "--targets",
        "targets",
        "--target",
        "embedded",
        "--out",
        "r",
    ]);
    (ended.status, ended.stdout)
}

fn discovery(results: &Results) -> &Discovery {
    let [discovery] = results.targets[0].discovery.as_slice() else {
        panic!("{:?}", results.targets[0].discovery)
    };
    discovery
}

fn findings(results: &Results) -> Vec<(&str, &str)> {
    let all = &discovery(results).findings;
    all.iter().map(|finding| (finding.rule.as_str(), finding.got.as_str())).collect()
}

#[test]
fn what_is_declared_rightly_is_found_so() {
    let bench = Bench::new();
    declared(&bench, |text| text);
    let (status, stdout) = run(&bench);
    assert_eq!(status, 0, "{stdout}");
    let results = bench.results("r");
    assert_eq!(findings(&results), []);
    let seen = discovery(&results);
    assert!(seen.checks >= 12, "{}", seen.checks);
    assert_eq!(seen.dialects(), Dialect::SMB2);
    assert_eq!(seen.signing(), [Algorithm::Aes128Cmac]);
    assert_eq!(seen.guest(), Some(model::GuestMapping::Never));
    assert!(!seen.is_open() && seen.server_guid.is_some());
    // Every word has its place in the pcapng.
    let words = seen.capabilities.iter().filter(|it| it.observed.is_some());
    assert!(words.clone().count() > 15 && words.into_iter().all(|it: &Capability| it.at.is_some()));
    // Claimed stands beside observed in every report.
    for file in ["report.html", "junit.xml"] {
        let text = fs::read_to_string(bench.path("r").join(file)).unwrap();
        assert!(text.contains("signing/aes-128-cmac"), "{file}");
    }
    assert!(stdout.contains("selects aes-128-cmac"), "{stdout}");
}

#[rstest]
#[case::too_much(
    |text: String| text.replace("[\"aes-128-cmac\"]", "[\"aes-128-cmac\", \"aes-128-gmac\"]"),
    "signing/aes-128-gmac: no"
)]
#[case::too_little(
    |text: String| text.replace("signing-capabilities = [\"aes-128-cmac\"]", "signing-capabilities = []"),
    "signing/aes-128-cmac: yes"
)]
#[case::lost_dialect(
    |text: String| text + "\n[[unsupported]]\nwhen = { dialect = \"2.1\" }\nwhy = \"no longer\"\n",
    "dialect/2.1: yes"
)]
#[case::nobody(
    |text: String| text + "\n[[unsupported]]\nwhen = { login = \"anonymous\", dialect = \"2.1\" }\nwhy = \"x\"\n\
        [[unsupported]]\nwhen = { login = \"anonymous\" }\nwhy = \"nobody is let in\"\n",
    "logon/anonymous: anonymous"
)]
fn what_is_declared_wrongly_fails_the_run(#[case] change: fn(String) -> String, #[case] got: &str) {
    let bench = Bench::new();
    declared(&bench, change);
    // With nobody let in there is nothing left of the one scenario: another one.
    let ended = bench.run_without_engine(&[
        "run",
        "smb2-reauthentication",
        "--targets",
        "targets",
        "--target",
        "embedded",
        "--out",
        "r",
    ]);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    let results = bench.results("r");
    assert_eq!(findings(&results), [(DECLARED_RULE, got)]);
    assert!(discovery(&results).findings[0].at.is_some());
    assert!(ended.stdout.contains("contradicted by what was seen"), "{}", ended.stdout);
    let junit = fs::read_to_string(bench.path("r/junit.xml")).unwrap();
    assert!(junit.contains("discovery@embedded") && junit.contains("<failure"), "{junit}");
    assert_eq!(bench.run(&["judge", "r"]).status, 1);
    assert!(bench.results("r").targets == results.targets, "the bytes say it again");
}

/// The pcapng of a discovery.
fn evidence(bench: &Bench) -> PathBuf {
    let relative = discovery(&bench.results("r")).evidence.clone().unwrap();
    bench.path("r").join(relative)
}

#[test]
fn what_was_seen_is_what_the_bytes_say() {
    let bench = Bench::new();
    declared(&bench, |text| text);
    assert_eq!(run(&bench).0, 0);
    let path = evidence(&bench).with_extension("json");
    let text = fs::read_to_string(&path).unwrap();

    // What the harness thought of it changes nothing.
    let mut sidecar: serde_json::Value = serde_json::from_str(&text).unwrap();
    sidecar["problem"] = "it all went wrong".into();
    sidecar["case"]["client"]["dialects"] = serde_json::json!(["2.0.2"]);
    fs::write(&path, sidecar.to_string()).unwrap();
    let before = bench.results("r");
    assert_eq!(bench.run(&["judge", "r"]).status, 0);
    assert!(bench.results("r").targets == before.targets);

    // A question that the client did not ask is answered by nothing.
    let mut sidecar: serde_json::Value = serde_json::from_str(&text).unwrap();
    let questions = sidecar["questions"].as_array_mut().unwrap();
    let place = |questions: &[serde_json::Value], word: &str| {
        questions.iter().position(|it| it.to_string().contains(word)).unwrap()
    };
    let (one, other) = (place(questions, "2.1"), place(questions, "3.0.2"));
    questions.swap(one, other);
    fs::write(&path, sidecar.to_string()).unwrap();
    assert_eq!(bench.run(&["judge", "r"]).status, 3, "what is claimed is not known any more");
    let seen = bench.results("r");
    assert_eq!(discovery(&seen).observed(Topic::Dialect(Dialect::Smb21)), None);
    assert_eq!(discovery(&seen).observed(Topic::Dialect(Dialect::Smb30)), Some("yes"));

    // A byte that was changed, and evidence that is gone.
    fs::write(&path, &text).unwrap();
    let pcapng = evidence(&bench);
    let mut bytes = fs::read(&pcapng).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pcapng, bytes).unwrap();
    assert_eq!(bench.run(&["judge", "r"]).status, 3);
    assert!(discovery(&results(&bench.path("r"))).findings.is_empty());
}

#[test]
fn a_contradiction_cannot_be_expected() {
    let bench = Bench::new();
    declared(&bench, |text| text);
    let text = format!(
        "[[expectation]]\nrule = \"{DECLARED_RULE}\"\nwhen = {{ dialect = \"2.1\" }}\nreason = \"r\"\n"
    );
    fs::write(bench.path("targets/embedded/expectations.toml"), text).unwrap();
    let ended = bench.run(&["run", "--targets", "targets", "--target", "embedded"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("not to be expected"), "{}", ended.stderr);
}
