//! The work on a server that is somebody's: discovery, a directory of its own, and the cases that fit.

use super::plan::Server;
use crate::discovery;
use crate::exit::Failure;
use crate::run::Context;
use crate::servers::{About, cases_on, end, report_target};
use model::discovery::{PlannedDiscovery, Topic};
use model::external::{Fit, fit, logs_on_wrongly, not_set};
use model::results::TargetState;
use model::{CaseResult, Dialect, Discovery, Login, PlannedCase, Target};
use probe::{Denied, Endpoint, Workspace};
use std::num::NonZeroU16;
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// What is to be done, and what was made on the server.
pub(crate) struct Work<'a> {
    server: &'a Server,
    endpoint: Endpoint,
    /// The ServerGuid that it had in the run that this is merged into.
    guid: Option<String>,
    made: Mutex<Vec<Workspace>>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(server: &'a Server, endpoint: Endpoint, guid: Option<String>) -> Self {
        Self { server, endpoint, guid, made: Mutex::default() }
    }

    /// Asks the server what it does, and runs what fits.
    pub(crate) async fn run(&self, context: &Arc<Context>, cases: Vec<PlannedCase>) -> Result<(), Failure> {
        let Server { target, allowed, .. } = self.server;
        let Some(planned) = context.discoveries.get(&target.id) else {
            return Err(Failure::environment("the plan says nothing of what to ask the server"));
        };
        let seen = discovery::ask(context, &target.id, planned, &self.endpoint, None).await;
        let about = About { discovery: vec![seen.clone()], ..About::default() };
        report_target(context, target, TargetState::Ready, None, about);
        self.check(&seen)?;
        if let Some(guid) = self.guid.as_ref().filter(|guid| seen.server_guid.as_ref() != Some(*guid)) {
            return Err(Failure::usage(format!(
                "this is another server than that of the run to merge into: its ServerGuid is {}, not {guid}; no case was \
                 run",
                seen.server_guid.as_deref().unwrap_or("not the same in every answer")
            )));
        }
        if let Some(what) = not_set(&allowed.step, &seen) {
            return Err(Failure::usage(format!(
                "the server is not set as --step says: {what}: change its settings, see that they are in force, and run \
                 this again; no case was run"
            )));
        }
        let endpoint = Arc::new(self.workspace(context, planned, &seen).await?);
        let mut runs = Vec::new();
        for case in cases {
            match fit(&case, &seen) {
                Fit::Runs(case) => runs.push(*case),
                Fit::Unsupported(why) => end(context, CaseResult::unsupported(&case, &why)),
                Fit::Waits(why) => end(context, CaseResult::inconclusive(&case, why)),
            }
        }
        let (wrong, right): (Vec<_>, Vec<_>) = runs.into_iter().partition(logs_on_wrongly);
        // A client of SMB1 watches the directory that the others work in.
        let (smb1, smb2): (Vec<_>, Vec<_>) =
            right.into_iter().partition(|case| case.client.dialects == [Dialect::Nt1]);
        let locked = Arc::new(OnceLock::new());
        cases_on(context, target, &endpoint, smb2, None, Some(&locked)).await;
        cases_on(context, target, &endpoint, smb1, None, Some(&locked)).await;
        // An account that is locked for them spoils nothing else.
        let alone = Target { parallel_cases: NonZeroU16::MIN, ..target.clone() };
        cases_on(context, &alone, &endpoint, wrong, None, Some(&locked)).await;
        if let Some(why) = locked.get() {
            anstream::eprintln!("countersign: {why}");
        }
        Ok(())
    }

    /// Whether what answers is a server that the account can log on to.
    fn check(&self, seen: &Discovery) -> Result<(), Failure> {
        let Server { address, user, .. } = self.server;
        if seen.dialects().is_empty() {
            let why =
                seen.capabilities.iter().find_map(|it| it.why.as_deref()).unwrap_or("it refused all of them");
            return Err(Failure::environment(format!(
                "what answers at {address} is no SMB server: no NEGOTIATE was answered with a dialect ({why}): check the \
                 address and the port"
            )));
        }
        match seen.observed(Topic::Logon(Login::User)) {
            Some("user") => Ok(()),
            Some("refused") => {
                let id = Topic::Logon(Login::User).to_string();
                let status = seen.capabilities.iter().find(|it| it.id == id).and_then(|it| it.why.clone());
                Err(Failure::usage(format!(
                    "{address} refuses the logon of {user} ({}): check user, domain and password; it was tried once",
                    status.unwrap_or_else(|| "no status".to_owned())
                )))
            }
            Some(other) => Err(Failure::usage(format!(
                "{address} takes {user} as {other}: it does not know the account: check user and domain"
            ))),
            None => Err(Failure::environment(format!(
                "it could not be found out whether {user} can log on to {address}: the evidence of the discovery shows \
                 how far it got"
            ))),
        }
    }

    /// The endpoint with the directory to work in.
    async fn workspace(
        &self,
        context: &Context,
        planned: &PlannedDiscovery,
        seen: &Discovery,
    ) -> Result<Endpoint, Failure> {
        let Server { target, allowed, guests, .. } = self.server;
        let mut case = planned.case(&target.id);
        let newest = seen.dialects().last().copied().filter(|dialect| *dialect > Dialect::Nt1);
        let Some(newest) = newest else { return Ok(self.endpoint.clone()) };
        case.client.dialects = vec![newest];
        let (limits, seed) = (context.limits, context.seed);
        if allowed.read_only {
            let mounted = probe::mount(&case, &self.endpoint, limits, seed).await;
            mounted.map_err(|denied| self.denied(&denied, &self.endpoint.shares.share))?;
            return Ok(self.endpoint.clone());
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| Failure::environment(format!("failed to get random numbers: {e}")))?;
        // Not by the seed: two runs with one seed must not meet in one directory.
        let number = u64::from_le_bytes(random);
        let mut shares = vec![self.endpoint.shares.share.clone()];
        if *guests && self.endpoint.shares.guest != self.endpoint.shares.share {
            shares.push(self.endpoint.shares.guest.clone());
        }
        let mut folder = None;
        for share in shares {
            let mut endpoint = self.endpoint.clone();
            endpoint.shares.share.clone_from(&share);
            let made = Workspace::open(&case, &endpoint, limits, number).await;
            let made = made.map_err(|denied| self.denied(&denied, &share))?;
            for swept in &made.swept {
                anstream::eprintln!("countersign: {swept} of a run that was killed is removed from {share}");
            }
            for left in &made.left {
                anstream::eprintln!(
                    "countersign: {left} is left on {share}: another run works in it, or it holds something else"
                );
            }
            folder = Some(made.folder.clone());
            self.made.lock().await.push(made);
        }
        Ok(Endpoint { folder, ..self.endpoint.clone() })
    }

    fn denied(&self, denied: &Denied, share: &str) -> Failure {
        let Server { user, address, .. } = self.server;
        match denied {
            Denied::Share(status) => Failure::usage(format!(
                "{user} cannot mount {share} on {address}: {status}: check the share's name and who may use it"
            )),
            Denied::Directory(status) => Failure::usage(format!(
                "{user} cannot make a directory on {share}: {status}: let the account write there, or give --read-only"
            )),
            Denied::Other(why) => {
                Failure::environment(format!("{share} on {address} cannot be worked on: {why}"))
            }
        }
    }

    /// Removes what was made on the server.
    pub(crate) async fn clean_up(&self) {
        for made in self.made.lock().await.drain(..) {
            let folder = made.folder.clone();
            if let Err(why) = made.close().await {
                anstream::eprintln!(
                    "countersign: {folder} is left on the share: {why}: the next run removes it, or you can"
                );
            }
        }
    }
}
