//! `selftest`: every rule against every defect.

mod declared;

use crate::args::SelftestArgs;
use crate::catalogue::{Catalogue, KnownTarget};
use crate::exit::{Exit, Failure};
use crate::names;
use crate::run::{Ended, How, carry_out};
use crate::select::{self, Selection};
use declared::FALSE_DECLARATION;
use model::discovery::plan_discovery;
use model::plan::{Interposed, PlannedTarget, expand, plan_expectations};
use model::results::{RunInfo, SCHEMA};
use model::scenario::Expect;
use model::selftest::{DEFECT_AXIS, KillMatrix, KnownDefect, KnownRule, REPAIR_AXIS};
use model::{Action, CaseId, Dialect, Plan, PlannedCase, Signing, Target};
use std::time::Instant;

/// Axes, and of each the words that are taken.
type Axes = &'static [(&'static str, &'static [&'static str])];

/// The cases that are run clean, and with each defect that has something to do in them: by scenario, and for the axes
/// named the words that are taken. Together they meet every rule; more of the same would prove no more.
const SUITE: &[(&str, Axes)] = &[
    ("smb2-policy", &[]),
    ("smb2-algorithms", &[("offer", &["none", "unknown", "unknown-cmac", "gmac-cmac-hmac"])]),
    (
        "smb2-guest",
        &[
            ("dialect", &["2.1", "3.1.1"]),
            ("client.guest", &["allowed"]),
            ("server.guest", &["bad-user"]),
            ("login", &["unknown-user"]),
        ],
    ),
    ("smb2-anonymous", &[("dialect", &["2.1", "3.1.1"]), ("server.signing", &["not-required"])]),
    (
        "smb2-tamper",
        &[
            ("deviation", &["signature-byte-0", "unsigned", "unknown-session"]),
            ("server.signing", &["required"]),
        ],
    ),
    ("smb2-commands", &[("dialect", &["2.1", "3.1.1"])]),
    ("smb2-compounds", &[("dialect", &["2.1", "3.1.1"])]),
    ("smb2-oplocks", &[("dialect", &["2.1", "3.1.1"])]),
    ("smb2-cancel", &[("dialect", &["2.1", "3.1.1"]), ("deviation", &["signature", "unsigned"])]),
    (
        "smb2-connections",
        &[("dialect", &["3.1.1"]), ("client", &["required"]), ("server.signing", &["required"])],
    ),
    (
        "multi-protocol",
        &[("dialect", &["2.0.2", "3.1.1"]), ("server.dialects", &["nt1..3.1.1", "2.0.2..3.1.1"])],
    ),
    ("smb1-policy", &[("extended-security", &["yes"]), ("generation", &["smb1-current"])]),
    ("smb1-signing", &[("extended-security", &["yes"])]),
    (
        "smb1-guest",
        &[
            ("extended-security", &["yes"]),
            ("client", &["enabled"]),
            ("client.guest", &["allowed"]),
            ("server.guest", &["bad-user"]),
            ("login", &["unknown-user"]),
        ],
    ),
    (
        "smb1-tamper",
        &[
            ("extended-security", &["yes"]),
            ("client", &["required"]),
            ("deviation", &["later-signature", "unsigned"]),
        ],
    ),
    ("smb1-read-raw", &[]),
    ("smb1-absent", &[]),
    ("smb2-attacks", &[("attack", &["change-guid"]), ("dialect", &["3.0"])]),
    ("smb2-attacks-relay", &[("dialect", &["3.0"])]),
];

/// What is wrong with the client itself, or with what a server is set to, where no interposer can make it so.
const FAULTY_CLIENTS: &[KnownDefect] = &[
    KnownDefect {
        id: "client-asks-for-nothing",
        title: "A client that is set to require signing over SMB1 does not say so",
        meant_for: &["smb1/client-requires"],
    },
    KnownDefect {
        id: "client-validates-nothing",
        title: "A client goes on without FSCTL_VALIDATE_NEGOTIATE_INFO, and an attack on the negotiation succeeds",
        meant_for: &["attack/noticed"],
    },
    KnownDefect {
        id: "server-requires-nothing",
        title: "A server that is to require signing does not, and a logon that is relayed to it can be used",
        meant_for: &["attack/relayed-logon"],
    },
];

/// `countersign selftest`.
pub(crate) fn selftest(args: &SelftestArgs, command: &str) -> Result<Exit, Failure> {
    let catalogue = Catalogue::load(None, None)?;
    select::check_targets(&args.target, &catalogue)?;
    names::check(
        "defect",
        &args.defect,
        defects().into_iter().map(|defect| defect.id).collect::<Vec<_>>().into_iter(),
    )?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::environment(format!("failed to start: {e}")))?
        .block_on(drive(args, &catalogue, command))
}

async fn drive(args: &SelftestArgs, catalogue: &Catalogue, command: &str) -> Result<Exit, Failure> {
    let started = Instant::now();
    let how = How {
        out: args.out.as_ref(),
        jobs: args.jobs,
        memory: args.memory,
        timeout: args.timeout,
        seed: None,
    };
    let select = |engine: Result<(), &str>, info: RunInfo| select(args, catalogue, engine, info);
    let Ended { folder, mut results, stopped } = carry_out(&how, catalogue, command, select).await?;
    folder.write_results(&results)?;
    let falsely = is_wanted(args, FALSE_DECLARATION.id);
    let recorded = results.clone();
    results.cases.extend(declared::cases(&folder, &results, falsely));
    // What is held against clients that people run takes one that is faulty, and those are nobody's to make so: the tests make
    // them of recorded bytes.
    let about_servers = |rule: &judge::RuleInfo| !rule.id.starts_with("client/");
    let rules: Vec<KnownRule> = judge::rules()
        .filter(about_servers)
        .map(|rule| KnownRule { id: rule.id, title: rule.title, level: rule.level })
        .collect();
    let defects: Vec<KnownDefect> =
        defects().into_iter().filter(|defect| is_wanted(args, defect.id)).collect();
    let matrix = KillMatrix::of(&results, &rules, &defects);
    folder.write_matrix(&matrix)?;
    folder.write_report(&recorded)?;
    anstream::print!("{}", reports::selftest::terminal(&matrix));
    anstream::println!("{:.1} s · {} cases", started.elapsed().as_secs_f64(), results.cases.len());
    anstream::println!("kill matrix: {}", folder.path().join("kill-matrix.html").display());
    Ok(stopped.unwrap_or(if matrix.whole { Exit::Expected } else { Exit::Deviation }))
}

/// Every defect there is: those of servers, and those of clients.
fn defects() -> Vec<KnownDefect> {
    let servers = interpose::defects().iter();
    let servers =
        servers.map(|defect| KnownDefect { id: defect.id, title: defect.title, meant_for: defect.trips });
    servers.chain(FAULTY_CLIENTS.iter().copied()).chain([FALSE_DECLARATION]).collect()
}

fn is_wanted(args: &SelftestArgs, defect: &str) -> bool {
    args.defect.is_empty() || args.defect.iter().any(|wanted| wanted == defect)
}

fn select(
    args: &SelftestArgs,
    catalogue: &Catalogue,
    engine: Result<(), &str>,
    run: RunInfo,
) -> Result<Selection, Failure> {
    let everything = expand(&catalogue.scenarios, &catalogue.targets());
    let (wanted, omitted): (Vec<&KnownTarget>, Vec<(PlannedTarget, String)>) =
        select::targets(&args.target, &[], catalogue, engine);
    let clean: Vec<PlannedCase> = everything
        .iter()
        .filter(|case| wanted.iter().any(|known| known.target.id == case.target))
        .filter(|case| case.unsupported.is_none() && is_in_suite(case))
        .cloned()
        .collect();
    let mut cases = clean.clone();
    // A rule that every server here breaks can be held only where somebody keeps to it in the server's place.
    for repair in interpose::repairs() {
        let touched = clean.iter().filter(|case| {
            case.interposed.is_none()
                && case.axes.contains_key("deviation")
                && case.client.dialects.iter().any(|d| repair.protocols.contains(d))
        });
        cases.extend(touched.map(|case| {
            let mut axes = case.axes.clone();
            axes.insert(REPAIR_AXIS.to_owned(), repair.id.to_owned());
            PlannedCase {
                id: CaseId::new(&case.scenario, &axes, &case.target),
                axes,
                interposed: Some(Interposed::Repair(repair.id.to_owned())),
                reproduce: format!("countersign selftest --target {}", case.target),
                ..case.clone()
            }
        }));
    }
    for defect in interpose::defects().iter().filter(|defect| is_wanted(args, defect.id)) {
        let touched = clean.iter().filter(|case| {
            case.interposed.is_none() && case.client.dialects.iter().any(|d| defect.protocols.contains(d))
        });
        cases.extend(touched.map(|case| with(case, defect.id, Interposed::Defect(defect.id.to_owned()))));
    }
    for faulty in FAULTY_CLIENTS.iter().filter(|faulty| is_wanted(args, faulty.id)) {
        cases.extend(clean.iter().filter_map(|case| faulty_client(case, faulty.id)));
    }
    if clean.is_empty() {
        return Err(Failure::empty("no target can run anything of the self-test"));
    }
    let planned: Vec<&Target> = wanted
        .iter()
        .map(|known| &known.target)
        .filter(|target| cases.iter().any(|case| case.target == target.id))
        .collect();
    let known: Vec<&PlannedCase> = everything.iter().collect();
    let plan = Plan {
        schema: SCHEMA,
        run,
        targets: planned
            .iter()
            .map(|target| PlannedTarget {
                discovery: plan_discovery(target, &clean),
                ..select::planned_target(target)
            })
            .collect(),
        texts: catalogue.texts(&cases),
        expectations: planned.iter().flat_map(|target| plan_expectations(target, &known)).collect(),
        // Its suite is chosen case by case.
        left_out: Vec::new(),
        shard: cases.iter().map(|case| case.id.clone()).collect(),
        cases,
    };
    Ok(Selection { plan, omitted, omitted_clients: Vec::new() })
}

fn is_in_suite(case: &PlannedCase) -> bool {
    SUITE.iter().any(|(scenario, axes)| {
        *scenario == case.scenario
            && axes
                .iter()
                .all(|(axis, words)| case.axes.get(*axis).is_some_and(|word| words.contains(&word.as_str())))
    })
}

/// A case with a defect in it.
fn with(case: &PlannedCase, defect: &str, interposed: Interposed) -> PlannedCase {
    let mut axes = case.axes.clone();
    axes.insert(DEFECT_AXIS.to_owned(), defect.to_owned());
    PlannedCase {
        id: CaseId::new(&case.scenario, &axes, &case.target),
        reproduce: format!("countersign selftest --target {} --defect {defect}", case.target),
        axes,
        interposed: Some(interposed),
        ..case.clone()
    }
}

/// A case with a client that is not the planned one; none where there is nothing for it to do.
fn faulty_client(case: &PlannedCase, faulty: &str) -> Option<PlannedCase> {
    match faulty {
        "client-asks-for-nothing" => {
            let requires = case.client.dialects == [Dialect::Nt1] && case.client.requires_signing();
            (requires && case.scenario == "smb1-policy")
                .then(|| with(case, faulty, Interposed::Client(faulty.to_owned())))
        }
        "client-validates-nothing" => {
            let interposed = case.interposed.clone().filter(|_| case.expect == Expect::Noticed)?;
            let mut case = with(case, faulty, interposed);
            case.steps.retain(|step| step.action != Action::ValidateNegotiate);
            Some(case)
        }
        "server-requires-nothing" => {
            let interposed = case.interposed.clone().filter(|_| case.expect == Expect::RelayFails)?;
            let mut case = with(case, faulty, interposed);
            case.server.signing = Signing::NotRequired;
            Some(case)
        }
        _ => None,
    }
}
