//! The work of a run: each target prepared once, one server per effective policy, its cases on it.

mod logs;

pub(crate) use logs::save_logs;
use logs::write_log;

use crate::catalogue::KnownTarget;
use crate::discovery;
use crate::driven;
use crate::files::RunFolder;
use crate::interposed;
use crate::judging::{graded, line};
use crate::run::Context;
use crate::slots::{self, Rank, Slots};
use evidence::{Evidence, Sidecar};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use lab::{Effective, LabError, Prepared, Server};
use model::results::{JournalLine, TargetResult, TargetState};
use model::target::TargetKind;
use model::{CaseResult, Discovery, PlannedCase, Target};
use probe::Endpoint;
use smb::ntlm::Password;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

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
        report_target(context, target, TargetState::Omitted, Some(why), About::default());
        return;
    }
    let task = Arc::new(context.progress.task(&target.id));
    let say = {
        let task = Arc::clone(&task);
        move |text: &str| task.say(text)
    };
    let prepared = {
        task.say("waits for its turn to be built");
        let _turn = context.builds.acquire().await;
        context.lab.prepare(target, &known.files, &say).await
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let why = give_up(context, target, &cases, "prepare", &error);
            report_target(context, target, TargetState::Failed, Some(why), About::default());
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
    let planned = context.discoveries.get(&target.id);
    let asked = planned.and_then(|planned| planned.server.as_ref());
    // What cannot be set up has no cases here, and is said of those.
    let asked = asked.and_then(|policy| context.lab.effective(target, &known.files, policy).ok());
    let mut work: Vec<Work> = groups.into_iter().map(Work::of).collect();
    let mut at_once = work.len();
    if target.server_per_case {
        work = work.into_iter().flat_map(Work::alone).collect();
        at_once = target.parallel_cases.get().into();
    }
    match work.iter_mut().find(|work| !target.server_per_case && Some(&work.effective) == asked.as_ref()) {
        Some(work) => work.asked = true,
        // This shard has no case on it, or every case has a server of its own.
        None => work.extend(asked.map(|effective| Work { asked: true, ..Work::of((effective, Vec::new())) })),
    }
    if let Some(limit) = target.parallel_servers {
        at_once = at_once.min(limit.get().into());
    }
    let together = target.container.as_ref().map_or(1, |spec| spec.servers.get().into());
    let mut containers: Vec<Vec<Work>> = Vec::new();
    for work in work {
        match containers.last_mut() {
            Some(last) if last.len() < together => last.push(work),
            _ => containers.push(vec![work]),
        }
    }
    if containers.len() > at_once {
        let mut later = 0_usize;
        for work in containers.iter_mut().flatten().rev() {
            // Servers that have one case each run as many cases together as another does on its own.
            work.behind = if target.server_per_case { later } else { later / at_once.max(1) };
            later = later.saturating_add(work.cases.len());
        }
    }
    let said = AtomicBool::new(false);
    let numbered = containers.into_iter().zip(1_usize..);
    // A server of its own for a case whose client serves others first must not keep those from starting that wait for nobody.
    let (driven, probed): (Vec<_>, Vec<_>) =
        numbered.partition(|(work, _)| target.server_per_case && work.iter().any(Work::is_driven));
    let ends = join_all([driven, probed].map(|containers| {
        stream::iter(containers)
            .map(|(work, number)| {
                let (prepared, said) = (&prepared, &said);
                async move { container(context, target, prepared, work, (number, said)).await }
            })
            .buffer_unordered(at_once.max(1))
            .collect::<Vec<_>>()
    }))
    .await;
    drop((say, task));
    let mut about = About::default();
    for end in ends.into_iter().flatten().flatten() {
        match end {
            Ok(said) => {
                about = About { discovery: [about.discovery, said.discovery].concat(), ..said };
            }
            Err(why) => failed.push(why),
        }
    }
    // One server that did not come up is a target that did not: what the others said of themselves stays.
    let state = if failed.is_empty() { TargetState::Ready } else { TargetState::Failed };
    report_target(context, target, state, failed.into_iter().next(), about);
}

/// What is known of a target's servers.
#[derive(Clone, Default)]
pub(crate) struct About {
    pub(crate) version: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) discovery: Vec<Discovery>,
}

/// The cases of one server.
struct Work {
    effective: Effective,
    cases: Vec<PlannedCase>,
    /// How many cases come after these, on servers that are started when others have ended.
    behind: usize,
    /// Whether it is the one that is asked what the target does.
    asked: bool,
}

impl Work {
    fn of((effective, cases): (Effective, Vec<PlannedCase>)) -> Self {
        Self { effective, cases, behind: 0, asked: false }
    }

    /// Whether a client that people run has a case here.
    fn is_driven(&self) -> bool {
        self.cases.iter().any(|case| case.software.is_some())
    }

    /// The same with a server for every case.
    fn alone(self) -> impl Iterator<Item = Self> {
        let effective = self.effective;
        self.cases.into_iter().map(move |case| Self::of((effective.clone(), vec![case])))
    }
}

/// Starts the servers of one container, or the one that needs none, and runs the cases of their policies on them. Says of each
/// what it is, or why it did not start.
async fn container(
    context: &Arc<Context>,
    target: &Target,
    prepared: &Prepared,
    work: Vec<Work>,
    (number, said): (usize, &AtomicBool),
) -> Vec<Result<About, String>> {
    let log = format!("evidence/logs/{}-{number}.log", target.id);
    let size = target.container.as_ref().map_or(0, |spec| spec.memory_mib);
    let _room = context.memory.take(size.saturating_mul(work.len() as u64)).await;
    let started = {
        // What runs in this process starts in a moment.
        let _turn = if size > 0 { context.starts.acquire().await.ok() } else { None };
        let effective: Vec<&Effective> = work.iter().map(|work| &work.effective).collect();
        context.lab.start_together(prepared, &effective).await
    };
    let what = format!("start-{number}");
    let started = match started {
        Ok(started) => started,
        Err(error) => {
            let failed = |work: Work| Err(give_up(context, target, &work.cases, &what, &error));
            return work.into_iter().map(failed).collect();
        }
    };
    let (mut about, mut servers, mut todo) = (Vec::new(), Vec::new(), Vec::new());
    for (server, work) in started.into_iter().zip(work) {
        match server {
            Ok(server) => {
                servers.push(Arc::new(server));
                todo.push(work);
            }
            Err(error) => about.push(Err(give_up(context, target, &work.cases, &what, &error))),
        }
    }
    // They have one log.
    if let (Some(first), Ok(mut running)) = (servers.first(), context.running.lock()) {
        running.push((log.clone(), Arc::clone(first)));
    }
    let cases = servers
        .iter()
        .zip(todo)
        .map(async |(server, work)| Ok(cases_of(context, target, server, work, &log, said).await));
    about.extend(join_all(cases).await);
    if let Some(first) = servers.first() {
        write_log(context, &log, &first.logs().await);
        if let Ok(mut running) = context.running.lock() {
            running.retain(|(_, other)| !Arc::ptr_eq(other, first));
        }
    }
    for server in servers {
        if let Some(server) = Arc::into_inner(server) {
            server.stop().await;
        }
    }
    about
}

/// Asks a server what it does, where it is the one to ask, and runs its cases.
async fn cases_of(
    context: &Arc<Context>,
    target: &Target,
    server: &Server,
    Work { cases, behind, asked, .. }: Work,
    log: &str,
    said: &AtomicBool,
) -> About {
    let mut about =
        About { version: server.version.clone(), image: server.image.clone(), discovery: Vec::new() };
    // Said at once: a run that is killed later did have this server.
    if !said.swap(true, Ordering::Relaxed) {
        report_target(context, target, TargetState::Ready, None, about.clone());
    }
    let endpoint = Arc::new(endpoint(target, server));
    let log_of_container = (target.kind == TargetKind::Container).then(|| log.to_owned());
    if let Some(planned) = context.discoveries.get(&target.id).filter(|_| asked) {
        let found = discovery::ask(context, &target.id, planned, &endpoint, log_of_container.clone()).await;
        about.discovery.push(found);
        report_target(context, target, TargetState::Ready, None, about.clone());
    }
    let cases = Queue { cases, behind };
    cases_on(context, target, &endpoint, cases, log_of_container.as_deref(), None).await;
    about
}

/// The cases of a server, in the order in which they begin.
pub(crate) struct Queue {
    cases: Vec<PlannedCase>,
    /// How many come after them elsewhere.
    behind: usize,
}

impl From<Vec<PlannedCase>> for Queue {
    fn from(cases: Vec<PlannedCase>) -> Self {
        Self { cases, behind: 0 }
    }
}

/// How many cases run on a server at the same time.
struct Places {
    all: Arc<Slots>,
    /// By client: one of its cases at a time waits here for its turn, as it serves the other servers, too.
    driven: BTreeMap<String, Arc<Slots>>,
}

/// Runs cases on a server that is there, as many at the same time as it takes. Where `locked` is given, the first that shows the
/// account to be locked puts there why, and none is begun after it: each would be another logon that fails.
pub(crate) async fn cases_on(
    context: &Arc<Context>,
    target: &Target,
    endpoint: &Arc<Endpoint>,
    cases: impl Into<Queue>,
    log: Option<&str>,
    locked: Option<&Arc<OnceLock<String>>>,
) {
    let Queue { cases, behind } = cases.into();
    let clients = cases.iter().filter_map(|case| case.software.as_ref());
    let driven = clients.map(|software| (software.id.clone(), Slots::new(1))).collect();
    let places = Arc::new(Places { all: Slots::new(target.parallel_cases.get().into()), driven });
    let ranks = (behind..behind.saturating_add(cases.len())).rev();
    join_all(
        cases.into_iter().zip(ranks).map(|(case, rank)| {
            let (context, endpoint) = (Arc::clone(context), Arc::clone(endpoint));
            let log = log.map(str::to_owned);
            let places = Arc::clone(&places);
            let locked = locked.cloned();
            async move {
                let fallback = case.clone();
                let task = tokio::spawn({
                    let context = Arc::clone(&context);
                    async move {
                        run_case(&context, (&case, rank), &endpoint, &places, log, locked.as_deref()).await
                    }
                });
                // A panic in one case is a fault of the harness, and takes no other case with it.
                let result = task.await.unwrap_or_else(|error| {
                    CaseResult::inconclusive(&fallback, format!("the harness failed in this case: {error}"))
                });
                end(&context, result);
            }
        }),
    )
    .await;
}

fn endpoint(target: &Target, server: &Server) -> Endpoint {
    Endpoint {
        address: server.address,
        user: server.account.user.clone(),
        domain: server.account.domain.clone(),
        password: Password::new(server.account.password.expose()),
        shares: target.shares.clone(),
        host: None,
        folder: None,
    }
}

/// Waits for its turn, probes, writes the evidence, and judges what is on disk.
async fn run_case(
    context: &Context,
    (case, rank): (&PlannedCase, Rank),
    endpoint: &Endpoint,
    places: &Places,
    log: Option<String>,
    locked: Option<&OnceLock<String>>,
) -> CaseResult {
    let ending = || CaseResult::inconclusive(case, "the run is ending");
    // A client begins before the probe's cases: it has others to serve, and they wait for nobody.
    let driven = case.software.as_ref().and_then(|software| places.driven.get(&software.id));
    let (rank, _alone) = match driven {
        Some(driven) => (slots::FIRST, driven.take(rank).await),
        None => (rank, None),
    };
    let Some(_place) = places.all.take(rank).await else { return ending() };
    let turn = match &case.software {
        Some(software) => Some((software, driven::turn(context, software).await)),
        None => None,
    };
    let Some(_slot) = context.slots.take(rank).await else { return ending() };
    if let Some(why) = locked.and_then(OnceLock::get) {
        return CaseResult::inconclusive(case, why.clone());
    }
    let started = Instant::now();
    let (recording, said) = match turn {
        None => (interposed::run(case, endpoint, context.limits, context.seed).await, None),
        Some((software, turn)) => driven::run(context, case, software, endpoint, turn).await,
    };
    let mut sidecar = Sidecar::new(case.clone(), endpoint.address.to_string());
    sidecar.session_keys = recording.session_keys;
    sidecar.steps = recording.steps;
    sidecar.problem = recording.problem;
    sidecar.said = said;
    sidecar.server_log = log;
    let relative = RunFolder::evidence_of(&case.id);
    if let Err(error) = recording.recorder.write(&context.folder.path().join(&relative), &sidecar) {
        return CaseResult::inconclusive(case, format!("failed to write the evidence: {error}"));
    }
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let root = context.folder.path();
    if let Some(locked) = locked
        && let Ok(evidence) = Evidence::read(&root.join(&relative))
        && let Some(what) = judge::locked_out(&evidence)
    {
        let _ = locked.set(format!(
            "not run: {what} in {}; unlock it, or wait until the server does, and run again",
            case.id
        ));
    }
    graded(case, root, &relative, millis)
}

pub(crate) fn end(context: &Context, result: CaseResult) {
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

pub(crate) fn report_target(
    context: &Context,
    target: &Target,
    state: TargetState,
    why: Option<String>,
    About { version, image, discovery }: About,
) {
    let (id, title) = (target.id.clone(), target.title.clone());
    let result = TargetResult { id, title, state, why, version, image, discovery };
    let _ = context.ended.send(JournalLine::Target(result));
}
