//! From the catalogue and the filters to the plan.

use crate::args::RunArgs;
use crate::catalogue::{Catalogue, KnownTarget};
use crate::exit::Failure;
use crate::interposed;
use crate::names;
use model::discovery::plan_discovery;
use model::plan::{
    Expansion, LeftOut, LeftOutCell, PROBE, PlannedTarget, expansion, plan_client_expectations,
    plan_expectations,
};
use model::results::{RunInfo, SCHEMA};
use model::target::TargetKind;
use model::{CaseId, Plan, PlannedCase, Software, Target};

/// The word for every target there is.
pub(crate) const ALL: &str = "all";

/// What was decided before anything runs.
pub(crate) struct Selection {
    pub(crate) plan: Plan,
    /// Targets that were left out because nobody asked for them by name and they cannot be had, with why.
    pub(crate) omitted: Vec<(PlannedTarget, String)>,
    /// The same of clients that people run.
    pub(crate) omitted_clients: Vec<(Software, String)>,
}

/// Fails where a scenario, target or client that was named does not exist.
pub(crate) fn check_names(args: &RunArgs, catalogue: &Catalogue) -> Result<(), Failure> {
    names::check("scenario", &args.scenarios, catalogue.scenarios.iter().map(|s| s.id.as_str()))?;
    check_targets(&args.target, catalogue)?;
    let clients = catalogue.clients.iter().map(|client| client.id.as_str());
    let software = catalogue.software.iter().map(|known| known.software.id.as_str());
    names::check("client", &args.client, clients.chain(software).chain([PROBE]))
}

/// Fails where a target that was named does not exist.
pub(crate) fn check_targets(targets: &[String], catalogue: &Catalogue) -> Result<(), Failure> {
    let named: Vec<String> = targets.iter().filter(|name| *name != ALL).cloned().collect();
    names::check("target", &named, catalogue.targets.iter().map(|t| t.target.id.as_str()))
}

/// Plans a run. `engine` says why there is no Docker engine, where there is none.
pub(crate) fn select(
    args: &RunArgs,
    catalogue: &Catalogue,
    engine: Result<(), &str>,
    run: RunInfo,
) -> Result<Selection, Failure> {
    let targets_there = catalogue.targets();
    let Expansion { cases: mut everything, left_out: excepted } =
        expansion(&catalogue.scenarios, &targets_there);
    let directory = args.common.scenarios_dir.as_ref();
    let directory = directory.map(|directory| format!("--scenarios {}", directory.display()));
    for case in &mut everything {
        let made = catalogue.made.as_ref().filter(|made| made.id == case.client.id);
        let options: Vec<&str> =
            directory.as_deref().into_iter().chain(made.map(|made| made.options.as_str())).collect();
        if !options.is_empty() {
            case.reproduce = format!("countersign run {} --case {}", options.join(" "), case.id);
        }
    }
    let (wanted, omitted): (Vec<&KnownTarget>, Vec<(PlannedTarget, String)>) =
        targets(&args.target, &args.common.case, catalogue, engine);
    let is_selected = |case: &PlannedCase| {
        wanted.iter().any(|known| known.target.id == case.target)
            && (args.scenarios.is_empty() || args.scenarios.contains(&case.scenario))
            && match &catalogue.made {
                // Of the client that is named it is the one that is set so.
                Some(made) => made.id == case.client.id,
                None => args.client.is_empty() || args.client.contains(&case.client.id),
            }
            && is_driven(case, args, catalogue, engine.is_ok())
            && (args.common.case.is_empty() || args.common.case.iter().any(|id| id == case.id.as_str()))
    };
    let selected: Vec<bool> = everything.iter().map(is_selected).collect();
    for id in &args.common.case {
        check_case(id, &everything, &excepted)?;
    }
    let cases =
        || everything.iter().zip(&selected).filter_map(|(case, is_selected)| is_selected.then_some(case));
    interposed::check_names(cases())?;
    if cases().next().is_none() {
        return Err(Failure::empty(
            "the filters select no case: `countersign list cases` shows all there are",
        ));
    }
    let planned: Vec<&Target> = wanted
        .iter()
        .map(|known| &known.target)
        .filter(|target| cases().any(|case| case.target == target.id))
        .collect();
    // What an expectation is about does not depend on which scenarios this run reads.
    let known: Vec<&PlannedCase> = everything.iter().chain(&catalogue.built_in_cases).collect();
    let mut expectations: Vec<_> =
        planned.iter().flat_map(|target| plan_expectations(target, &known)).collect();
    for software in catalogue.software.iter().map(|known| &known.software) {
        let driven = |case: &PlannedCase| case.software.as_ref().is_some_and(|it| it.id == software.id);
        if cases().any(driven) {
            expectations.extend(plan_client_expectations(software, &planned, &known));
        }
    }
    let left_out_here = LeftOut::count(excepted.iter().filter(|cell| is_selected(&cell.case)));
    let cases: Vec<PlannedCase> =
        everything.into_iter().zip(selected).filter_map(|(case, it)| it.then_some(case)).collect();
    let shard: Vec<CaseId> = match args.shard {
        None => cases.iter().map(|case| case.id.clone()).collect(),
        // Every N-th case, not a block: cases of one server stay spread over all shards.
        Some((k, n)) => cases.iter().skip(k - 1).step_by(n).map(|case| case.id.clone()).collect(),
    };
    if shard.is_empty() {
        return Err(Failure::empty(format!(
            "this shard of {} cases is empty: use fewer shards",
            cases.len()
        )));
    }
    let plan = Plan {
        schema: SCHEMA,
        run,
        targets: planned
            .iter()
            .map(|target| PlannedTarget {
                discovery: plan_discovery(target, &cases),
                ..planned_target(target)
            })
            .collect(),
        texts: catalogue.texts(&cases),
        expectations,
        left_out: left_out_here,
        cases,
        shard,
    };
    Ok(Selection { plan, omitted, omitted_clients: left_out(args, catalogue, engine) })
}

/// Fails where there is no case `id`: says where it would be seen, or what was meant.
fn check_case(id: &str, everything: &[PlannedCase], excepted: &[LeftOutCell<'_>]) -> Result<(), Failure> {
    if everything.iter().any(|case| case.id.as_str() == id) {
        return Ok(());
    }
    if let Some(cell) = excepted.iter().find(|cell| cell.case.id.as_str() == id) {
        return Err(Failure::empty(cell.to_string()));
    }
    let near = names::nearest(id, everything.iter().map(|case| case.id.as_str()));
    let near = near.map(|near| format!("; the nearest is\n  {near}")).unwrap_or_default();
    Err(Failure::empty(format!("there is no case `{id}`{near}\n`countersign list cases` shows all")))
}

/// Whether the case's client is one that this run drives, where it is one that people run: what is named is, and without a
/// name what runs by default. What cannot run without an engine is left out where nobody named it.
fn is_driven(case: &PlannedCase, args: &RunArgs, catalogue: &Catalogue, engine: bool) -> bool {
    let Some(software) = &case.software else { return true };
    let named =
        !args.client.is_empty() || !args.common.case.is_empty() || args.scenarios.contains(&case.scenario);
    let known = catalogue.software.iter().find(|known| known.software.id == software.id);
    named
        || known.is_some_and(|known| known.software.default && (engine || known.software.container.is_none()))
}

/// The clients that a run has by default, and that need an engine which is not there.
fn left_out(args: &RunArgs, catalogue: &Catalogue, engine: Result<(), &str>) -> Vec<(Software, String)> {
    let named = !args.client.is_empty() || !args.common.case.is_empty() || !args.scenarios.is_empty();
    let Some(why) = engine.err().filter(|_| !named) else { return Vec::new() };
    let all = catalogue.software.iter().map(|known| &known.software);
    let left_out = all.filter(|software| software.default && software.container.is_some());
    left_out.map(|software| (software.clone(), why.to_owned())).collect()
}

pub(crate) fn planned_target(target: &Target) -> PlannedTarget {
    PlannedTarget { id: target.id.clone(), title: target.title.clone(), discovery: None, external: None }
}

/// The targets of the run, and those left out.
pub(crate) fn targets<'c>(
    target: &[String],
    case: &[String],
    catalogue: &'c Catalogue,
    engine: Result<(), &str>,
) -> (Vec<&'c KnownTarget>, Vec<(PlannedTarget, String)>) {
    let names = target;
    let named = |target: &Target| {
        let suffix = format!("@{}", target.id);
        if names.is_empty() {
            case.iter().any(|case| case.ends_with(&suffix))
        } else {
            names.contains(&target.id) || names.iter().any(|name| name == ALL)
        }
    };
    let any_named = !names.is_empty() || !case.is_empty();
    let (mut wanted, mut omitted) = (Vec::new(), Vec::new());
    for known in &catalogue.targets {
        let target = &known.target;
        if named(target) {
            wanted.push(known);
        } else if !any_named && target.default {
            match (&engine, target.kind) {
                (Err(why), TargetKind::Container) => {
                    omitted.push((planned_target(target), (*why).to_owned()));
                }
                _ => wanted.push(known),
            }
        }
    }
    (wanted, omitted)
}
