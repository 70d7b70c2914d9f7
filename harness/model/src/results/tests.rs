//! Tests of how a run is put together and what it is worth.

use super::*;
use crate::outcome::Subject;
use crate::plan::{PlannedExpectation, PlannedTarget, PlannedTexts, expand, plan_expectations};
use crate::scenario::Scenario;
use crate::target::Target;
use rstest::rstest;

const SCENARIO: &str = "title = \"t\"\ncites = [\"MS-SMB2 3.2.5.2\"]\nexpect = \"policy\"\n\
    [axes]\ndialect = [\"2.0.2\", \"2.1\", \"3.0\"]\n[[step]]\ndo = \"session-setup\"\n";
const TARGET: &str = "title = \"T\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
    [shares]\nshare = \"share\"\nguest = \"guest\"\n";
const ON_21: &str = "[[expectation]]\nrule = \"a/known\"\nwhen = { dialect = \"2.1\" }\nreason = \"r\"\n";
const STALE: &str = "[[expectation]]\nrule = \"a/known\"\nwhen = { dialect = \"3.1.1\" }\nreason = \"r\"\n";
/// The case that runs dialect 2.1; cases 0 and 2 are its neighbours.
const CASE_21: usize = 1;

fn plan(unsupported: &str, expectations: &str) -> Plan {
    let scenario = Scenario::parse("s", "s.toml", SCENARIO).unwrap();
    let target = Target::parse("t", &format!("{TARGET}{unsupported}"), expectations).unwrap();
    let cases = expand(&[scenario], std::slice::from_ref(&target));
    Plan {
        schema: SCHEMA,
        run: RunInfo {
            id: "r".to_owned(),
            version: "0".to_owned(),
            started: "2024-01-01T00:00:00Z".to_owned(),
            seed: 1,
            command: "countersign run".to_owned(),
        },
        targets: vec![PlannedTarget {
            id: "t".to_owned(),
            title: "T".to_owned(),
            discovery: None,
            external: None,
        }],
        texts: PlannedTexts::default(),
        expectations: plan_expectations(&target, &cases.iter().collect::<Vec<_>>()),
        left_out: Vec::new(),
        shard: cases.iter().map(|case| case.id.clone()).collect(),
        cases,
    }
}

fn finding(rule: &str, level: CheckLevel) -> Finding {
    Finding {
        rule: rule.to_owned(),
        level,
        subject: Subject::Server,
        at: None,
        expected: "e".to_owned(),
        got: "g".to_owned(),
        cites: vec![],
    }
}

fn ended(planned: &PlannedCase, verdict: Verdict, findings: Vec<Finding>) -> CaseResult {
    let checks = [("a/known".to_owned(), 1)].into();
    CaseResult { verdict, why: None, findings, checks, ..CaseResult::inconclusive(planned, "") }
}

/// Every case of `plan` ended; `case` has `findings`, and deviates where one of them is more than info.
fn all_but(plan: &Plan, case: usize, findings: &[Finding]) -> Vec<CaseResult> {
    let each = plan.cases.iter().enumerate();
    each.map(|(i, planned)| {
        let findings = if i == case { findings.to_vec() } else { vec![] };
        let broken = findings.iter().any(|finding| finding.level >= CheckLevel::Should);
        ended(planned, if broken { Verdict::Deviates } else { Verdict::Conforms }, findings)
    })
    .collect()
}

fn assemble(plan: &Plan, cases: Vec<CaseResult>) -> Results {
    Results::assemble(plan, vec![], cases)
}

fn states(results: &Results) -> Vec<ExpectationState> {
    results.expectations.iter().map(|e| e.state).collect()
}

#[test]
fn every_planned_case_appears_in_the_plan_s_order() {
    let plan = plan("", "");
    let stranger = CaseResult {
        id: CaseId::new("elsewhere", &Axes::new(), "t"),
        ..ended(&plan.cases[0], Verdict::Conforms, vec![])
    };
    let journal = vec![stranger, ended(&plan.cases[2], Verdict::Conforms, vec![])];
    let results = assemble(&plan, journal);

    let ids: Vec<&CaseId> = results.cases.iter().map(|case| &case.id).collect();
    assert_eq!(ids, plan.shard.iter().collect::<Vec<_>>());
    let missing = &results.cases[0];
    assert_eq!((missing.verdict, missing.status), (Verdict::Inconclusive, Status::Unexpected));
    assert_eq!(missing.why.as_deref(), Some("the run ended before this case did"));
    assert_eq!(missing.predicted, plan.cases[0].predicted());
    assert_eq!(results.summary, Summary { conforms: 1, inconclusive: 2, ..Summary::default() });
    assert_eq!(results.exit_status(FailOn::Any), 3);
}

#[test]
fn a_shard_holds_its_own_cases_only() {
    let mut plan = plan("", "");
    plan.shard.truncate(1);
    let results = assemble(&plan, all_but(&plan, 0, &[]));
    assert_eq!(results.cases.iter().map(|case| &case.id).collect::<Vec<_>>(), [&plan.cases[0].id]);
    assert_eq!(results.summary.conforms, 1);
}

#[test]
fn the_last_line_about_a_case_or_a_target_counts() {
    let plan = plan("", "");
    let target = |state| TargetResult {
        id: "t".to_owned(),
        title: "T".to_owned(),
        state,
        why: None,
        version: None,
        image: None,
        discovery: Vec::new(),
    };
    let mut journal = all_but(&plan, 0, &[]);
    journal.insert(0, CaseResult::inconclusive(&plan.cases[0], "first try"));
    let results =
        Results::assemble(&plan, vec![target(TargetState::Failed), target(TargetState::Ready)], journal);
    assert_eq!(results.summary.conforms, 3);
    assert_eq!(results.targets, [target(TargetState::Ready)]);
}

#[test]
fn every_planned_target_appears_and_an_omitted_one_stays() {
    let omitted = TargetResult {
        id: "a".to_owned(),
        title: "A".to_owned(),
        state: TargetState::Omitted,
        why: Some("no engine".to_owned()),
        version: None,
        image: None,
        discovery: Vec::new(),
    };
    let plan = plan("", "");
    let results = Results::assemble(&plan, vec![omitted], all_but(&plan, 0, &[]));
    let states: Vec<_> = results.targets.iter().map(|t| (t.id.as_str(), t.state)).collect();
    assert_eq!(states, [("a", TargetState::Omitted), ("t", TargetState::Failed)]);
    assert_eq!(results.exit_status(FailOn::Should), 0);
}

#[rstest]
#[case::known(CASE_21, "a/known", CheckLevel::Must, Status::Expected)]
#[case::known_rule_elsewhere(0, "a/known", CheckLevel::Must, Status::Unexpected)]
#[case::other_rule(CASE_21, "a/other", CheckLevel::Should, Status::Unexpected)]
#[case::a_prefix_is_another_rule(CASE_21, "a/know", CheckLevel::Must, Status::Unexpected)]
fn a_deviation_is_expected_by_exact_rule_and_condition(
    #[case] case: usize,
    #[case] rule: &str,
    #[case] level: CheckLevel,
    #[case] status: Status,
) {
    let plan = plan("", ON_21);
    let results = assemble(&plan, all_but(&plan, case, &[finding(rule, level)]));
    assert_eq!(results.cases[case].status, status);
}

#[test]
fn one_unknown_finding_beside_a_known_one_is_unexpected() {
    let plan = plan("", ON_21);
    let both = [finding("a/known", CheckLevel::Must), finding("a/other", CheckLevel::Should)];
    let results = assemble(&plan, all_but(&plan, CASE_21, &both));
    assert_eq!(results.cases[CASE_21].status, Status::Unexpected);

    let with_info = [finding("a/known", CheckLevel::Must), finding("a/other", CheckLevel::Info)];
    let results = assemble(&plan, all_but(&plan, CASE_21, &with_info));
    assert_eq!(results.cases[CASE_21].status, Status::Expected);
}

#[test]
fn an_expectation_of_another_target_excuses_nothing() {
    let mut plan = plan("", ON_21);
    plan.expectations[0].target = "u".to_owned();
    let results = assemble(&plan, all_but(&plan, CASE_21, &[finding("a/known", CheckLevel::Must)]));
    assert_eq!(results.cases[CASE_21].status, Status::Unexpected);
    assert_eq!(results.exit_status(FailOn::Should), 1);
}

#[test]
fn the_status_in_the_journal_is_not_believed() {
    let plan = plan("", "");
    let mut journal = all_but(&plan, 0, &[finding("a/other", CheckLevel::Must)]);
    journal[0].status = Status::Expected;
    assert_eq!(assemble(&plan, journal).cases[0].status, Status::Unexpected);
}

#[test]
fn unsupported_is_expected_and_a_known_deviation_excuses_nothing_inconclusive() {
    let plan = plan("", ON_21);
    let mut journal = all_but(&plan, 0, &[]);
    journal[0] = CaseResult::unsupported(&plan.cases[0], "no");
    journal[CASE_21] =
        ended(&plan.cases[CASE_21], Verdict::Inconclusive, vec![finding("a/known", CheckLevel::Must)]);
    let results = assemble(&plan, journal);
    let said: Vec<_> = results.cases.iter().map(|case| case.status).collect();
    assert_eq!(said, [Status::Expected, Status::Unexpected, Status::Expected]);
}

#[test]
fn what_is_excepted_is_not_expected() {
    let mut plan = plan("", ON_21);
    let findings = [finding("a/known", CheckLevel::Must)];
    assert_eq!(assemble(&plan, all_but(&plan, CASE_21, &findings)).exit_status(FailOn::Any), 0);
    plan.expectations[0].except = vec![plan.expectations[0].expectation.condition.clone()];
    let results = assemble(&plan, all_but(&plan, CASE_21, &findings));
    assert_eq!(results.cases[CASE_21].status, Status::Unexpected);
    assert_eq!(results.exit_status(FailOn::Any), 1);
}

#[test]
fn an_expectation_is_met_where_its_rule_spoke() {
    let plan = plan("", ON_21);
    let results = assemble(&plan, all_but(&plan, CASE_21, &[finding("a/known", CheckLevel::Must)]));
    assert_eq!(states(&results), [ExpectationState::Met]);
    assert_eq!(results.exit_status(FailOn::Any), 0);

    let elsewhere = assemble(&plan, all_but(&plan, 0, &[finding("a/known", CheckLevel::Must)]));
    assert_eq!(states(&elsewhere), [ExpectationState::Fixed]);
}

#[test]
fn an_expectation_is_fixed_when_its_cases_ended_and_the_rule_stayed_silent() {
    let plan = plan("", ON_21);
    let results = assemble(&plan, all_but(&plan, 0, &[]));
    assert_eq!(states(&results), [ExpectationState::Fixed]);
    assert_eq!(results.exit_status(FailOn::Must), 1);
}

#[test]
fn an_expectation_whose_rule_met_nothing_it_is_about_is_not_run() {
    let plan = plan("", ON_21);
    let mut journal = all_but(&plan, 0, &[]);
    journal[CASE_21].checks.clear();
    let results = assemble(&plan, journal);
    assert_eq!(states(&results), [ExpectationState::NotRun]);
    assert_eq!(results.exit_status(FailOn::Any), 0);
}

#[test]
fn a_declared_unsupported_case_does_not_keep_an_expectation_alive() {
    let expectation = "[[expectation]]\nrule = \"a/known\"\nreason = \"r\"\n\
        when = { dialect = [\"2.0.2\", \"2.1\"] }\n";
    let plan = plan("[[unsupported]]\nwhen = { dialect = \"2.0.2\" }\nwhy = \"no\"\n", expectation);
    let mut journal = all_but(&plan, 0, &[]);
    journal[0] = CaseResult::unsupported(&plan.cases[0], "no");
    assert_eq!(states(&assemble(&plan, journal)), [ExpectationState::Fixed]);
}

#[rstest]
#[case::missing(None)]
#[case::inconclusive(Some(Verdict::Inconclusive))]
#[case::seen_to_be_unsupported(Some(Verdict::Unsupported))]
fn an_expectation_whose_case_did_not_end_is_not_run(#[case] verdict: Option<Verdict>) {
    let plan = plan("", ON_21);
    let mut journal = all_but(&plan, 0, &[]);
    match verdict {
        Some(verdict) => journal[CASE_21].verdict = verdict,
        None => drop(journal.remove(CASE_21)),
    }
    assert_eq!(states(&assemble(&plan, journal)), [ExpectationState::NotRun]);
}

#[test]
fn an_expectation_outside_the_shard_is_not_run() {
    let mut plan = plan("", ON_21);
    plan.shard.remove(CASE_21);
    let results = assemble(&plan, all_but(&plan, 0, &[]));
    assert_eq!(states(&results), [ExpectationState::NotRun]);
    assert_eq!(results.exit_status(FailOn::Should), 0);
}

#[test]
fn an_expectation_about_nothing_is_stale_and_fails_the_run() {
    let plan = plan("", STALE);
    let results = assemble(&plan, all_but(&plan, 0, &[]));
    assert_eq!(states(&results), [ExpectationState::Stale]);
    assert_eq!(results.exit_status(FailOn::Must), 1);
}

#[rstest]
#[case(CheckLevel::Must, [1, 1, 1])]
#[case(CheckLevel::Should, [0, 1, 1])]
#[case(CheckLevel::Info, [0, 0, 1])]
fn fail_on_says_from_which_level(#[case] level: CheckLevel, #[case] exits: [u8; 3]) {
    let plan = plan("", "");
    let results = assemble(&plan, all_but(&plan, 0, &[finding("a/other", level)]));
    let said = [FailOn::Must, FailOn::Should, FailOn::Any].map(|fail_on| results.exit_status(fail_on));
    assert_eq!(said, exits);
}

#[test]
fn a_deviation_outweighs_something_inconclusive() {
    let plan = plan("", "");
    let mut journal = all_but(&plan, 0, &[finding("a/other", CheckLevel::Must)]);
    journal.pop();
    let results = assemble(&plan, journal);
    assert_eq!(results.summary.inconclusive, 1);
    assert_eq!(results.exit_status(FailOn::Should), 1);
}

#[test]
fn a_dead_expectation_outweighs_something_inconclusive() {
    let plan = plan("", STALE);
    let results = assemble(&plan, vec![]);
    assert_eq!(results.summary.inconclusive, 3);
    assert_eq!(results.exit_status(FailOn::Should), 1);
}

#[test]
fn a_finding_in_an_inconclusive_case_still_counts() {
    let plan = plan("", "");
    let mut journal = all_but(&plan, 0, &[]);
    journal[0] = ended(&plan.cases[0], Verdict::Inconclusive, vec![finding("a/other", CheckLevel::Must)]);
    assert_eq!(assemble(&plan, journal).exit_status(FailOn::Should), 1);
}

#[test]
fn an_empty_plan_is_never_a_success() {
    let mut plan = plan("", "");
    plan.shard.clear();
    assert_eq!(assemble(&plan, vec![]).exit_status(FailOn::Should), 4);
}

#[test]
fn a_deviation_without_a_finding_is_not_expected() {
    let plan = plan("", ON_21);
    let mut journal = all_but(&plan, 0, &[]);
    journal[0].verdict = Verdict::Deviates;
    let results = assemble(&plan, journal);
    assert_eq!(results.cases[0].status, Status::Unexpected);
    assert_eq!(results.exit_status(FailOn::Must), 1);
}

#[test]
fn results_and_journal_read_back() {
    let plan = plan("", ON_21);
    let results = assemble(&plan, all_but(&plan, CASE_21, &[finding("a/known", CheckLevel::Must)]));
    let text = serde_json::to_string(&results).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    let line = JournalLine::Case(Box::new(results.cases[0].clone()));
    assert_eq!(serde_json::from_str::<JournalLine>(&serde_json::to_string(&line).unwrap()).unwrap(), line);
    let planned: PlannedExpectation =
        serde_json::from_str(&serde_json::to_string(&plan.expectations[0]).unwrap()).unwrap();
    assert_eq!(planned, plan.expectations[0]);
}
