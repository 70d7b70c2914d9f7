//! The one directory that is worked in on a server that is somebody's.

use crate::context::Context;
use crate::link::Link;
use crate::smb2::{Client, Entry};
use crate::{Endpoint, Limits, Recording, Stop};
use model::{NtStatus, PlannedCase};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What every such directory is called: this, and sixteen hexadecimal digits.
const OWN: &str = "countersign-run-";
/// What every file and directory in it is called: this, sixteen hexadecimal digits and `.tmp`, and what it is for.
const CASE: &str = "countersign-";
/// How often the directory of this run is tried to be removed, and how long lies between: a server has two seconds to close what
/// the connections of cases had open that were cut short.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Why there is no directory to work in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The share cannot be mounted.
    #[error("the share cannot be mounted: {0}")]
    Share(NtStatus),
    /// The directory cannot be made.
    #[error("a directory cannot be made: {0}")]
    Directory(NtStatus),
    /// The server or the network is in the way.
    #[error("{0}")]
    Other(String),
}

/// A directory of this run's own, held open by a connection of its own: while that lives, nobody else's sweep takes the
/// directory, and when this process is killed the server itself removes it if it is empty.
#[derive(Debug)]
pub struct Workspace {
    /// Its path in the share.
    pub folder: String,
    /// The directories of killed runs that were removed.
    pub swept: Vec<String>,
    /// What looks like one and could not be removed: it holds what is not ours, or somebody has it open.
    pub left: Vec<String>,
    close: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

impl Workspace {
    /// Sweeps what killed runs left, and makes the directory with this number. `case` says as which client.
    ///
    /// # Errors
    /// See [`Denied`].
    pub async fn open(
        case: &PlannedCase,
        endpoint: &Endpoint,
        limits: Limits,
        number: u64,
    ) -> Result<Self, Denied> {
        let folder = format!("{OWN}{number:016x}");
        let (close, closed) = oneshot::channel();
        let (opened, opening) = oneshot::channel();
        let task = tokio::spawn({
            let (case, endpoint, folder) = (case.clone(), endpoint.clone(), folder.clone());
            async move { hold(&case, &endpoint, limits, number, &folder, opened, closed).await }
        });
        match opening.await {
            Ok(Ok((swept, left))) => Ok(Self { folder, swept, left, close, task }),
            Ok(Err(denied)) => Err(denied),
            Err(_) => Err(Denied::Other("the harness failed while it made the directory".to_owned())),
        }
    }

    /// Removes the directory with whatever cases left in it.
    ///
    /// # Errors
    /// It is still there, and why.
    pub async fn close(self) -> Result<(), String> {
        // Where the task is gone already it says why.
        let _ = self.close.send(());
        self.task.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// Mounts the test share and makes nothing on it. `case` says as which client.
///
/// # Errors
/// See [`Denied`].
pub async fn mount(case: &PlannedCase, endpoint: &Endpoint, limits: Limits, seed: u64) -> Result<(), Denied> {
    let mut recording = Recording::default();
    let other = |error: crate::link::LinkError| Denied::Other(error.to_string());
    let mut link = Link::connect(endpoint.address, limits, &mut recording.recorder).await.map_err(other)?;
    let mounted = mounted(Context::new(case, endpoint, &mut link, seed), &mut recording).await.map(drop);
    link.close(&mut recording.recorder).await;
    mounted
}

async fn mounted<'c>(context: Context<'c>, recording: &mut Recording) -> Result<Client<'c>, Denied> {
    let mut client = Client::new(context);
    match client.mount(recording).await {
        Ok(NtStatus::SUCCESS) => Ok(client),
        Ok(status) => Err(Denied::Share(status)),
        Err(stop) => Err(Denied::Other(stop.to_string())),
    }
}

type Opened = Result<(Vec<String>, Vec<String>), Denied>;

async fn hold(
    case: &PlannedCase,
    endpoint: &Endpoint,
    limits: Limits,
    seed: u64,
    folder: &str,
    opened: oneshot::Sender<Opened>,
    closed: oneshot::Receiver<()>,
) -> Result<(), String> {
    let mut recording = Recording::default();
    let mut link = match Link::connect(endpoint.address, limits, &mut recording.recorder).await {
        Ok(link) => link,
        Err(error) => {
            let _ = opened.send(Err(Denied::Other(error.to_string())));
            return Ok(());
        }
    };
    let context = Context::new(case, endpoint, &mut link, seed);
    let made = async {
        let mut client = mounted(context, &mut recording).await?;
        let other = |stop: Stop| Denied::Other(stop.to_string());
        let (swept, left) = client.sweep(&mut recording).await.map_err(other)?;
        let made = client.make_directory(folder, &mut recording.recorder).await.map_err(other)?;
        Ok((made.map_err(Denied::Directory)?, swept, left, client))
    };
    let (file, mut client) = match made.await {
        Ok((file, swept, left, client)) => {
            if opened.send(Ok((swept, left))).is_err() {
                return Ok(());
            }
            (file, client)
        }
        Err(denied) => {
            let _ = opened.send(Err(denied));
            return Ok(());
        }
    };
    // Dropped without a word is closed as well.
    let _ = closed.await;
    let gone = match client.shut(file, &mut recording.recorder).await {
        Ok(_) => client.gone(folder, &mut recording).await,
        Err(stop) => Err(stop),
    };
    link.close(&mut recording.recorder).await;
    match gone {
        Ok(NtStatus::SUCCESS) => Ok(()),
        Ok(status) => Err(status.to_string()),
        // The connection did not live so long: with it went the hold on the directory.
        Err(_) => gone_by_another(case, endpoint, limits, seed, folder).await,
    }
}

/// Removes the directory over a connection of its own.
async fn gone_by_another(
    case: &PlannedCase,
    endpoint: &Endpoint,
    limits: Limits,
    seed: u64,
    folder: &str,
) -> Result<(), String> {
    let mut recording = Recording::default();
    let link = Link::connect(endpoint.address, limits, &mut recording.recorder).await;
    let mut link = link.map_err(|error| error.to_string())?;
    let context = Context::new(case, endpoint, &mut link, seed);
    let mut client = mounted(context, &mut recording).await.map_err(|denied| denied.to_string())?;
    let gone = client.gone(folder, &mut recording).await.map_err(|stop| stop.to_string());
    link.close(&mut recording.recorder).await;
    match gone? {
        NtStatus::SUCCESS => Ok(()),
        status => Err(status.to_string()),
    }
}

impl Client<'_> {
    /// Removes what killed runs left: directories of our own naming that nobody has open and that hold nothing else.
    async fn sweep(&mut self, recording: &mut Recording) -> Result<(Vec<String>, Vec<String>), Stop> {
        let (mut swept, mut left) = (Vec::new(), Vec::new());
        let all = self.list("", &mut recording.recorder).await?;
        for entry in all.iter().filter(|entry| entry.directory && is_own(&entry.name)) {
            match self.clear(entry, recording).await? {
                NtStatus::SUCCESS => swept.push(entry.name.clone()),
                _ => left.push(entry.name.clone()),
            }
        }
        Ok((swept, left))
    }

    /// Sees that the directory of this run is not there any more.
    async fn gone(&mut self, folder: &str, recording: &mut Recording) -> Result<NtStatus, Stop> {
        let entry = Entry { name: folder.to_owned(), directory: true };
        let mut tries = 1;
        loop {
            match self.clear(&entry, recording).await? {
                NtStatus::OBJECT_NAME_NOT_FOUND | NtStatus::SUCCESS => return Ok(NtStatus::SUCCESS),
                status if tries == TRIES => return Ok(status),
                // What a case had open when it was cut short the server closes when it gets to it.
                _ => sleep(PAUSE).await,
            }
            tries += 1;
        }
    }

    /// Removes a directory of ours and what cases left in it; gives the status of the last removal.
    async fn clear(&mut self, folder: &Entry, recording: &mut Recording) -> Result<NtStatus, Stop> {
        let recorder = &mut recording.recorder;
        // An empty one goes at once; one that is open, or not there, is left alone.
        let status = self.remove(folder, &folder.name, recorder).await?;
        if status != NtStatus::SUCCESS && status != NtStatus::DIRECTORY_NOT_EMPTY {
            return Ok(status);
        }
        for entry in self.list(&folder.name, recorder).await?.iter().filter(|entry| is_of_case(&entry.name)) {
            let path = format!("{}\\{}", folder.name, entry.name);
            if entry.directory {
                for inner in self.list(&path, recorder).await?.iter().filter(|it| is_of_case(&it.name)) {
                    self.remove(inner, &format!("{path}\\{}", inner.name), recorder).await?;
                }
            }
            self.remove(entry, &path, recorder).await?;
        }
        match self.remove(folder, &folder.name, recorder).await? {
            // Deletion at the close of what is not empty is refused by nobody: it just does not happen.
            NtStatus::SUCCESS => match self.remove(folder, &folder.name, recorder).await? {
                NtStatus::SUCCESS => Ok(NtStatus::DIRECTORY_NOT_EMPTY),
                NtStatus::OBJECT_NAME_NOT_FOUND => Ok(NtStatus::SUCCESS),
                status => Ok(status),
            },
            NtStatus::OBJECT_NAME_NOT_FOUND => Ok(NtStatus::SUCCESS),
            status => Ok(status),
        }
    }
}

/// Whether a directory is called as ours are.
fn is_own(name: &str) -> bool {
    name.strip_prefix(OWN).is_some_and(|digits| digits.len() == 16 && is_hex(digits))
}

/// Whether a file or directory is called as those of cases are.
fn is_of_case(name: &str) -> bool {
    let rest = name.strip_prefix(CASE).filter(|rest| rest.is_char_boundary(16));
    let Some((digits, rest)) = rest.and_then(|rest| rest.split_at_checked(16)) else { return false };
    let what = rest.strip_prefix(".tmp");
    let is_what =
        |what: &str| what.strip_prefix('-').is_some_and(|w| w.bytes().all(|b| b.is_ascii_lowercase()));
    is_hex(digits) && what.is_some_and(|what| what.is_empty() || is_what(what))
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_swept() {
        assert!(is_own("countersign-run-0123456789abcdef"));
        for other in
            ["countersign-run-", "countersign-run-0123456789abcdeg", "countersign-runs", "Countersign"]
        {
            assert!(!is_own(other), "{other}");
        }
        assert!(is_of_case("countersign-0123456789abcdef.tmp"));
        assert!(is_of_case("countersign-0123456789abcdef.tmp-notify"));
        for other in [
            "countersign-0123456789abcdef",
            "countersign-0123456789abcdef.tmpx",
            "countersign-0123456789abcdef.tmp-../x",
            "countersign-é123456789abcde.tmp",
            "thesis.doc",
        ] {
            assert!(!is_of_case(other), "{other}");
        }
    }
}
