//! A client that people run, in a container without a network: it reaches the sockets of its slots, and nothing else.
//!
//! In the container a relay listens at port 445 of one loopback address for each slot, 127.0.0.1 for the first, and passes
//! what comes to a socket in the file system, where the recorder of the slot's case listens.

use crate::container::remove_now;
use crate::engine::{labels, remove_one};
use crate::image::{Image, REPOSITORY};
use crate::{Account, LabError};
use futures_util::StreamExt;
use model::Login;
use model::software::{Container, Ended, Said, is_mark};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use testcontainers::bollard::Docker;
use testcontainers::bollard::exec::{StartExecOptions, StartExecResults};
use testcontainers::bollard::models::ExecConfig;
use testcontainers::core::{Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, CopyTargetOptions, GenericImage, ImageExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

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
/// How long the engine may take beyond the client's own time.
const GRACE: Duration = Duration::from_secs(10);
/// How long a container may take to become ready: some clients need a kernel of their own.
const START: Duration = Duration::from_secs(120);

/// Starts a relay for each slot, and what the client wants to have running; then says so, once all of them listen.
const ENTRY: &str = r#"
slots=$1; shift
slot=1
while [ $slot -le $slots ]; do
    socat TCP-LISTEN:445,bind=127.0.0.$slot,reuseaddr,fork,nodelay UNIX-CONNECT:/countersign/slots/$slot.sock 2>/dev/null &
    slot=$((slot + 1))
done
[ $# -gt 0 ] && "$@" &
until [ $(grep -c ':01BD 00000000:0000 0A ' /proc/net/tcp) -ge $slots ]; do sleep 0.02; done
[ $# -gt 0 ] && until [ -e /countersign/ready ]; do sleep 0.1; done
echo 'countersign: ready'
wait
"#;

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
    docker: Docker,
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
        docker: docker.clone(),
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
    /// The engine does not carry it out.
    pub async fn drive(&self, slot: &Slot<'_>, work: &Work<'_>) -> Result<Said, String> {
        let Some(container) = &self.container else { return Err("its container is removed".to_owned()) };
        let seconds = self.spec.seconds.get();
        let mut command = vec!["timeout".to_owned(), "-k".to_owned(), "2".to_owned(), seconds.to_string()];
        command.extend(self.spec.command.iter().cloned());
        let environment = [
            ("SERVER", format!("127.0.0.{}", slot.number)),
            ("SLOT", slot.number.to_string()),
            ("SHARE", work.share.to_owned()),
            ("FILE", work.file.to_owned()),
            ("SIGNING", work.signing.to_owned()),
            ("LOGIN", format!("{LOGINS}/{}", work.login)),
        ];
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            cmd: Some(command),
            ..ExecConfig::default()
        };
        let failed = |error: testcontainers::bollard::errors::Error| error.to_string();
        let exec = self.docker.create_exec(container.id(), config).await.map_err(failed)?;
        let started = self.docker.start_exec(&exec.id, None::<StartExecOptions>).await.map_err(failed)?;
        let mut printed = Vec::new();
        let mut marks = Vec::new();
        let reading = async {
            if let StartExecResults::Attached { mut output, .. } = started {
                while let Some(part) = output.next().await {
                    printed.extend_from_slice(&part?.into_bytes());
                    if printed.len() > 2 * PRINTED {
                        cut(&mut printed, &mut marks);
                    }
                }
            }
            Ok(())
        };
        let read = timeout(Duration::from_secs(seconds.into()) + GRACE, reading).await;
        if printed.len() > PRINTED {
            cut(&mut printed, &mut marks);
        }
        let status = match read {
            Err(_) => None,
            Ok(Err(error)) => return Err(failed(error)),
            Ok(Ok(())) => Some(self.status(&exec.id).await?),
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

    /// What a command ended with, once the engine knows: its output may end a moment before.
    async fn status(&self, exec: &str) -> Result<i64, String> {
        for _ in 0..50 {
            let known = self.docker.inspect_exec(exec).await.map_err(|error| error.to_string())?.exit_code;
            if let Some(status) = known {
                return Ok(status);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err("the engine does not say how the client ended".to_owned())
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
