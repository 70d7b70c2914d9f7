//! The judge: grades recorded evidence, and nothing but that.
//!
//! It works from the bytes that crossed the socket and the session keys. Dialect, sessions, derived keys and signatures
//! are computed here; what the probe thought is not in the evidence, so it cannot matter. The prediction it compares
//! with comes from what both sides were *set to*.

mod capture;
mod contexts;
pub mod discovery;
mod driven;
mod frames;
mod interposed;
pub mod invariants;
mod line;
mod lockout;
mod noticed;
mod observe;
mod relayed;
mod smb1;
mod steps;
mod validate;
mod view;

pub use capture::{GivenKey, Secrets, judge_capture, recognise};
pub use invariants::{Invariant, Report, invariants};
pub use lockout::locked_out;
pub use view::View;

use evidence::{Direction, Evidence};
use model::outcome::{By, Kind};
use model::plan::Interposed;
use model::scenario::Expect;
use model::software::Said;
use model::{CheckLevel, Finding, Frame, Outcome, Subject, Verdict};
use noticed::End;
use observe::Observed;
use relayed::Relayed;
use std::collections::BTreeMap;
use view::Spoken;

/// The rule that compares what happened with what should have.
pub const OUTCOME_RULE: &str = "policy/outcome";

/// The rule that wants an attack to be noticed.
pub const NOTICED_RULE: &str = "attack/noticed";

/// The rule that wants a relayed logon to be of no use.
pub const RELAYED_RULE: &str = "attack/relayed-logon";

/// What the evidence of a case says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict, before expectations.
    pub verdict: Verdict,
    /// Why it is inconclusive, or what a reader should know besides.
    pub why: Option<String>,
    /// What a client with the case's profile experienced; `None` where the evidence does not say.
    pub outcome: Option<Outcome>,
    /// How often each rule was evaluated.
    pub checks: BTreeMap<String, u64>,
    /// What was wrong.
    pub findings: Vec<Finding>,
    /// The messages that the findings are about, decoded.
    pub frames: Vec<Frame>,
}

impl Judged {
    /// Of what nothing is known.
    const fn nothing() -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            why: None,
            outcome: None,
            checks: BTreeMap::new(),
            findings: Vec::new(),
            frames: Vec::new(),
        }
    }
}

/// Grades the evidence of one case.
#[must_use]
pub fn judge(evidence: &Evidence) -> Judged {
    if let Some(trouble) = driven::trouble(evidence) {
        let (verdict, why) = match trouble {
            driven::Trouble::Unsupported(why) => (Verdict::Unsupported, why),
            driven::Trouble::Unknown(why) => (Verdict::Inconclusive, why),
        };
        return Judged { verdict, why: Some(why), ..Judged::nothing() };
    }
    let view = View::new(evidence);
    if let Some(why) = driven::undeclared(&view) {
        return Judged { why: Some(why), ..Judged::nothing() };
    }
    let case = &evidence.sidecar.case;
    let (mut checks, mut findings) = evaluate_invariants(&view);
    let invariants_applied = !checks.is_empty();
    let Observed { outcome, incomplete } = observe::observe(&view);

    let predicted = case.predicted();
    if let (Some(observed), Some(predicted)) = (&outcome, &predicted) {
        *checks.entry(OUTCOME_RULE.to_owned()).or_insert(0) += 1;
        findings.extend(compare(&view, observed, predicted));
    }
    if let Some((rule, finding)) = driven::evaluate(&view, &evidence.sidecar, predicted.as_ref()) {
        *checks.entry(rule.to_owned()).or_insert(0) += 1;
        findings.extend(finding);
    }
    let mut missing = Vec::new();
    if let (Some(observed), Expect::Noticed, None) = (&outcome, case.expect, &case.software) {
        let end = (observed.kind == Kind::Refused).then(|| noticed::of(evidence, &view, observed));
        let got = match end {
            Some(End::Attack) => None,
            Some(End::Unknown) => {
                missing.push("the evidence has nothing of the server's side of the end".to_owned());
                None
            }
            Some(End::Otherwise) => {
                Some(format!("{}, and not for what was done on the way", observed.line()))
            }
            None => Some(observed.line()),
        };
        *checks.entry(NOTICED_RULE.to_owned()).or_insert(0) += 1;
        findings.extend(got.map(|got| Finding {
            rule: NOTICED_RULE.to_owned(),
            level: case.level,
            subject: Subject::Server,
            at: None,
            expected: "the client or the server notices, and ends it".to_owned(),
            got,
            cites: cites_of(NOTICED_RULE, &view),
        }));
    }
    let relays = case.expect == Expect::RelayFails;
    if relays {
        match relayed::relayed(&view) {
            Relayed::Unknown(why) => missing.push(why),
            known => {
                *checks.entry(RELAYED_RULE.to_owned()).or_insert(0) += 1;
                if let Relayed::Used(finding) = known {
                    findings.push(finding);
                }
            }
        }
    }
    // Where everything rests on the steps, they are looked at however it ended.
    let by_steps = case.expect == Expect::Steps;
    let noticed = relays || case.expect == Expect::Noticed;
    let refusal = predicted.as_ref().is_some_and(|predicted| predicted.why.is_some());
    if by_steps || !noticed && outcome.as_ref().map_or(!refusal, |outcome| outcome.why.is_none()) {
        let steps = steps::evaluate(&view);
        for (rule, count) in steps.checks {
            *checks.entry(rule.to_owned()).or_insert(0) += count;
        }
        findings.extend(steps.findings);
        missing = steps.missing;
    }
    // What a client did not stay for was not looked at, whatever the steps before it say.
    if let Some(outcome) = outcome.as_ref().filter(|outcome| by_steps && outcome.by == Some(By::Client)) {
        missing.insert(0, outcome.line());
    }
    findings
        .sort_by_key(|f| f.at.map_or((u32::MAX, u64::MAX, 0), |at| (at.connection, at.frame, at.element)));

    let faults = excuse(&view, &mut findings);
    let faulty = case.software.is_some() && case.expect == Expect::Noticed;
    if matches!(case.interposed, Some(Interposed::Attack(_))) || faulty {
        // What an attacker makes of the server's answers is not the server's doing; what comes of it is.
        let about = [
            NOTICED_RULE,
            RELAYED_RULE,
            OUTCOME_RULE,
            steps::STATUS_RULE,
            steps::READ_BACK_RULE,
            driven::NOTICED.id,
            driven::SAYS.id,
        ];
        findings.retain(|finding| about.contains(&finding.rule.as_str()));
    }
    let undone = interposed::undone(&view);
    // Where all of it is there, and nothing kept the harness from doing it.
    let sound = evidence.sidecar.problem.is_none()
        && evidence.problems.is_empty()
        && !is_lost(evidence)
        && view.recorded().iter().any(view::is_beyond);
    let done = evidence.sidecar.said.as_ref().is_some_and(Said::did_all);
    if let (Some(undone), true, true) = (&undone, done, sound) {
        // The client did everything, and in none of that was there anything to be done on the way.
        return Judged { verdict: Verdict::Unsupported, why: Some(undone.clone()), ..Judged::nothing() };
    }
    let locked = lockout::of(&view);
    if undone.is_some() || locked.is_some() {
        // Then this is a case like any other, or one of a server that answers to other logons than this: not the one that
        // was planned.
        findings.clear();
    }
    let outcome = outcome.filter(|_| faults.is_empty() && locked.is_none());

    let altered: Vec<String> = evidence.problems.iter().map(ToString::to_string).collect();
    let mut why: Vec<String> = altered.clone();
    // Whether a client noticed is what it did and said: where it went from there need not be understood.
    let told = undone.is_none() && checks.contains_key(driven::NOTICED.id);
    why.extend(undone);
    why.extend(locked);
    let incomplete = incomplete.filter(|_| !told);
    let faults = if told { Vec::new() } else { faults };
    for what in faults.into_iter().map(|fault| fault.what.clone()).chain(incomplete) {
        if !why.contains(&what) {
            why.push(what);
        }
    }
    if outcome.is_some() {
        why.extend(missing);
    }
    let deviates = findings.iter().any(|finding| finding.level >= CheckLevel::Should);
    // What is missing cannot be blamed on the server; what is there can, even where more is missing.
    let lost = is_lost(evidence);
    let verdict = if lost {
        Verdict::Inconclusive
    } else if deviates {
        Verdict::Deviates
    } else if !why.is_empty() || outcome.is_none() && !told {
        Verdict::Inconclusive
    } else if invariants_applied
        || by_steps && checks.contains_key(steps::STATUS_RULE)
        || checks.contains_key(driven::SAYS.id)
    {
        // No invariant is about a connection that ends with its first request, as a step may have it.
        Verdict::Conforms
    } else {
        why.push("no invariant applied to what was recorded".to_owned());
        Verdict::Inconclusive
    };
    if lost {
        findings.clear();
    }
    if let (Verdict::Inconclusive, Some(problem)) = (verdict, &evidence.sidecar.problem) {
        why.insert(0, problem.clone());
    }
    Judged {
        verdict,
        why: (!why.is_empty()).then(|| why.join("; ")),
        outcome: if lost { None } else { outcome },
        checks,
        frames: frames::around(&view, &findings),
        findings,
    }
}

/// Evaluates every invariant: how often each applied, and what was broken.
fn evaluate_invariants(view: &View<'_>) -> (BTreeMap<String, u64>, Vec<Finding>) {
    let mut checks = BTreeMap::new();
    let mut findings = Vec::new();
    for invariant in invariants() {
        let mut report = Report::new(invariant);
        (invariant.check)(view, &mut report);
        let (count, broken) = report.into_parts();
        if count > 0 {
            checks.insert(invariant.id.to_owned(), count);
        }
        findings.extend(broken);
    }
    (checks, findings)
}

/// Drops what follows from something wrong on this side, which is not the server's fault, and says what is wrong.
fn excuse<'v>(view: &'v View<'_>, findings: &mut Vec<Finding>) -> Vec<&'v view::OwnFault> {
    let faults: Vec<_> = (0..).zip(view.recorded()).filter_map(|(i, _)| view.own_fault(i)).collect();
    findings.retain(|finding| {
        finding.subject == Subject::Client
            || faults.iter().all(|fault| {
                finding.at.is_some_and(|at| at.connection != fault.connection || at.frame < fault.frame)
            })
    });
    faults
}

/// Whether bytes that were recorded are not there any more. What was *altered* is still there, and can be judged.
fn is_lost(evidence: &Evidence) -> bool {
    let recorded = &evidence.sidecar.recorded.connections;
    recorded.len() != evidence.connections.len()
        || recorded.iter().zip(&evidence.connections).any(|(recorded, found)| {
            let bytes = |direction| -> u64 {
                let own = found.chunks.iter().filter(|chunk| chunk.direction == direction);
                own.map(|chunk| chunk.bytes.len() as u64).sum()
            };
            bytes(Direction::ToServer) < recorded.to_server || bytes(Direction::ToClient) < recorded.to_client
        })
}

/// Whose doing another outcome is: of a client that people run, that it gives up, or that it signs or encrypts what nobody asked it to.
fn whose(view: &View<'_>, observed: &Outcome, predicted: &Outcome) -> Subject {
    let signs = observed.kind == Kind::Signed && predicted.kind == Kind::NotSigned;
    let encrypts = observed.kind == Kind::Encrypted;
    match view.software() {
        Some(_) if encrypts || signs || observed.by == Some(By::Client) => Subject::Client,
        _ => Subject::Server,
    }
}

/// The finding of an outcome other than the predicted one.
fn compare(view: &View<'_>, observed: &Outcome, predicted: &Outcome) -> Option<Finding> {
    let differences = observed.differences(predicted);
    if differences.is_empty() {
        return None;
    }
    let fields: Vec<String> = differences
        .iter()
        .map(|(field, predicted, observed)| format!("{field} is {observed}, not {predicted}"))
        .collect();
    Some(Finding {
        rule: OUTCOME_RULE.to_owned(),
        level: CheckLevel::Must,
        subject: whose(view, observed, predicted),
        at: None,
        expected: predicted.line(),
        got: format!("{}: {}", observed.line(), fields.join(", ")),
        cites: cites_of(OUTCOME_RULE, view),
    })
}

/// The sections a rule of the scenario rests on: its own, and the scenario's.
fn cites_of(rule: &str, view: &View<'_>) -> Vec<String> {
    let own = rules().find(|info| info.id == rule).map_or(&[][..], |info| info.cites);
    let own: Vec<&str> = own.iter().copied().filter(|cite| is_about(view, cite)).collect();
    let mut all: Vec<String> = own.iter().map(|cite| (*cite).to_owned()).collect();
    let planned = view.plan().map(|case| case.cites.as_slice()).unwrap_or_default();
    all.extend(planned.iter().filter(|cite| !own.contains(&cite.as_str())).cloned());
    all
}

/// Whether a section is about the generation of the protocol that was spoken.
fn is_about(view: &View<'_>, cite: &str) -> bool {
    let smb1 = cite.starts_with("MS-CIFS ") || cite.starts_with("MS-SMB ");
    match view.spoken(0) {
        Spoken::Smb1 => smb1,
        Spoken::Smb2 => !smb1,
    }
}

/// One rule as a list shows it.
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo {
    /// Its id.
    pub id: &'static str,
    /// One sentence that says what holds.
    pub title: &'static str,
    /// How strongly the specification speaks.
    pub level: CheckLevel,
    /// The sections it rests on.
    pub cites: &'static [&'static str],
}

/// Every rule a case is judged by.
pub fn rules() -> impl Iterator<Item = RuleInfo> {
    let expectations = [
        RuleInfo {
            id: OUTCOME_RULE,
            title: "What the client experiences is what the policies of both sides predict",
            level: CheckLevel::Must,
            cites: &["MS-SMB2 3.2.5.3.1", "MS-SMB2 3.3.5.5.3", "MS-SMB 3.2.4.2.4", "MS-SMB 3.3.5.3"],
        },
        RuleInfo {
            id: NOTICED_RULE,
            title: "What somebody on the wire does who knows no secret is noticed, by the client or by the server",
            level: CheckLevel::Must,
            cites: &["MS-SMB2 3.2.5.14.12", "MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.1.3", "MS-CIFS 3.3.5.2.3"],
        },
        driven::NOTICED,
        driven::SAYS,
        discovery::RULE,
        RuleInfo {
            id: RELAYED_RULE,
            title: "Who relays a client's logon can do nothing in the session, because he cannot sign",
            level: CheckLevel::Must,
            cites: &["MS-SMB2 3.3.5.2.4", "MS-SMB2 3.3.5.7"],
        },
        RuleInfo {
            id: steps::STATUS_RULE,
            title: "A step of the scenario is answered with the status it expects",
            level: CheckLevel::Must,
            cites: &["MS-SMB2 3.3.4.4", "MS-CIFS 3.3.4.1.2"],
        },
        RuleInfo {
            id: steps::READ_BACK_RULE,
            title: "What is read is what was written",
            level: CheckLevel::Must,
            cites: &["MS-SMB2 3.3.5.12", "MS-SMB2 3.3.5.13", "MS-CIFS 3.3.5.36", "MS-CIFS 3.3.5.37"],
        },
    ];
    let invariants = invariants().map(|rule| RuleInfo {
        id: rule.id,
        title: rule.title,
        level: rule.level,
        cites: rule.cites,
    });
    expectations.into_iter().chain(invariants)
}
