//! What is planned for a server that is somebody's: from the file, the arguments and the catalogue, and nothing else.

use super::address::Address;
use crate::args::QualifyArgs;
use crate::catalogue::{Catalogue, check_rules};
use crate::exit::Failure;
use crate::interposed;
use crate::names;
use crate::select::Selection;
use model::discovery::plan_discovery;
use model::external::{ExternalFile, PlannedExternal, is_of_step, not_allowed};
use model::merge::Part;
use model::plan::{PlannedTarget, expand, plan_expectations};
use model::results::{RunInfo, SCHEMA};
use model::target::Shares;
use model::{Plan, PlannedCase, Scenario, Target};
use std::collections::BTreeMap;
use std::fs;

/// What it is called where nobody says.
const NAME: &str = "nas";

/// A server that is somebody's, and what may be done on it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) user: String,
    pub(crate) domain: String,
    pub(crate) target: Target,
    pub(crate) allowed: PlannedExternal,
    /// Whether a share for guests is named.
    pub(crate) guests: bool,
}

impl Server {
    /// Reads the target file, where one is given, and what the arguments say besides.
    pub(crate) fn read(args: &QualifyArgs) -> Result<Self, Failure> {
        let mut file = match &args.target_file {
            None => ExternalFile::default(),
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|e| Failure::usage(format!("--target-file {}: {e}", path.display())))?;
                ExternalFile::parse(&text)
                    .map_err(|what| Failure::usage(format!("--target-file {}: {what}", path.display())))?
            }
        };
        file.id = args.id.clone().or(file.id);
        if let Some(id) = file.id.as_ref().filter(|id| !model::case::is_slug(id)) {
            return Err(Failure::usage(format!(
                "--id {id}: it is not made of letters, digits, `.`, `_` and `-`"
            )));
        }
        let needed = |what: &str, value: Option<String>| {
            value.ok_or_else(|| {
                Failure::usage(format!("there is no {what}: say --{what}, or {what} in --target-file"))
            })
        };
        let address = args.address.clone().or(file.address.take()).ok_or_else(|| {
            Failure::usage("there is no server: say its address, or address in --target-file")
        })?;
        let address = Address::parse(&address)?;
        let user = needed("user", args.user.clone().or(file.user.take()))?;
        let share = needed("share", args.share.clone().or(file.share.take()))?;
        let guest = args.guest_share.clone().or(file.guest_share.take());
        let guests = guest.is_some();
        let shares = Shares { guest: guest.unwrap_or_else(|| share.clone()), share };
        let target = file.target(NAME, shares, args.allow_failed_logons);
        check_rules(&format!("target {}", target.id), &target.expectations)?;
        let mut step = BTreeMap::new();
        for (axis, word) in &args.step {
            if step.insert(axis.clone(), word.clone()).is_some_and(|other| other != *word) {
                return Err(Failure::usage(format!("--step {axis}: a server is set to one thing at a time")));
            }
        }
        let allowed = PlannedExternal {
            address: address.to_string(),
            step,
            read_only: args.read_only,
            failed_logons: args.allow_failed_logons,
        };
        let domain = args.domain.clone().or(file.domain.take()).unwrap_or_default();
        Ok(Self { address, user, domain, target, allowed, guests })
    }

    /// Plans every case that the arguments select. What the server answers has no part in it.
    pub(crate) fn select(
        &self,
        args: &QualifyArgs,
        catalogue: &Catalogue,
        run: RunInfo,
    ) -> Result<Selection, Failure> {
        names::check("scenario", &args.scenario, catalogue.scenarios.iter().map(|s| s.id.as_str()))?;
        let target = &self.target;
        // The clients that people run have an account of their own to log on with, which is not this server's.
        let probed = |scenario: &&Scenario| scenario.axes.software.is_none();
        let scenarios: Vec<Scenario> = catalogue.scenarios.iter().filter(probed).cloned().collect();
        let mut everything = expand(&scenarios, std::slice::from_ref(target));
        for case in &mut everything {
            let not_allowed = not_allowed(case, &self.allowed, self.guests);
            case.unsupported = case.unsupported.take().or(not_allowed);
            case.reproduce = self.reproduce(args, case);
        }
        let mut cases = Vec::new();
        for case in &everything {
            let named = args.scenario.is_empty() || args.scenario.contains(&case.scenario);
            let wanted =
                args.common.case.is_empty() || args.common.case.iter().any(|id| id == case.id.as_str());
            if is_of_step(case, &self.allowed.step).map_err(Failure::usage)? && named && wanted {
                cases.push(case.clone());
            }
        }
        interposed::check_names(cases.iter())?;
        if cases.is_empty() {
            return Err(Failure::empty(
                "the filters select no case: `countersign list cases` shows those of other targets; after the `@` \
                 stands the id of this one",
            ));
        }
        let plan = Plan {
            schema: SCHEMA,
            run,
            targets: vec![PlannedTarget {
                id: target.id.clone(),
                title: target.title.clone(),
                discovery: plan_discovery(target, &cases),
                external: Some(self.allowed.clone()),
            }],
            texts: catalogue.texts(&cases),
            expectations: plan_expectations(target, &everything.iter().collect::<Vec<_>>()),
            // On a server that is somebody's nothing is left out.
            left_out: Vec::new(),
            shard: cases.iter().map(|case| case.id.clone()).collect(),
            cases,
        };
        Ok(Selection { plan, omitted: Vec::new(), omitted_clients: Vec::new() })
    }

    /// The ServerGuid that the server had in an earlier run.
    pub(crate) fn guid_in(&self, part: &Part) -> Result<String, Failure> {
        let id = &self.target.id;
        let Some(target) = part.targets.iter().find(|target| target.id == *id) else {
            let known: Vec<&str> = part.targets.iter().map(|target| target.id.as_str()).collect();
            return Err(Failure::usage(format!(
                "--into: there is no `{id}` in that run, there is {}: say --id",
                known.join(", ")
            )));
        };
        target.discovery.last().and_then(|seen| seen.server_guid.clone()).ok_or_else(|| {
            Failure::usage(format!(
                "--into: the ServerGuid of {id} is not known in that run: it can be any server"
            ))
        })
    }

    /// The command that runs one case again, the settings of the server being the same.
    fn reproduce(&self, args: &QualifyArgs, case: &PlannedCase) -> String {
        let mut all = vec!["countersign qualify".to_owned(), self.address.to_string()];
        let mut say = |option: &str, value: &str| all.push(format!("--{option} {}", quoted(value)));
        say("user", &self.user);
        say("share", &self.target.shares.share);
        if !self.domain.is_empty() {
            say("domain", &self.domain);
        }
        if self.guests {
            say("guest-share", &self.target.shares.guest);
        }
        if self.target.id != NAME {
            say("id", &self.target.id);
        }
        if let Some(file) = &args.target_file {
            say("target-file", &file.display().to_string());
        }
        if let Some(directory) = &args.common.scenarios_dir {
            say("scenarios", &directory.display().to_string());
        }
        if args.read_only {
            all.push("--read-only".to_owned());
        }
        if args.allow_failed_logons {
            all.push("--allow-failed-logons".to_owned());
        }
        all.push(format!("--case {}", case.id));
        all.join(" ")
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/$".contains(&b) && b != b'$';
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
