//! One run's lab.

use crate::client::{self, Client, PreparedClient};
use crate::config::Setting;
use crate::container::Container;
use crate::embedded::{self, Embedded};
use crate::image::Recipe;
use crate::server::Running;
use crate::{Account, Effective, LabError, Prepared, Progress, Server, TargetFiles, engine, image};
use model::target::TargetKind;
use model::{ServerPolicy, Software, Target};
use testcontainers::bollard::Docker;

/// What a lab must know.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// The run's id; its containers carry it as a label.
    pub run_id: String,
}

/// Brings servers up and down for one run. All methods may be called from several tasks at once.
pub struct Lab {
    run_id: String,
    engine: Result<Docker, String>,
    account: Result<Account, getrandom::Error>,
}

impl Lab {
    /// A lab with a fresh account. Looks for a Docker engine (a few seconds at most) and removes what killed runs left
    /// in it; containers of runs that live are not touched.
    pub async fn new(options: LabOptions) -> Self {
        let engine = engine::connect().await;
        if let Ok(docker) = &engine {
            engine::sweep(docker).await;
        }
        Self { run_id: options.run_id, engine, account: Account::random() }
    }

    /// A lab that brings nothing up: what is tested is somebody's.
    #[must_use]
    pub fn idle(options: LabOptions) -> Self {
        let engine = Err("no server is brought up in this run".to_owned());
        Self { run_id: options.run_id, engine, account: Account::random() }
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
        let target = &prepared.target;
        if effective.target != target.id {
            return Err(LabError::Mismatch { target: effective.target.clone(), prepared: target.id.clone() });
        }
        let error = |why: String| LabError::Start { target: target.id.clone(), why };
        let account = self.account.clone().map_err(|e| error(format!("there is no password: {e}")))?;
        match (&effective.setting, &target.container, &prepared.image) {
            (Setting::Embedded { signing_required }, _, _) => {
                let (embedded, address) =
                    Embedded::start(&target.shares, *signing_required, &account).await.map_err(error)?;
                Ok(Server {
                    address,
                    account,
                    version: Some(embedded::VERSION.to_owned()),
                    image: None,
                    running: Running::Embedded(embedded),
                })
            }
            (Setting::Configuration(_), Some(spec), Some(image)) => {
                let docker = self.docker(&target.id)?;
                let (container, address) =
                    Container::start(docker, &self.run_id, spec, image, effective, &account).await?;
                Ok(Server {
                    address,
                    account,
                    version: Some(image.version.clone()),
                    image: Some(image.id.clone()),
                    running: Running::Container(Box::new(container)),
                })
            }
            (Setting::Configuration(_), _, _) => Err(error("it has no image".to_owned())),
        }
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
