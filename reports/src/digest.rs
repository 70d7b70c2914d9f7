//! What a reader has to know, each thing once: findings by rule and target, reasons by text and target.

use crate::outcomes::State;
use crate::software;
use crate::text::clean;
use model::{CaseResult, CheckLevel, Finding, Results, Subject};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The same rule broken on the same target, or by the same client on whatever target.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// None where a case deviates and no finding says why.
    pub(crate) rule: Option<&'a str>,
    /// The client that people run, where it is its doing.
    pub(crate) client: Option<&'a str>,
    /// The first target.
    pub(crate) target: &'a str,
    /// The first finding of the group.
    pub(crate) first: Option<&'a Finding>,
    /// The cases in order, with their place in the results and what of this group is in them.
    pub(crate) cases: Vec<(usize, &'a CaseResult, Vec<&'a Finding>)>,
}

impl Group<'_> {
    /// Whose words what mends it may have: those of the client whose doing it is, else those of the server.
    pub(crate) fn whose(&self) -> &str {
        self.client.unwrap_or(self.target)
    }

    /// Where it is: `on nas`, or `of tool-1.2 on nas and 2 more`.
    pub(crate) fn place(&self) -> String {
        let Some(client) = self.client else { return format!("on {}", clean(self.target)) };
        let others = self.cases.iter().map(|(_, case, _)| case.target.as_str());
        let others = others.filter(|target| *target != self.target).collect::<BTreeSet<_>>().len();
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        format!("of {} on {}{more}", clean(client), clean(self.target))
    }

    pub(crate) fn findings(&self) -> usize {
        self.cases.iter().map(|(_, _, findings)| findings.len()).sum()
    }

    fn level(&self) -> Option<CheckLevel> {
        self.first.map(|finding| finding.level)
    }
}

/// What nobody expected, worst first: MUST before SHOULD, then what most cases show.
pub(crate) fn unexpected(results: &Results) -> Vec<Group<'_>> {
    groups(results, |case| {
        let found = case.findings.iter().filter(|finding| finding.level >= CheckLevel::Should);
        let found: Vec<&Finding> = found.filter(|it| results.expectation_for(case, it).is_none()).collect();
        if found.is_empty() && State::of(case) == State::Deviates {
            vec![(None, None)]
        } else {
            found.into_iter().map(|finding| (Some(finding.rule.as_str()), Some(finding))).collect()
        }
    })
}

/// What is known of a target and was seen, worst first.
pub(crate) fn known(results: &Results) -> Vec<Group<'_>> {
    groups(results, |case| {
        let found = case.findings.iter().filter(|finding| finding.level >= CheckLevel::Should);
        let found = found.filter(|finding| results.expectation_for(case, finding).is_some());
        found.map(|finding| (Some(finding.rule.as_str()), Some(finding))).collect()
    })
}

/// What is worth knowing and breaks nothing.
pub(crate) fn notes(results: &Results) -> Vec<Group<'_>> {
    groups(results, |case| {
        let found = case.findings.iter().filter(|finding| finding.level == CheckLevel::Info);
        let found = found.filter(|finding| results.expectation_for(case, finding).is_none());
        found.map(|finding| (Some(finding.rule.as_str()), Some(finding))).collect()
    })
}

type Keyed<'a> = (Option<&'a str>, Option<&'a Finding>);

fn groups<'a>(results: &'a Results, of: impl Fn(&'a CaseResult) -> Vec<Keyed<'a>>) -> Vec<Group<'a>> {
    let mut all: Vec<Group<'a>> = Vec::new();
    for (index, case) in results.cases.iter().enumerate() {
        for (rule, finding) in of(case) {
            let client = software::client(case)
                .filter(|_| finding.is_some_and(|finding| finding.subject == Subject::Client));
            let at = all.iter().position(|group| {
                group.rule == rule
                    && group.client == client
                    && (client.is_some() || group.target == case.target)
            });
            let at = at.unwrap_or_else(|| {
                all.push(Group { rule, client, target: &case.target, first: finding, cases: Vec::new() });
                all.len() - 1
            });
            let cases = &mut all[at].cases;
            match cases.last_mut() {
                Some((last, _, findings)) if *last == index => findings.extend(finding),
                _ => cases.push((index, case, finding.into_iter().collect())),
            }
        }
    }
    all.sort_by_key(|group| (Reverse(group.level()), Reverse(group.cases.len())));
    all
}

/// Cases that share a reason.
#[derive(Debug)]
pub(crate) struct Reason<'a> {
    pub(crate) target: &'a str,
    pub(crate) why: &'a str,
    pub(crate) cases: Vec<(usize, &'a CaseResult)>,
}

/// Why cases are in `state`, the most frequent reason first.
pub(crate) fn reasons(results: &Results, state: State) -> Vec<Reason<'_>> {
    let mut all: Vec<Reason<'_>> = Vec::new();
    for (index, case) in results.cases.iter().enumerate().filter(|(_, case)| State::of(case) == state) {
        let why = case.why.as_deref().unwrap_or("no reason is recorded");
        match all.iter_mut().find(|reason| reason.why == why && reason.target == case.target) {
            Some(reason) => reason.cases.push((index, case)),
            None => all.push(Reason { target: &case.target, why, cases: vec![(index, case)] }),
        }
    }
    all.sort_by_key(|reason| Reverse(reason.cases.len()));
    all
}

/// How often a rule was evaluated, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct RuleCount {
    pub(crate) checks: u64,
    pub(crate) cases: usize,
    /// Findings that an expectation covers.
    pub(crate) known: usize,
    /// Other findings that break something.
    pub(crate) unexpected: usize,
    /// Other findings.
    pub(crate) notes: usize,
}

/// Every rule that was evaluated or broken, by id.
pub(crate) fn rules(results: &Results) -> BTreeMap<&str, RuleCount> {
    let mut all: BTreeMap<&str, RuleCount> = BTreeMap::new();
    for case in &results.cases {
        for (rule, checks) in &case.checks {
            let count = all.entry(rule).or_default();
            count.checks += checks;
            count.cases += 1;
        }
        for finding in &case.findings {
            let count = all.entry(&finding.rule).or_default();
            *match (results.expectation_for(case, finding), finding.level) {
                (Some(_), _) => &mut count.known,
                (None, CheckLevel::Must | CheckLevel::Should) => &mut count.unexpected,
                (None, CheckLevel::Info) => &mut count.notes,
            } += 1;
        }
    }
    all
}
