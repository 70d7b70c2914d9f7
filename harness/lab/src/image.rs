//! A target's image: built once per content of its folder, with the server's version as a label.

use crate::archive;
use crate::engine::{labels, remove_one};
use crate::{LabError, Progress, TargetFiles, base};
use futures_util::{StreamExt, TryStreamExt};
use model::Target;
use model::target::BaseImage;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::body_full;
use testcontainers::bollard::models::ContainerCreateBody;
use testcontainers::bollard::query_parameters::{
    BuildImageOptionsBuilder, BuilderVersion, CreateContainerOptions, LogsOptionsBuilder,
    StartContainerOptions, WaitContainerOptions,
};
use tokio::time::{sleep, timeout};

/// The repository all images are tags of.
pub(crate) const REPOSITORY: &str = "countersign";
/// The label with the server's version. An image without it is not finished.
const VERSION: &str = "countersign.version";
/// How long one build may take.
const BUILD: Duration = Duration::from_secs(15 * 60);
/// How long a server may take to say its version.
const SAY_VERSION: Duration = Duration::from_secs(60);

/// A target that can be started.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) target: Target,
    pub(crate) image: Option<Image>,
}

/// A finished image.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) tag: String,
    pub(crate) id: String,
    pub(crate) version: String,
}

impl Prepared {
    /// The server's version, where it is known before it runs.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.image.as_ref().map(|image| image.version.as_str())
    }

    /// The image's id, `sha256:...`.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.image.as_ref().map(|image| image.id.as_str())
    }
}

/// What an image is made from.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// Whose it is.
    pub(crate) id: &'a str,
    pub(crate) base: &'a BaseImage,
    /// The command that says the version.
    pub(crate) version: &'a [String],
    pub(crate) files: &'a TargetFiles,
    /// The files of the folder that are no part of it.
    pub(crate) apart: &'a [&'a str],
}

/// An image, built if it is not there.
pub(crate) async fn prepare(
    docker: &Docker,
    run_id: &str,
    recipe: Recipe<'_>,
    progress: &Progress<'_>,
) -> Result<Image, LabError> {
    let Recipe { id, base, files, .. } = recipe;
    let tag = tag(recipe);
    if let Some(image) = finished(docker, &tag).await {
        return Ok(image);
    }
    files.text(id, "Dockerfile")?;
    {
        let _base = Lock::take(&base.image, progress).await;
        base::ensure(docker, base, progress).await?;
    }
    let _lock = Lock::take(&tag, progress).await;
    if let Some(image) = finished(docker, &tag).await {
        return Ok(image);
    }
    progress(&format!("building the image of {id}"));
    let context = archive::tar(files.context(recipe.apart)).map_err(|file| LabError::Files {
        target: id.to_owned(),
        file,
        what: "its path is longer than 100 bytes".to_owned(),
    })?;
    let name = format!("{REPOSITORY}:{tag}");
    let mut log = String::new();
    let failed = |why: String, log: String| LabError::Build { target: id.to_owned(), why, log };
    let built = build(docker, &name, context, HashMap::new(), &mut log, progress).await;
    if let Err(why) = built {
        return Err(failed(why, log));
    }
    let version = match version(docker, run_id, recipe, &name).await {
        Ok(version) => version,
        Err(why) => return Err(failed(format!("its version cannot be had: {why}"), log)),
    };
    // One more layer-less image, because a label must be known when the image is built.
    let dockerfile = format!("FROM {name}\n");
    let context = archive::tar([("Dockerfile", dockerfile.as_bytes())]).unwrap_or_default();
    let known =
        HashMap::from([(VERSION.to_owned(), version), (crate::owner::TARGET.to_owned(), id.to_owned())]);
    if let Err(why) = build(docker, &name, context, known, &mut log, &|_| {}).await {
        return Err(failed(why, log));
    }
    match finished(docker, &tag).await {
        Some(image) => Ok(image),
        None => Err(failed("the engine built it and does not have it".to_owned(), log)),
    }
}

/// The tag that names this content: the same files make the same tag, on every machine.
fn tag(Recipe { id, base, version, files, apart }: Recipe<'_>) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(bytes);
    };
    add(base.image.as_bytes());
    version.iter().for_each(|word| add(word.as_bytes()));
    for (path, bytes) in files.context(apart) {
        add(path.as_bytes());
        add(bytes);
    }
    let hash = hex::encode(hash.finalize());
    // A tag starts with a letter, a digit or an underscore, and has 128 characters at most.
    let id: String = id.trim_start_matches(['.', '-']).chars().take(100).collect();
    format!("{id}-{}", hash.get(..16).unwrap_or(&hash))
}

/// The image with this tag, if it is whole.
async fn finished(docker: &Docker, tag: &str) -> Option<Image> {
    let image = docker.inspect_image(&format!("{REPOSITORY}:{tag}")).await.ok()?;
    let version = image.config?.labels?.remove(VERSION)?;
    Some(Image { tag: tag.to_owned(), id: image.id?, version })
}

async fn build(
    docker: &Docker,
    name: &str,
    context: Vec<u8>,
    labels: HashMap<String, String>,
    log: &mut String,
    progress: &Progress<'_>,
) -> Result<(), String> {
    // The classic builder: BuildKit's progress comes in another format, without the output of a RUN that fails.
    let options = BuildImageOptionsBuilder::new()
        .t(name)
        .dockerfile("Dockerfile")
        .rm(true)
        .forcerm(true)
        .labels(&labels)
        .version(BuilderVersion::BuilderV1)
        .build();
    let reading = async {
        let mut events = docker.build_image(options, None, Some(body_full(context.into())));
        while let Some(event) = events.next().await {
            let text = event.map_err(|error| error.to_string())?.stream.unwrap_or_default();
            if text.starts_with("Step ") {
                progress(text.trim_end());
            }
            // The engine colours what came from standard error.
            log.push_str(&text.replace("\u{1b}[91m", "").replace("\u{1b}[0m", ""));
        }
        Ok(())
    };
    timeout(BUILD, reading)
        .await
        .unwrap_or_else(|_| Err(format!("it took longer than {} s", BUILD.as_secs())))
}

/// Runs the version command in a container of its own; its first line of output.
async fn version(docker: &Docker, run_id: &str, recipe: Recipe<'_>, image: &str) -> Result<String, String> {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        // An empty string clears the image's own entry point.
        entrypoint: Some(vec![String::new()]),
        cmd: Some(recipe.version.to_vec()),
        labels: Some(labels(run_id, recipe.id)),
        ..ContainerCreateBody::default()
    };
    let created =
        docker.create_container(None::<CreateContainerOptions>, body).await.map_err(|e| e.to_string())?;
    let saying = async {
        docker.start_container(&created.id, None::<StartContainerOptions>).await?;
        // A status other than 0 is an error of this stream; the output says more.
        let _ = docker.wait_container(&created.id, None::<WaitContainerOptions>).next().await;
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        docker
            .logs(&created.id, Some(options))
            .map_ok(|output| output.to_string())
            .try_collect::<String>()
            .await
    };
    let said = timeout(SAY_VERSION, saying).await;
    remove_one(docker, &created.id).await;
    let said = said.map_err(|_| "it took too long".to_owned())?.map_err(|error| error.to_string())?;
    match said.lines().next().map(str::trim) {
        Some(line) if line.starts_with(|c: char| c.is_ascii_digit()) => Ok(line.to_owned()),
        _ => Err(format!("`{}` printed `{}`, no version", recipe.version.join(" "), said.trim())),
    }
}

/// Held while an image is made, so that tasks and processes that want the same one wait instead of making it again.
struct Lock(#[expect(dead_code, reason = "the lock goes when the file is closed")] Option<File>);

impl Lock {
    /// Waits for the lock of this name. Where no file can be locked the work may be done twice, nothing worse.
    async fn take(name: &str, progress: &Progress<'_>) -> Self {
        // In the name: the user, because another one's file cannot be opened.
        let user = std::fs::metadata("/proc/self").map_or(0, |me| me.uid());
        let hash = hex::encode(Sha256::digest(name));
        let file = format!("countersign-{user}-{}.lock", hash.get(..16).unwrap_or(&hash));
        let path = std::env::temp_dir().join(file);
        let Ok(file) = OpenOptions::new().write(true).create(true).truncate(false).open(path) else {
            return Self(None);
        };
        let mut said = false;
        // Polled: a thread that blocks in the lock could not be called back when the run is cancelled.
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            if !said {
                progress(&format!("waiting for somebody else who is making {name}"));
                said = true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        Self(Some(file))
    }
}
