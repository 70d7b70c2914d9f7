//! `run`: plan, bring targets up, probe, judge, report.

use crate::args::RunArgs;
use crate::catalogue::{Catalogue, KnownSoftware, KnownTarget};
use crate::driven::Clients;
use crate::exit::{Exit, Failure};
use crate::files::{Journal, Journalled, RunFolder};
use crate::judging;
use crate::memory::Memory;
use crate::progress::Progress;
use crate::select::{self, Selection};
use crate::servers;
use crate::slots::Slots;
use lab::{Lab, LabOptions, Server};
use model::discovery::PlannedDiscovery;
use model::results::{JournalLine, RunInfo, TargetResult, TargetState};
use model::settings::Settings;
use model::{PlannedCase, Results};
use probe::Limits;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};

/// What every part of a run needs.
pub(crate) struct Context {
    pub(crate) lab: Lab,
    pub(crate) folder: RunFolder,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    /// The run's id.
    pub(crate) run: String,
    /// What to ask of each target, by its id.
    pub(crate) discoveries: BTreeMap<String, PlannedDiscovery>,
    /// How many cases run at the same time.
    pub(crate) slots: Arc<Slots>,
    /// The clients that people run.
    pub(crate) clients: Clients,
    /// What servers may use together.
    pub(crate) memory: Memory,
    /// How many servers start at the same time: more than the cores can start only keep each other from answering in time.
    pub(crate) starts: Semaphore,
    /// How many images are made at the same time.
    pub(crate) builds: Semaphore,
    pub(crate) progress: Progress,
    /// The servers that are up, with where their logs go.
    pub(crate) running: Mutex<Vec<(String, Arc<Server>)>>,
    pub(crate) ended: mpsc::UnboundedSender<JournalLine>,
}

/// `countersign run`.
pub(crate) fn run(args: &RunArgs, command: &str) -> Result<Exit, Failure> {
    let settings = args.client_settings.as_deref().map(settings).transpose()?;
    let set = match (&settings, args.client.as_slice()) {
        (None, _) => None,
        (Some(settings), [client]) => Some((client.as_str(), settings)),
        (Some(_), _) => {
            return Err(Failure::usage("--client-settings: they are of one client: name one with --client"));
        }
    };
    let directories = (args.common.scenarios_dir.as_deref(), args.targets_dir.as_deref());
    let catalogue = Catalogue::load_with(directories.0, directories.1, set)?;
    select::check_names(args, &catalogue)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::environment(format!("failed to start: {e}")))?
        .block_on(drive(args, &catalogue, command))
}

fn settings(text: &str) -> Result<Settings, Failure> {
    let settings = Settings::of_client(text).map_err(|error| Failure::usage(error.to_string()))?;
    match settings.is_empty() {
        true => Err(Failure::usage("--client-settings: it says nothing: write KEY=VALUE,...")),
        false => Ok(settings),
    }
}

async fn drive(args: &RunArgs, catalogue: &Catalogue, command: &str) -> Result<Exit, Failure> {
    let how = How {
        out: args.common.out.as_ref(),
        jobs: args.common.jobs,
        memory: args.memory,
        timeout: args.common.timeout,
        seed: args.common.seed,
    };
    let select = |engine: Result<(), &str>, info| select::select(args, catalogue, engine, info);
    let Ended { folder, results, stopped } = carry_out(&how, catalogue, command, select).await?;
    judging::finish(&folder, &results)?;
    if args.common.write_expectations {
        judging::write_drafts(&folder, &results)?;
    }
    Ok(stopped.unwrap_or_else(|| Exit::of(&results, args.common.fail_on.into())))
}

/// How a plan is carried out.
pub(crate) struct How<'a> {
    /// The run folder to create, where one is named.
    pub(crate) out: Option<&'a PathBuf>,
    pub(crate) jobs: u16,
    /// For all servers together, in MiB; what is free where nothing is said.
    pub(crate) memory: Option<u32>,
    /// For one answer, in seconds.
    pub(crate) timeout: u16,
    pub(crate) seed: Option<u64>,
}

/// What a run left.
pub(crate) struct Ended {
    pub(crate) folder: RunFolder,
    pub(crate) results: Results,
    /// The signal that ended it, where one did.
    pub(crate) stopped: Option<Exit>,
}

/// Carries out the plan that `select` makes, told why there is no Docker engine where there is none.
pub(crate) async fn carry_out(
    how: &How<'_>,
    catalogue: &Catalogue,
    command: &str,
    select: impl FnOnce(Result<(), &str>, RunInfo) -> Result<Selection, Failure>,
) -> Result<Ended, Failure> {
    let stop = Signals::listen()?;
    let info = run_info(how.seed, command)?;
    let lab = Lab::new(LabOptions { run_id: info.id.clone(), published: false }).await;
    let selection = select(lab.engine().as_ref().map_err(String::as_str).copied(), info)?;
    let targets = selection.plan.targets.clone();
    let wanted: Vec<&KnownTarget> = catalogue
        .targets
        .iter()
        .filter(|known| targets.iter().any(|target| target.id == known.target.id))
        .collect();
    execute(how, lab, selection, stop, &catalogue.software, async |context, cases| {
        servers::all(&context, &wanted, &cases).await;
        Ok(())
    })
    .await
}

/// Carries out a plan: writes it down, does `work`, and puts together what ended, also after a signal.
pub(crate) async fn execute(
    how: &How<'_>,
    lab: Lab,
    Selection { plan, omitted, omitted_clients }: Selection,
    mut stop: Signals,
    software: &[KnownSoftware],
    work: impl AsyncFnOnce(Arc<Context>, Vec<PlannedCase>) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let path = how.out.cloned().unwrap_or_else(|| PathBuf::from("countersign-runs").join(&plan.run.id));
    let folder = RunFolder::create(&path)?;
    folder.write_plan(&plan)?;
    let mut journal = folder.journal()?;
    let mut lines = Vec::new();
    for (target, why) in omitted {
        anstream::eprintln!("countersign: {} is left out: {why}", target.id);
        let left_out = TargetResult::of(&target.id, &target.title, TargetState::Omitted, Some(why));
        record(&mut journal, &mut lines, JournalLine::Target(left_out))?;
    }
    for (client, why) in omitted_clients {
        anstream::eprintln!("countersign: the client {} is left out: {why}", client.id);
        let left_out = TargetResult::of(&client.id, &client.title, TargetState::Omitted, Some(why));
        record(&mut journal, &mut lines, JournalLine::Client(left_out))?;
    }

    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (ended, mut endings) = mpsc::unbounded_channel();
    let selected: Vec<_> = plan.selected().cloned().collect();
    let clients = Clients::new(software, selected.iter());
    for client in clients.in_process() {
        record(&mut journal, &mut lines, JournalLine::Client(client))?;
    }
    let context = Arc::new(Context {
        lab,
        folder: folder.clone(),
        limits: Limits { answer: Duration::from_secs(how.timeout.into()), ..Limits::default() },
        seed: plan.run.seed,
        run: plan.run.id.clone(),
        discoveries: plan.discoveries(),
        slots: Slots::new(how.jobs.into()),
        memory: Memory::new(how.memory, clients.memory()),
        clients,
        starts: Semaphore::new(2 * cores),
        builds: Semaphore::new(cores.max(2)),
        progress: Progress::new(selected.len() as u64),
        running: Mutex::default(),
        ended,
    });
    let (mut stopped, mut failure, mut working) = (None, None, true);
    {
        let work = work(Arc::clone(&context), selected);
        tokio::pin!(work);
        while working && stopped.is_none() && failure.is_none() {
            tokio::select! {
                // Endings first: what is known goes to disk before anything else happens.
                biased;
                Some(line) = endings.recv() => failure = record(&mut journal, &mut lines, line).err(),
                exit = stop.next() => stopped = Some(exit),
                result = &mut work => {
                    working = false;
                    failure = result.err();
                }
            }
        }
    }
    while let Ok(line) = endings.try_recv() {
        if let Err(error) = record(&mut journal, &mut lines, line) {
            failure.get_or_insert(error);
        }
    }
    context.progress.finish();
    // After a signal servers are still up, and their logs belong to the evidence of the cases that ended.
    servers::save_logs(&context).await;
    context.lab.down().await;
    if let Some(failure) = failure {
        return Err(failure);
    }

    let mut journalled = Journalled::default();
    lines.into_iter().for_each(|line| journalled.add(line));
    let results = journalled.results(&plan);
    Ok(Ended { folder, results, stopped })
}

fn record(journal: &mut Journal, lines: &mut Vec<JournalLine>, line: JournalLine) -> Result<(), Failure> {
    journal.append(&line)?;
    lines.push(line);
    Ok(())
}

/// The signals that end a run in order: containers go, and what ended is in the report.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on they do not end this process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::environment(format!("failed to listen for signals: {e}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// How the run ends by the next one.
    pub(crate) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

pub(crate) fn run_info(wanted: Option<u64>, command: &str) -> Result<RunInfo, Failure> {
    let mut random = [0; 12];
    getrandom::fill(&mut random)
        .map_err(|e| Failure::environment(format!("failed to get random numbers: {e}")))?;
    let [a, b, c, d, seed @ ..] = random;
    let now = jiff::Timestamp::now();
    Ok(RunInfo {
        id: format!("{}-{a:02x}{b:02x}{c:02x}{d:02x}", now.strftime("%Y%m%dT%H%M%SZ")),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        seed: wanted.unwrap_or_else(|| u64::from_le_bytes(seed)),
        command: command.to_owned(),
    })
}
