//! The kill matrix: which defect trips which rule.

use crate::ReportError;
use crate::text::clean;
use anstyle::{AnsiColor, Style};
use askama::Template;
use model::selftest::{DefectLine, KillMatrix, RuleLine};
use std::fmt::Write as _;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// What is to be seen at a terminal: what is not whole first of all, then every rule with how it was proved.
#[must_use]
pub fn terminal(matrix: &KillMatrix) -> String {
    let mut page = String::new();
    let mut line = |text: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}", text.trim_end());
    };
    let width = matrix.rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    line(format!("{DIM}{:<4}{:<width$}  {:>6}  {}{DIM:#}", "", "rule", "held", "tripped by"));
    for rule in &matrix.rules {
        let (style, mark) = if rule.is_proved() { (GOOD, "✓") } else { (BAD, "✗") };
        let by = match rule.proved_by.as_slice() {
            [] if rule.tripped_by.is_empty() => "nothing".to_owned(),
            [] => format!("nothing that is meant to, but {}", rule.tripped_by.join(", ")),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let held = match (rule.held, rule.held_repaired) {
            (0, repaired) if repaired > 0 => format!("{repaired} r"),
            (held, _) => held.to_string(),
        };
        line(format!("  {style}{mark}{style:#} {:<width$}  {held:>6}  {}", rule.id, clean(&by)));
        for case in &rule.false_alarms {
            line(format!("      {BAD}trips on a clean server{BAD:#}: {}", clean(case.as_str())));
        }
    }
    if matrix.rules.iter().any(|rule| rule.held == 0 && rule.held_repaired > 0) {
        line(format!(
            "{DIM}  r: every server here breaks it; held where an interposer kept to it in its place{DIM:#}"
        ));
    }
    let missed: Vec<&DefectLine> = matrix.defects.iter().filter(|defect| !defect.caught).collect();
    if !missed.is_empty() {
        line(String::new());
        line("Defects that the rule meant for them does not catch".to_owned());
        for defect in &missed {
            let trips = if defect.trips.is_empty() { "nothing".to_owned() } else { defect.trips.join(", ") };
            line(format!(
                "  {BAD}✗{BAD:#} {}: meant for {}, trips {trips}; done in {} of {} cases",
                defect.id,
                defect.meant_for.join(", "),
                defect.done,
                defect.cases
            ));
        }
    }
    for case in &matrix.unclean {
        line(format!("  {BAD}✗{BAD:#} not as expected without a defect: {}", clean(case.as_str())));
    }
    line(String::new());
    let proved = matrix.rules.iter().filter(|rule| rule.is_proved()).count();
    let alarms: usize = matrix.rules.iter().map(|rule| rule.false_alarms.len()).sum();
    let (style, mark) = if matrix.whole { (GOOD, "✓") } else { (BAD, "✗") };
    line(format!(
        "{style}{mark}{style:#} {proved} of {} rules proved, {} of {} defects caught, {alarms} false alarms, {} of {} clean cases as expected",
        matrix.rules.len(),
        matrix.defects.len() - missed.len(),
        matrix.defects.len(),
        matrix.clean_cases - matrix.unclean.len() as u64,
        matrix.clean_cases,
    ));
    page
}

/// The page `kill-matrix.html`.
///
/// # Errors
/// The template cannot be rendered.
pub fn html(matrix: &KillMatrix) -> Result<String, ReportError> {
    let page = Page {
        title: format!("kill matrix · {}", clean(&matrix.run.id)),
        whole: matrix.whole,
        proved: matrix.rules.iter().filter(|rule| rule.is_proved()).count(),
        caught: matrix.defects.iter().filter(|defect| defect.caught).count(),
        matrix,
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "kill-matrix.html")]
struct Page<'a> {
    title: String,
    whole: bool,
    proved: usize,
    caught: usize,
    matrix: &'a KillMatrix,
}

impl Page<'_> {
    /// Whether a defect trips a rule, and whether it is meant to.
    fn cell(&self, defect: &&DefectLine, rule: &&RuleLine) -> &'static str {
        let trips = defect.trips.contains(&rule.id);
        match (trips, defect.meant_for.contains(&rule.id)) {
            (true, true) => "●",
            (true, false) => "○",
            (false, _) => "",
        }
    }
}
