//! One run's lab.

use crate::client::{self, Client, PreparedClient};
use crate::config::Setting;
use crate::container::{Container, Run};
use crate::embedded::{self, Embedded};
use crate::image::Recipe;
use crate::server::Running;
use crate::{Account, Effective, LabError, Prepared, Progress, Server, TargetFiles, engine, image};
use futures_util::future::join_all;
use model::target::TargetKind;
use model::{ServerPolicy, Software, Target};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use testcontainers::bollard::Docker;

/// What a lab must know.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// The run's id; its containers carry it as a label.
    pub run_id: String,
    /// Whether servers in containers are published on 127.0.0.1 in any case. Otherwise they are where a container cannot be
    /// reached at its own address, as with an engine that has a machine of its own.
    pub published: bool,
}

/// Brings servers up and down for one run. All methods may be called from several tasks at once.
pub struct Lab {
    run_id: String,
    engine: Result<Docker, String>,
    account: Result<Account, getrandom::Error>,
    /// Whether containers have to be published to be reached; known from the first on.
    publishes: AtomicBool,
}

impl Lab {
    /// A lab with a fresh account. Looks for a Docker engine (a few seconds at most) and removes what killed runs left
    /// in it; containers of runs that live are not touched.
    pub async fn new(options: LabOptions) -> Self {
        let engine = engine::connect().await;
        if let Ok(docker) = &engine {
            engine::sweep(docker).await;
        }
        Self {
            run_id: options.run_id,
            engine,
            account: Account::random(),
            publishes: AtomicBool::new(options.published),
        }
    }

    /// A lab that brings nothing up: what is tested is somebody's.
    #[must_use]
    pub fn idle(options: LabOptions) -> Self {
        let engine = Err("no server is brought up in this run".to_owned());
        Self {
            run_id: options.run_id,
            engine,
            account: Account::random(),
            publishes: AtomicBool::new(options.published),
        }
    }

    /// Whether containers can be run.
    ///
    /// # Errors
    /// Why not, and how to mend it.
    pub fn engine(&self) -> Result<(), String> {
        self.engine.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// What `policy` comes to on `target`: one server per different answer is enough. Needs no engine.
    ///
    /// # Errors
    /// [`LabError::CannotBeSetTo`], [`LabError::Files`].
    pub fn effective(
        &self,
        target: &Target,
        files: &TargetFiles,
        policy: &ServerPolicy,
    ) -> Result<Effective, LabError> {
        Effective::of(target, files, policy)
    }

    /// Makes whatever the target needs before it can be started: its base image and its image, where they are not
    /// there. An image is made once per content of its folder, also when several tasks or processes ask for it.
    ///
    /// # Errors
    /// [`LabError::NoEngine`], [`LabError::Files`], [`LabError::Base`], [`LabError::Build`].
    pub async fn prepare(
        &self,
        target: &Target,
        files: &TargetFiles,
        progress: &Progress<'_>,
    ) -> Result<Prepared, LabError> {
        let image = match &target.container {
            Some(spec) if target.kind == TargetKind::Container => {
                let docker = self.docker(&target.id)?;
                let apart = ["target.toml", "expectations.toml", spec.template.as_str()];
                let recipe =
                    Recipe { id: &target.id, base: &spec.base, version: &spec.version, files, apart: &apart };
                Some(image::prepare(docker, &self.run_id, recipe, progress).await?)
            }
            _ => None,
        };
        Ok(Prepared { target: target.clone(), image })
    }

    /// Starts a server and returns when it has answered a NEGOTIATE.
    ///
    /// # Errors
    /// [`LabError::NoEngine`], [`LabError::Start`], [`LabError::NotReady`], [`LabError::Mismatch`].
    pub async fn start(&self, prepared: &Prepared, effective: &Effective) -> Result<Server, LabError> {
        let started = self.start_together(prepared, &[effective]).await?;
        let none = || LabError::Start { target: prepared.target.id.clone(), why: "there is none".to_owned() };
        started.into_iter().next().ok_or_else(none)?
    }

    /// Starts a server for each of these policies, in one container where they are in containers, and returns when each has
    /// answered a NEGOTIATE or has failed to. At most as many as the target says that one container holds.
    ///
    /// # Errors
    /// As [`Lab::start`], where none of them can be started; within, why one of them was not.
    pub async fn start_together(
        &self,
        prepared: &Prepared,
        effective: &[&Effective],
    ) -> Result<Vec<Result<Server, LabError>>, LabError> {
        let target = &prepared.target;
        if let Some(other) = effective.iter().find(|effective| effective.target != target.id) {
            return Err(LabError::Mismatch { target: other.target.clone(), prepared: target.id.clone() });
        }
        let error = |why: String| LabError::Start { target: target.id.clone(), why };
        let account = self.account.clone().map_err(|e| error(format!("there is no password: {e}")))?;
        let (Some(spec), Some(image)) = (&target.container, &prepared.image) else {
            let all = effective.iter().map(|effective| self.start_embedded(prepared, effective, &account));
            return Ok(join_all(all).await);
        };
        if effective.len() > spec.servers.get().into() {
            return Err(error(format!("its container holds {} servers and no more", spec.servers)));
        }
        let docker = self.docker(&target.id)?;
        let run = Run { id: &self.run_id, image, account: &account };
        let (mut container, ready) =
            Container::start(docker, run, spec, effective, &self.publishes).await.map_err(error)?;
        let log = match ready.iter().any(Result::is_err) {
            true => container.logs().await,
            false => String::new(),
        };
        if ready.iter().all(Result::is_err) {
            container.remove().await;
        }
        let container = Arc::new(container);
        Ok(ready
            .into_iter()
            .map(|ready| match ready {
                Ok(address) => Ok(Server {
                    address,
                    account: account.clone(),
                    version: Some(image.version.clone()),
                    image: Some(image.id.clone()),
                    running: Running::Container(Arc::clone(&container)),
                }),
                Err(why) => Err(LabError::NotReady { target: target.id.clone(), why, log: log.clone() }),
            })
            .collect())
    }

    async fn start_embedded(
        &self,
        prepared: &Prepared,
        effective: &Effective,
        account: &Account,
    ) -> Result<Server, LabError> {
        let target = &prepared.target;
        let error = |why: String| LabError::Start { target: target.id.clone(), why };
        let Setting::Embedded { signing_required } = &effective.setting else {
            return Err(error("it has no image".to_owned()));
        };
        let (embedded, address) =
            Embedded::start(&target.shares, *signing_required, account).await.map_err(error)?;
        Ok(Server {
            address,
            account: account.clone(),
            version: Some(embedded::VERSION.to_owned()),
            image: None,
            running: Running::Embedded(embedded),
        })
    }

    /// Makes the image of a client that people run, where there is none.
    ///
    /// # Errors
    /// As [`Lab::prepare`]; also for a client that has no container.
    pub async fn prepare_client(
        &self,
        software: &Software,
        files: &TargetFiles,
        progress: &Progress<'_>,
    ) -> Result<PreparedClient, LabError> {
        let id = &software.id;
        let Some(spec) = &software.container else {
            return Err(LabError::Start { target: id.clone(), why: "it has no container".to_owned() });
        };
        let recipe = Recipe {
            id,
            base: &spec.base,
            version: &spec.version,
            files,
            apart: &["client.toml", "expectations.toml"],
        };
        let image = image::prepare(self.docker(id)?, &self.run_id, recipe, progress).await?;
        Ok(PreparedClient { id: id.clone(), spec: spec.clone(), image })
    }

    /// Starts the container of a client, and returns when cases can be driven in it. It reaches nothing but the sockets of its
    /// slots.
    ///
    /// # Errors
    /// [`LabError::NoEngine`], [`LabError::Start`], [`LabError::NotReady`].
    pub async fn start_client(&self, prepared: &PreparedClient) -> Result<Client, LabError> {
        let docker = self.docker(&prepared.id)?;
        let account = self.account()?;
        client::start(docker, &self.run_id, prepared, &account).await
    }

    /// The account of this run's servers.
    ///
    /// # Errors
    /// The operating system gave no random bytes for a password.
    fn account(&self) -> Result<Account, LabError> {
        self.account.clone().map_err(|e| LabError::Start {
            target: "a client".to_owned(),
            why: format!("there is no password: {e}"),
        })
    }

    /// Removes every container of this run, whatever has become of its [`Server`]: also after a signal. May be called
    /// again.
    pub async fn down(&self) {
        if let Ok(docker) = &self.engine {
            engine::remove_run(docker, &self.run_id).await;
        }
    }

    fn docker(&self, target: &str) -> Result<&Docker, LabError> {
        self.engine.as_ref().map_err(|why| LabError::NoEngine { target: target.to_owned(), why: why.clone() })
    }
}
