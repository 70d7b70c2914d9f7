use super::*;
use crate::discovery::Discovery;
use crate::external::{ExternalFile, PlannedExternal};
use crate::plan::{PlannedTexts, expand};
use crate::results::{Results, RunInfo, SCHEMA};
use crate::scenario::Scenario;
use crate::target::Shares;

const SCENARIO: &str = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.4\"]\nexpect = \"policy\"\n[axes]\n\
    dialect = [\"2.1\"]\n\"server.signing\" = [\"required\", \"not-required\"]\n[[step]]\ndo = \"session-setup\"\n";

/// A run in which one cell was measured and the other was not.
fn part(run: &str, guid: &str, measured: &str) -> Part {
    let shares = Shares { share: "s".to_owned(), guest: "s".to_owned() };
    let target = ExternalFile::default().target("nas", shares, false);
    let cases = expand(&[Scenario::parse("s", "s.toml", SCENARIO).unwrap()], std::slice::from_ref(&target));
    let result = |case: &PlannedCase| {
        let result = CaseResult::inconclusive(case, run);
        match case.axes["server.signing"] == measured {
            true => CaseResult { verdict: Verdict::Conforms, ..result },
            false => result,
        }
    };
    let external = PlannedExternal {
        address: "nas".to_owned(),
        step: BTreeMap::new(),
        read_only: false,
        failed_logons: false,
    };
    Part {
        cases: cases.iter().map(result).collect(),
        clients: Vec::new(),
        targets: vec![TargetResult {
            id: "nas".to_owned(),
            title: "nas".to_owned(),
            state: TargetState::Ready,
            why: None,
            version: None,
            image: None,
            discovery: vec![Discovery {
                run: run.to_owned(),
                server_guid: Some(guid.to_owned()).filter(|guid| !guid.is_empty()),
                ..Discovery::default()
            }],
        }],
        plan: Plan {
            schema: SCHEMA,
            run: RunInfo {
                id: run.to_owned(),
                version: String::new(),
                started: String::new(),
                seed: 1,
                command: String::new(),
            },
            targets: vec![PlannedTarget {
                id: "nas".to_owned(),
                title: "nas".to_owned(),
                discovery: None,
                external: Some(external),
            }],
            texts: PlannedTexts::default(),
            expectations: Vec::new(),
            left_out: Vec::new(),
            shard: cases.iter().map(|case| case.id.clone()).collect(),
            cases,
        },
    }
}

#[test]
fn what_was_measured_counts_wherever_it_was() {
    for (first, second) in [("required", "not-required"), ("not-required", "required")] {
        let merged = merge(vec![part("a", "1", first), part("b", "1", second)]).unwrap();
        assert!(merged.part.cases.iter().all(is_measured));
        assert_eq!(merged.part.cases.len(), 2);
        let places: BTreeSet<usize> = merged.from.values().copied().collect();
        assert_eq!(places, BTreeSet::from([0, 1]));
        assert_eq!(merged.part.targets[0].discovery.len(), 2);
        let Part { plan, targets, cases, .. } = merged.part;
        assert_eq!(Results::assemble(&plan, targets, cases).summary.conforms, 2);
    }
}

#[test]
fn shards_are_parts_of_one_plan() {
    let (mut one, mut other) = (part("a", "1", "required"), part("b", "1", "not-required"));
    for (part, measured) in [(&mut one, "required"), (&mut other, "not-required")] {
        part.cases.retain(|case| case.axes["server.signing"] == measured);
        part.plan.shard.retain(|id| id.as_str().contains(&format!("signing={measured}@")));
    }
    let half = merge(vec![one.clone()]).unwrap().part;
    let merged = merge(vec![one, other]).unwrap().part;
    assert_eq!((merged.plan.cases.len(), merged.plan.shard.len(), merged.cases.len()), (2, 2, 2));
    assert!(merged.cases.iter().all(|case| case.verdict == Verdict::Conforms));
    // What no shard took is not left out.
    assert_eq!((half.plan.shard.len(), half.cases.len()), (2, 2));
    let missing: Vec<_> = half.cases.iter().filter(|case| case.verdict == Verdict::Inconclusive).collect();
    assert!(
        missing.len() == 1 && missing[0].why.as_deref().is_some_and(|why| why.contains("a shard is missing"))
    );
}

#[test]
fn another_server_is_another_run() {
    for (one, other) in [("1", "2"), ("", ""), ("1", "")] {
        let error = merge(vec![part("a", one, "required"), part("b", other, "required")]).unwrap_err();
        assert!(matches!(error, MergeError::OtherServer { .. }), "{error}");
    }
    let mut ours = part("b", "1", "required");
    ours.plan.targets[0].external = None;
    let error = merge(vec![part("a", "1", "required"), ours]).unwrap_err();
    assert!(matches!(error, MergeError::OtherKind { .. }), "{error}");
    let mut changed = part("b", "1", "required");
    changed.plan.cases[0].cites.clear();
    let error = merge(vec![part("a", "1", "required"), changed]).unwrap_err();
    assert!(matches!(error, MergeError::OtherCase { .. }), "{error}");
    assert_eq!(merge(Vec::new()).unwrap_err(), MergeError::Nothing);
}
