//! Servers in a container, labelled as this run's: for this machine alone, and published on 127.0.0.1 only where they have to be.

use crate::config::{Effective, Setting};
use crate::engine::{labels, remove_one};
use crate::image::{Image, REPOSITORY};
use crate::{Account, reach, ready};
use futures_util::StreamExt;
use futures_util::future::join_all;
use model::target::ContainerSpec;
use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
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
/// The directory that is copied where a container holds several servers.
const CONFIGURATIONS: &str = "servers";
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

/// Whose containers they are, and of what.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// The run's id.
    pub(crate) id: &'a str,
    /// What is in the container.
    pub(crate) image: &'a Image,
    /// Who has an account on its servers.
    pub(crate) account: &'a Account,
}

impl Container {
    /// Starts a container with a server for each of these policies, and waits for the first answer of each: where it is, or why
    /// there is none. Where `publishes` is not set, and a container turns out not to be reached at its own address, it is set,
    /// and the container is started again.
    pub(crate) async fn start(
        docker: &Docker,
        of: Run<'_>,
        spec: &ContainerSpec,
        effective: &[&Effective],
        publishes: &AtomicBool,
    ) -> Result<(Self, Vec<Result<SocketAddr, String>>), String> {
        let ports: Vec<u16> = (spec.port..).take(effective.len()).collect();
        let (this, addresses) = loop {
            let published = publishes.load(Ordering::Relaxed);
            let mut this =
                Self::begin(docker, of, spec, effective, if published { &ports } else { &[] }).await?;
            let id = this.container.as_ref().map_or("", |container| container.id());
            match reach::addresses(docker, id, &ports, published).await.transpose() {
                Some(addresses) => break (this, addresses),
                None => {
                    publishes.store(true, Ordering::Relaxed);
                    this.remove().await;
                }
            }
        };
        let within = Duration::from_secs(spec.ready_seconds.get().into());
        let ready = effective.iter().enumerate().map(|(number, effective)| {
            let address = addresses.as_ref().map_err(Clone::clone);
            let address = address.map(|addresses| addresses.get(number).copied());
            this.ready(address, effective, within)
        });
        let ready = join_all(ready).await;
        Ok((this, ready))
    }

    /// Starts it, with these ports published on loopback.
    async fn begin(
        docker: &Docker,
        Run { id: run_id, image, account }: Run<'_>,
        spec: &ContainerSpec,
        effective: &[&Effective],
        published: &[u16],
    ) -> Result<Self, String> {
        let mut unique = [0; 6];
        getrandom::fill(&mut unique).map_err(|e| e.to_string())?;
        let name = format!("countersign-{}-{}", image.tag, hex::encode(unique));
        let many = u64::try_from(effective.len()).unwrap_or(u64::MAX);
        let memory = i64::try_from(spec.memory_mib.saturating_mul(many) << 20).ok();
        let secret = format!("{}\n{}\n", account.user, account.password.expose());
        let target = effective.first().map_or("", |effective| effective.target.as_str());
        let exposed = published.iter().fold(GenericImage::new(REPOSITORY, &image.tag), |image, port| {
            image.with_exposed_port(port.tcp())
        });
        let published = published.to_vec();
        let mut request = exposed
            .with_container_name(&name)
            .with_labels(labels(run_id, target))
            .with_copy_to(CopyTargetOptions::new(ACCOUNT).with_mode(0o600), secret.into_bytes())
            .with_host_config_modifier(move |host| restrict(host, &published, memory));
        let several = configurations(effective).map_err(|why| format!("its configurations: {why}"))?;
        request = match (spec.servers.get(), effective.first().map(|effective| &effective.setting)) {
            (1, Some(Setting::Configuration(one))) => {
                let file = CopyTargetOptions::new(&spec.config).with_mode(0o644);
                request.with_copy_to(file, one.clone().into_bytes())
            }
            // All at once: the engine takes longer for each copy than smbd for its start.
            _ => request.with_copy_to(&spec.config, several.path().join(CONFIGURATIONS)),
        };
        match request.start().await {
            Ok(container) => {
                let password = account.password.expose().to_owned();
                Ok(Self { container: Some(container), docker: docker.clone(), password })
            }
            Err(why) => {
                // Created and not started is not covered by anybody's drop.
                remove_one(docker, &name).await;
                Err(why.to_string())
            }
        }
    }

    async fn ready(
        &self,
        address: Result<Option<SocketAddr>, String>,
        effective: &Effective,
        within: Duration,
    ) -> Result<SocketAddr, String> {
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
        let address = match address.and_then(|address| address.ok_or_else(|| "it has no address".to_owned()))
        {
            Ok(address) => address,
            // A container that ended has no port either; why it ended says more.
            Err(why) => return Err(timeout(END_TIME, exited).await.unwrap_or(why)),
        };
        tokio::select! {
            biased;
            why = exited => Err(why),
            answer = ready::answers(address, effective.dialects, within) => answer.map(|()| address),
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

/// A directory with the configurations in a directory of their own, the first in the file 1: everybody may read them, as in the
/// container their owner is whoever runs this.
fn configurations(effective: &[&Effective]) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join(CONFIGURATIONS);
    fs::create_dir(&directory)?;
    fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
    for (effective, number) in effective.iter().zip(1_u16..) {
        let Setting::Configuration(configuration) = &effective.setting else {
            return Err(io::Error::other("a policy has none"));
        };
        let file = directory.join(number.to_string());
        fs::write(&file, configuration)?;
        fs::set_permissions(&file, Permissions::from_mode(0o644))?;
    }
    Ok(folder)
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
