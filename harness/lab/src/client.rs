//! A client that people run, in a container without a network: it reaches the sockets of its slots, and nothing else.
//!
//! In the container a relay listens at port 445 of one loopback address for each slot, 127.0.0.1 for the first, and passes
//! what comes to a socket in the file system, where the recorder of the slot's case listens.

use crate::container::remove_now;
use crate::engine::{labels, remove_one};
use crate::image::{Image, REPOSITORY};
use crate::{Account, LabError};
use model::Login;
use model::software::{Container, Ended, Said, is_mark};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use testcontainers::bollard::Docker;
use testcontainers::core::{Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, CopyTargetOptions, GenericImage, ImageExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A user that no server has.
pub const UNKNOWN_USER: &str = "countersign-nobody";
/// Where the container sees the sockets of its slots.
const SLOTS: &str = "/countersign/slots";
/// Where a case finds what to log on with: three lines, the user, the domain and the password.
const LOGINS: &str = "/countersign/logins";
/// What the entry point prints when the slots can be used.
const READY: &str = "countersign: ready";
/// How much of what a client prints is kept: its end.
const PRINTED: usize = 64 << 10;
/// How long the container may take beyond the client's own time.
const GRACE: Duration = Duration::from_secs(10);
/// How long a container may take to become ready: some clients need a kernel of their own.
const START: Duration = Duration::from_secs(120);

/// The socket at which the container takes jobs: asking the engine to run a command in it takes longer than most jobs.
const JOBS: &str = "jobs.sock";

/// Starts a relay for each slot, what takes jobs, and what the client wants to have running; then says so, once all of them
/// listen.
const ENTRY: &str = r#"
slots=$1; shift
socat UNIX-LISTEN:/countersign/slots/jobs.sock,fork,mode=666 EXEC:'sh /countersign/job' &
slot=1
while [ $slot -le $slots ]; do
    socat TCP-LISTEN:445,bind=127.0.0.$slot,reuseaddr,fork,nodelay UNIX-CONNECT:/countersign/slots/$slot.sock 2>/dev/null &
    slot=$((slot + 1))
done
[ $# -gt 0 ] && "$@" &
until [ $(grep -c ':01BD 00000000:0000 0A ' /proc/net/tcp) -ge $slots ]; do sleep 0.02; done
until [ -S /countersign/slots/jobs.sock ]; do sleep 0.02; done
[ $# -gt 0 ] && until [ -e /countersign/ready ]; do sleep 0.1; done
echo 'countersign: ready'
wait
"#;
/// What carries out a job. It gets a line for each thing that is to be known; the first cannot be guessed, and stands in front of
/// the status that follows what the client printed.
const JOB: &str = r#"
IFS= read -r token
for name in SERVER SLOT SHARE FILE SIGNING LOGIN; do
    IFS= read -r "$name"
    export "$name"
done
run </dev/null 2>&1
printf '\n%s %s\n' "$token" "$?"
"#;

/// The script of a job: what is run, and for how long at most.
fn job(spec: &Container) -> String {
    let words = spec.command.iter().map(|word| format!(" '{}'", word.replace('\'', r"'\''")));
    format!("run() {{ timeout -k 2 {}{}; }}\n{JOB}", spec.seconds, words.collect::<String>())
}

/// Takes the end of a job off what was printed: the line of its token, with the status.
fn ended(printed: &mut Vec<u8>, token: &str) -> Option<u8> {
    let mark = format!("\n{token} ");
    let line = printed.strip_suffix(b"\n")?;
    let at = line.iter().rposition(|byte| *byte == b'\n')?;
    let status = line.get(at..)?.strip_prefix(mark.as_bytes())?;
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    printed.truncate(at);
    Some(status)
}

/// Takes what is too much from the front, whole lines at a time, so that no part of a password is left of one; and keeps the
/// lines that say what was done.
fn cut(printed: &mut Vec<u8>, marks: &mut Vec<u8>) {
    const MOST: usize = 8;
    let from = printed.len().saturating_sub(PRINTED);
    let behind = printed.get(from..).unwrap_or_default();
    let at = behind.iter().position(|byte| *byte == b'\n').map_or(printed.len(), |line| from + line + 1);
    let gone: Vec<u8> = printed.drain(..at).collect();
    let is_mark = |line: &&[u8]| is_mark(&String::from_utf8_lossy(line));
    for line in gone.split(|byte| *byte == b'\n').filter(is_mark).take(MOST) {
        if marks.len() < 1 << 10 {
            marks.extend_from_slice(line.get(..line.len().min(40)).unwrap_or_default());
            marks.push(b'\n');
        }
    }
}

/// A client that can be started.
#[derive(Debug, Clone)]
pub struct PreparedClient {
    pub(crate) id: String,
    pub(crate) spec: Container,
    pub(crate) image: Image,
}

impl PreparedClient {
    /// The client's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.image.version
    }

    /// The image's id, `sha256:...`.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image.id
    }
}

/// A client's container. It is removed when this is dropped, which blocks the thread meanwhile: prefer [`Client::stop`].
pub struct Client {
    /// `None` only after it was taken to be removed.
    container: Option<ContainerAsync<GenericImage>>,
    spec: Container,
    sockets: TempDir,
    places: Semaphore,
    free: Mutex<Vec<u16>>,
    /// What no output may show.
    secrets: Vec<String>,
}

/// What a client is to do in one case.
#[derive(Debug, Clone)]
pub struct Work<'a> {
    /// The name of the share.
    pub share: &'a str,
    /// The file to create there.
    pub file: &'a str,
    /// What its signing is set to, in its own word.
    pub signing: &'a str,
    /// What it logs on with.
    pub login: Login,
}

/// A slot, for one case. Given back when it is dropped.
pub struct Slot<'c> {
    number: u16,
    /// Where the recorder of the case has to listen.
    pub socket: PathBuf,
    client: &'c Client,
    _place: SemaphorePermit<'c>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // Nothing that holds it panics.
        self.client.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

/// Starts the container, and returns when its slots can be used.
pub(crate) async fn start(
    docker: &Docker,
    run_id: &str,
    prepared: &PreparedClient,
    account: &Account,
) -> Result<Client, LabError> {
    let PreparedClient { id, spec, image } = prepared;
    let error = |why: String| LabError::Start { target: id.clone(), why };
    let sockets = tempfile::Builder::new()
        .prefix("countersign-")
        .tempdir()
        .map_err(|e| error(format!("no directory for its sockets: {e}")))?;
    let mut unique = [0; 16];
    getrandom::fill(&mut unique).map_err(|e| error(e.to_string()))?;
    let (invented, unique) = (hex::encode(unique), hex::encode(&unique[..6]));
    let name = format!("countersign-{}-{unique}", image.tag);
    let memory = i64::try_from(spec.memory_mib << 20).ok();
    let password = account.password.expose();
    let logins = [
        (Login::User, account.user.as_str(), account.domain.as_str(), password),
        (Login::UnknownUser, UNKNOWN_USER, account.domain.as_str(), invented.as_str()),
        (Login::WrongPassword, account.user.as_str(), account.domain.as_str(), invented.as_str()),
        (Login::Anonymous, "", "", ""),
    ];
    let mut command = vec!["-c".to_owned(), ENTRY.to_owned(), "sh".to_owned(), spec.parallel.to_string()];
    command.extend(spec.start.iter().cloned());
    let mut request = GenericImage::new(REPOSITORY, &image.tag)
        .with_entrypoint("/bin/sh")
        .with_wait_for(WaitFor::message_on_stdout(READY))
        .with_cmd(command)
        .with_container_name(&name)
        .with_labels(labels(run_id, id))
        .with_network("none")
        .with_startup_timeout(START)
        .with_mount(Mount::bind_mount(sockets.path().to_string_lossy(), SLOTS))
        .with_host_config_modifier(move |host| {
            host.memory = memory;
            host.security_opt = Some(vec!["no-new-privileges".to_owned()]);
        });
    let script = CopyTargetOptions::new("/countersign/job").with_mode(0o644);
    request = request.with_copy_to(script, job(spec).into_bytes());
    for (login, user, domain, password) in logins {
        let text = format!("{user}\n{domain}\n{password}\n");
        let target = CopyTargetOptions::new(format!("{LOGINS}/{login}")).with_mode(0o600);
        request = request.with_copy_to(target, text.into_bytes());
    }
    let container = match request.start().await {
        Ok(container) => container,
        Err(why) => {
            remove_one(docker, &name).await;
            return Err(error(why.to_string()));
        }
    };
    Ok(Client {
        container: Some(container),
        spec: spec.clone(),
        sockets,
        places: Semaphore::new(spec.parallel.get().into()),
        free: Mutex::new((1..=spec.parallel.get()).rev().collect()),
        secrets: vec![password.to_owned(), invented],
    })
}

impl Client {
    /// Waits for a slot.
    pub async fn slot(&self) -> Option<Slot<'_>> {
        // It is never closed, and there are as many places as slots.
        let place = self.places.acquire().await.ok()?;
        let number = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let socket = self.sockets.path().join(format!("{number}.sock"));
        Some(Slot { number, socket, client: self, _place: place })
    }

    /// Lets the client do its work through a slot at whose socket somebody listens. What it says comes back, without any
    /// password.
    ///
    /// # Errors
    /// The container does not carry it out.
    pub async fn drive(&self, slot: &Slot<'_>, work: &Work<'_>) -> Result<Said, String> {
        let mut unique = [0; 16];
        getrandom::fill(&mut unique).map_err(|error| format!("there is no token for the job: {error}"))?;
        let token = hex::encode(unique);
        let Work { share, file, signing, login } = work;
        let number = slot.number;
        let job =
            format!("{token}\n127.0.0.{number}\n{number}\n{share}\n{file}\n{signing}\n{LOGINS}/{login}\n");
        let failed = |error: std::io::Error| format!("failed to hand the client its job: {error}");
        let mut stream = UnixStream::connect(self.sockets.path().join(JOBS)).await.map_err(failed)?;
        stream.write_all(job.as_bytes()).await.map_err(failed)?;
        let mut printed = Vec::new();
        let mut marks = Vec::new();
        let reading = async {
            loop {
                if stream.read_buf(&mut printed).await? == 0 {
                    return Ok(None);
                }
                if let Some(status) = ended(&mut printed, &token) {
                    return Ok(Some(status));
                }
                if printed.len() > 2 * PRINTED {
                    cut(&mut printed, &mut marks);
                }
            }
        };
        let most = Duration::from_secs(self.spec.seconds.get().into()) + GRACE;
        let read = timeout(most, reading).await;
        if printed.len() > PRINTED {
            cut(&mut printed, &mut marks);
        }
        let status = match read {
            Err(_) => None,
            Ok(Err(error)) => return Err(failed(error)),
            Ok(Ok(None)) => return Err("its container ended the job".to_owned()),
            Ok(Ok(status)) => status,
        };
        let mut text = String::from_utf8_lossy(&[marks, printed].concat()).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "(password)");
        }
        Ok(Said {
            printed: text,
            success: status == Some(0),
            ended: match status {
                // What timeout(1) ends with.
                None | Some(124 | 137) => Ended::TimedOut,
                // Ended by a signal.
                Some(status) if status > 128 => Ended::Crashed,
                Some(_) => Ended::ByItself,
            },
        })
    }

    /// Takes it down.
    pub async fn stop(mut self) {
        if let Some(container) = self.container.take() {
            // One that `down` removed first is as good.
            let _ = container.rm().await;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(container) = self.container.take() {
            remove_now(container);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_with_its_token_and_nothing_else() {
        let end = |text: &str| {
            let mut printed = text.as_bytes().to_vec();
            let status = ended(&mut printed, "t0k3n");
            (status, String::from_utf8(printed).unwrap())
        };
        assert_eq!(end("said\nmore\n\nt0k3n 0\n"), (Some(0), "said\nmore\n".to_owned()));
        assert_eq!(end("no end of line\nt0k3n 124\n"), (Some(124), "no end of line".to_owned()));
        for text in [
            "",
            "\n",
            "t0k3n 0\n",
            "said\nt0k3n 0",
            "said\nt0k3n \n",
            "said\nt0k3n x\n",
            "said\nt0k3n 0\nand more\n",
            "said\nother 0\n",
            "said\nt0k3n 256\n",
        ] {
            assert_eq!(end(text), (None, text.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_is_cut_leaves_whole_lines_and_what_was_done() {
        let mut printed = b"did: mount\n".to_vec();
        printed.extend(std::iter::repeat_n(b"noise\n", 30_000).flatten());
        printed.extend(b"did: write\n\nt0k3n 1\n");
        let mut marks = Vec::new();
        cut(&mut printed, &mut marks);
        assert_eq!(marks, b"did: mount\n");
        assert!(printed.len() <= PRINTED && printed.starts_with(b"noise\n"));
        assert_eq!(ended(&mut printed, "t0k3n"), Some(1));
        assert!(printed.ends_with(b"did: write\n"));
    }
}
