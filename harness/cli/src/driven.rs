//! A case with a client that people run: driven through a recorder, which derives the session key from what it heard.

#[cfg(feature = "inprocess")]
mod in_process;

use crate::catalogue::KnownSoftware;
use crate::interposed::{account, mischief};
use crate::run::Context;
use evidence::SessionKey;
#[cfg(feature = "inprocess")]
use in_process::run as in_process;
use interpose::{Interposer, Leg, Mischief, Options};
use lab::{Client, PreparedClient, Slot, TargetFiles, Work};
use model::plan::Interposed;
use model::results::{JournalLine, TargetResult, TargetState};
use model::software::{PlannedSoftware, Said};
use model::{Login, PlannedCase, Software};
use probe::{Endpoint, Recording};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::OnceCell;

/// The clients of a run. One in a container is started for its first case, and serves all servers.
#[derive(Default)]
pub(crate) struct Clients(BTreeMap<String, Known>);

struct Known {
    software: Software,
    files: TargetFiles,
    client: OnceCell<Result<Client, String>>,
}

impl Clients {
    /// Those that cases need.
    pub(crate) fn new<'a>(all: &[KnownSoftware], cases: impl Iterator<Item = &'a PlannedCase>) -> Self {
        let mut clients = Self::default();
        for wanted in
            cases.filter(|case| case.unsupported.is_none()).filter_map(|case| case.software.as_ref())
        {
            let known = all.iter().find(|known| known.software.id == wanted.id);
            if let (false, Some(known)) = (clients.0.contains_key(&wanted.id), known) {
                let known = Known {
                    software: known.software.clone(),
                    files: known.files.clone(),
                    client: OnceCell::new(),
                };
                clients.0.insert(wanted.id.clone(), known);
            }
        }
        clients
    }

    /// Those that run in this process: they are there.
    pub(crate) fn in_process(&self) -> impl Iterator<Item = TargetResult> {
        let here = self.0.values().map(|known| &known.software).filter(|software| software.driver.is_some());
        here.map(|Software { id, title, version, .. }| TargetResult {
            version: version.clone(),
            ..TargetResult::of(id, title, TargetState::Ready, None)
        })
    }

    /// What their containers may use together, in MiB.
    pub(crate) fn memory(&self) -> u64 {
        self.0
            .values()
            .filter_map(|known| known.software.container.as_ref())
            .map(|spec| spec.memory_mib)
            .sum()
    }
}

impl Known {
    /// The container, once it is ready; the first to ask starts it. What becomes of it is in the results.
    async fn client(&self, context: &Context) -> Result<&Client, String> {
        let result = |state, why| TargetResult::of(&self.software.id, &self.software.title, state, why);
        let start = async || {
            let started = self.start(context).await;
            let result = match &started {
                Ok((_, prepared)) => TargetResult {
                    version: Some(prepared.version().to_owned()),
                    image: Some(prepared.image().to_owned()),
                    ..result(TargetState::Ready, None)
                },
                Err(why) => result(TargetState::Failed, Some(why.clone())),
            };
            let _ = context.ended.send(JournalLine::Client(result));
            started.map(|(client, _)| client)
        };
        self.client.get_or_init(start).await.as_ref().map_err(Clone::clone)
    }

    async fn start(&self, context: &Context) -> Result<(Client, PreparedClient), String> {
        let task = context.progress.task(&self.software.id);
        let say = |text: &str| task.say(text);
        let prepared = {
            say("waits for its turn to be built");
            let _turn = context.builds.acquire().await;
            context.lab.prepare_client(&self.software, &self.files, &say).await
        };
        let prepared = prepared.map_err(|error| format!("failed to {error}"))?;
        say("starting the client");
        let _turn = context.starts.acquire().await;
        let client =
            context.lab.start_client(&prepared).await.map_err(|error| format!("failed to {error}"))?;
        Ok((client, prepared))
    }
}

/// What a case with a client needs before it can run: the client, and where it is in a container a slot there.
pub(crate) struct Turn<'c> {
    known: &'c Known,
    container: Option<(&'c Client, Slot<'c>)>,
}

/// Waits until a client can be driven.
///
/// # Errors
/// Why it cannot be: it is not there, or did not start.
pub(crate) async fn turn<'c>(context: &'c Context, wanted: &PlannedSoftware) -> Result<Turn<'c>, String> {
    let known = context.clients.0.get(&wanted.id);
    let known = known.ok_or_else(|| format!("there is no client `{}`", wanted.id))?;
    if known.software.driver.is_some() {
        return Ok(Turn { known, container: None });
    }
    let client = known.client(context).await?;
    let slot = client.slot().await.ok_or("the client has no slot")?;
    Ok(Turn { known, container: Some((client, slot)) })
}

/// Drives the client of a case, whose turn it is: what was recorded, and what the client said of it.
pub(crate) async fn run(
    context: &Context,
    case: &PlannedCase,
    wanted: &PlannedSoftware,
    endpoint: &Endpoint,
    turn: Result<Turn<'_>, String>,
) -> (Recording, Option<Said>) {
    let failed = |problem: String| (Recording { problem: Some(problem), ..Recording::default() }, None);
    let Turn { known, container } = match turn {
        Ok(turn) => turn,
        Err(why) => return failed(why),
    };
    let mischief = match case.interposed.as_ref().map(mischief).transpose() {
        Ok(mischief) => mischief.unwrap_or(Mischief::None),
        Err(error) => return failed(error.message),
    };
    let options =
        Options { mischief, account: Some(account(endpoint)), near: true, ..Options::new(endpoint.address) };
    let share = match case.login {
        Login::User => &endpoint.shares.share,
        Login::UnknownUser | Login::WrongPassword | Login::Anonymous => &endpoint.shares.guest,
    };
    let file = file_name(context.seed, case);
    let work = Work { share, file: &file, signing: &wanted.word, login: case.login };
    let (leg, said) = match (&container, &known.software.driver) {
        (Some((client, slot)), _) => in_container(client, slot, options, &work).await,
        (None, Some(driver)) => in_process(driver, options, &work, endpoint).await,
        (None, None) => return failed("the client has no slot".to_owned()),
    };
    let (leg, said) = match (leg, said) {
        (Ok(leg), said) => (leg, said),
        (Err(problem), _) => return failed(problem),
    };
    let (said, trouble) = match said {
        Ok(said) => (Some(said), None),
        Err(trouble) => (None, Some(trouble)),
    };
    let Leg { recorder, near, mut session_keys, problem, broken, .. } = leg;
    // What it says then is about this program, and not about a server.
    let said = said.filter(|_| !broken);
    let mut all = near;
    // Where nothing is done on the way, both sides carry the same bytes.
    if !matches!(case.interposed, None | Some(Interposed::Client(_))) {
        // The logon is the same on both sides, and so is its key.
        let far = session_keys.clone();
        let shift = all.append_leg(1, recorder);
        session_keys.extend(
            far.into_iter().map(|key| SessionKey { connection: key.connection.saturating_add(shift), ..key }),
        );
    }
    let recording =
        Recording { recorder: all, session_keys, steps: Vec::new(), problem: trouble.or(problem) };
    (recording, said)
}

async fn in_container(
    client: &Client,
    slot: &Slot<'_>,
    options: Options,
    work: &Work<'_>,
) -> (Result<Leg, String>, Result<Said, String>) {
    let recorder = match Interposer::start_at(&slot.socket, options) {
        Ok(recorder) => recorder,
        Err(error) => {
            let never = Err("the client was not driven".to_owned());
            return (Err(format!("failed to start the recorder: {error}")), never);
        }
    };
    let said = client.drive(slot, work).await;
    (Ok(recorder.finish().await), said)
}

#[cfg(not(feature = "inprocess"))]
async fn in_process(
    driver: &str,
    _: Options,
    _: &Work<'_>,
    _: &Endpoint,
) -> (Result<Leg, String>, Result<Said, String>) {
    let why = format!("this program was built without `{driver}`: build it with the feature `inprocess`");
    (Err(why.clone()), Err(why))
}

/// The same for the same seed.
fn file_name(seed: u64, case: &PlannedCase) -> String {
    let mut hasher = DefaultHasher::new();
    (seed, case.id.as_str()).hash(&mut hasher);
    format!("countersign-{:016x}", hasher.finish())
}
