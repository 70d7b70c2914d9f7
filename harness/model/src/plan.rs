//! The plan: every scenario over its axes on every target, in a stable order, before anything runs.

mod cells;
mod expectations;
mod left_out;

pub(crate) use cells::cells;
pub use expectations::{plan_client_expectations, plan_expectations};
pub use left_out::{LeftOut, LeftOutCell};

use crate::case::{Axes, CaseId};
use crate::discovery::PlannedDiscovery;
use crate::expectation::{Condition, Expectation};
use crate::external::PlannedExternal;
use crate::outcome::{CheckLevel, Outcome};
use crate::predict::predict;
use crate::profile::{ClientProfile, ServerPolicy, SigningOffer};
use crate::results::RunInfo;
use crate::scenario::{Action, ClientDialects, Expect, Protocol, Scenario, Step};
use crate::software::{PlannedSoftware, Setting, Software};
use crate::target::{Target, TargetKind};
use crate::words::{Algorithm, Dialect, Generation, Login, Mapping, Signing};
use cells::CellValues;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The id of the wire-level client.
pub const PROBE: &str = "probe";

/// One case with everything that was decided about it before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedCase {
    /// `SCENARIO/axis=value,...@TARGET`.
    pub id: CaseId,
    /// The scenario's slug.
    pub scenario: String,
    /// The target's slug.
    pub target: String,
    /// The cell.
    pub axes: Axes,
    /// The client in this cell.
    pub client: ClientProfile,
    /// What the server is set to in this cell.
    pub server: ServerPolicy,
    /// The algorithms the target declares to select from by SMB2_SIGNING_CAPABILITIES.
    pub negotiates: Vec<Algorithm>,
    /// What the client logs on with.
    pub login: Login,
    /// What to do.
    pub steps: Vec<Step>,
    /// Where the prediction comes from.
    #[serde(default)]
    pub expect: Expect,
    /// How strongly that is meant, where it is that somebody notices.
    #[serde(default = "must")]
    pub level: CheckLevel,
    /// The client, where it is one that people run: it does what it does, and no steps are planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<PlannedSoftware>,
    /// What stands between client and server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interposed: Option<Interposed>,
    /// The sections the scenario rests on.
    pub cites: Vec<String>,
    /// Why it cannot run, where the target declares so.
    pub unsupported: Option<String>,
    /// The command that runs this case again.
    pub reproduce: String,
}

const fn must() -> CheckLevel {
    CheckLevel::Must
}

/// The one thing that an interposer does, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interposed {
    /// What somebody can do who knows no secret.
    Attack(String),
    /// What makes a faulty server out of a good one.
    Defect(String),
    /// What makes a server do the one thing right that it does wrong.
    Repair(String),
    /// Nothing stands there: it is the client that is another one than the plan says.
    Client(String),
}

impl PlannedCase {
    /// What should happen: computed from what both sides are set to, whenever it is asked. Nothing where the scenario does
    /// something wrong on purpose.
    #[must_use]
    pub fn predicted(&self) -> Option<Outcome> {
        match self.expect {
            Expect::Policy => Some(predict(&self.client, &self.server, self.login, &self.negotiates)),
            Expect::Steps | Expect::Noticed | Expect::RelayFails => None,
        }
    }

    /// The dialect strings of a multi-protocol NEGOTIATE, where the case begins with one.
    #[must_use]
    pub fn protocols(&self) -> Option<&[Protocol]> {
        self.steps.iter().find_map(|step| step.protocols.as_deref())
    }
}

/// An expectation, and how much of the catalogue it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedExpectation {
    /// The target it belongs to.
    pub target: String,
    /// The expectation.
    #[serde(flatten)]
    pub expectation: Expectation,
    /// Where it is not about the target after all: what the target's own folder says of the pair comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Condition>,
    /// How many cases of the unfiltered catalogue it is about; none makes it stale.
    pub matches: u64,
}

impl PlannedExpectation {
    /// Whether a case of `scenario` with these axes is one that it is about.
    #[must_use]
    pub fn is_about(&self, scenario: &str, axes: &Axes) -> bool {
        self.expectation.condition.matches(scenario, axes)
            && !self.except.iter().any(|except| except.matches(scenario, axes))
    }
}

/// A target as it stands in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTarget {
    /// Its slug.
    pub id: String,
    /// What a person calls it.
    pub title: String,
    /// What it is asked before the scenarios; nothing where no case can run on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<PlannedDiscovery>,
    /// What the operator allows on a server that is somebody's; nothing where it is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<PlannedExternal>,
}

/// Titles and remedies that stand in the files of scenarios, clients and targets. A report needs them, also one that is made
/// later and elsewhere, where those files are not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTexts {
    /// What a scenario shows, by its slug.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scenarios: BTreeMap<String, String>,
    /// What a person calls a client, by its slug.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, String>,
    /// What mends the things of a topic on a target, by the target's slug and the topic.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remedies: BTreeMap<String, BTreeMap<String, String>>,
}

impl PlannedTexts {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scenarios.is_empty() && self.clients.is_empty() && self.remedies.is_empty()
    }

    /// Takes what another plan has and this one has not.
    pub(crate) fn extend(&mut self, other: Self) {
        let add = |own: &mut BTreeMap<String, String>, other: BTreeMap<String, String>| {
            for (id, text) in other {
                own.entry(id).or_insert(text);
            }
        };
        add(&mut self.scenarios, other.scenarios);
        add(&mut self.clients, other.clients);
        for (target, remedies) in other.remedies {
            self.remedies.entry(target).or_insert(remedies);
        }
    }
}

/// What `plan.json` holds. It never depends on a server's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The version of this format.
    pub schema: u32,
    /// The run it belongs to.
    pub run: RunInfo,
    /// The targets the cases are on.
    pub targets: Vec<PlannedTarget>,
    /// What the catalogue of this run calls things, and what mends them.
    #[serde(default, skip_serializing_if = "PlannedTexts::is_empty")]
    pub texts: PlannedTexts,
    /// The known deviations of these targets.
    pub expectations: Vec<PlannedExpectation>,
    /// What was not planned, as other cases show the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Every selected case in order, all shards.
    pub cases: Vec<PlannedCase>,
    /// The cases of this shard.
    pub shard: Vec<CaseId>,
}

impl Plan {
    /// What each target is asked before the scenarios, by its slug.
    #[must_use]
    pub fn discoveries(&self) -> BTreeMap<String, PlannedDiscovery> {
        let of = |target: &PlannedTarget| Some((target.id.clone(), target.discovery.clone()?));
        self.targets.iter().filter_map(of).collect()
    }

    /// The cases of this shard, in order.
    pub fn selected(&self) -> impl Iterator<Item = &PlannedCase> {
        let ids: BTreeSet<&CaseId> = self.shard.iter().collect();
        self.cases.iter().filter(move |case| ids.contains(&case.id))
    }
}

/// What becomes of the cells of scenarios on targets.
#[derive(Debug, Clone, Default)]
pub struct Expansion<'s> {
    /// The cases.
    pub cases: Vec<PlannedCase>,
    /// The cells that are none.
    pub left_out: Vec<LeftOutCell<'s>>,
}

/// Every case of `scenarios` on `targets`: scenarios and targets in the order given, axes by name, values in the order
/// in which the scenario lists them. Without those that a scenario excepts, where the target can show the same in another.
#[must_use]
pub fn expand(scenarios: &[Scenario], targets: &[Target]) -> Vec<PlannedCase> {
    expansion(scenarios, targets).cases
}

/// The same, and what was left out.
#[must_use]
pub fn expansion<'s>(scenarios: &'s [Scenario], targets: &[Target]) -> Expansion<'s> {
    let mut all = Expansion::default();
    for scenario in scenarios {
        for target in targets {
            let cases = cells(scenario).into_iter().map(|cell| planned(scenario, target, cell));
            // What can be had on a server that is somebody's is seen when it is there.
            if scenario.except.is_empty() || target.kind == TargetKind::External {
                all.cases.extend(cases);
            } else {
                all.without_excepted(scenario, cases.collect());
            }
        }
    }
    all
}

impl<'s> Expansion<'s> {
    /// Takes the cases of a scenario on a target.
    fn without_excepted(&mut self, scenario: &'s Scenario, cases: Vec<PlannedCase>) {
        let supported = cases.iter().filter(|case| case.unsupported.is_none());
        let can_be_had: BTreeSet<Axes> = supported.map(|case| case.axes.clone()).collect();
        for case in cases {
            let other = scenario.instead_of(&case.axes).find(|(_, other)| can_be_had.contains(other));
            match other {
                None => self.cases.push(case),
                Some((except, other)) => {
                    let instead = CaseId::new(&case.scenario, &other, &case.target);
                    self.left_out.push(LeftOutCell { case, instead, except });
                }
            }
        }
    }
}

fn planned(scenario: &Scenario, target: &Target, cell: CellValues) -> PlannedCase {
    let taken = scenario.step.iter().filter(|step| cell.takes(&scenario.id, step));
    let mut steps: Vec<Step> = taken
        .map(|step| Step {
            // A scenario that was parsed defines every deviation it takes.
            deviate: scenario.deviation(step, &cell.axes).unwrap_or(step.deviate),
            ..step.clone()
        })
        .collect();
    // A step that is done wrong on purpose is what the case is about.
    let about = steps.iter().filter(|step| step.deviate.is_some());
    let about: Option<String> =
        about.filter_map(|step| target.is_without(step.action)).next().map(str::to_owned);
    steps.retain(|step| target.is_without(step.action).is_none());
    let mut client = match (&cell.profile, &cell.software) {
        (_, Some(software)) => software.profile(cell.setting),
        (Some(known), None) => {
            // Who knows SMB1 and SMB2 asks for both at once (3.2.4.2.2.1).
            steps.splice(..0, multi_protocol(&known.dialects.is));
            known.profile()
        }
        (None, None) => probe(scenario, &cell, &steps),
    };
    if cell.mapping == Mapping::RequireIntegrity {
        client.signing = Signing::Required;
    }
    let own_default = ServerPolicy::default().dialects;
    let server = ServerPolicy {
        signing: cell.server_signing,
        guest: cell.server_guest,
        dialects: match cell.server_dialects {
            Some(range) => {
                let wanted = (range.lowest, range.highest);
                target.own_dialects(Some(range), &client.dialects).unwrap_or(wanted)
            }
            // A client of SMB1 is for servers that have it.
            None => {
                let own = target.own_dialects(None, &client.dialects);
                let own = own.or_else(|| cell.software.as_ref().and_then(|_| target.meets(&client.dialects)));
                own.unwrap_or(match cell.dialect {
                    Dialect::Nt1 => (Dialect::Nt1, own_default.1),
                    _ => own_default,
                })
            }
        },
        ..ServerPolicy::default()
    };
    let unsupported = target
        .declares_unsupported(&scenario.id, &cell.axes)
        .map(str::to_owned)
        .or(about)
        .or_else(|| target.cannot_be_set_to(&server))
        .or_else(|| cell.software.as_ref().and_then(|software| cannot_be_set(software, cell.setting)))
        .or_else(|| {
            // What somebody does on the way is of interest where the client would get in without it.
            let noticed = scenario.expect == Expect::Noticed && cell.software.is_some();
            let alone = || predict(&client, &server, cell.login, &target.signing_capabilities);
            noticed
                .then(alone)
                .filter(|alone| alone.why.is_some())
                .map(|alone| format!("the client does not get in here in the first place: {}", alone.line()))
        });
    let setting = cell.setting;
    let software = cell.software.map(|software| PlannedSoftware {
        word: software.signing.get(&setting).cloned().unwrap_or_default(),
        id: software.id,
        setting,
        says: software.says,
    });
    let id = CaseId::new(&scenario.id, &cell.axes, &target.id);
    PlannedCase {
        reproduce: format!("countersign run --case {id}"),
        id,
        scenario: scenario.id.clone(),
        target: target.id.clone(),
        axes: cell.axes,
        client,
        server,
        negotiates: target.signing_capabilities.clone(),
        login: cell.login,
        steps,
        expect: scenario.expect,
        level: scenario.level,
        software,
        interposed: cell.interposed,
        cites: scenario.cites.clone(),
        unsupported,
    }
}

/// Why a client that people run has no such cell: it has no setting for it.
fn cannot_be_set(software: &Software, setting: Setting) -> Option<String> {
    let has = software.signing.contains_key(&setting);
    (!has).then(|| format!("the client has no setting that says of signing: {setting}"))
}

/// The client of a cell that names none: what the axes say, and nothing else.
fn probe(scenario: &Scenario, cell: &CellValues, steps: &[Step]) -> ClientProfile {
    let offer = cell.offer.clone().unwrap_or_else(|| match cell.algorithm {
        Some(algorithm) => SigningOffer::of(&[algorithm]),
        None => SigningOffer::of(&[Algorithm::Aes128Gmac, Algorithm::Aes128Cmac, Algorithm::HmacSha256]),
    });
    let dialects = offered_dialects(cell.dialect, scenario.client_dialects, steps);
    ClientProfile {
        id: PROBE.to_owned(),
        signing: cell.client,
        algorithms: offer,
        guest: cell.client_guest,
        generation: cell.generation.unwrap_or(match dialects.contains(&Dialect::Nt1) {
            true => Generation::Smb1Current,
            false => Generation::Smb2,
        }),
        extended_security: cell.extended_security,
        dialects,
    }
}

/// The first step of a client that offers SMB1 and SMB2.
fn multi_protocol(dialects: &[Dialect]) -> Option<Step> {
    if !dialects.contains(&Dialect::Nt1) || dialects == [Dialect::Nt1] {
        return None;
    }
    let mut protocols = vec![Protocol::NtLm012];
    protocols.extend(dialects.contains(&Dialect::Smb202).then_some(Protocol::Smb2002));
    protocols.extend(dialects.iter().any(|d| *d > Dialect::Smb202).then_some(Protocol::Smb2Wildcard));
    Some(Step { protocols: Some(protocols), ..Step::of(Action::MultiProtocolNegotiate) })
}

/// The dialects a client offers, oldest first: the one of the cell, the older ones where the scenario says so, and what its
/// multi-protocol NEGOTIATE names besides.
fn offered_dialects(dialect: Dialect, offers: ClientDialects, steps: &[Step]) -> Vec<Dialect> {
    let mut all = vec![dialect];
    if offers == ClientDialects::UpTo {
        let older = [Dialect::Smb202, Dialect::Smb21, Dialect::Smb30, Dialect::Smb302];
        all.extend(older.into_iter().filter(|older| *older < dialect && dialect != Dialect::Nt1));
    }
    for protocol in steps.iter().filter_map(|step| step.protocols.as_ref()).flatten() {
        match protocol {
            Protocol::NtLm012 => all.push(Dialect::Nt1),
            Protocol::Smb2002 => all.push(Dialect::Smb202),
            Protocol::Smb2Wildcard => {} // It stands for the dialect of the cell.
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Kind;

    const SCENARIO: &str = r#"
title = "t"
cites = ["MS-SMB2 3.2.5.2"]
expect = "policy"
[axes]
client = ["required", "not-required"]
dialect = ["2.1", "3.1.1"]
algorithm = "each"
"server.signing" = ["not-required"]
[[step]]
do = "session-setup"
[[step]]
do = "echo"
when = { dialect = "2.1" }
"#;
    const TARGET: &str = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = [\"aes-128-cmac\", \"hmac-sha256\"]\n\
        [shares]\nshare = \"share\"\nguest = \"guest\"\n\
        [[unsupported]]\nwhen = { algorithm = \"aes-128-gmac\" }\nwhy = \"no GMAC\"\n";
    const EXPECTATIONS: &str = "[[expectation]]\nrule = \"a/b\"\nwhen = { dialect = \"3.1.1\" }\nreason = \"r\"\n\
        [[expectation]]\nrule = \"a/b\"\nwhen = { dialect = \"3.0\" }\nreason = \"r\"\n";

    #[test]
    fn expands_what_the_dialect_allows() {
        let scenario = Scenario::parse("s", "s.toml", SCENARIO).unwrap();
        let target = Target::parse("t", TARGET, EXPECTATIONS).unwrap();
        let all = expand(std::slice::from_ref(&scenario), std::slice::from_ref(&target));
        let ids: Vec<&str> = all.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), 2 * (1 + 3));
        assert_eq!(
            ids[0],
            "s/algorithm=hmac-sha256,client=required,dialect=2.1,server.signing=not-required@t"
        );
        let unique: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        assert_eq!(all[0].steps.len(), 2);
        assert_eq!(all[7].steps.len(), 1);
        assert_eq!(all[0].predicted().map(|p| p.kind), Some(Kind::Signed));
        assert_eq!(all[1].predicted().map(|p| p.kind), Some(Kind::NotSigned));
        let unsupported = all.iter().filter(|case| case.unsupported.is_some()).count();
        assert_eq!(unsupported, 2);

        let text = TARGET.replace("[[unsup", "[[without]]\nsteps = [\"echo\"]\nwhy = \"no ECHO\"\n[[unsup");
        let silent = Target::parse("t", &text, "").unwrap();
        let deviant = SCENARIO
            .replace("\"policy\"", "\"steps\"")
            .replace("\"echo\"", "\"echo\"\ndeviate = { signature = \"missing\" }");
        let deviant = Scenario::parse("d", "d.toml", &deviant).unwrap();
        let without = expand(&[scenario, deviant], &[silent]);
        let of = |scenario: &'static str| without.iter().filter(move |case| case.scenario == scenario);
        assert!(of("s").all(|case| case.steps.len() == 1));
        assert_eq!(of("s").filter(|case| case.unsupported.is_some()).count(), 2);
        // The step is only in the cells with 2.1.
        let about = of("d").filter(|case| case.unsupported.as_deref() == Some("no ECHO"));
        assert!(about.clone().all(|case| case.axes["dialect"] == "2.1") && about.count() == 2);

        let planned = plan_expectations(&target, &all.iter().collect::<Vec<_>>());
        assert_eq!(planned.iter().map(|p| p.matches).collect::<Vec<_>>(), [4, 0]);
    }
}
