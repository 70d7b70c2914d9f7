//! Known deviations as they stand in the plan: with how much of the catalogue each is about.

use super::{PlannedCase, PlannedExpectation};
use crate::expectation::{Condition, Expectation};
use crate::software::Software;
use crate::target::Target;

/// How many of `catalogue` each expectation of `target` matches.
#[must_use]
pub fn plan_expectations(target: &Target, catalogue: &[&PlannedCase]) -> Vec<PlannedExpectation> {
    target
        .expectations
        .iter()
        .map(|expectation| PlannedExpectation {
            target: target.id.clone(),
            expectation: expectation.clone(),
            except: Vec::new(),
            matches: catalogue
                .iter()
                .filter(|case| case.target == target.id && case.unsupported.is_none())
                .filter(|case| expectation.condition.matches(&case.scenario, &case.axes))
                .count() as u64,
        })
        .collect()
}

/// What is known of a client that people run, on each of the targets where it is about something: it brings that with it
/// wherever it goes. What is about nothing anywhere stands on the first target, and is stale there. What a target's folder
/// says of the pair, under the same rule, comes before what the client's says of the client.
#[must_use]
pub fn plan_client_expectations(
    software: &Software,
    targets: &[&Target],
    catalogue: &[&PlannedCase],
) -> Vec<PlannedExpectation> {
    let mut all = Vec::new();
    for known in &software.expectations {
        let condition = known.condition.clone().and("software", &software.id);
        let expectation = Expectation { condition, ..known.clone() };
        let on = |target: &&Target| {
            let mut planned = PlannedExpectation {
                target: target.id.clone(),
                expectation: expectation.clone(),
                except: said_of_the_pair(target, &expectation.rule),
                matches: 0,
            };
            planned.matches = catalogue
                .iter()
                .filter(|case| case.target == target.id && case.unsupported.is_none())
                .filter(|case| planned.is_about(&case.scenario, &case.axes))
                .count() as u64;
            planned
        };
        let planned: Vec<PlannedExpectation> = targets.iter().map(on).collect();
        let anywhere = catalogue.iter().any(|case| {
            case.unsupported.is_none() && expectation.condition.matches(&case.scenario, &case.axes)
        });
        match anywhere {
            true => all.extend(planned.into_iter().filter(|planned| planned.matches > 0)),
            false => all.extend(planned.into_iter().next()),
        }
    }
    all
}

/// The cases of which a target's own folder says what becomes of a client under this rule.
fn said_of_the_pair(target: &Target, rule: &str) -> Vec<Condition> {
    let known = target.expectations.iter().filter(|known| known.rule == rule);
    let known = known.map(|known| &known.condition).filter(|condition| condition.is_about("software"));
    let spared = target.spared.iter().filter(|spared| spared.rules.iter().any(|spared| spared == rule));
    known.chain(spared.map(|spared| &spared.when)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::expand;
    use crate::scenario::Scenario;
    use rstest::rstest;

    const SCENARIO: &str = "title = \"t\"\ncites = [\"MS-SMB2 3.2.5.2\"]\nexpect = \"policy\"\n\
        [axes]\n\"server.signing\" = [\"required\", \"not-required\"]\n[[step]]\ndo = \"session-setup\"\n";
    const CLIENT: &str = "title = \"C\"\ndriver = \"c\"\nversion = \"1\"\n[signing]\ndefault = \"\"\n[offers]\n\
        dialects = [\"2.1\"]\nsigning = \"not-required\"\nalgorithms = []\nguest = \"allowed\"\n";
    const KNOWN: &str = "[[expectation]]\nrule = \"a/known\"\nwhen = { scenario = \"s\" }\nreason = \"r\"\n";
    const TARGET: &str = "title = \"T\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
        [shares]\nshare = \"share\"\nguest = \"guest\"\n";
    const PAIR: &str = "[[expectation]]\nrule = \"a/known\"\nreason = \"r\"\n\
        when = { software = \"c\", \"server.signing\" = \"required\" }\n";
    const SPARED: &str =
        "[[spared]]\nrules = [\"a/known\"]\nwhen = { \"server.signing\" = \"not-required\" }\nwhy = \"w\"\n";

    /// How many cases the client's known deviation is about on a target with these two files, where it is there at all.
    #[rstest]
    #[case::whatever_server("", "", Some(2))]
    #[case::said_of_the_pair("", PAIR, Some(1))]
    #[case::said_of_somebody_else("", &PAIR.replace("\"c\"", "\"d\""), Some(2))]
    #[case::another_rule("", &PAIR.replace("known", "other"), Some(2))]
    #[case::said_of_no_client("", &PAIR.replace("software = \"c\", ", ""), Some(2))]
    #[case::spared(SPARED, "", Some(1))]
    #[case::spared_another_rule(&SPARED.replace("known", "other"), "", Some(2))]
    #[case::nothing_left(SPARED, PAIR, None)]
    fn what_a_target_says_of_a_pair_comes_first(
        #[case] spared: &str,
        #[case] pairs: &str,
        #[case] matches: Option<u64>,
    ) {
        let scenario = Scenario::parse("s", "s.toml", SCENARIO).unwrap();
        let target = Target::parse("t", &format!("{TARGET}{spared}"), pairs).unwrap();
        let software = Software::parse("c", CLIENT, KNOWN).unwrap();
        let mut cases = expand(&[scenario], std::slice::from_ref(&target));
        for case in &mut cases {
            case.axes.insert("software".to_owned(), "c".to_owned());
        }
        let planned = plan_client_expectations(&software, &[&target], &cases.iter().collect::<Vec<_>>());
        assert_eq!(planned.first().map(|planned| planned.matches), matches);
        if let Some(planned) = planned.first() {
            let about = cases.iter().filter(|case| planned.is_about(&case.scenario, &case.axes));
            assert_eq!(about.count() as u64, planned.matches);
        }
    }
}
