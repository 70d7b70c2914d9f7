//! What is different between two runs of real servers.

use crate::nas::Nas;
use crate::support::Bench;
use model::diff::{Diff, Turn};
use std::fs;

#[test]
fn a_run_is_not_different_from_itself_and_a_lost_capability_is_worse() {
    let bench = Bench::new();
    let nas = Nas::samba();
    let args = ["--scenario", "smb2-policy", "--step", "signing=not-required"];
    let run = |out: &str| {
        let ended = nas.qualify(&bench, &[&args[..], &["--out", out]].concat());
        assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    };
    run("old");
    run("again");
    let same = bench.run(&["diff", "old", "again"]);
    assert_eq!(same.status, 0, "{}", same.stdout);
    assert!(same.stdout.contains("Nothing is different: 14 cases the same in both."), "{}", same.stdout);

    // An update takes GMAC away.
    nas.shell(
        "sed -i '/server signing/a server smb3 signing algorithms = AES-128-CMAC HMAC-SHA256' /etc/samba/smb.conf; \
         smbcontrol all reload-config; sleep 1",
    );
    run("new");
    let worse = bench.run(&["diff", "old", "new/results.json"]);
    assert_eq!(worse.status, 1, "{}", worse.stdout);
    assert!(worse.stdout.contains("signing/aes-128-gmac: yes → no"), "{}", worse.stdout);
    assert!(worse.stdout.contains("conforms → unsupported"), "{}", worse.stdout);
    assert!(worse.stdout.trim_end().lines().last().unwrap().starts_with("Worse: "), "{}", worse.stdout);
    let json = bench.run(&["diff", "old", "new", "--format", "json"]);
    let diff: Diff = serde_json::from_str(&json.stdout).unwrap();
    assert!(diff.is_worse() && diff.cases.iter().filter(|it| it.turn == Turn::Worse).count() == 2);
    let markdown = bench.run(&["diff", "old", "new", "--format", "markdown"]);
    assert!(markdown.stdout.starts_with("**Worse: "), "{}", markdown.stdout);

    // And the next one brings it back.
    let better = bench.run(&["diff", "new", "old"]);
    assert_eq!(better.status, 0, "{}", better.stdout);
    assert!(better.stdout.contains("unsupported → conforms"), "{}", better.stdout);
}

#[test]
fn what_is_no_run_says_so() {
    let bench = Bench::new();
    fs::create_dir(bench.path("empty")).unwrap();
    fs::write(bench.path("x.json"), "{}").unwrap();
    for (old, says) in
        [("empty", "give a run folder"), ("none", "give a run folder"), ("x.json", "no results.json")]
    {
        let ended = bench.run(&["diff", old, old]);
        assert_eq!(ended.status, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}
