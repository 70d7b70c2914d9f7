//! `judge` and `report`: what can be done with a run after it ended.

use crate::annotating;
use crate::args::{JudgeArgs, ReportArgs};
use crate::captured;
use crate::discovery;
use crate::exit::{Exit, Failure};
use crate::files::{Journalled, RunFolder, junit};
use evidence::{Evidence, Sidecar};
use judge::Judged;
use model::draft::drafts;
use model::external::{Fit, fit};
use model::results::{FailOn, JournalLine};
use model::software::SoftwareResult;
use model::{CaseResult, Discovery, PlannedCase, Results, Verdict};
use std::fs;
use std::path::Path;

/// Grades the evidence of one case and makes its result. `millis` is how long it took to record.
pub(crate) fn graded(case: &PlannedCase, run: &Path, relative: &str, millis: u64) -> CaseResult {
    let base = CaseResult { millis, ..CaseResult::inconclusive(case, "") };
    let evidence = match Evidence::read(&run.join(relative)) {
        Ok(evidence) => evidence,
        Err(error) => {
            return CaseResult { why: Some(format!("failed to read the evidence: {error}")), ..base };
        }
    };
    if evidence.sidecar.case != *case {
        let why = format!("the sidecar of {relative} belongs to another case or another plan than plan.json");
        return CaseResult { why: Some(why), evidence: Some(relative.to_owned()), ..base };
    }
    CaseResult { evidence: Some(relative.to_owned()), millis, ..judged(&evidence) }
}

/// What the evidence of a case says, as its result.
fn judged(evidence: &Evidence) -> CaseResult {
    let Judged { verdict, why, outcome, checks, findings, frames } = judge::judge(evidence);
    let base = CaseResult::inconclusive(&evidence.sidecar.case, "");
    let Sidecar { case, said, .. } = &evidence.sidecar;
    let software = case.software.as_ref().zip(said.as_ref());
    let software = software.map(|(software, said)| SoftwareResult::of(software, said));
    CaseResult { verdict, why, outcome, checks, findings, frames, software, ..base }
}

/// `countersign judge`.
pub(crate) fn judge(args: &JudgeArgs) -> Result<Exit, Failure> {
    if args.run.is_file() {
        return match captured::has_sidecar(&args.run) {
            true => judge_file(args),
            false => captured::judge(args),
        };
    }
    captured::check_unused(
        args,
        "a run has its session keys in its evidence and keeps its results in its folder",
    )?;
    let (folder, plan) = RunFolder::open(&args.run)?;
    let Journalled { mut targets, clients, cases: recorded } = folder.read_journal()?;
    for target in &mut targets {
        target.discovery = discovery::graded_again(folder.path(), &plan, &target.id);
    }
    let external = |id: &str| plan.targets.iter().any(|it| it.id == id && it.external.is_some());
    let seen = |id: &str| {
        let target = targets.iter().find(|target| target.id == id);
        target.map(|target| target.discovery.as_slice()).unwrap_or_default()
    };
    let cases: Vec<CaseResult> = plan
        .selected()
        .map(|case| {
            let before = recorded.iter().rfind(|result| result.id == case.id);
            if external(&case.target) {
                return qualified(case, before, seen(&case.target), folder.path());
            }
            graded_again(case, before, folder.path())
        })
        .collect();
    let journal = Journalled { targets, clients, cases };
    folder.replace_journal(&journal)?;
    let results = journal.results(&plan);
    finish(&folder, &results)?;
    if let Some(copies) = &args.annotate {
        annotating::run(folder.path(), &results, copies)?;
    }
    Ok(Exit::of(&results, args.fail_on.into()))
}

/// Grades a case again, where there is evidence of it.
fn graded_again(case: &PlannedCase, before: Option<&CaseResult>, run: &Path) -> CaseResult {
    let millis = before.map_or(0, |result| result.millis);
    let relative = RunFolder::evidence_of(&case.id);
    match (before, &case.unsupported) {
        (_, Some(why)) => CaseResult::unsupported(case, why),
        // Evidence counts also where a kill kept its case out of the journal.
        (_, None) if run.join(&relative).exists() => graded(case, run, &relative, millis),
        (Some(before), None) if before.evidence.is_none() => {
            CaseResult::inconclusive(case, before.why.clone().unwrap_or_default())
        }
        (Some(_), None) => CaseResult::inconclusive(case, format!("the evidence is gone: {relative}")),
        (None, None) => CaseResult::inconclusive(case, "the run ended before this case did"),
    }
}

/// The same on a server that is somebody's: what was seen of it says what becomes of the case. Of several discoveries,
/// each before another change of its settings, the newest counts that the case fits.
fn qualified(case: &PlannedCase, before: Option<&CaseResult>, seen: &[Discovery], run: &Path) -> CaseResult {
    let mut fits: Vec<Fit> = seen.iter().rev().map(|seen| fit(case, seen)).collect();
    let Some(best) = fits.iter().position(|fit| matches!(fit, Fit::Runs(_))) else {
        return match fits.into_iter().next() {
            Some(Fit::Unsupported(why)) => CaseResult::unsupported(case, &why),
            Some(Fit::Waits(why)) => CaseResult::inconclusive(case, why),
            Some(Fit::Runs(_)) | None => graded_again(case, before, run),
        };
    };
    match fits.swap_remove(best) {
        Fit::Runs(case) => graded_again(&case, before, run),
        Fit::Unsupported(_) | Fit::Waits(_) => graded_again(case, before, run),
    }
}

/// Grades the pcapng of one case, and says what came out as JSON.
fn judge_file(args: &JudgeArgs) -> Result<Exit, Failure> {
    captured::check_unused(args, "the sidecar beside it has its session keys")?;
    let (path, fail_on) = (&args.run, FailOn::from(args.fail_on));
    let evidence = Evidence::read(path).map_err(|e| Failure::usage(e.to_string()))?;
    let result = CaseResult { evidence: Some(path.display().to_string()), ..judged(&evidence) };
    // The run's expectations are not beside one file: what deviates, deviates.
    let exit = if result.findings.iter().any(|finding| fail_on.fails(finding.level)) {
        Exit::Deviation
    } else if result.verdict == Verdict::Inconclusive {
        Exit::Inconclusive
    } else {
        Exit::Expected
    };
    let text = serde_json::to_string_pretty(&result).map_err(|e| Failure::environment(e.to_string()))?;
    anstream::println!("{text}");
    if let Some(copy) = &args.annotate {
        annotating::file(path, copy, [&result])?;
    }
    Ok(exit)
}

/// `countersign report`.
pub(crate) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let (folder, plan) = RunFolder::open(&args.run)?;
    let results = folder.read_journal()?.results(&plan);
    finish(&folder, &results)?;
    let wanted = [
        (&args.html, folder.html(&results)?),
        (&args.junit, junit(&results)?),
        (&args.markdown, folder.markdown(&results)?),
    ];
    for (path, text) in wanted {
        if let Some(path) = path {
            fs::write(path, text).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))?;
        }
    }
    Ok(Exit::of(&results, args.fail_on.into()))
}

/// Writes the run's files and shows its summary.
pub(crate) fn finish(folder: &RunFolder, results: &Results) -> Result<(), Failure> {
    folder.write_results(results)?;
    anstream::print!("{}", reports::terminal::summary(results));
    anstream::println!("report: {}", folder.path().join("report.html").display());
    Ok(())
}

/// Drafts expectations for what nobody expected, beside the run's other files.
pub(crate) fn write_drafts(folder: &RunFolder, results: &Results) -> Result<(), Failure> {
    let drafts = drafts(results);
    if drafts.is_empty() {
        anstream::println!("no expectation is drafted: nothing was found that nobody expected");
    }
    for draft in drafts {
        let relative = format!("drafts/{}.expectations.toml", draft.target);
        folder.write_log(&relative, &draft.text)?;
        anstream::println!(
            "drafts of {} expectations, whose reasons are to be written: {}",
            draft.count,
            folder.path().join(&relative).display()
        );
    }
    Ok(())
}

/// The journal line of a case.
pub(crate) fn line(result: CaseResult) -> JournalLine {
    JournalLine::Case(Box::new(result))
}
