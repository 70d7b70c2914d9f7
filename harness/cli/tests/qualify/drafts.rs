//! Expectations are drafted for review, and none is taken before somebody has written why.

use crate::nas::{Nas, SAMBA};
use crate::support::Bench;
use model::{ExpectationState, Verdict};
use std::fs;
use std::path::Path;

const SCENARIOS: &[&str] =
    &["--scenario", "smb2-negotiate", "--scenario", "smb2-algorithms", "--step", "signing=not-required"];

#[test]
fn a_draft_that_is_filled_in_makes_the_run_as_expected() {
    let bench = Bench::new();
    let nas = Nas::samba();
    let first = nas.qualify(&bench, &[SCENARIOS, &["--write-expectations", "--out", "first"]].concat());
    assert_eq!(first.status, 1, "{}", first.stdout);
    let path = bench.path("first/drafts/nas.expectations.toml");
    assert!(first.stdout.contains("drafts/nas.expectations.toml"), "{}", first.stdout);
    let draft = fs::read_to_string(&path).unwrap();

    // As it is it is refused, and it says which.
    fs::write(bench.path("nas.toml"), &draft).unwrap();
    let refused =
        nas.qualify(&bench, &[SCENARIOS, &["--target-file", "nas.toml", "--out", "refused"]].concat());
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("expectation 1") && refused.stderr.contains("reason"),
        "{}",
        refused.stderr
    );

    fs::write(bench.path("nas.toml"), draft.replace("TODO: why is it so?", "it is so, and is understood"))
        .unwrap();
    let known = nas.qualify(
        &bench,
        &[SCENARIOS, &["--target-file", "nas.toml", "--write-expectations", "--out", "known"]].concat(),
    );
    assert_eq!(known.status, 0, "{}{}", known.stdout, known.stderr);
    assert!(known.stdout.contains("no expectation is drafted"), "{}", known.stdout);
    let results = bench.results("known");
    assert!(results.expectations.len() > 3);
    assert!(
        results.expectations.iter().all(|it| it.state == ExpectationState::Met),
        "{:?}",
        results.expectations
    );
    // Each is about what deviates, and about nothing that conforms.
    for known in &results.expectations {
        let about = results.cases.iter().filter(|case| known.condition.matches(&case.scenario, &case.axes));
        assert!(about.into_iter().all(|case| case.verdict == Verdict::Deviates), "{known:?}");
    }
}

#[test]
fn run_drafts_beside_the_target_s_own_and_never_into_it() {
    let bench = Bench::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers").join(SAMBA);
    let to = bench.path("targets").join(SAMBA);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    fs::write(to.join("expectations.toml"), "# none yet\n").unwrap();
    let args = [
        "run",
        "smb2-negotiate",
        "--targets",
        "targets",
        "--target",
        SAMBA,
        "--write-expectations",
        "--out",
        "r",
    ];
    let ended = bench.run(&args);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    assert_eq!(fs::read_to_string(to.join("expectations.toml")).unwrap(), "# none yet\n");
    let draft = fs::read_to_string(bench.path(&format!("r/drafts/{SAMBA}.expectations.toml"))).unwrap();
    // A stale and a fixed one fail the run as well.
    let real = draft.replace("TODO: why is it so?", "understood");
    let more = "\n[[expectation]]\nrule = \"wire/well-formed\"\nwhen = { scenario = \"smb2-negotiate\" }\nreason = \"r\"\n\
        [[expectation]]\nrule = \"wire/well-formed\"\nwhen = { scenario = \"no-such-scenario\" }\nreason = \"r\"\n";
    fs::write(to.join("expectations.toml"), format!("{real}{more}")).unwrap();
    let args = ["run", "smb2-negotiate", "--targets", "targets", "--target", SAMBA, "--out", "again"];
    assert_eq!(bench.run(&args).status, 1);
    let results = bench.results("again");
    let number = |state| results.expectations.iter().filter(|it| it.state == state).count();
    assert_eq!((number(ExpectationState::Fixed), number(ExpectationState::Stale)), (1, 1));
    assert!(results.cases.iter().all(|case| case.status == model::results::Status::Expected));
}
