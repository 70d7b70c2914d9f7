//! The report in a real browser, which this test requires.

use crate::support::Bench;
use std::fs;
use std::path::Path;
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

/// What files on disk say of a scenario, a client and a server is in the report, also when they are gone.
#[test]
fn titles_and_remedies_of_ones_own_reach_the_report() {
    let bench = Bench::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let client = fs::read_to_string(root.join("scenarios/clients/windows-8.1.toml")).unwrap();
    let title = client.lines().find(|line| line.starts_with("title = ")).unwrap();
    let target = fs::read_to_string(root.join("containers/servers/embedded/target.toml")).unwrap();
    // The step is wrong, so that there is something to mend.
    let scenario = "title = \"A title of its own\"\ncites = [\"MS-SMB2 3.3.5.4\"]\nexpect = \"policy\"\n[axes]\n\
                    profile = [\"own-client\"]\nlogin = [\"user\"]\n[[step]]\ndo = \"session-setup\"\n[[step]]\n\
                    do = \"tree-connect\"\nshare = \"share\"\n[[step]]\ndo = \"echo\"\nexpect = { status = \"ACCESS_DENIED\" }\n";
    let remedy = "[[remedy]]\ntopic = \"signing\"\nmend = \"A remedy of its own\"\n";
    for (file, text) in [
        ("s/clients-get.toml", scenario.to_owned()),
        ("s/own.toml", scenario.replace("profile = [\"own-client\"]", "dialect = [\"3.1.1\"]")),
        ("s/clients/own-client.toml", client.replace(title, "title = \"A client of its own\"")),
        ("t/own-server/target.toml", target.clone()),
        ("t/own-server/remedies.toml", remedy.to_owned()),
        // In place of one that is built in: what mended that does not mend this.
        ("t/embedded/target.toml", target),
    ] {
        let path = bench.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let all = ["--scenarios", "s", "--targets", "t", "--target", "own-server", "--target", "embedded"];
    let ended = bench.run(&[&["run"], &all[..], &["--out", "r"]].concat());
    assert_eq!(ended.status, 1, "{}{}", ended.stdout, ended.stderr);
    fs::remove_dir_all(bench.path("s")).unwrap();
    fs::remove_dir_all(bench.path("t")).unwrap();
    assert_eq!(bench.run(&["report", "r"]).status, 1);
    let page = fs::read_to_string(bench.path("r/report.html")).unwrap();
    for text in ["A title of its own", "A client of its own", "A remedy of its own"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("ServerConfig::require_signing"));
}
