use super::support;
use anstyle_free::plain;
use countersign_reports as reports;

/// Text without its styles.
mod anstyle_free {
    pub(super) fn plain(styled: &str) -> String {
        let mut parts = styled.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
    }
}

#[test]
fn every_state() {
    insta::assert_snapshot!(plain(&reports::terminal::summary(&support::sample())));
}

#[test]
fn clients_that_people_run() {
    let summary = plain(&reports::terminal::summary(&support::software()));
    support::assert_harmless(&summary);
    insta::assert_snapshot!(summary);
}

#[test]
fn all_well() {
    insta::assert_snapshot!(plain(&reports::terminal::summary(&support::all_well())));
}

#[test]
fn an_empty_plan() {
    insta::assert_snapshot!(plain(&reports::terminal::summary(&support::nothing())));
}

#[test]
fn hostile_text_is_shown_and_not_obeyed() {
    let summary = reports::terminal::summary(&support::sample());
    assert!(!summary.contains("\u{1b}[31m &"), "the server's own escape survived");
    let plain = plain(&summary);
    support::assert_harmless(&plain);
    assert!(plain.contains("<script>alert(1)</script>\u{fffd}[31m"));
}

#[test]
fn everything_but_what_is_to_be_copied_fits_100_columns() {
    for results in [support::sample(), support::many(60), support::software()] {
        for line in plain(&reports::terminal::summary(&results)).lines() {
            let copied = ["evidence ", "reproduce ", "smb2-", "countersign run"];
            let copied = copied.iter().any(|start| line.trim_start().starts_with(start));
            assert!(copied || line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn identical_findings_are_told_three_times_and_counted() {
    let summary = plain(&reports::terminal::summary(&support::many(28)));
    assert_eq!(summary.matches("reproduce").count(), 3);
    assert!(summary.contains("signing/response-signed (MUST, server) on nas-0: 196 findings in 28 cases"));
    assert!(summary.contains("… and 25 more cases"));
}

#[test]
fn the_last_line_counts() {
    let summary = plain(&reports::terminal::summary(&support::sample()));
    let last = summary.lines().last().unwrap();
    assert!(
        last.contains("unexpected") && last.contains("conforms") && last.ends_with("ms in cases"),
        "{last}"
    );
}

#[test]
fn a_matrix_without_a_measured_cell_is_one_line() {
    let mut results = support::all_well();
    for case in &mut results.cases {
        case.verdict = model::Verdict::Unsupported;
        case.why = Some("no SMB here".to_owned());
    }
    let summary = plain(&reports::terminal::summary(&results));
    assert!(summary.contains("– all unsupported  no SMB here"));
    assert!(summary.contains("Nothing was measured: 28 cases are unsupported."));
}

#[test]
fn a_deviation_that_no_finding_explains_is_seen() {
    let mut results = support::all_well();
    results.cases[0].verdict = model::Verdict::Deviates;
    results.cases[0].status = model::results::Status::Unexpected;
    let summary = plain(&reports::terminal::summary(&results));
    assert!(summary.contains("✗ no finding says why on embedded: 1 case"));
    let xml = reports::junit::render(&results).unwrap();
    assert!(xml.contains("<failure message=\"deviates, and no finding says why\""));
}
