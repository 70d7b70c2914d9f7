//! Every target at once: what cannot be built is one message, the others go on, and memory is not overdrawn.

use crate::nas::SAMBA;
use crate::support::{Bench, ended};
use model::Verdict;
use model::results::TargetState;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A copy of a target's folder under another name, with another Dockerfile.
fn broken(bench: &Bench) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers").join(SAMBA);
    let to = bench.path("targets/broken");
    fs::create_dir_all(&to).unwrap();
    for name in ["target.toml", "smb.conf", "entry.sh"] {
        fs::copy(folder.join(name), to.join(name)).unwrap();
    }
    let dockerfile = "FROM debian:trixie-slim\nRUN echo the reason stands here && false\n";
    fs::write(to.join("Dockerfile"), dockerfile).unwrap();
}

/// How many containers a run has now.
fn containers(run: &Path) -> usize {
    let Ok(plan) = fs::read_to_string(run.join("plan.json")) else { return 0 };
    let Ok(plan) = serde_json::from_str::<serde_json::Value>(&plan) else { return 0 };
    let filter = format!("label=countersign.run={}", plan["run"]["id"].as_str().unwrap());
    let output = Command::new("docker").args(["ps", "-q", "--filter", &filter]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().count()
}

#[test]
fn one_that_cannot_be_built_keeps_no_other_from_running() {
    let bench = Bench::new();
    broken(&bench);
    let servers = ["--target", "embedded", "--target", SAMBA, "--target", "broken"];
    let what =
        ["run", "smb2-policy", "smb2-anonymous", "--targets", "targets", "--memory", "600", "--out", "r"];
    let args = [&what[..], &servers].concat();
    let mut child = bench.command(&args).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(containers(&bench.path("r")));
    }
    let ended = ended(child.wait_with_output().unwrap());
    assert_eq!(ended.status, 3, "{}", ended.stdout);
    // Each may use 512 MiB, so there is room for one at a time.
    assert_eq!(most, 1);

    let results = bench.results("r");
    assert_eq!(results.targets.len(), 3);
    for target in &results.targets {
        let of = || results.cases.iter().filter(|case| case.target == target.id);
        if target.id != "broken" {
            assert_eq!(target.state, TargetState::Ready, "{}: {:?}", target.id, target.why);
            assert!(of().all(|case| case.verdict != Verdict::Inconclusive), "{}", target.id);
            continue;
        }
        assert_eq!(target.state, TargetState::Failed);
        let why = target.why.as_deref().unwrap();
        assert!(why.contains("build the image of broken") && why.contains("the reason stands here"), "{why}");
        let log = why.rsplit("the whole log is ").next().unwrap();
        assert!(fs::read_to_string(bench.path("r").join(log)).unwrap().contains("the reason stands here"));
        assert!(of().count() > 0 && of().all(|case| case.verdict == Verdict::Inconclusive));
    }
    let told = ended.stdout.matches("could not be brought up").count();
    assert_eq!(told, 1, "{}", ended.stdout);
}

#[test]
fn all_is_no_name_of_a_target() {
    let bench = Bench::new();
    broken(&bench);
    fs::rename(bench.path("targets/broken"), bench.path("targets/all")).unwrap();
    let ended = bench.run(&["list", "targets", "--targets", "targets"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("stands for every target"), "{}", ended.stderr);
}

#[test]
fn all_are_all_there_are() {
    let bench = Bench::new();
    let args = ["run", "smb2-anonymous", "--target", "all", "--out", "r"];
    assert_eq!(bench.run_without_engine(&args).status, 3);
    let listed = bench.run(&["list", "targets"]).stdout;
    let targets = bench.results("r").targets;
    assert_eq!(targets.len(), listed.lines().count());
    for target in targets {
        // One message each where there is no engine; the one that needs none ran.
        let ran = target.state == TargetState::Ready;
        assert!(ran == (target.id == "embedded") && ran == target.why.is_none(), "{target:?}");
    }
}
