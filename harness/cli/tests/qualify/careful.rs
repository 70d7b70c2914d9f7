//! What is left on a server that is somebody's: nothing.

use crate::nas::{Nas, SAMBA};
use crate::support::Bench;
use model::{Dialect, ServerPolicy, Verdict};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn read_only_makes_nothing() {
    let nas = Nas::samba();
    let bench = Bench::new();
    nas.shell("touch -d '2001-01-01 00:00:00' /srv/1/share /srv/1/guest");
    let ended = nas.qualify(&bench, &["--read-only", "--step", "signing=not-required", "--out", "r"]);
    let results = bench.results("r");
    let ran = |verdict| results.cases.iter().filter(|case| case.verdict == verdict).count();
    assert!(ran(Verdict::Conforms) > 40, "{}", ended.stdout);
    for case in results.cases.iter().filter(|case| case.scenario == "smb2-policy") {
        assert_eq!(case.verdict, Verdict::Unsupported);
        assert!(case.why.as_deref().unwrap().contains("--read-only"));
    }
    // A name that is made and removed again changes the time of the directory it was in.
    assert_eq!(nas.shell("date -r /srv/1/share +%Y; date -r /srv/1/guest +%Y"), "2001\n2001\n");
}

#[test]
fn without_leave_nobody_logs_on_wrongly() {
    let nas = Nas::samba();
    let bench = Bench::new();
    nas.qualify(&bench, &["--scenario", "smb2-guest", "--scenario", "smb2-failed-logon", "--out", "r"]);
    assert!(bench.results("r").cases.iter().all(|case| {
        case.verdict == Verdict::Unsupported && case.why.as_deref().unwrap().contains("--allow-failed-logons")
    }));
}

/// A server that counts wrong passwords counts those of the cases, which are then not to be more of them.
#[test]
fn an_account_that_is_locked_ends_it() {
    let nas = Nas::samba();
    let bench = Bench::new();
    let args = ["--scenario", "smb2-guest", "--allow-failed-logons", "--step", "guest=never"];
    let open = nas.qualify(&bench, &[&args[..], &["--out", "open"]].concat());
    assert_eq!(open.status, 0, "{}{}", open.stdout, open.stderr);

    // The discovery has one of them.
    nas.shell("pdbedit -P 'bad lockout attempt' -C 3");
    let ended = nas.qualify(&bench, &[&args[..], &["--out", "r"]].concat());
    assert_eq!(ended.status, 3, "{}{}", ended.stdout, ended.stderr);
    let results = bench.results("r");
    assert!(results.cases.iter().all(|case| case.findings.is_empty() && case.verdict != Verdict::Deviates));
    let why = |case: &model::CaseResult| case.why.clone().unwrap_or_default();
    let known = |case: &&model::CaseResult| why(case).contains("STATUS_ACCOUNT_LOCKED_OUT (frame ");
    let locked: Vec<_> = results.cases.iter().filter(known).collect();
    let not_run: Vec<_> = locked.iter().filter(|case| why(case).starts_with("not run: ")).collect();
    assert!(not_run.len() > 3 && not_run.iter().all(|case| case.evidence.is_none()), "{}", ended.stdout);
    // One shows it; the others name that, and were not begun.
    let [shown] = locked.iter().filter(|case| case.evidence.is_some()).collect::<Vec<_>>()[..] else {
        panic!("{}", ended.stdout)
    };
    assert!(not_run.iter().all(|case| why(case).contains(shown.id.as_str())));
    assert!(
        ended.stderr.contains("countersign: not run: the server has locked the account"),
        "{}",
        ended.stderr
    );
    assert_eq!(bench.run(&["judge", "r"]).status, 3);
    assert_eq!(bench.results("r").cases, results.cases);
}

#[test]
fn what_a_killed_run_left_is_swept_and_nothing_else_is() {
    let nas = Nas::samba();
    let bench = Bench::new();
    let dead = "countersign-run-0123456789abcdef";
    let shared = "countersign-run-fedcba9876543210";
    nas.shell(&format!(
        "cd /srv/1/share; mkdir -p {dead}/countersign-0123456789abcdef.tmp-notify {shared} countersign-run-mine; \
         touch {dead}/countersign-0123456789abcdef.tmp {shared}/thesis countersign-run-mine/x; \
         touch {dead}/countersign-0123456789abcdef.tmp-notify/countersign-0123456789abcdef.tmp; \
         touch countersign-0123456789abcdef.tmp; chmod -R 0777 ."
    ));
    let ended =
        nas.qualify(&bench, &["--scenario", "smb2-policy", "--step", "signing=not-required", "--out", "r"]);
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains(&format!("{dead} of a run that was killed is removed")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains(&format!("{shared} is left on share")), "{}", ended.stderr);
    assert_eq!(nas.listing(), format!("countersign-0123456789abcdef.tmp\n{shared}\ncountersign-run-mine\n"));
    assert_eq!(
        nas.shell(&format!("ls /srv/1/share/{shared} /srv/1/share/countersign-run-mine | sort"))
            .matches("thesis")
            .count(),
        1
    );
}

/// Starts a long run, and waits until its directory is there.
fn started(nas: &Nas, bench: &Bench, out: &str) -> std::process::Child {
    let child = nas.command(bench, &["--jobs", "1", "--out", out]).spawn().unwrap();
    let start = Instant::now();
    while !nas.listing().contains("countersign-run-") {
        assert!(start.elapsed() < Duration::from_secs(60), "no directory is made");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn a_signal_and_a_kill_leave_a_clean_share_and_runs_do_not_sweep_each_other() {
    let nas = Nas::samba();
    let bench = Bench::new();
    let child = started(&nas, &bench, "interrupted");
    let pid = child.id().to_string();
    // Another run beside it leaves its directory alone.
    let other = nas
        .qualify(&bench, &["--scenario", "smb2-policy", "--step", "signing=not-required", "--out", "other"]);
    assert_eq!(other.status, 0, "{}{}", other.stdout, other.stderr);
    assert!(other.stderr.contains("another run works in it"), "{}", other.stderr);
    assert_eq!(nas.listing().matches("countersign-run-").count(), 1);
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = crate::support::ended(child.wait_with_output().unwrap());
    assert_eq!(ended.status, 130, "{}", ended.stderr);
    assert_eq!(nas.listing(), "");
    assert!(bench.results("interrupted").summary.inconclusive > 0);

    let mut child = started(&nas, &bench, "killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let next = nas
        .qualify(&bench, &["--scenario", "smb2-policy", "--step", "signing=not-required", "--out", "next"]);
    assert_eq!(next.status, 0, "{}{}", next.stdout, next.stderr);
    assert_eq!(nas.listing(), "");
}

#[test]
fn guests_work_in_a_directory_too() {
    let policy = ServerPolicy { guest: model::GuestMapping::BadUser, ..ServerPolicy::default() };
    let nas = Nas::start(SAMBA, &policy);
    let bench = Bench::new();
    let args = [
        "--scenario",
        "smb2-guest",
        "--allow-failed-logons",
        "--guest-share",
        "guest",
        "--step",
        "guest=bad-user",
        "--out",
        "r",
    ];
    let ended = nas.qualify(&bench, &args);
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    let results = bench.results("r");
    assert!(results.cases.iter().all(|case| case.verdict == Verdict::Conforms));
    let inside = results.cases.iter().filter(|case| {
        case.outcome.as_ref().is_some_and(|it| it.identity == Some(model::As::Guest) && it.why.is_none())
    });
    assert!(inside.count() >= Dialect::SMB2.len());
    assert_eq!(nas.listing(), "");
    assert_eq!(nas.shell("ls -A /srv/1/guest"), "");
}

#[test]
fn a_connection_that_does_not_live_so_long_leaves_nothing_either() {
    let nas = Nas::samba();
    let target = model::external::ExternalFile::default();
    let shares = model::target::Shares { share: "share".to_owned(), guest: "guest".to_owned() };
    let target = target.target("nas", shares.clone(), false);
    let case = model::discovery::plan_discovery(&target, &[]).unwrap().case("nas");
    let account = &nas.server.account;
    let endpoint = probe::Endpoint {
        address: nas.server.address,
        user: account.user.clone(),
        domain: account.domain.clone(),
        password: smb::ntlm::Password::new(nas.password()),
        shares,
        host: None,
        folder: None,
    };
    nas.runtime.block_on(async {
        let made = probe::Workspace::open(&case, &endpoint, probe::Limits::default(), 7).await.unwrap();
        assert_eq!(made.folder, "countersign-run-0000000000000007");
        // A case is cut short together with the connection that holds the directory.
        nas.shell(
            "touch /srv/1/share/countersign-run-0000000000000007/countersign-0123456789abcdef.tmp; \
             chmod 0777 /srv/1/share/*/*; pkill -9 -P $(pgrep -o smbd) smbd; sleep 0.2",
        );
        made.close().await.unwrap();
    });
    assert_eq!(nas.listing(), "");
}
