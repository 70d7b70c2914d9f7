//! The work of a run: each target prepared once, one server per effective policy, its cases on it.

use crate::catalogue::KnownTarget;
use crate::files::RunFolder;
use crate::interposed;
use crate::judging::{graded, line};
use crate::run::Context;
use evidence::Sidecar;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use lab::{Effective, LabError, Prepared, Server};
use model::results::{JournalLine, TargetResult, TargetState};
use model::target::TargetKind;
use model::{CaseResult, PlannedCase, Target};
use probe::Endpoint;
use smb::ntlm::Password;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Runs every case on its target, all targets at the same time. Every case ends with a line to `context.ended`.
pub(crate) async fn all(context: &Arc<Context>, targets: &[&KnownTarget], cases: &[PlannedCase]) {
    join_all(targets.iter().map(|known| {
        let own: Vec<PlannedCase> =
            cases.iter().filter(|case| case.target == known.target.id).cloned().collect();
        target(context, known, own)
    }))
    .await;
}

async fn target(context: &Arc<Context>, known: &KnownTarget, cases: Vec<PlannedCase>) {
    let target = &known.target;
    let (unsupported, cases): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.unsupported.is_some());
    for case in unsupported {
        let why = case.unsupported.clone().unwrap_or_default();
        end(context, CaseResult::unsupported(&case, &why));
    }
    if cases.is_empty() {
        let why = "no case of this run can run on it, so it was not started".to_owned();
        report_target(context, target, TargetState::Omitted, Some(why), None);
        return;
    }
    let task = Arc::new(context.progress.task(&target.id));
    let say = {
        let task = Arc::clone(&task);
        move |text: &str| task.say(text)
    };
    let prepared = context.lab.prepare(target, &known.files, &say).await;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let why = give_up(context, target, &cases, "prepare", &error);
            report_target(context, target, TargetState::Failed, Some(why), None);
            return;
        }
    };
    let mut groups: BTreeMap<Effective, Vec<PlannedCase>> = BTreeMap::new();
    let mut failed: Vec<String> = Vec::new();
    for case in cases {
        match context.lab.effective(target, &known.files, &case.server) {
            Ok(effective) => groups.entry(effective).or_default().push(case),
            Err(error) => {
                let why = format!("failed to {error}");
                end(context, CaseResult::inconclusive(&case, why.clone()));
                failed.push(why);
            }
        }
    }
    task.say("starting servers");
    let mut work: Vec<(Effective, Vec<PlannedCase>)> = groups.into_iter().collect();
    let mut at_once = work.len();
    if target.server_per_case {
        let alone = |(effective, cases): (Effective, Vec<PlannedCase>)| {
            cases.into_iter().map(move |case| (effective.clone(), vec![case]))
        };
        work = work.into_iter().flat_map(alone).collect();
        at_once = target.parallel_cases.get().into();
    }
    if let Some(limit) = target.parallel_servers {
        at_once = at_once.min(limit.get().into());
    }
    let said = AtomicBool::new(false);
    let ends: Vec<_> = stream::iter(work.into_iter().zip(1_usize..))
        .map(|((effective, cases), number)| {
            let (prepared, said) = (&prepared, &said);
            async move { server(context, target, prepared, &effective, cases, (number, said)).await }
        })
        .buffer_unordered(at_once.max(1))
        .collect()
        .await;
    drop((say, task));
    let mut about = None;
    for end in ends {
        match end {
            Ok(said) => about = Some(said),
            Err(why) => failed.push(why),
        }
    }
    // One server that did not come up is a target that did not: what the others said of themselves stays.
    let state = if failed.is_empty() { TargetState::Ready } else { TargetState::Failed };
    report_target(context, target, state, failed.into_iter().next(), about);
}

/// What a server says it is: its version and its image.
type About = (Option<String>, Option<String>);

/// Starts one server and runs the cases of its policy on it. Says what the server is, or why it did not start.
async fn server(
    context: &Arc<Context>,
    target: &Target,
    prepared: &Prepared,
    effective: &Effective,
    cases: Vec<PlannedCase>,
    (number, said): (usize, &AtomicBool),
) -> Result<About, String> {
    let log = format!("evidence/logs/{}-{number}.log", target.id);
    // Until this server is gone again.
    let _memory = match &target.container {
        Some(spec) => context.memory.take(spec.memory_mib).await,
        None => None,
    };
    let starting = match &target.container {
        Some(_) => context.memory.start().await,
        None => None,
    };
    let started = context.lab.start(prepared, effective).await;
    drop(starting);
    let server = match started {
        Ok(server) => Arc::new(server),
        Err(error) => {
            return Err(give_up(context, target, &cases, &format!("start-{number}"), &error));
        }
    };
    let about = (server.version.clone(), server.image.clone());
    // Said at once: a run that is killed later did have this server.
    if !said.swap(true, Ordering::Relaxed) {
        report_target(context, target, TargetState::Ready, None, Some(about.clone()));
    }
    if let Ok(mut running) = context.running.lock() {
        running.push((log.clone(), Arc::clone(&server)));
    }
    let endpoint = Arc::new(endpoint(target, &server));
    let places = Arc::new(Semaphore::new(target.parallel_cases.get().into()));
    join_all(cases.into_iter().map(|case| {
        let (context, endpoint) = (Arc::clone(context), Arc::clone(&endpoint));
        let log = (target.kind == TargetKind::Container).then(|| log.clone());
        let places = Arc::clone(&places);
        async move {
            let _place = places.acquire().await;
            let fallback = case.clone();
            let task = tokio::spawn({
                let context = Arc::clone(&context);
                async move { run_case(&context, &case, &endpoint, log).await }
            });
            // A panic in one case is a fault of the harness, and takes no other case with it.
            let result = task.await.unwrap_or_else(|error| {
                CaseResult::inconclusive(&fallback, format!("the harness failed in this case: {error}"))
            });
            end(&context, result);
        }
    }))
    .await;
    write_log(context, &log, &server.logs().await);
    if let Ok(mut running) = context.running.lock() {
        running.retain(|(_, other)| !Arc::ptr_eq(other, &server));
    }
    if let Some(server) = Arc::into_inner(server) {
        server.stop().await;
    }
    Ok(about)
}

/// Writes the logs of the servers that are still up.
pub(crate) async fn save_logs(context: &Context) {
    let running = context.running.lock().map(|mut running| std::mem::take(&mut *running)).unwrap_or_default();
    join_all(running.into_iter().map(|(log, server)| async move {
        if let Ok(text) = timeout(LOGS, server.logs()).await {
            write_log(context, &log, &text);
        }
    }))
    .await;
}

/// How long an engine has to hand out a log when the run is being stopped.
const LOGS: Duration = Duration::from_secs(5);

fn endpoint(target: &Target, server: &Server) -> Endpoint {
    Endpoint {
        address: server.address,
        user: server.account.user.clone(),
        domain: server.account.domain.clone(),
        password: Password::new(server.account.password.expose()),
        shares: target.shares.clone(),
    }
}

/// Probes, writes the evidence, and judges what is on disk.
async fn run_case(
    context: &Context,
    case: &PlannedCase,
    endpoint: &Endpoint,
    log: Option<String>,
) -> CaseResult {
    let Ok(_slot) = context.slots.acquire().await else {
        return CaseResult::inconclusive(case, "the run is ending");
    };
    let started = Instant::now();
    let recording = interposed::run(case, endpoint, context.limits, context.seed).await;
    let mut sidecar = Sidecar::new(case.clone(), endpoint.address.to_string());
    sidecar.session_keys = recording.session_keys;
    sidecar.steps = recording.steps;
    sidecar.problem = recording.problem;
    sidecar.server_log = log;
    let relative = RunFolder::evidence_of(&case.id);
    if let Err(error) = recording.recorder.write(&context.folder.path().join(&relative), &sidecar) {
        return CaseResult::inconclusive(case, format!("failed to write the evidence: {error}"));
    }
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    graded(case, context.folder.path(), &relative, millis)
}

fn end(context: &Context, result: CaseResult) {
    context.progress.case_ended();
    // The receiver is gone only when the run is over.
    let _ = context.ended.send(line(result));
}

/// Ends all cases of something that could not be brought up, and says why; the log of what failed goes beside the
/// evidence.
fn give_up(
    context: &Context,
    target: &Target,
    cases: &[PlannedCase],
    what: &str,
    error: &LabError,
) -> String {
    let mut why = format!("failed to {error}");
    if let Some(text) = error.log() {
        let log = format!("evidence/logs/{}-{what}.log", target.id);
        write_log(context, &log, text);
        why = format!("{why}; the whole log is {log}");
    }
    for case in cases {
        end(context, CaseResult::inconclusive(case, why.clone()));
    }
    why
}

fn report_target(
    context: &Context,
    target: &Target,
    state: TargetState,
    why: Option<String>,
    about: Option<About>,
) {
    let (version, image) = about.unwrap_or_default();
    let result =
        TargetResult { id: target.id.clone(), title: target.title.clone(), state, why, version, image };
    let _ = context.ended.send(JournalLine::Target(result));
}

/// Writes a log beside the evidence. That it cannot be written changes no verdict, so it is only said.
fn write_log(context: &Context, relative: &str, text: &str) {
    if text.is_empty() {
        return; // What runs in this process logs nothing of its own.
    }
    if let Err(error) = context.folder.write_log(relative, text) {
        anstream::eprintln!("countersign: {}", error.message);
    }
}
