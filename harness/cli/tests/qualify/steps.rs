//! One server under one setting after the other, and one report of it.

use crate::nas::Nas;
use crate::support::Bench;
use model::Verdict;
use std::fs;

const SCENARIO: &[&str] = &["--scenario", "smb2-policy"];

#[test]
fn the_steps_of_one_server_become_one_report() {
    let bench = Bench::new();
    let nas = Nas::samba();
    let first = nas.qualify(&bench, &[SCENARIO, &["--out", "r"]].concat());
    // Half of the cells are of a server that requires signing, and it is said how to go on.
    assert_eq!(first.status, 3, "{}", first.stdout);
    assert!(first.stdout.contains("--step signing=required"), "{}", first.stdout);
    let results = bench.results("r");
    assert_eq!((results.summary.conforms, results.summary.inconclusive), (14, 14));

    let early = nas.qualify(&bench, &[SCENARIO, &["--step", "signing=required", "--into", "r"]].concat());
    assert_eq!(early.status, 2, "{}", early.stderr);
    assert!(early.stderr.contains("no case was run"), "{}", early.stderr);
    assert!(bench.results("r") == results, "what is there is left alone");

    nas.shell("sed -i 's/server signing = .*/server signing = mandatory/' /etc/samba/smb.conf; smbcontrol all reload-config; sleep 1");
    let second = nas.qualify(&bench, &[SCENARIO, &["--step", "signing=required", "--into", "r"]].concat());
    assert_eq!(second.status, 0, "{}{}", second.stdout, second.stderr);
    assert!(second.stdout.contains("All 28 cases are as expected."), "{}", second.stdout);
    let merged = bench.results("r");
    assert_eq!(merged.summary.conforms, 28);
    assert_eq!(merged.targets[0].discovery.len(), 2);
    // Graded again it says the same, and every pcapng is there with its sidecar.
    assert_eq!(bench.run(&["judge", "r"]).status, 0);
    assert!(bench.results("r") == merged);
    for case in &merged.cases {
        let pcapng = bench.path("r").join(case.evidence.as_ref().unwrap());
        assert!(pcapng.exists() && pcapng.with_extension("json").exists(), "{}", case.id);
    }

    // The same with both runs in folders of their own.
    let step =
        fs::read_dir(bench.path("countersign-runs")).unwrap().map(|it| it.unwrap().path()).max().unwrap();
    let name = step.file_name().unwrap().to_str().unwrap();
    assert!(second.stderr.contains(&format!("stays in countersign-runs/{name}")), "{}", second.stderr);
    let again = bench.run(&["merge", "m", "r", step.to_str().unwrap()]);
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    assert_eq!(bench.results("m").summary.conforms, 28);
    assert_eq!(bench.results("m").targets[0].discovery.len(), 2);
}

#[test]
fn runs_of_two_servers_stay_two() {
    let bench = Bench::new();
    let (one, other) = (Nas::samba(), Nas::samba());
    let args = |out: &'static str| [SCENARIO, &["--step", "signing=not-required", "--out", out]].concat();
    assert_eq!(one.qualify(&bench, &args("one")).status, 0);
    assert_eq!(other.qualify(&bench, &args("other")).status, 0);
    let before = bench.results("one");

    let merged = bench.run(&["merge", "m", "one", "other"]);
    assert_eq!(merged.status, 2, "{}", merged.stderr);
    assert!(
        merged.stderr.contains("another server") && merged.stderr.contains("ServerGuid"),
        "{}",
        merged.stderr
    );
    let into = other.qualify(&bench, &[SCENARIO, &["--into", "one"]].concat());
    assert_eq!(into.status, 2, "{}", into.stderr);
    assert!(
        into.stderr.contains("another server") && into.stderr.contains("no case was run"),
        "{}",
        into.stderr
    );
    let renamed = other.qualify(&bench, &[SCENARIO, &["--into", "one", "--id", "another"]].concat());
    assert_eq!(renamed.status, 2, "{}", renamed.stderr);
    assert!(renamed.stderr.contains("say --id"), "{}", renamed.stderr);
    assert!(bench.results("one") == before);
}

#[test]
fn shards_become_the_whole_run() {
    let bench = Bench::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let out = format!("s{}", &shard[..1]);
        let args =
            ["run", "smb2-policy", "smb2-anonymous", "--target", "embedded", "--shard", shard, "--out", &out];
        assert_eq!(bench.run_without_engine(&args).status, 0);
    }
    let whole = ["run", "smb2-policy", "smb2-anonymous", "--target", "embedded", "--out", "whole"];
    assert_eq!(bench.run_without_engine(&whole).status, 0);
    let merged = bench.run(&["merge", "m", "s1", "s2", "s3"]);
    assert_eq!(merged.status, 0, "{}{}", merged.stdout, merged.stderr);
    assert_eq!(bench.results("m").cases.len(), bench.results("whole").cases.len());
    assert!(bench.results("m").cases.iter().all(|case| case.verdict != Verdict::Inconclusive));
    assert_eq!(bench.run(&["diff", "whole", "m"]).status, 0);
    assert_eq!(bench.run(&["judge", "m"]).status, 0);
    // Without one of them what it had is not known.
    assert_eq!(bench.run(&["merge", "less", "s1", "s3"]).status, 3);
    assert_eq!(bench.results("less").cases.len(), bench.results("whole").cases.len());
    assert!(bench.results("less").summary.inconclusive > 0);
    // A folder that is there is not written into.
    assert_eq!(bench.run(&["merge", "m", "s1"]).status, 2);
}
