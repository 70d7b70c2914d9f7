//! JUnit XML for CI: one suite for every scenario on a target, one test case for every case.
//!
//! Nothing that was not measured looks green: an inconclusive case is an error, an omitted target a skipped test, an
//! empty plan an error, and an expectation that no longer holds a failure.

use crate::ReportError;
use crate::discovery;
use crate::outcomes::{self, Junit, Look, State};
use crate::software;
use crate::story::{self, Line};
use crate::text::{self, clean, clip};
use model::results::{ExpectationResult, TargetResult, TargetState};
use model::{CaseResult, CheckLevel, Finding, Results};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The results as JUnit XML; the same results give the same text.
///
/// # Errors
/// Where the XML cannot be written.
pub fn render(results: &Results) -> Result<String, ReportError> {
    let mut report = Report::new("countersign");
    report.set_time(Duration::from_millis(results.cases.iter().map(|case| case.millis).sum()));
    report.add_test_suites(case_suites(results));
    report.add_test_suites(results.targets.iter().filter_map(|target| target_suite(results, target)));
    report.add_test_suites(results.clients.iter().filter_map(client_suite));
    report.add_test_suites(results.targets.iter().filter_map(discovery_suite));
    report.add_test_suites(expectation_suite(results));
    if results.cases.is_empty() {
        let status = status(State::Inconclusive.look(), "the plan is empty: nothing was tested", None);
        report.add_test_suite(suite("plan", [test("plan", "cases", status)]));
    }
    Ok(without_total_of_skipped(report.to_string()?))
}

/// Takes the attribute `skipped` out of `testsuites`, where the schema of Jenkins does not have it; each suite has its own.
fn without_total_of_skipped(xml: String) -> String {
    let root = xml.find("<testsuites").unwrap_or(xml.len());
    let end = xml[root..].find('>').map_or(xml.len(), |end| root + end);
    let Some(from) = xml[root..end].find(" skipped=\"").map(|from| root + from) else { return xml };
    let value = from + " skipped=\"".len();
    let Some(to) = xml[value..end].find('"').map(|to| value + to + 1) else { return xml };
    format!("{}{}", &xml[..from], &xml[to..])
}

fn suite(name: &str, tests: impl IntoIterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.add_test_cases(tests);
    suite
}

fn test(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut test = TestCase::new(name, status);
    test.set_classname(class);
    test
}

/// What the table of outcomes says of `look`, with a line and a text that say more.
fn status(look: Look, message: &str, description: Option<String>) -> TestCaseStatus {
    let mut status = match look.junit {
        Junit::Success => TestCaseStatus::success(),
        Junit::Failure => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Junit::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Junit::Skipped => TestCaseStatus::skipped(),
    };
    status.set_type(look.word).set_message(clip(&clean(message), story::LONGEST));
    if let Some(description) = description {
        status.set_description(description);
    }
    status
}

fn case_suites(results: &Results) -> Vec<TestSuite> {
    let mut suites: Vec<(String, Vec<&CaseResult>)> = Vec::new();
    for case in &results.cases {
        let name = clean(&format!("{}@{}", case.scenario, case.target));
        match suites.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cases)) => cases.push(case),
            None => suites.push((name, vec![case])),
        }
    }
    let filled = suites.into_iter().map(|(name, cases)| {
        let tests: Vec<TestCase> = cases.iter().map(|case| case_test(results, &name, case)).collect();
        let mut suite = suite(&name, tests);
        suite.set_time(Duration::from_millis(cases.iter().map(|case| case.millis).sum()));
        let target = cases.first().and_then(|case| results.targets.iter().find(|it| it.id == case.target));
        for (name, value) in target.into_iter().flat_map(about_target) {
            suite.add_property(Property::new(name, clean(value)));
        }
        suite
    });
    filled.collect()
}

fn about_target(target: &TargetResult) -> impl Iterator<Item = (&'static str, &str)> {
    let known = [("version", target.version.as_deref()), ("image", target.image.as_deref())];
    known.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

fn case_test(results: &Results, suite: &str, case: &CaseResult) -> TestCase {
    let state = State::of(case);
    let told = tell(results, case);
    let message = match state {
        State::Deviates => broken_rules(results, case),
        _ => case.why.clone().unwrap_or_else(|| "no reason is recorded".to_owned()),
    };
    let failed = matches!(state.look().junit, Junit::Failure | Junit::Error);
    let mut test =
        test(suite, &story::cell(case), status(state.look(), &message, failed.then(|| told.clone())));
    test.set_time(Duration::from_millis(case.millis));
    test.set_assertions(usize::try_from(case.checks.values().sum::<u64>()).unwrap_or(usize::MAX));
    // A test that passed has no other place for what has to be said of it.
    if !failed && (!case.findings.is_empty() || case.software.is_some()) {
        test.set_system_out(told);
    }
    test
}

/// The rules that nobody expected to be broken.
fn broken_rules(results: &Results, case: &CaseResult) -> String {
    let found = case.findings.iter().filter(|finding| finding.level >= CheckLevel::Should);
    let mut rules: Vec<&str> = found
        .filter(|finding| results.expectation_for(case, finding).is_none())
        .map(|finding| finding.rule.as_str())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    if rules.is_empty() { "deviates, and no finding says why".to_owned() } else { rules.join(", ") }
}

/// Everything about a case, as lines of text.
fn tell(results: &Results, case: &CaseResult) -> String {
    let mut told = format!("{}\n", clean(case.id.as_str()));
    put(&mut told, &story::experience(case));
    for finding in &case.findings {
        told.push('\n');
        told.push_str(&title(results, case, finding));
        put(&mut told, &story::about(finding));
    }
    told.push('\n');
    put(&mut told, &story::pointers(case));
    told
}

fn title(results: &Results, case: &CaseResult, finding: &Finding) -> String {
    let level = story::level(finding.level);
    let known = results.expectation_for(case, finding).map_or_else(String::new, |known| {
        let when = text::known_for(known);
        format!("\n  known for {when}: {}", clean(&known.reason))
    });
    let whose = story::subject(finding.subject, software::client(case));
    format!("{} ({level}, {whose}){known}\n", clean(&finding.rule))
}

fn put(told: &mut String, lines: &[Line]) {
    for line in lines {
        let text = line.text.replace('\n', "\n             ");
        told.push_str(&format!("  {:<10} {text}\n", line.label));
    }
}

/// A target that has no cases must be seen all the same.
fn target_suite(results: &Results, target: &TargetResult) -> Option<TestSuite> {
    let has_cases = results.cases.iter().any(|case| case.target == target.id);
    if target.state == TargetState::Ready || (target.state == TargetState::Failed && has_cases) {
        return None;
    }
    Some(absent("target", target))
}

/// A client that people run and that was not there must be seen: the cases of one that was left out are not in the plan.
fn client_suite(client: &TargetResult) -> Option<TestSuite> {
    (client.state != TargetState::Ready).then(|| absent("client", client))
}

/// Something that was not there, as a test.
fn absent(kind: &str, it: &TargetResult) -> TestSuite {
    let why = it.why.as_deref().unwrap_or("no reason is recorded");
    let id = clean(&it.id);
    suite(&id, [test(&id, kind, status(outcomes::target(it.state), why, None))])
}

/// What is claimed of a target, each as a test that what was seen says the same.
fn discovery_suite(target: &TargetResult) -> Option<TestSuite> {
    let name = format!("discovery@{}", clean(&target.id));
    let tests: Vec<TestCase> = target
        .discovery
        .iter()
        .flat_map(|seen| discovery::rows(seen).into_iter().zip(&seen.capabilities))
        .filter(|(_, capability)| capability.claimed.is_some())
        .map(|(row, _)| {
            let why = if row.why.is_empty() { String::new() } else { format!(" ({})", row.why) };
            let said = format!("claimed {}, observed {}{why}", row.claimed, row.observed);
            test(&name, &row.id, status(row.look, &said, None))
        })
        .collect();
    (!tests.is_empty()).then(|| suite(&name, tests))
}

fn expectation_suite(results: &Results) -> Option<TestSuite> {
    let tests: Vec<TestCase> = results.expectations.iter().map(expectation_test).collect();
    (!tests.is_empty()).then(|| suite("expectations", tests))
}

fn expectation_test(known: &ExpectationResult) -> TestCase {
    let (look, advice) = outcomes::expectation(known.state);
    let name = format!("{} for {}@{}", clean(&known.rule), text::known_for(known), clean(&known.target));
    let link = known.link.as_deref().map_or_else(String::new, |link| format!("\nlink: {}", clean(link)));
    let told = format!("reason: {}{link}", clean(&known.reason));
    let message = format!("{}: {advice}", look.word);
    if look.junit == Junit::Success {
        let mut test = test("expectations", &name, status(look, &message, None));
        test.set_system_out(format!("{message}\n{told}"));
        test
    } else {
        test("expectations", &name, status(look, &message, Some(told)))
    }
}
