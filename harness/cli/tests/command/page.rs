//! The report in a real browser, which this test requires.

use crate::support::Bench;
use std::process::Command;

#[test]
fn a_browser_shows_every_case_with_its_evidence() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["run", "--target", "embedded", "--out", "r"]).status, 0);
    let results = bench.results("r");
    let page = bench.path("r/report.html");
    let profile = bench.path("browser");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is required: `.ci/run` installs it");
    assert!(output.status.success());
    let dom = String::from_utf8(output.stdout).unwrap();
    for index in 0..results.cases.len() {
        assert!(dom.contains(&format!("id=\"c{index}\"")), "case {index} is not on the page");
    }
    // Every link to evidence arrives at a file of the run folder.
    let links: Vec<&str> =
        dom.split("href=\"evidence/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let recorded = results.cases.iter().filter(|case| case.evidence.is_some()).count();
    assert!(links.len() >= recorded && recorded > 0, "{} links, {recorded} recorded cases", links.len());
    for link in links {
        let path = link.replace("%3D", "=").replace("%2C", ",").replace("%40", "@");
        assert!(bench.path("r/evidence").join(&path).exists(), "{path}");
    }
    // What the browser refuses or misses it says on its console.
    let console = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = console.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(said, Vec::<&str>::new());
}
