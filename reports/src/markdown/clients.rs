//! Clients that people run: a table for each scenario, clients across, and where they and the probe disagree.

use super::{code, text};
use crate::glossary::Glossary;
use crate::outcomes::{State, cell_word};
use crate::software::{Fault, compare, disagreement, has_fault, setting, tables};
use model::{CaseResult, Results};
use std::fmt::Write as _;

/// How many rows are shown in all; the report has every one.
const ROWS: usize = 300;
/// How many disagreements are told.
const TOLD: usize = 20;

/// The section, where a run has such clients.
pub(super) fn put(page: &mut String, results: &Results, glossary: &Glossary) {
    let all = tables(results);
    if all.is_empty() {
        return;
    }
    page.push_str("### Interoperability\n\n");
    let mut left = ROWS;
    for table in &all {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<details><summary>{}</summary>\n", text(table.scenario));
        let clients: Vec<String> = table.clients.iter().map(|it| text(glossary.client(it))).collect();
        let _ = writeln!(page, "| server | {} | {} |", what(table.faults), clients.join(" | "));
        let _ = writeln!(page, "|---|---|{}", "---|".repeat(clients.len()));
        let rows = table.servers.iter().flat_map(|server| server.rows.iter().map(move |row| (server, row)));
        let all = rows.clone().count();
        for (server, row) in rows.take(left) {
            let label: Vec<String> = row.label.iter().map(|it| text(&setting(*it))).collect();
            let cells: Vec<String> = row.cells.iter().map(|it| it.map_or(String::new(), cell)).collect();
            let _ =
                writeln!(page, "| {} | {} | {} |", text(server.target), label.join(", "), cells.join(" | "));
        }
        if all > left {
            let _ = writeln!(page, "\nand {} more rows: the report has them", all - left);
        }
        left = left.saturating_sub(all);
        page.push_str("\n</details>\n\n");
    }
    let comparison = compare(results);
    let _ = writeln!(page, "Probe and client: {}\n", text(&comparison.said()));
    for pair in comparison.disagree.iter().take(TOLD) {
        let _ = writeln!(page, "- {}", text(&disagreement(pair)));
        let _ = writeln!(page, "  - {}", code(&pair.client.1.reproduce));
        let _ = writeln!(page, "  - {}", code(&pair.probe.1.reproduce));
    }
    if !comparison.disagree.is_empty() {
        page.push('\n');
    }
}

const fn what(faults: bool) -> &'static str {
    if faults { "fault" } else { "what both are set to" }
}

fn cell((_, case): (usize, &CaseResult)) -> String {
    let word = match (has_fault(case), Fault::of(case)) {
        (true, fault) => fault.look().2.to_owned(),
        (false, _) => cell_word(case).into_owned(),
    };
    format!("{} {}", State::of(case).look().mark, text(&word))
}
