//! Base images: the engine's own, else the registry's, else made here from Debian's packages.

use crate::{LabError, Progress};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use model::target::BaseImage;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use testcontainers::bollard::models::CreateImageInfo;
use testcontainers::bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use testcontainers::bollard::{Docker, body_try_stream, errors::Error};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

/// Makes the archive of a base image; see `containers/base/README.md`.
const SCRIPT: &str = include_str!("../../../containers/base/debootstrap.sh");

/// How long a pull may be silent before the registry counts as unreachable.
const PULL_SILENCE: Duration = Duration::from_secs(10);
/// How long making a base image may take.
const MAKING: Duration = Duration::from_secs(15 * 60);
/// How much of the archive travels at once.
const CHUNK: usize = 0x4_0000;

/// Sees to it that the engine has the base image.
pub(crate) async fn ensure(
    docker: &Docker,
    base: &BaseImage,
    progress: &Progress<'_>,
) -> Result<(), LabError> {
    let mut log = String::new();
    let error = |why: String, log: String| LabError::Base { image: base.image.clone(), why, log };
    match docker.inspect_image(&base.image).await {
        Ok(_) => return Ok(()),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
        Err(other) => return Err(error(other.to_string(), log)),
    }
    progress(&format!("pulling {}", base.image));
    match pull(docker, &base.image).await {
        Ok(()) => return Ok(()),
        Err(why) => log.push_str(&format!("pull: {why}\n")),
    }
    progress(&format!("making {} with debootstrap, once (about half a minute)", base.image));
    match timeout(MAKING, make(docker, base, progress, &mut log)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(error(format!("it cannot be pulled, and making it failed: {why}"), log)),
        Err(_) => Err(error(format!("making it took longer than {} s", MAKING.as_secs()), log)),
    }
}

async fn pull(docker: &Docker, image: &str) -> Result<(), String> {
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let mut events = docker.create_image(Some(options), None, None);
    loop {
        match timeout(PULL_SILENCE, events.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Err(_) => return Err(format!("the registry was silent for {} s", PULL_SILENCE.as_secs())),
        }
    }
}

/// Runs the script and imports what it writes. The image gets its tag when the script has ended well, not before: an
/// archive that stops early would make an image that looks whole.
async fn make(
    docker: &Docker,
    base: &BaseImage,
    progress: &Progress<'_>,
    log: &mut String,
) -> Result<(), String> {
    let script = tempfile::Builder::new().prefix("countersign-base").tempfile().map_err(|e| e.to_string())?;
    std::fs::write(script.path(), SCRIPT).map_err(|e| e.to_string())?;
    // Not killed on drop: it removes its own work directory when nobody reads any more.
    let mut child = Command::new("sh")
        .arg(script.path())
        .arg(&base.suite)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sh: {error}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("its output is not connected".to_owned());
    };
    let (imported, ()) = tokio::join!(import(docker, stdout), follow(stderr, progress, log));
    let status = child.wait().await.map_err(|e| e.to_string())?;
    if !status.success() {
        return Err(format!("debootstrap.sh ended with {status}"));
    }
    let id = imported?;
    let (name, tag) = base.image.rsplit_once(':').unwrap_or((&base.image, "latest"));
    let options = TagImageOptionsBuilder::new().repo(name).tag(tag).build();
    docker.tag_image(&id, Some(options)).await.map_err(|error| format!("tag the import: {error}"))
}

/// Imports the archive and says which image it became.
async fn import(docker: &Docker, mut archive: ChildStdout) -> Result<String, String> {
    // Nothing comes for half a minute, and an engine that waits for a body may lose its patience: the request starts
    // with the archive.
    let mut first = vec![0; CHUNK];
    let read = archive.read(&mut first).await.map_err(|e| e.to_string())?;
    if read == 0 {
        return Err("there is no archive".to_owned());
    }
    first.truncate(read);
    let body = stream::once(async { Ok(first) }).chain(chunks(archive)).map_ok(Into::into);
    let options = CreateImageOptionsBuilder::new().from_src("-").build();
    let events = docker.create_image(Some(options), Some(body_try_stream(body)), None);
    let events: Vec<CreateImageInfo> =
        events.try_collect().await.map_err(|error| format!("import: {error}"))?;
    let id = events.into_iter().filter_map(|event| event.status).find(|status| status.starts_with("sha256:"));
    id.ok_or_else(|| "the import gave no image id".to_owned())
}

fn chunks(archive: ChildStdout) -> impl Stream<Item = io::Result<Vec<u8>>> {
    stream::try_unfold(archive, |mut archive| async {
        let mut chunk = vec![0; CHUNK];
        let read = archive.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok((read > 0).then_some((chunk, archive)))
    })
}

/// Keeps what the script says, and passes the milestones on.
async fn follow(output: ChildStderr, progress: &Progress<'_>, log: &mut String) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if ["I: Retrieving InRelease", "I: Extracting base-files", "I: Configuring apt"]
            .iter()
            .any(|m| line.starts_with(m))
        {
            progress(line.trim_start_matches("I: ").trim_end_matches("..."));
        }
        log.push_str(&line);
        log.push('\n');
    }
}
