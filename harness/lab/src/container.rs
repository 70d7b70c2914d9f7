//! Servers in a container: published on 127.0.0.1 alone, labelled as this run's.

use crate::config::{Effective, Setting};
use crate::engine::{labels, remove_one};
use crate::image::{Image, REPOSITORY};
use crate::reach::Reach;
use crate::{Account, ready};
use futures_util::StreamExt;
use futures_util::future::join_all;
use model::target::ContainerSpec;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::bollard::query_parameters::{LogsOptionsBuilder, WaitContainerOptions};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, CopyTargetOptions, GenericImage, ImageExt};
use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio::time::timeout;

/// Where the account goes: the user on the first line, the password on the second. The container's entry point reads
/// it and removes it.
const ACCOUNT: &str = "/countersign/account";
/// How much of a log is kept: its end.
const LOG: usize = 8 << 20;
/// How long the engine may take to say that a container has ended.
const END_TIME: Duration = Duration::from_secs(2);
/// How long the engine may take to hand over a log.
const LOG_TIME: Duration = Duration::from_secs(20);

/// A running container. It is removed when this is dropped, inside a runtime or outside.
pub(crate) struct Container {
    /// `None` only after it was taken to be removed.
    container: Option<ContainerAsync<GenericImage>>,
    docker: Docker,
    password: String,
}

/// Where a server is.
pub(crate) struct Place {
    /// Where it is reached.
    pub(crate) address: SocketAddr,
    /// Where it is published.
    pub(crate) published: SocketAddr,
}

impl Container {
    /// Starts a container with a server for each of these policies, and waits for the first answer of each: where it is, or why
    /// there is none.
    pub(crate) async fn start(
        docker: &Docker,
        run_id: &str,
        spec: &ContainerSpec,
        image: &Image,
        effective: &[&Effective],
        account: &Account,
    ) -> Result<(Self, Vec<Result<Place, String>>), String> {
        let mut unique = [0; 6];
        getrandom::fill(&mut unique).map_err(|e| e.to_string())?;
        let name = format!("countersign-{}-{}", image.tag, hex::encode(unique));
        let ports: Vec<u16> = (spec.port..).take(effective.len()).collect();
        let many = u64::try_from(effective.len()).unwrap_or(u64::MAX);
        let memory = i64::try_from(spec.memory_mib.saturating_mul(many) << 20).ok();
        let secret = format!("{}\n{}\n", account.user, account.password.expose());
        let target = effective.first().map_or("", |effective| effective.target.as_str());
        let published = ports.clone();
        let exposed = ports.iter().fold(GenericImage::new(REPOSITORY, &image.tag), |image, port| {
            image.with_exposed_port(port.tcp())
        });
        let mut request = exposed
            .with_container_name(&name)
            .with_labels(labels(run_id, target))
            .with_copy_to(CopyTargetOptions::new(ACCOUNT).with_mode(0o600), secret.into_bytes())
            .with_host_config_modifier(move |host| restrict(host, &published, memory));
        for (effective, number) in effective.iter().zip(1_u16..) {
            let Setting::Configuration(configuration) = &effective.setting else {
                return Err("its policy has no configuration file".to_owned());
            };
            let path = match spec.servers.get() {
                1 => spec.config.clone(),
                _ => format!("{}/{number}", spec.config),
            };
            let file = CopyTargetOptions::new(path).with_mode(0o644);
            request = request.with_copy_to(file, configuration.clone().into_bytes());
        }
        let container = match request.start().await {
            Ok(container) => container,
            Err(why) => {
                // Created and not started is not covered by anybody's drop.
                remove_one(docker, &name).await;
                return Err(why.to_string());
            }
        };
        let password = account.password.expose().to_owned();
        let reach = Reach::of(docker, container.id(), &ports).await;
        let this = Self { container: Some(container), docker: docker.clone(), password };
        let within = Duration::from_secs(spec.ready_seconds.get().into());
        let ready = effective.iter().zip(&ports).map(|(effective, port)| {
            let place = reach.as_ref().map_err(Clone::clone).and_then(|reach| {
                let place =
                    || Some(Place { address: reach.address(*port)?, published: reach.published(*port)? });
                place().ok_or_else(|| format!("its port {port} is not published"))
            });
            this.ready(place, effective, within)
        });
        let ready = join_all(ready).await;
        Ok((this, ready))
    }

    async fn ready(
        &self,
        place: Result<Place, String>,
        effective: &Effective,
        within: Duration,
    ) -> Result<Place, String> {
        let Some(container) = &self.container else { return Err("it is removed".to_owned()) };
        let mut end = self.docker.wait_container(container.id(), None::<WaitContainerOptions>);
        let exited = async {
            match end.next().await {
                Some(Ok(_)) => "its container ended with status 0".to_owned(),
                Some(Err(Error::DockerContainerWaitError { code, .. })) => {
                    format!("its container ended with status {code}")
                }
                Some(Err(error)) => error.to_string(),
                None => "its container is gone".to_owned(),
            }
        };
        let place = match place {
            Ok(place) => place,
            // A container that ended has no port either; why it ended says more.
            Err(why) => return Err(timeout(END_TIME, exited).await.unwrap_or(why)),
        };
        tokio::select! {
            biased;
            why = exited => Err(why),
            answer = ready::answers(place.address, effective.dialects, within) => answer.map(|()| place),
        }
    }

    /// The end of what its servers printed.
    pub(crate) async fn logs(&self) -> String {
        let Some(container) = &self.container else { return String::new() };
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let mut output = self.docker.logs(container.id(), Some(options));
        let mut log = Vec::new();
        let reading = async {
            while let Some(Ok(part)) = output.next().await {
                log.extend_from_slice(&part.into_bytes());
                if log.len() > 2 * LOG {
                    log.drain(..log.len() - LOG);
                }
            }
        };
        let _ = timeout(LOG_TIME, reading).await;
        log.drain(..log.len().saturating_sub(LOG));
        // No server here prints it; a log that somebody turned up must not be the first.
        String::from_utf8_lossy(&log).replace(&self.password, "(password)")
    }

    /// Removes the container.
    pub(crate) async fn remove(&mut self) {
        if let Some(container) = self.container.take() {
            // One that `down` removed first is as good.
            let _ = container.rm().await;
        }
    }
}

impl Drop for Container {
    /// Blocks until the container is gone; [`Container::remove`] does not.
    fn drop(&mut self) {
        if let Some(container) = self.container.take() {
            remove_now(container);
        }
    }
}

/// Removes a container, and blocks the thread until it is gone.
///
/// Not left to testcontainers: outside a runtime its drop panics, and in the task of a `block_on` it enters another one, which
/// swallows that task's wake-ups. A thread with a runtime of its own does neither.
pub(crate) fn remove_now(container: ContainerAsync<GenericImage>) {
    let removal = std::thread::spawn(move || match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => drop(runtime.block_on(container.rm())),
        // Without a runtime there is no way to remove it now; `down` or the next run's sweep will.
        Err(_) => std::mem::forget(container),
    });
    let wait = move || drop(removal.join());
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

/// Published on loopback, on ports the system picks; bounded memory; no way to more privileges.
fn restrict(host: &mut HostConfig, ports: &[u16], memory: Option<i64>) {
    let loopback =
        PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: Some("0".to_owned()) };
    host.publish_all_ports = Some(false);
    let bindings = ports.iter().map(|port| (format!("{port}/tcp"), Some(vec![loopback.clone()])));
    host.port_bindings = Some(bindings.collect());
    host.memory = memory;
    host.security_opt = Some(vec!["no-new-privileges".to_owned()]);
}
