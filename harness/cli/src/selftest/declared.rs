//! What a target declares, as a part of the self-test: a declaration that is turned into its opposite has to be noticed.

use crate::discovery;
use crate::files::RunFolder;
use model::discovery::{Claims, DECLARED_RULE, PlannedDiscovery};
use model::results::{CaseResult, Results, Status, TargetResult};
use model::selftest::{DEFECT_AXIS, KnownDefect};
use model::{Discovery, Verdict};

/// What is wrong with a declaration.
pub(crate) const FALSE_DECLARATION: KnownDefect = KnownDefect {
    id: "declares-the-opposite",
    title: "A target declares the opposite of what its server does",
    meant_for: &[DECLARED_RULE],
};

/// The discoveries of a run as cases: as they are and, where `falsely`, with every claim of a dialect turned around.
pub(crate) fn cases(folder: &RunFolder, results: &Results, falsely: bool) -> Vec<CaseResult> {
    let mut all = Vec::new();
    for target in &results.targets {
        for seen in &target.discovery {
            let mut claims = Claims::new();
            for capability in &seen.capabilities {
                claims.extend(capability.claimed.clone().map(|claimed| (capability.id.clone(), claimed)));
            }
            all.push(case(target, seen, None));
            let Some(evidence) = seen.evidence.as_deref().filter(|_| falsely) else { continue };
            for (id, word) in &mut claims {
                if id.starts_with("dialect/") {
                    *word = if word == "yes" { "no" } else { "yes" }.to_owned();
                }
            }
            let planned = PlannedDiscovery { server: None, claims, failed_logons: true };
            let seen = discovery::graded(folder.path(), evidence, &seen.run, &planned);
            all.push(case(target, &seen, Some(FALSE_DECLARATION.id)));
        }
    }
    all
}

fn case(target: &TargetResult, seen: &Discovery, defect: Option<&str>) -> CaseResult {
    let planned = PlannedDiscovery { server: None, claims: Claims::new(), failed_logons: true };
    let mut case = planned.case(&target.id);
    if let Some(defect) = defect {
        case.axes.insert(DEFECT_AXIS.to_owned(), defect.to_owned());
    }
    let wrong = !seen.findings.is_empty();
    let (verdict, status) = if wrong {
        (Verdict::Deviates, Status::Unexpected)
    } else if seen.is_open() || seen.checks == 0 {
        (Verdict::Inconclusive, Status::Unexpected)
    } else {
        (Verdict::Conforms, Status::Expected)
    };
    CaseResult {
        verdict,
        status,
        why: None,
        checks: [(DECLARED_RULE.to_owned(), seen.checks)].into(),
        findings: seen.findings.clone(),
        evidence: seen.evidence.clone(),
        ..CaseResult::inconclusive(&case, "")
    }
}
