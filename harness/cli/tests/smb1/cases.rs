//! The cases of SMB1 on a target that can be set to everything, and how one is recorded.

use crate::server::{self, Conduct, Policy};
use crate::support::{Bench, Recorded};
use model::plan::expand;
use model::{PlannedCase, Scenario, Target};
use probe::Limits;
use std::fs;
use std::path::Path;

/// A target like the server of these tests.
const TARGET: &str = "title = \"by the book\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
    [shares]\nshare = \"share\"\nguest = \"guest\"\n";

/// Every case of a scenario with these axes, `client=required,server.signing=enabled` and so on.
pub(crate) fn cases(scenario: &str, axes: &str) -> Vec<PlannedCase> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{scenario}.toml"));
    let parsed = Scenario::parse(scenario, scenario, &fs::read_to_string(file).unwrap()).unwrap();
    let target = Target::parse("by-the-book", TARGET, "").unwrap();
    let wanted: Vec<(&str, &str)> =
        axes.split(',').filter(|axis| !axis.is_empty()).map(|axis| axis.split_once('=').unwrap()).collect();
    let all = expand(&[parsed], &[target]);
    assert!(all.iter().all(|case| case.unsupported.is_none()));
    all.into_iter()
        .filter(|case| {
            wanted.iter().all(|(axis, value)| case.axes.get(*axis).is_some_and(|own| own == value))
        })
        .collect()
}

/// The one case of a scenario with these axes.
pub(crate) fn case(scenario: &str, axes: &str) -> PlannedCase {
    let mut found = cases(scenario, axes);
    assert_eq!(found.len(), 1, "{scenario} {axes}: {:?}", found.iter().map(|c| &c.id).collect::<Vec<_>>());
    found.remove(0)
}

/// Runs a case against a server of its own, set to what the case wants.
pub(crate) async fn record(bench: &Bench, case: &PlannedCase, conduct: Conduct, limits: Limits) -> Recorded {
    let server = server::start(Policy::of(case), conduct).await;
    bench.record(case, &server::endpoint(&server), limits).await
}
