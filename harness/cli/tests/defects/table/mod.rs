//! The table of defects, by the group of the rule that is about them.

use crate::clean::{Clean, conforms, rules};
use crate::support::exchange::Exchange;
use crate::support::{Bench, cause};
use model::Verdict;
use std::collections::BTreeSet;

/// One defect: its name, the rule that must see it, and what it trips besides.
struct Defect {
    name: &'static str,
    rule: &'static str,
    clean: Clean,
    also: &'static [&'static str],
    apply: fn(&mut Exchange) -> usize,
}

/// The defects of one group of rules. Each: what it is made of, the rules it trips, the one that is about it first, and
/// what is changed; the closure says which message is the faulty one.
macro_rules! defects {
    ($($name:ident: $clean:ident, $rule:literal $(+ $also:literal)* => $apply:expr;)+) => {
        pub(super) const DEFECTS: &[$crate::table::Defect] = &[$($crate::table::Defect {
            name: stringify!($name),
            rule: $rule,
            clean: $crate::clean::Clean::$clean,
            also: &[$($also),*],
            apply: $apply,
        }),+];

        #[rstest::rstest]
        $(#[case::$name(stringify!($name))])+
        #[tokio::test(flavor = "multi_thread")]
        async fn defect(#[case] name: &str) {
            $crate::table::is_seen(DEFECTS.iter().find(|defect| defect.name == name).unwrap()).await;
        }
    };
}

mod commands;
mod negotiate;
mod policy;
mod session_setup;
mod signing;
mod step;
mod wire;

/// Every defect of every group.
fn all() -> impl Iterator<Item = &'static Defect> {
    [
        wire::DEFECTS,
        negotiate::DEFECTS,
        session_setup::DEFECTS,
        signing::DEFECTS,
        commands::DEFECTS,
        step::DEFECTS,
        policy::DEFECTS,
    ]
    .into_iter()
    .flatten()
}

async fn is_seen(defect: &Defect) {
    let bench = Bench::new().await;
    let recorded = defect.clean.record(&bench).await;
    let clean = recorded.judged();
    conforms(defect.name, &clean);
    let mut exchange = Exchange::of(&recorded.read());
    let changed = (defect.apply)(&mut exchange);
    let faulty = exchange.write(&bench);
    assert_eq!(faulty.read().problems, [], "{}: this is no alteration of evidence", defect.name);
    let judged = faulty.judged();
    assert_eq!(judged.verdict, Verdict::Deviates, "{}: {}", defect.name, cause(&judged));
    let expected: BTreeSet<&str> = defect.also.iter().copied().chain([defect.rule]).collect();
    assert_eq!(rules(&judged), expected, "{}: {}", defect.name, cause(&judged));
    assert!(judged.checks.get(defect.rule).is_some_and(|count| *count > 0), "{}", defect.name);
    for finding in judged.findings.iter().filter(|finding| finding.rule == defect.rule) {
        let Some(at) = finding.at else {
            // An outcome is about the whole case.
            assert_eq!(defect.rule, judge::OUTCOME_RULE, "{}: {finding:?}", defect.name);
            continue;
        };
        assert_eq!(
            (at.connection, at.frame, at.element),
            (0, Exchange::frame(changed), 0),
            "{}: {finding:?}",
            defect.name
        );
    }
}

#[test]
fn every_rule_has_a_defect_that_trips_it() {
    let seen: BTreeSet<&str> = all().map(|defect| defect.rule).collect();
    // Those of SMB1 and of the way from it to SMB2 have a server of their own: tests/smb1. What somebody on the wire does
    // takes an interposer: tests/command/attacks.rs. Two connections, and a CANCEL that is broken on purpose, have files of
    // their own beside this one, and so have clients that people run. What a target declares is none of a case: tests/qualify/declared.rs.
    let elsewhere = |rule: &str| {
        rule.starts_with("smb1/")
            || rule.starts_with("client/")
            || rule.starts_with("cancel/")
            || [
                "negotiate/multi-protocol",
                "negotiate/salt-unique",
                judge::NOTICED_RULE,
                judge::RELAYED_RULE,
                model::discovery::DECLARED_RULE,
            ]
            .contains(&rule)
    };
    let rules: BTreeSet<&str> = judge::rules().map(|rule| rule.id).filter(|rule| !elsewhere(rule)).collect();
    assert_eq!(seen, rules, "left: the rules with a defect, right: the rules there are");
    let names: BTreeSet<&str> = all().map(|defect| defect.name).collect();
    assert_eq!(names.len(), all().count(), "two defects of one name");
}
