//! The report in a real browser, which this test requires.

use crate::support::Bench;
use std::process::Command;

/// The page as the browser has it after its script ran, and what it says on its console: what it refuses or misses.
fn dom(bench: &Bench, url: &str) -> String {
    let profile = bench.path("browser");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(url)
        .output()
        .expect("chromium is required: `.ci/run` installs it");
    assert!(output.status.success());
    let console = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = console.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(said, Vec::<&str>::new());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_browser_shows_every_case_with_its_evidence() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["run", "--target", "embedded", "--out", "r"]).status, 0);
    let results = bench.results("r");
    let page = format!("file://{}", bench.path("r/report.html").display());
    let all = results.cases.len();
    assert!(dom(&bench, &page).contains(&format!("{all} of {all} cases")));
    // What the script leads to for a case is a file of the run folder.
    let recorded: Vec<_> = results.cases.iter().filter(|case| case.evidence.is_some()).collect();
    assert!(!recorded.is_empty());
    for case in &recorded {
        let path = format!("evidence/{}.pcapng", case.id);
        assert_eq!(case.evidence.as_ref(), Some(&path));
        assert!(bench.path("r").join(&path).exists(), "{path}");
    }
    for case in [recorded[0], recorded[recorded.len() / 2]] {
        let dom = dom(&bench, &format!("{page}#{}", case.id));
        let link = dom.split("href=\"evidence/").filter_map(|rest| rest.split('"').next());
        let own: Vec<String> =
            link.map(|it| it.replace("%3D", "=").replace("%2C", ",").replace("%40", "@")).collect();
        assert!(own.contains(&format!("{}.pcapng", case.id)), "{}", case.id);
        assert!(dom.contains(&case.reproduce));
    }
}
