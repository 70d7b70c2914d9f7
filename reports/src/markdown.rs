//! A summary in Markdown, for the page of a job: the answer, what nobody expected, and how to see it again.

mod clients;

use crate::connect::answer;
use crate::digest;
use crate::glossary::Glossary;
use crate::headline::Headline;
use crate::story;
use crate::text::{clean, clip, count};
use model::Results;
use std::fmt::Write as _;

/// How many findings are told.
const TOLD: usize = 20;
/// The longest text of a server that is shown.
const LONGEST: usize = 300;

/// The summary.
#[must_use]
pub fn render(results: &Results, glossary: &Glossary) -> String {
    let headline = Headline::of(results);
    let look = headline.look();
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(page, "## {} {}\n", look.mark, text(&headline.answer));
    if !headline.also.is_empty() {
        let _ = writeln!(page, "{}\n", text(&headline.also.join(" ")));
    }
    if let Some(answer) = answer(results, glossary) {
        let _ = writeln!(page, "**{}**\n", text(&answer.sentence));
        for target in &answer.targets {
            for (policy, line) in &target.lines {
                let _ = writeln!(page, "- {}, {}: {}", text(&target.target), text(policy), text(line));
            }
        }
        page.push('\n');
    }
    page.push_str("| verdict | cases |\n|---|---:|\n");
    for (state, number) in headline.counts {
        let _ = writeln!(page, "| {} {} | {number} |", state.look().mark, state.look().word);
    }
    page.push('\n');
    clients::put(&mut page, results, glossary);
    findings(&mut page, results, glossary);
    reasons(&mut page, results);
    let _ = writeln!(page, "Run {} of countersign {}.", code(&results.run.id), text(&results.run.version));
    page
}

fn findings(page: &mut String, results: &Results, glossary: &Glossary) {
    let all = digest::unexpected(results);
    if all.is_empty() {
        return;
    }
    page.push_str("### Unexpected findings\n\n");
    for group in all.iter().take(TOLD) {
        let level = group.first.map(|finding| story::level(finding.level)).unwrap_or_default();
        let rule = group.rule.unwrap_or("no finding says why");
        let number = count(group.cases.len(), "case");
        let _ = writeln!(page, "- {} {level} {}, {number}", code(rule), text(&group.place()));
        if let Some(finding) = group.first {
            let _ = writeln!(
                page,
                "  - expected {}; got {}",
                text(&clip(&finding.expected, LONGEST)),
                text(&clip(&finding.got, LONGEST))
            );
        }
        if let Some(mend) = glossary.mend(rule) {
            let own = mend.own.get(group.whose()).unwrap_or(&mend.mend);
            let _ = writeln!(page, "  - the mend: {}", text(own));
        }
        if let Some((_, case, _)) = group.cases.first() {
            let client = case.software.as_ref().map(story::client).unwrap_or_default();
            let said: Vec<String> = client.iter().map(|it| format!("{}: {}", it.label, it.text)).collect();
            if !said.is_empty() {
                let _ = writeln!(page, "  - {}", text(&said.join("; ")));
            }
            let _ = writeln!(page, "  - {}", code(&case.reproduce));
        }
    }
    if all.len() > TOLD {
        let _ = writeln!(page, "- and {} more", all.len() - TOLD);
    }
    page.push('\n');
}

fn reasons(page: &mut String, results: &Results) {
    let all = digest::reasons(results, crate::outcomes::State::Inconclusive);
    if all.is_empty() {
        return;
    }
    page.push_str("### Inconclusive\n\n");
    for reason in all.iter().take(TOLD) {
        let number = count(reason.cases.len(), "case");
        let _ = writeln!(page, "- {number} on {}: {}", text(reason.target), text(&clip(reason.why, LONGEST)));
    }
    page.push('\n');
}

/// Text as it stands, whatever Markdown or HTML would make of it.
fn text(raw: &str) -> String {
    let mut escaped = String::new();
    for c in clean(raw).chars() {
        if "\\`*_{}[]<>#|!~@&".contains(c) {
            // An entity is text to every renderer, and `@` names nobody.
            let _ = write!(escaped, "&#{};", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Code on one line.
fn code(raw: &str) -> String {
    format!("<code>{}</code>", text(raw))
}
