//! A case with something between client and server.

use crate::exit::Failure;
use crate::names;
use evidence::SessionKey;
use interpose::{Account, Interposer, Leg, Mischief, Options};
use model::plan::Interposed;
use model::{PlannedCase, Signing};
use probe::{Endpoint, Limits, Recording};

/// What an interposer is asked to do, from the registry.
pub(crate) fn mischief(wanted: &Interposed) -> Result<Mischief, Failure> {
    let (kind, name, found) = match wanted {
        Interposed::Client(_) => return Ok(Mischief::None),
        Interposed::Attack(name) => {
            let found = interpose::attacks().iter().find(|attack| attack.id == name);
            ("attack", name, found.map(Mischief::Attack))
        }
        Interposed::Defect(name) => {
            let found = interpose::defects().iter().find(|defect| defect.id == name);
            ("defect", name, found.map(Mischief::Defect))
        }
        Interposed::Repair(name) => {
            let found = interpose::repairs().iter().find(|repair| repair.id == name);
            ("repair", name, found.map(Mischief::Repair))
        }
    };
    let known: Vec<&str> = match wanted {
        Interposed::Attack(_) => interpose::attacks().iter().map(|attack| attack.id).collect(),
        Interposed::Defect(_) => interpose::defects().iter().map(|defect| defect.id).collect(),
        Interposed::Repair(_) => interpose::repairs().iter().map(|repair| repair.id).collect(),
        Interposed::Client(_) => Vec::new(),
    };
    match found {
        Some(mischief) => Ok(mischief),
        None => {
            names::check(kind, std::slice::from_ref(name), known.into_iter())?;
            Err(Failure::usage(format!("there is no {kind} `{name}`")))
        }
    }
}

/// The test account, as an interposer takes it.
pub(crate) fn account(endpoint: &Endpoint) -> Account {
    Account {
        user: endpoint.user.clone(),
        domain: endpoint.domain.clone(),
        password: endpoint.password.clone(),
    }
}

/// Fails where a scenario names an attack or a defect that does not exist.
pub(crate) fn check_names<'a>(cases: impl Iterator<Item = &'a PlannedCase>) -> Result<(), Failure> {
    for wanted in cases.filter_map(|case| case.interposed.as_ref()) {
        mischief(wanted)?;
    }
    Ok(())
}

/// Runs a case, through an interposer where it wants one.
pub(crate) async fn run(case: &PlannedCase, endpoint: &Endpoint, limits: Limits, seed: u64) -> Recording {
    let Some(wanted) = &case.interposed else {
        return probe::run(case, endpoint, limits, seed).await;
    };
    if let Interposed::Client(_) = wanted {
        // The one there is: it is set to require signing, and behaves as one that does not.
        let mut other = case.clone();
        other.client.signing = Signing::Enabled;
        return probe::run(&other, endpoint, limits, seed).await;
    }
    let failed = |problem: String| Recording { problem: Some(problem), ..Recording::default() };
    let mischief = match mischief(wanted) {
        Ok(mischief) => mischief,
        Err(error) => return failed(error.message),
    };
    let options = Options {
        mischief,
        account: matches!(mischief, Mischief::Defect(_) | Mischief::Repair(_)).then(|| account(endpoint)),
        ..Options::new(endpoint.address)
    };
    let interposer = match Interposer::start(options).await {
        Ok(interposer) => interposer,
        Err(error) => return failed(format!("failed to start the interposer: {error}")),
    };
    let near = Endpoint { address: interposer.address, ..endpoint.clone() };
    let mut recording = probe::run(case, &near, limits, seed).await;
    let Leg { recorder, session_keys, problem, .. } = interposer.finish().await;
    let shift = recording.recorder.append_leg(1, recorder);
    recording.session_keys.extend(
        session_keys
            .into_iter()
            .map(|key| SessionKey { connection: key.connection.saturating_add(shift), ..key }),
    );
    if recording.problem.is_none() {
        recording.problem = problem;
    }
    recording
}
