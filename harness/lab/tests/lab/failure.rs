//! What goes wrong is said with its cause, and nothing is left of it. Needs a Docker engine.

use crate::common::{TARGET, containers, containers_of, docker, lab, target};
use countersign_lab::owner::{self, Owner};
use countersign_lab::{LabError, TargetFiles};
use model::{ServerPolicy, Target};
use std::collections::HashMap;
use std::process::Command;
use testcontainers::bollard::models::ContainerCreateBody;
use testcontainers::bollard::query_parameters::CreateContainerOptions;

/// The target of this repository with another file in its folder.
fn with_file(name: &str, content: &str) -> (Target, TargetFiles) {
    let (target, files) = target(TARGET);
    let names = ["Dockerfile", "entry.sh", "smb.conf", "target.toml", "expectations.toml"];
    let all = names.map(|name| (name.to_owned(), files.file(name).unwrap().to_vec()));
    let files = TargetFiles::new(all.into_iter().chain([(name.to_owned(), content.as_bytes().to_vec())]));
    (target, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_shows_what_failed() {
    let lab = lab("build").await;
    let dockerfile = "FROM debian:trixie-slim\nRUN echo the cause of it; seq 100 >&2; exit 3\n";
    let (target, files) = with_file("Dockerfile", dockerfile);
    let error = lab.prepare(&target, &files, &|_| {}).await.unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("build the image of samba-4.22: ") && message.contains("code: 3"),
        "{message}"
    );
    assert!(message.contains("| 100"), "{message}");
    let LabError::Build { log, .. } = error else { panic!("{message}") };
    assert!(log.contains("\nthe cause of it\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_at_once_shows_its_log() {
    const NAME: &str = "ends";
    let lab = lab(NAME).await;
    let (target, files) = with_file("smb.conf", "[global]\nserver role = nothing of the sort\n");
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let effective = lab.effective(&target, &files, &ServerPolicy::default()).unwrap();
    let error = lab.start(&prepared, &effective).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("its container ended with status"), "{message}");
    let LabError::NotReady { log, .. } = error else { panic!("{message}") };
    assert!(log.contains("server role"), "{log}");
    assert!(containers_of(NAME).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_a_dockerfile_is_named() {
    let lab = lab("folder").await;
    let (target, _) = target(TARGET);
    let error = lab.prepare(&target, &TargetFiles::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(&error, LabError::Files { file, .. } if file == "Dockerfile"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dead_runs_left_is_swept() {
    let first = lab("sweep").await;
    let (target, files) = target(TARGET);
    let prepared = first.prepare(&target, &files, &|_| {}).await.unwrap();
    let image = prepared.image().unwrap().to_owned();
    let leave = async |owner: String| {
        let labels =
            HashMap::from([(owner::OWNER.to_owned(), owner), (owner::RUN.to_owned(), "other".to_owned())]);
        let body = ContainerCreateBody {
            image: Some(image.clone()),
            labels: Some(labels),
            ..ContainerCreateBody::default()
        };
        docker().await.create_container(None::<CreateContainerOptions>, body).await.unwrap().id
    };
    let label = |owner: &str| format!("{}={owner}", owner::OWNER);
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let living = Owner::of(other.id()).unwrap().to_string();
    leave(living.clone()).await;

    let _second = lab("sweep-2").await;
    assert_eq!(containers(&label(&living)).await.len(), 1, "the owner lives");

    other.kill().unwrap();
    other.wait().unwrap();
    // What a run of this process has is not this lab's either.
    first.down().await;
    assert_eq!(containers(&label(&living)).await.len(), 1);
    let _third = lab("sweep-3").await;
    assert!(containers(&label(&living)).await.is_empty(), "the owner is dead");
}
