//! `predict` and `explain`: no server is needed for either.

use crate::support::Bench;

#[test]
fn the_tables_for_both_sides_settings() {
    let bench = Bench::new();
    let predicted = |client: &str, server: &str| {
        let args = ["predict", "--client-settings", client, "--server-settings", server, "--json"];
        let ended = bench.run(&args);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let tables = document["tables"].as_array().unwrap().clone();
        tables.iter().map(|table| table["cell"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (required, enabled) =
        ("RequireSecuritySignature=1", "RequireSecuritySignature=0,EnableSecuritySignature=1");
    let disabled = "RequireSecuritySignature=0,EnableSecuritySignature=0";
    assert_eq!(predicted(required, disabled), ["signed", "signed", "client-refuses"]);
    assert_eq!(predicted(disabled, required), ["signed", "signed", "server-refuses"]);
    assert_eq!(predicted(enabled, enabled), ["not-signed", "signed", "signed"]);
    assert_eq!(predicted(enabled, disabled), ["not-signed", "not-signed", "not-signed"]);
}

#[test]
fn a_client_that_is_named_and_what_its_user_sees() {
    let bench = Bench::new();
    let guest =
        ["predict", "--login", "unknown-user", "--server-guest", "bad-user", "--client", "windows-11-24h2"];
    let ended = bench.run(&guest);
    assert!(ended.status == 0 && ended.stdout.contains("0x80070035"), "{}", ended.stdout);
    let allowed =
        [&guest[..], &["--client-settings", "RequireSecuritySignature=0,AllowInsecureGuestAuth=1"]].concat();
    let ended = bench.run(&allowed);
    assert!(ended.status == 0 && ended.stdout.contains("as guest"), "{}", ended.stdout);
    let ended = bench.run(&["predict", "--client", "windows-xp"]);
    assert!(ended.stdout.contains("no-common-dialect"), "{}", ended.stdout);
    let ended = bench.run(&["predict", "--client", "windows-xp", "--server-dialects", "nt1..3.1.1"]);
    assert!(ended.stdout.contains("not-signed (nt1"), "{}", ended.stdout);
}

#[test]
fn wrong_words_name_the_mend() {
    let bench = Bench::new();
    for (args, says) in [
        (&["predict", "--client", "windows-12"][..], "did you mean"),
        (&["predict", "--client-settings", "RequireSecuritySignature=yes"], "0 or 1"),
        (&["predict", "--server-settings", "Sign=1"], "the keys are"),
        (&["explain", "signing/response-singed"], "did you mean `signing/response-signed`?"),
        (&["explain", "smb2-policy/x", "--run", "nowhere"], "not a run folder"),
    ] {
        let ended = bench.run(args);
        assert_eq!(ended.status, 2, "{args:?}");
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn every_word_is_explained_and_a_servers_own_remedy_is_named() {
    let bench = Bench::new();
    let ended = bench.run(&["explain", "-1073700864", "--target", "samba-4.22"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for says in ["STATUS_INVALID_SIGNATURE", "server signing = mandatory", "Not recommended"] {
        assert!(ended.stdout.contains(says), "{}", ended.stdout);
    }
    let ended = bench.run(&["run", "smb2-echo", "--target", "embedded", "--out", "r"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let case = bench.results("r").cases[0].id.to_string();
    for args in [&["explain", case.as_str()][..], &["explain", case.as_str(), "--run", "r"]] {
        let ended = bench.run(args);
        assert!(ended.status == 0 && ended.stdout.contains("MS-SMB2 3.3.5.17"), "{}", ended.stdout);
        assert_eq!(ended.stdout.contains("Verdict:"), args.len() > 2, "{}", ended.stdout);
    }
}

#[test]
fn what_is_explained_fits_the_terminal_and_is_left_alone_without_one() {
    let bench = Bench::new();
    let what = ["explain", "signing/response-signed", "--target", "embedded"];
    let plain = bench.run(&what).stdout;
    assert!(plain.lines().any(|line| line.len() > 100));
    let command = format!("stty rows 40 cols 60; '{}' {}", env!("CARGO_BIN_EXE_countersign"), what.join(" "));
    let output = std::process::Command::new("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.lines().count() > plain.lines().count() && shown.lines().all(|line| line.len() <= 60),
        "{shown}"
    );
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&shown), words(&plain));
}

#[test]
fn a_client_is_driven_as_it_is_set() {
    let bench = Bench::new();
    let run = |settings: &str, out: &str| {
        let args = ["run", "who-can-connect", "who-can-connect-hardened", "--target", "embedded"];
        let client = ["--client", "windows-11-24h2", "--client-settings", settings, "--out", out];
        let ended = bench.run(&[&args[..], &client[..]].concat());
        assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
        bench.results(out)
    };
    let results = run("MaxSmb2Dialect=0x210,RequireSecuritySignature=0", "r");
    let id = "windows-11-24h2_max2.1_require0";
    let mut kinds = Vec::new();
    for case in &results.cases {
        assert_eq!(case.axes.get("profile").map(String::as_str), Some(id));
        let Some(outcome) = case.outcome.as_ref().filter(|it| it.why.is_none()) else { continue };
        assert_eq!(outcome.dialect, Some(model::Dialect::Smb21));
        kinds.push((case.scenario.as_str(), case.axes["server.signing"].as_str(), outcome.kind.word()));
    }
    // It requires nothing any more, but for a mapping that does.
    assert!(kinds.contains(&("who-can-connect", "not-required", "not-signed")), "{kinds:?}");
    assert!(kinds.contains(&("who-can-connect-hardened", "not-required", "signed")), "{kinds:?}");
    // What the case says runs it again.
    let again = &results.cases.iter().find(|case| case.outcome.is_some()).unwrap().reproduce;
    assert!(
        again.contains("--client-settings MaxSmb2Dialect=0x210,RequireSecuritySignature=0 --case "),
        "{again}"
    );
    let words: Vec<&str> = again.split(' ').skip(1).chain(["--out", "again"]).collect();
    assert_eq!(bench.run(&words).status, 0);
    assert_eq!(bench.results("again").cases.len(), 1);
    assert_eq!(bench.run(&["judge", "r"]).status, 0);
    assert!(bench.results("r") == results);

    for (args, says) in [
        (&["run", "--client-settings", "RequireSecuritySignature=0"][..], "--client <CLIENT>"),
        (
            &[
                "run",
                "--client",
                "windows-7",
                "--client",
                "windows-8",
                "--client-settings",
                "RequireSecuritySignature=0",
            ],
            "name one",
        ),
        (
            &[
                "run",
                "--client",
                "windows-10-pro",
                "--client-settings",
                "MinSmb2Dialect=3.0,MaxSmb2Dialect=2.1",
            ],
            "widen them",
        ),
        (&["run", "--client", "windows-9", "--client-settings", "MinSmb2Dialect=3.0"], "did you mean"),
        (&["run", "--client", "windows-7", "--client-settings", ","], "it says nothing"),
    ] {
        let ended = bench.run(args);
        assert_eq!(ended.status, 2, "{args:?}");
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
}
