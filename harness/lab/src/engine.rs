//! The Docker engine: whether it is there, and which of its containers are this run's or nobody's.

use crate::owner::{self, Owner};
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use tokio::time::{sleep, timeout};

/// How long an engine may take to say that it is there.
const HELLO: Duration = Duration::from_secs(3);
/// How long removing containers may take, all together.
const REMOVAL: Duration = Duration::from_secs(30);

/// A connection to the engine, or why there is none and how to get one.
pub(crate) async fn connect() -> Result<Docker, String> {
    let how = "install or start Docker (on Debian: apt-get install docker.io), see that you may use its socket, \
               or point DOCKER_HOST at it";
    let docker =
        docker_client_instance().await.map_err(|error| format!("no Docker engine: {error}; {how}"))?;
    match timeout(HELLO, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => Err(format!("no Docker engine answers ({error}); {how}")),
        Err(_) => Err(format!("the Docker engine did not answer in {} s; {how}", HELLO.as_secs())),
    }
}

/// The labels of a container of this run.
pub(crate) fn labels(run_id: &str, target: &str) -> HashMap<String, String> {
    HashMap::from([
        (owner::RUN.to_owned(), run_id.to_owned()),
        (owner::OWNER.to_owned(), Owner::this_process().to_string()),
        (owner::TARGET.to_owned(), target.to_owned()),
    ])
}

/// Removes the containers whose owner is gone: what a killed run left.
pub(crate) async fn sweep(docker: &Docker) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let removal = async {
        let all = list(docker, vec![owner::OWNER.to_owned()]).await;
        remove(docker, all.into_iter().filter(|container| is_gone(container, now))).await;
    };
    // Leftovers cost memory, nothing else: a slow engine must not keep this run from starting.
    let _ = timeout(REMOVAL, removal).await;
}

fn is_gone(container: &ContainerSummary, now: i64) -> bool {
    let label = container.labels.as_ref().and_then(|labels| labels.get(owner::OWNER));
    label.is_some_and(|label| Owner::is_gone(label, now - container.created.unwrap_or(now)))
}

/// Removes every container of this process's run, and returns when they are gone or the time is up.
pub(crate) async fn remove_run(docker: &Docker, run_id: &str) {
    let mine = labels(run_id, "");
    let of = |label: &str| format!("{label}={}", mine.get(label).map_or("", String::as_str));
    let removal = async {
        loop {
            let all = list(docker, vec![of(owner::RUN), of(owner::OWNER)]).await;
            if all.is_empty() {
                return;
            }
            remove(docker, all).await;
            // What somebody else is removing right now is still listed.
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(REMOVAL, removal).await;
}

async fn list(docker: &Docker, labels: Vec<String>) -> Vec<ContainerSummary> {
    let filters = HashMap::from([("label".to_owned(), labels)]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    docker.list_containers(Some(options)).await.unwrap_or_default()
}

async fn remove(docker: &Docker, containers: impl IntoIterator<Item = ContainerSummary>) {
    let ids = containers.into_iter().filter_map(|container| container.id);
    futures_util::future::join_all(ids.map(|id| async move { remove_one(docker, &id).await })).await;
}

/// Removes a container by id or name, running or not, with its volumes; one that is gone already is as good.
pub(crate) async fn remove_one(docker: &Docker, id: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let _ = docker.remove_container(id, Some(options)).await;
}
