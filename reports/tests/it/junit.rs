use super::support;
use countersign_reports as reports;
use rstest::rstest;
use std::path::Path;
use std::process::Command;

#[test]
fn every_state() {
    insta::assert_snapshot!(reports::junit::render(&support::sample()).unwrap());
}

#[test]
fn an_empty_plan_is_not_green() {
    insta::assert_snapshot!(reports::junit::render(&support::nothing()).unwrap());
}

#[test]
fn hostile_text_is_text() {
    let xml = reports::junit::render(&support::sample()).unwrap();
    support::assert_harmless(&xml);
    assert!(!xml.contains("<script"));
    assert!(xml.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}[31m"));
}

#[test]
fn what_a_client_says_is_told_of_every_case_of_it() {
    let results = support::software();
    let xml = reports::junit::render(&results).unwrap();
    support::assert_harmless(&xml);
    let told = xml.matches("  did        ").count();
    assert_eq!(told, results.cases.iter().filter(|case| case.software.is_some()).count());
    for said in [
        "  client     tool-1.2, its signing set to: required",
        "  did        mount, write, read, delete, which is everything",
        "  means      nobody knows its message",
        "  printed    first line\n             &lt;script&gt;",
        "client/noticed (MUST, client other-tool)",
    ] {
        assert!(xml.contains(said), "{said}");
    }
}

#[test]
fn the_same_results_give_the_same_text() {
    let once = reports::junit::render(&support::sample()).unwrap();
    assert_eq!(once, reports::junit::render(&support::sample()).unwrap());
}

#[test]
fn every_case_is_a_test_case() {
    let results = support::sample();
    let xml = reports::junit::render(&results).unwrap();
    for case in &results.cases {
        let suite = format!("classname=\"{}@{}\"", case.scenario, case.target);
        let cell =
            case.axes.iter().map(|(axis, word)| format!("{axis}={word}")).collect::<Vec<_>>().join(",");
        let found =
            xml.lines().filter(|line| line.contains(&suite) && line.contains(&format!("name=\"{cell}\"")));
        assert_eq!(found.count(), 1, "{}", case.id);
    }
}

#[test]
fn it_reads_back_with_the_counts_of_the_results() {
    let xml = reports::junit::render(&support::sample()).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    // 60 cases, two targets without any, a client that was left out, three claims about one, four expectations.
    assert_eq!(report.tests, 60 + 2 + 1 + 3 + 4);
    // Six cases deviate, one claim is contradicted and two expectations are dead; one case, one target and one claim are
    // not known.
    assert_eq!((report.failures, report.errors), (6 + 1 + 2, 1 + 1 + 1));
    assert_eq!(report.test_suites.iter().map(|suite| suite.skipped).sum::<usize>(), 4 + 1 + 1 + 1);
}

/// Whether xmllint, which is a validator of others, takes a document for one of `junit.xsd`, and what it says.
fn validated(xml: &str) -> (bool, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("junit.xml");
    std::fs::write(&file, xml).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("junit.xsd");
    let ended =
        Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).args([&schema, &file]).output();
    let ended = ended.expect("xmllint is there: the package libxml2-utils");
    (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn what_is_written_is_valid() {
    for results in
        [support::sample(), support::all_well(), support::nothing(), support::clients(), support::many(60)]
    {
        let (valid, said) = validated(&reports::junit::render(&results).unwrap());
        assert!(valid, "{said}");
    }
}

#[rstest]
#[case("<testsuites ", "<testsuites skipped=\"6\" ")]
#[case("classname=\"smb2-policy@embedded\"", "class=\"smb2-policy@embedded\"")]
#[case("<skipped ", "<failure/><skipped ")]
#[case("time=\"0.004\"", "time=\"4 ms\"")]
#[case("<properties>", "<system-out/><properties>")]
fn what_readers_refuse_is_not(#[case] from: &str, #[case] to: &str) {
    let xml = reports::junit::render(&support::sample()).unwrap();
    assert!(xml.contains(from));
    let (valid, said) = validated(&xml.replacen(from, to, 1));
    assert!(!valid && said.contains("fails to validate"), "{said}");
}
