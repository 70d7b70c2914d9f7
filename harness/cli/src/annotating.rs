//! `judge --annotate`: copies of the evidence with the findings as comments on its packets.
//!
//! The evidence itself stays as it is: judged again, a comment in it would be something that was not recorded.

use crate::exit::Failure;
use model::{CaseResult, Finding, Results};
use std::collections::BTreeMap;
use std::path::Path;

/// Copies the evidence of every case of a run in which something stands at a packet, into a folder.
pub(crate) fn run(run: &Path, results: &Results, copies: &Path) -> Result<(), Failure> {
    if is_within(copies, &run.join("evidence")) {
        return Err(Failure::usage(format!(
            "--annotate {}: the evidence has to stay as it is: give a folder outside of it",
            copies.display()
        )));
    }
    let mut count = 0;
    for case in &results.cases {
        let Some(evidence) = case.evidence.as_ref().filter(|_| !comments([case]).is_empty()) else {
            continue;
        };
        let original = run.join(evidence);
        let copy = copies.join(format!("{}.pcapng", case.id));
        evidence::annotate(&original, &copy, &comments([case]))
            .map_err(|e| Failure::environment(e.to_string()))?;
        count += 1;
    }
    match count {
        0 => anstream::println!("annotated: nothing, since no finding stands at a packet"),
        _ => anstream::println!("annotated: {count} cases in {}", copies.display()),
    }
    Ok(())
}

/// Copies one file with the findings of its cases.
pub(crate) fn file<'c>(
    original: &Path,
    copy: &Path,
    cases: impl IntoIterator<Item = &'c CaseResult>,
) -> Result<(), Failure> {
    let comments = comments(cases);
    evidence::annotate(original, copy, &comments).map_err(|e| Failure::usage(e.to_string()))?;
    anstream::eprintln!("annotated: {} packets in {}", comments.len(), copy.display());
    Ok(())
}

/// What is said of each packet.
fn comments<'c>(cases: impl IntoIterator<Item = &'c CaseResult>) -> BTreeMap<u64, Vec<String>> {
    let mut all: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for finding in cases.into_iter().flat_map(|case| &case.findings) {
        if let Some(at) = finding.at {
            all.entry(at.frame).or_default().push(comment(finding));
        }
    }
    all
}

fn comment(finding: &Finding) -> String {
    let Finding { rule, level, subject, at, expected, got, cites } = finding;
    let element = at.map(|at| at.element).filter(|element| *element > 0);
    let element = element.map(|element| format!(" (element {element} of the compound)")).unwrap_or_default();
    let level = level.word().to_uppercase();
    format!(
        "countersign: {level} {rule}, {subject}{element}\nexpected: {expected}\ngot: {got}\n[{}]",
        cites.join(", ")
    )
}

/// Whether a path that may not be there yet is a folder or in it.
fn is_within(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let there = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = there.ancestors().find_map(|ancestor| {
        let rest = there.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    there.is_some_and(|there| there.starts_with(&folder))
}
