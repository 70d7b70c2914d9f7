//! Discovery: asked before the scenarios, recorded, and read back from disk like any case.

use crate::run::Context;
use evidence::{Evidence, Sidecar};
use model::discovery::{Capability, PlannedDiscovery, Question};
use model::{Discovery, Plan};
use probe::Endpoint;
use std::fs;
use std::path::Path;

/// Asks a server what it does, and says what the recorded bytes say.
pub(crate) async fn ask(
    context: &Context,
    target: &str,
    planned: &PlannedDiscovery,
    endpoint: &Endpoint,
    log: Option<String>,
) -> Discovery {
    let case = planned.case(target);
    let questions = Question::all(planned.failed_logons);
    let recording = probe::discover(&case, &questions, endpoint, context.limits, context.seed).await;
    let mut sidecar = Sidecar::new(case, endpoint.address.to_string());
    sidecar.session_keys = recording.session_keys;
    sidecar.steps = recording.steps;
    sidecar.questions = questions;
    sidecar.problem = recording.problem;
    sidecar.server_log = log;
    let relative = PlannedDiscovery::evidence(&context.run, target);
    let root = context.folder.path();
    match recording.recorder.write(&root.join(&relative), &sidecar) {
        Ok(()) => graded(root, &relative, &context.run, planned),
        Err(error) => unknown(planned, &context.run, &format!("failed to write the evidence: {error}")),
    }
}

/// What the evidence of a discovery says.
pub(crate) fn graded(root: &Path, relative: &str, run: &str, planned: &PlannedDiscovery) -> Discovery {
    match Evidence::read(&root.join(relative)) {
        Ok(evidence) if evidence.problems.is_empty() => Discovery {
            run: run.to_owned(),
            evidence: Some(relative.to_owned()),
            ..judge::discovery::discovery(&evidence, &planned.claims)
        },
        Ok(evidence) => {
            let what: Vec<String> = evidence.problems.iter().map(ToString::to_string).collect();
            unknown(planned, run, &what.join("; "))
        }
        Err(error) => unknown(planned, run, &format!("failed to read the evidence: {error}")),
    }
}

/// Every discovery of a target whose evidence is in a run folder, those of runs that were merged into it included, the
/// oldest first.
pub(crate) fn graded_again(root: &Path, plan: &Plan, target: &str) -> Vec<Discovery> {
    let Some(planned) = plan.discoveries().remove(target) else { return Vec::new() };
    let own = PlannedDiscovery::evidence("", target);
    let own = Path::new(&own);
    let (Some(folder), Some(ending)) = (own.parent(), own.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut runs: Vec<String> =
        names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect();
    // A run's id begins with when it was.
    runs.sort();
    runs.iter().map(|run| graded(root, &PlannedDiscovery::evidence(run, target), run, &planned)).collect()
}

/// A discovery of which nothing is known but what is claimed.
fn unknown(planned: &PlannedDiscovery, run: &str, why: &str) -> Discovery {
    let capabilities = planned.claims.iter().map(|(id, word)| Capability {
        id: id.clone(),
        claimed: Some(word.clone()),
        observed: None,
        why: Some(why.to_owned()),
        at: None,
    });
    Discovery { run: run.to_owned(), capabilities: capabilities.collect(), ..Discovery::default() }
}
