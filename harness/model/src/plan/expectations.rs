//! Known deviations as they stand in the plan: with how much of the catalogue each is about.

use super::{PlannedCase, PlannedExpectation};
use crate::expectation::Expectation;
use crate::software::Software;
use crate::target::Target;

/// How many of `catalogue` each expectation of `target` matches.
#[must_use]
pub fn plan_expectations(target: &Target, catalogue: &[PlannedCase]) -> Vec<PlannedExpectation> {
    target
        .expectations
        .iter()
        .map(|expectation| PlannedExpectation {
            target: target.id.clone(),
            expectation: expectation.clone(),
            matches: catalogue
                .iter()
                .filter(|case| case.target == target.id && case.unsupported.is_none())
                .filter(|case| expectation.condition.matches(&case.scenario, &case.axes))
                .count() as u64,
        })
        .collect()
}

/// What is known of a client that people run, on each of the targets where it is about something: it brings that with it
/// wherever it goes. What is about nothing anywhere stands on the first target, and is stale there.
#[must_use]
pub fn plan_client_expectations(
    software: &Software,
    targets: &[&Target],
    catalogue: &[PlannedCase],
) -> Vec<PlannedExpectation> {
    let mut all = Vec::new();
    for known in &software.expectations {
        let condition = known.condition.clone().and("software", &software.id);
        let expectation = Expectation { condition, ..known.clone() };
        let on = |target: &&Target| {
            let own = |case: &&PlannedCase| case.target == target.id && case.unsupported.is_none();
            let meant = |case: &&PlannedCase| expectation.condition.matches(&case.scenario, &case.axes);
            PlannedExpectation {
                target: target.id.clone(),
                expectation: expectation.clone(),
                matches: catalogue.iter().filter(own).filter(meant).count() as u64,
            }
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
