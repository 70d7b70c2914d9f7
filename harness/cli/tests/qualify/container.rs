//! The same verdicts by address as in a container.

use crate::nas::{Nas, SAMBA, files, target_file};
use crate::support::Bench;
use model::{ServerPolicy, Signing, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SCENARIOS: &[&str] = &[
    "smb2-policy",
    "smb2-algorithms",
    "smb2-commands",
    "smb2-guest",
    "smb2-anonymous",
    "smb2-failed-logon",
    "smb2-negotiate",
    "smb2-pipe",
    "smb2-attacks",
    "smb2-attacks-preauth",
    "multi-protocol",
];

#[test]
fn the_verdicts_are_those_of_the_same_server_in_a_container() {
    let bench = Bench::new();
    let run = bench.run(&[&["run"], SCENARIOS, &["--target", SAMBA, "--out", "container"]].concat());
    assert_eq!(run.status, 0, "{}", run.stdout);
    let known: BTreeMap<_, _> =
        bench.results("container").cases.into_iter().map(|case| (case.id.clone(), case)).collect();

    let file = target_file(&bench, SAMBA);
    let (mut ran, mut besides) = (0, 0);
    for signing in [Signing::NotRequired, Signing::Required] {
        let nas = Nas::start(SAMBA, &ServerPolicy { signing, ..ServerPolicy::default() });
        let out = format!("nas-{signing}");
        let mut args =
            vec!["--target-file", &file, "--allow-failed-logons", "--guest-share", "guest", "--out", &out];
        args.extend(SCENARIOS.iter().flat_map(|scenario| ["--scenario", scenario]));
        let step = format!("signing={signing}");
        args.extend(["--step", &step]);
        let qualified = nas.qualify(&bench, &args);
        // What waits for another setting is not known; nothing else is wrong.
        assert_eq!(qualified.status, 3, "{}{}", qualified.stdout, qualified.stderr);
        assert_eq!(nas.listing(), "", "everything that was made is gone");
        let results = bench.results(&out);
        assert_eq!(results.targets[0].discovery.len(), 1);
        for case in &results.cases {
            // In a container a scenario leaves out what another of its cells shows; on a server that is somebody's it does not.
            let Some(in_container) = known.get(&case.id) else {
                besides += 1;
                continue;
            };
            match case.verdict {
                Verdict::Conforms | Verdict::Deviates => {
                    ran += 1;
                    assert_eq!(case.predicted, in_container.predicted, "{}", case.id);
                    // Whether a server sends STATUS_PENDING depends on how fast it is.
                    let rules = |case: &model::CaseResult| -> BTreeSet<String> {
                        let all = case.findings.iter().map(|finding| finding.rule.clone());
                        all.filter(|rule| rule != "signing/interim-zero").collect()
                    };
                    assert_eq!(rules(case), rules(in_container), "{}", case.id);
                    let outcome = |case: &model::CaseResult| case.outcome.as_ref().map(model::Outcome::line);
                    assert_eq!(outcome(case), outcome(in_container), "{}", case.id);
                    let interim = |case: &model::CaseResult| {
                        case.findings.iter().any(|finding| finding.rule == "signing/interim-zero")
                    };
                    if !interim(case) && !interim(in_container) {
                        assert_eq!(case.verdict, in_container.verdict, "{}: {:?}", case.id, case.findings);
                    }
                }
                Verdict::Inconclusive => {
                    let why = case.why.as_deref().unwrap();
                    assert!(why.contains("--step"), "{}: {why}", case.id);
                }
                Verdict::Unsupported => panic!("{}: {:?}", case.id, case.why),
            }
        }
        // The bytes say it again, and nobody but the owner can read them.
        assert_eq!(bench.run(&["judge", &out]).status, 3);
        let again = bench.results(&out);
        for (now, then) in again.cases.iter().zip(&results.cases) {
            assert!(now == then, "{}: {:?}, not {:?}", now.id, now.why, then.why);
        }
        assert!(again.targets == results.targets);
        assert_eq!(fs::metadata(bench.path(&out)).unwrap().permissions().mode() & 0o777, 0o700);
        for path in files(&bench.path(&out)) {
            let text = fs::read(&path).unwrap();
            let password = nas.password().as_bytes();
            assert!(!text.windows(password.len()).any(|part| part == password), "{}", path.display());
        }
        for text in [&qualified.stdout, &qualified.stderr] {
            assert!(!text.contains(nas.password()));
        }
        assert!(qualified.stderr.contains("attacked offline"), "{}", qualified.stderr);
    }
    // Of `smb2-guest`, which is about a server that does not require signing.
    assert_eq!(besides, 30);
    // Every cell that is not of another dialect range or guest mapping.
    assert!(ran > 190, "{ran} cases ran");
}

#[test]
fn an_address_of_ipv6_leads_to_the_same_and_attacks_work_there() {
    let bench = Bench::new();
    let nas = Nas::start(SAMBA, &ServerPolicy { signing: Signing::Required, ..ServerPolicy::default() });
    let relay = nas.relay("[::1]:0");
    let user = &nas.server.account.user;
    let mut command = bench.command(&[
        "qualify",
        &relay.to_string(),
        "--user",
        user,
        "--share",
        "share",
        "--out",
        "r",
        "--scenario",
        "smb2-attacks",
        "--scenario",
        "smb2-attacks-preauth",
        "--scenario",
        "smb2-attacks-injection",
        "--scenario",
        "smb2-attacks-downgrade",
    ]);
    let ended = crate::support::ended(command.env("COUNTERSIGN_PASSWORD", nas.password()).output().unwrap());
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    let results = bench.results("r");
    assert!(results.cases.len() > 30);
    assert!(results.cases.iter().all(|case| case.verdict == Verdict::Conforms));
    // Both sides of the interposer are in the evidence.
    let first = results.cases[0].evidence.as_ref().unwrap();
    let sidecar = fs::read_to_string(bench.path("r").join(first).with_extension("json")).unwrap();
    assert!(sidecar.contains("\"leg\": 1") || sidecar.contains("\"leg\":1"), "{sidecar}");
}

#[test]
fn the_embedded_server_by_its_address() {
    let bench = Bench::new();
    let nas = Nas::start("embedded", &ServerPolicy::default());
    // None of these makes a file: a new one can get the number of one that another case is just deleting there, and one server
    // is shared by all cases here.
    let args = [
        "--scenario",
        "smb2-tamper-compounds",
        "--scenario",
        "smb2-echo",
        "--step",
        "signing=not-required",
        "--out",
        "r",
    ];
    let ended = nas.qualify(&bench, &args);
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    let results = bench.results("r");
    // What the report prints runs a case again.
    let again: Vec<&str> = results.cases[0].reproduce.split(' ').skip(1).collect();
    let mut again = bench.command(&again);
    let again = crate::support::ended(again.env("COUNTERSIGN_PASSWORD", nas.password()).output().unwrap());
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    // Nothing is declared: what was seen says what it does not do.
    let unsupported: Vec<_> =
        results.cases.iter().filter(|case| case.verdict == Verdict::Unsupported).collect();
    assert!(!unsupported.is_empty());
    for case in unsupported {
        assert_eq!(case.axes["dialect"], "3.1.1", "{}", case.id);
        assert!(case.why.as_deref().unwrap().contains("seen not to select"), "{}", case.id);
    }
}

#[test]
fn what_a_vendor_claims_is_held_against_the_server() {
    let bench = Bench::new();
    let nas = Nas::start("embedded", &ServerPolicy::default());
    let text = "id = \"nas-7\"\ntitle = \"NAS 7\"\nuser = \"countersign\"\nshare = \"share\"\n[claims]\n\
        dialects = \"2.1..3.1.1\"\nsigning-capabilities = [\"aes-128-cmac\", \"aes-128-gmac\"]\n";
    fs::write(bench.path("nas.toml"), text).unwrap();
    let address = nas.address();
    let mut command = bench.command(&[
        "qualify",
        &address,
        "--target-file",
        "nas.toml",
        "--scenario",
        "smb2-policy",
        "--step",
        "signing=not-required",
        "--out",
        "r",
    ]);
    let ended = crate::support::ended(command.env("COUNTERSIGN_PASSWORD", nas.password()).output().unwrap());
    assert_eq!(ended.status, 1, "{}{}", ended.stdout, ended.stderr);
    let results = bench.results("r");
    let found: Vec<&str> =
        results.targets[0].discovery[0].findings.iter().map(|finding| finding.got.as_str()).collect();
    assert_eq!(found, ["dialect/2.0.2: yes", "signing/aes-128-gmac: no"]);
    // A capability that is claimed and not there is no excuse: its cases ran, and deviate.
    let gmac = results.cases.iter().filter(|case| case.axes["algorithm"] == "aes-128-gmac");
    for case in gmac {
        assert!(case.id.as_str().ends_with("@nas-7"));
        assert_eq!(case.verdict, Verdict::Deviates, "{}: {:?}", case.id, case.why);
    }
    for word in ["claimed yes, observed no", "claimed no, observed yes"] {
        assert!(ended.stdout.contains(word), "{}", ended.stdout);
    }
}

#[test]
fn a_server_that_speaks_nothing_but_smb1_is_tested_without_files() {
    let bench = Bench::new();
    let dialects = (model::Dialect::Nt1, model::Dialect::Nt1);
    let nas = Nas::start(SAMBA, &ServerPolicy { dialects, ..ServerPolicy::default() });
    let ended = nas.qualify(
        &bench,
        &[
            "--step",
            "dialects=nt1..nt1",
            "--scenario",
            "smb1-policy",
            "--scenario",
            "smb2-policy",
            "--out",
            "r",
        ],
    );
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    let results = bench.results("r");
    let discovery = &results.targets[0].discovery[0];
    assert_eq!(discovery.dialects(), [model::Dialect::Nt1]);
    // Somebody was logged on, and SMB1 has nothing that encrypts.
    for (id, observed) in [("logon/user", "user"), ("encryption", "off")] {
        let seen = discovery.capabilities.iter().find(|seen| seen.id == id).unwrap();
        assert_eq!(seen.observed.as_deref(), Some(observed), "{id}: {:?}", seen.why);
    }
    assert!(results.cases.iter().all(|case| case.verdict == Verdict::Unsupported));
    assert!(ended.stdout.contains("made over SMB2"), "{}", ended.stdout);
}
