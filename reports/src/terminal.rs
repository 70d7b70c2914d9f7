//! The summary on a terminal: 100 columns, readable in monochrome, the answer last, where the eye is.

mod page;
mod table;

use crate::digest::{self, Group};
use crate::discovery;
use crate::headline::Headline;
use crate::left_out;
use crate::matrix::{Matrix, matrices};
use crate::outcomes::{self, Junit, State};
use crate::software::{compare, disagreement};
use crate::story;
use crate::text::{clean, count, duration, known_for, width};
use model::results::TargetResult;
use model::{ExpectationState, Results, Verdict};
use page::{BOLD, DIM, Page, paint};

/// How many cases of a group are told in full.
const TOLD: usize = 3;
/// How many disagreements are told.
const DISAGREEMENTS: usize = 10;
/// The verdicts as the last line counts them.
const VERDICTS: [Verdict; 4] =
    [Verdict::Conforms, Verdict::Deviates, Verdict::Unsupported, Verdict::Inconclusive];

/// The states of an expectation as they are counted.
const STATES: [ExpectationState; 4] =
    [ExpectationState::Met, ExpectationState::Fixed, ExpectationState::Stale, ExpectationState::NotRun];

/// The results as text with ANSI styles. The caller strips the styles where they are not wanted.
#[must_use]
pub fn summary(results: &Results) -> String {
    let mut page = Page::default();
    let run = &results.run;
    page.line(&paint(
        DIM,
        &clean(&format!("countersign {} · run {} · {}", run.version, run.id, run.started)),
    ));
    targets(&mut page, results);
    for matrix in matrices(results) {
        put_matrix(&mut page, &matrix);
    }
    if !results.cases.is_empty() {
        legend(&mut page);
    }
    findings(&mut page, results);
    disagreements(&mut page, results);
    notes(&mut page, results);
    reasons(&mut page, results, State::Inconclusive, "Inconclusive");
    reasons(&mut page, results, State::Unsupported, "Declared unsupported");
    not_asked(&mut page, results);
    expectations(&mut page, results);
    answer(&mut page, results);
    page.text()
}

fn targets(page: &mut Page, results: &Results) {
    put_targets(page, "Targets", &results.targets);
    put_targets(page, "Clients that people run", &results.clients);
}

fn put_targets(page: &mut Page, heading: &str, targets: &[TargetResult]) {
    if targets.is_empty() {
        return;
    }
    page.heading(heading, "");
    let id_width = targets.iter().map(|target| width(&clean(&target.id))).max().unwrap_or_default();
    for target in targets {
        let look = outcomes::target(target.state);
        let (id, word) = (clean(&target.id), look.word);
        let about = [target.version.as_deref(), target.why.as_deref()];
        let about: Vec<String> = about.into_iter().flatten().map(clean).collect();
        let about = if about.is_empty() { clean(&target.title) } else { about.join(" · ") };
        let state = paint(look.style, &format!("{} {word:<8}", look.mark));
        let indent = 2 + 2 + 8 + 1 + id_width + 2;
        page.hanging(&format!("  {state} {id:<id_width$}  "), indent, &about);
        for seen in &target.discovery {
            page.hanging(&" ".repeat(indent), indent, &discovery::line(seen));
            for row in discovery::rows(seen).iter().filter(|row| row.is_wrong()) {
                let why = if row.why.is_empty() { String::new() } else { format!(" ({})", row.why) };
                let said = format!("{}: claimed {}, observed {}{why}", row.id, row.claimed, row.observed);
                let mark = paint(row.look.style, row.look.mark);
                page.hanging(&format!("{}{mark} ", " ".repeat(indent)), indent + 2, &said);
            }
        }
    }
}

fn put_matrix(page: &mut Page, matrix: &Matrix<'_>) {
    let fixed: Vec<String> = matrix.fixed.iter().map(|(axis, value)| format!("{axis} {value}")).collect();
    let about = [vec![count(matrix.cases().count(), "case")], fixed].concat().join(" · ");
    page.heading(&clean(&format!("{} @ {}", matrix.scenario, matrix.target)), &clean(&about));
    let mut states = matrix.cases().map(|case| (State::of(case), case.why.as_deref()));
    let first = states.next();
    match first {
        Some((state @ (State::Unsupported | State::Inconclusive), why))
            if states.all(|it| Some(it) == first) =>
        {
            let look = state.look();
            let mark = paint(look.style, &format!("{} all {}", look.mark, look.word));
            page.hanging(
                &format!("  {mark}  "),
                2 + 6 + width(look.word) + 2,
                &clean(why.unwrap_or_default()),
            );
        }
        _ => table::put(page, matrix),
    }
}

fn legend(page: &mut Page) {
    let marks = State::ALL.map(|state| {
        let look = state.look();
        format!("{} {}", paint(look.style, look.mark), paint(DIM, look.word))
    });
    page.blank();
    page.line(&format!("  {}", marks.join("   ")));
}

fn findings(page: &mut Page, results: &Results) {
    for group in digest::unexpected(results) {
        let look = State::Deviates.look();
        let mut title = format!("{} {}", look.mark, clean(group.rule.unwrap_or("no finding says why")));
        if let Some(first) = group.first {
            title.push_str(&format!(" ({}, {})", story::level(first.level), first.subject.word()));
        }
        page.blank();
        page.line(&format!("{} {}", paint(look.style, &title), about_group(&group)));
        for (_, case, findings) in group.cases.iter().take(TOLD) {
            page.line(&format!("  {}", paint(BOLD, &clean(case.id.as_str()))));
            page.lines(&story::experience(case));
            if let Some(first) = findings.first() {
                page.lines(&story::about(first));
            }
            if findings.len() > 1 {
                let more = count(findings.len() - 1, "more finding");
                page.line(&paint(DIM, &format!("    {more} of this rule in this case")));
            }
            page.lines(&story::pointers(case));
        }
        if group.cases.len() > TOLD {
            let more = count(group.cases.len() - TOLD, "more case");
            page.line(&paint(DIM, &format!("  … and {more}; the report lists each")));
        }
    }
}

fn about_group(group: &Group<'_>) -> String {
    let (cases, findings) = (group.cases.len(), group.findings());
    let number = if findings > cases { format!("{} in ", count(findings, "finding")) } else { String::new() };
    format!("{}: {number}{}", group.place(), count(cases, "case"))
}

/// Where the probe and a client that people run disagree.
fn disagreements(page: &mut Page, results: &Results) {
    let comparison = compare(results);
    if comparison.disagree.is_empty() {
        return;
    }
    page.heading("Probe and client disagree", &comparison.said());
    let look = State::Deviates.look();
    for pair in comparison.disagree.iter().take(DISAGREEMENTS) {
        let mark = paint(look.style, look.mark);
        page.hanging(&format!("  {mark} "), 4, &clean(&disagreement(pair)));
    }
    let more = comparison.disagree.len().saturating_sub(DISAGREEMENTS);
    if more > 0 {
        page.line(&paint(DIM, &format!("  … and {more} more; the report lists them")));
    }
}

fn notes(page: &mut Page, results: &Results) {
    let groups = digest::notes(results);
    if groups.is_empty() {
        return;
    }
    page.heading("Worth knowing", "");
    for group in groups {
        let rule = clean(group.rule.unwrap_or_default());
        let got = group.first.map(|finding| format!(": {}", finding.got)).unwrap_or_default();
        page.hanging("  ", 2, &format!("{rule} {}{}", about_group(&group), clean(&got)));
    }
}

fn reasons(page: &mut Page, results: &Results, state: State, heading: &str) {
    let reasons = digest::reasons(results, state);
    if reasons.is_empty() {
        return;
    }
    let look = state.look();
    page.heading(heading, "");
    for reason in reasons {
        let cases = count(reason.cases.len(), "case");
        let start = format!("{} {cases} on {}: ", look.mark, clean(reason.target));
        page.hanging(&format!("  {}", paint(look.style, &start)), 4, &clean(reason.why));
        // An inconclusive case is to be looked into; an unsupported one was declared.
        if state == State::Inconclusive
            && let Some((_, case)) = reason.cases.first()
        {
            page.line(&format!("    {}", clean(&case.reproduce)));
        }
    }
}

/// What is not planned, as other cells show the same.
fn not_asked(page: &mut Page, results: &Results) {
    if results.left_out.is_empty() {
        return;
    }
    page.heading("Left out, as other cells show the same", "");
    for it in &results.left_out {
        page.hanging("  ", 4, &format!("{}: {}", clean(&it.scenario), left_out::line(it)));
    }
}

fn expectations(page: &mut Page, results: &Results) {
    if results.expectations.is_empty() {
        return;
    }
    let number = |state| {
        let number = results.expectations.iter().filter(|known| known.state == state).count();
        (number > 0).then(|| format!("{number} {}", outcomes::expectation(state).0.word))
    };
    let about: Vec<String> = STATES.into_iter().filter_map(number).collect();
    page.heading("Known deviations", &about.join(", "));
    for known in &results.expectations {
        let (look, advice) = outcomes::expectation(known.state);
        if look.junit == Junit::Skipped {
            continue;
        }
        let which = format!("{} on {} for {}", clean(&known.rule), clean(&known.target), known_for(known));
        let mark = paint(look.style, &format!("{} {}", look.mark, look.word));
        page.hanging(&format!("  {mark} "), 4, &which);
        let told = if look.junit == Junit::Failure { advice } else { &known.reason };
        page.hanging("    ", 4, &clean(told));
    }
}

fn answer(page: &mut Page, results: &Results) {
    let headline = Headline::of(results);
    let look = headline.look();
    page.blank();
    page.line(&paint(look.style.bold(), &format!("{} {}", look.mark, headline.answer)));
    for also in &headline.also {
        page.line(&format!("  {also}"));
    }
    let said = VERDICTS.map(|verdict| {
        let number = results.cases.iter().filter(|case| case.verdict == verdict).count();
        format!("{number} {}", verdict.word())
    });
    let (unexpected, time) = (headline.unexpected, duration(headline.millis));
    page.line(&format!("{} · {unexpected} unexpected · {time} in cases", said.join(", ")));
}
