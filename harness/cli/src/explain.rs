//! `explain`: what a rule, an outcome, a code or a case means to somebody who has just met it.

mod messages;
mod texts;

use crate::args::ExplainArgs;
use crate::catalogue::{Catalogue, KnownTarget};
use crate::exit::{Exit, Failure};
use crate::files::RunFolder;
use crate::names;
use model::plan::{Expansion, expansion};
use model::results::Status;
use model::{CaseResult, PlannedCase};
use std::fmt::Write as _;
pub(crate) use texts::{Entry, Texts};

/// Before a command that runs a case.
const COMMANDS: [&str; 2] = ["Run it: ", "Again: "];

/// `countersign explain`.
pub(crate) fn explain(args: &ExplainArgs) -> Result<Exit, Failure> {
    let catalogue = Catalogue::load(args.scenarios_dir.as_deref(), args.targets_dir.as_deref())?;
    let texts = Texts::load()?;
    names::check("target", &args.target, catalogue.targets.iter().map(|t| t.target.id.as_str()))?;
    let targets: Vec<&KnownTarget> =
        catalogue.targets.iter().filter(|known| args.target.contains(&known.target.id)).collect();
    let page = match about(&texts, &args.what) {
        Some((name, entry)) => page(&texts, &name, entry, &targets),
        None => match messages::client(&catalogue.software, &args.what) {
            Some(page) => page,
            None => case(args, &catalogue, &texts)?,
        },
    };
    // Who reads it elsewhere wraps it himself, or looks for a line.
    let columns = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    anstream::print!("{}", columns.map_or(page.clone(), |columns| wrapped(&page, columns)));
    Ok(Exit::Expected)
}

/// A page in lines of at most `columns`: each begins where the line does of which it is a part. What is longer than that without a
/// space stays whole, and so does a command, which somebody copies.
fn wrapped(page: &str, columns: usize) -> String {
    let mut all = String::new();
    for line in page.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if COMMANDS.iter().any(|label| text.starts_with(label)) || text.is_empty() {
            let _ = writeln!(all, "{line}");
            continue;
        }
        let mut length = indent;
        all.push_str(&line[..indent]);
        for (number, word) in text.split(' ').enumerate() {
            let width = word.chars().count();
            if number > 0 && length + 1 + width > columns {
                let _ = write!(all, "\n{}", &line[..indent]);
                length = indent;
            } else if number > 0 {
                all.push(' ');
                length += 1;
            }
            all.push_str(word);
            length += width;
        }
        all.push('\n');
    }
    all
}

/// What a word is, and its text: a rule, an outcome, or a code in any of its spellings.
fn about<'t>(texts: &'t Texts, word: &str) -> Option<(String, &'t Entry)> {
    if let Some(entry) = texts.rule(word) {
        let rule = judge::rules().find(|rule| rule.id == word)?;
        let cites = rule.cites.join(", ");
        return Some((format!("{word}: {} [{}; {cites}]", rule.title, rule.level), entry));
    }
    if let Some(entry) = texts.outcome(word) {
        return Some((format!("{word}: an outcome"), entry));
    }
    let entry = texts.status(word)?;
    let also = if entry.also.is_empty() { String::new() } else { format!(" ({})", entry.also.join(", ")) };
    Some((format!("{}{also}", entry.id), entry))
}

fn page(texts: &Texts, name: &str, entry: &Entry, targets: &[&KnownTarget]) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "{name}\n\n  {}\n\n  Why: {}\n\n  Who is affected: {}",
        entry.what, entry.why, entry.who
    );
    remedies(&mut page, texts, &entry.topic, targets);
    page
}

/// What mends it: in a server's own words where its folder has them, else in everybody's.
fn remedies(page: &mut String, texts: &Texts, topic: &str, targets: &[&KnownTarget]) {
    let Some(general) = texts.topic(topic) else { return };
    let own: Vec<(&str, &str)> = targets
        .iter()
        .flat_map(|known| known.remedies.iter().map(|remedy| (known.target.title.as_str(), remedy)))
        .filter(|(_, remedy)| remedy.topic == topic)
        .map(|(title, remedy)| (title, remedy.mend.as_str()))
        .collect();
    let _ = writeln!(page, "\n  The mend: {}", general.mend);
    for (title, mend) in own {
        let _ = writeln!(page, "    {title}: {mend}");
    }
    if let Some(not) = &general.not_recommended {
        let _ = writeln!(page, "\n  Not recommended: {not}");
    }
}

/// A case: what it is about, what should happen, and with a run what happened.
fn case(args: &ExplainArgs, catalogue: &Catalogue, texts: &Texts) -> Result<String, Failure> {
    let Expansion { cases: all, left_out } = expansion(&catalogue.scenarios, &catalogue.targets());
    let seen = match &args.run {
        Some(run) => {
            let (folder, plan) = RunFolder::open(run)?;
            Some(folder.read_journal()?.results(&plan))
        }
        None => None,
    };
    let planned = all.iter().find(|case| case.id.as_str() == args.what);
    let observed =
        seen.as_ref().and_then(|results| results.cases.iter().find(|case| case.id.as_str() == args.what));
    if planned.is_none() && observed.is_none() {
        if let Some(page) = messages::message(&catalogue.software, &args.what) {
            return Ok(page);
        }
        if let Some(cell) = left_out.iter().find(|cell| cell.case.id.as_str() == args.what) {
            return Ok(format!("{cell}\n"));
        }
        let known = judge::rules()
            .map(|rule| rule.id)
            .chain(texts.outcomes())
            .chain(texts.statuses())
            .chain(catalogue.software.iter().map(|known| known.software.id.as_str()))
            .chain(all.iter().map(|case| case.id.as_str()));
        let near = names::nearest(&args.what, known);
        let mend = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::usage(format!(
            "`{}` is no rule, outcome, code, client, case or message of a client{mend}\n`countersign list rules` and `countersign list cases` show them",
            args.what
        )));
    }
    let mut page = format!("{}\n", args.what);
    if let Some(planned) = planned {
        plan(&mut page, catalogue, planned);
    }
    match observed {
        Some(observed) => result(&mut page, catalogue, texts, observed),
        None => {
            let _ = writeln!(page, "\n  Run it: countersign run --case {}", args.what);
        }
    }
    Ok(page)
}

fn plan(page: &mut String, catalogue: &Catalogue, case: &PlannedCase) {
    let title = catalogue.scenarios.iter().find(|scenario| scenario.id == case.scenario);
    let title = title.map_or("", |scenario| scenario.title.as_str());
    let _ = writeln!(page, "\n  {title} [{}]", case.cites.join(", "));
    let steps: Vec<&str> = case.steps.iter().map(|step| step.action.word()).collect();
    let _ = match &case.software {
        Some(software) => {
            writeln!(page, "  {} does it: it mounts, writes, reads back and deletes", software.id)
        }
        None => writeln!(page, "  Steps: {}", steps.join(", ")),
    };
    let (lowest, highest) = case.server.dialects;
    let _ = writeln!(
        page,
        "  Client: {}, signing {}, guests {}. Server: signing {}, dialects {lowest} to {highest}, guest mapping {}. Logs on as: {}",
        case.client.id,
        case.client.signing,
        case.client.guest,
        case.server.signing,
        case.server.guest,
        case.login
    );
    match (&case.unsupported, case.predicted()) {
        (Some(why), _) => {
            let _ = writeln!(page, "  Unsupported on this server: {why}");
        }
        (None, Some(predicted)) => {
            let _ = writeln!(page, "  Predicted: {}", predicted.line());
        }
        (None, None) => {
            let _ = writeln!(
                page,
                "  No prediction: something is done wrong on purpose, and each step says what it expects"
            );
        }
    }
}

fn result(page: &mut String, catalogue: &Catalogue, texts: &Texts, case: &CaseResult) {
    let outcome = case.outcome.as_ref().map_or_else(|| "not known".to_owned(), model::Outcome::line);
    let status = if case.status == Status::Expected { "as expected" } else { "unexpected" };
    let _ = writeln!(page, "  Observed: {outcome}\n  Verdict: {}, {status}", case.verdict.word());
    if let Some(why) = &case.why {
        let _ = writeln!(page, "  Because: {why}");
    }
    let targets: Vec<&KnownTarget> =
        catalogue.targets.iter().filter(|known| known.target.id == case.target).collect();
    let mut told = Vec::new();
    for finding in &case.findings {
        let place = finding.at.map_or_else(String::new, |at| format!(" at frame {}", at.frame));
        let _ = writeln!(
            page,
            "\n  {} ({}){place}\n    expected {}\n    got {}\n    [{}]",
            finding.rule,
            finding.level,
            finding.expected,
            finding.got,
            finding.cites.join(", ")
        );
        if let Some(entry) = texts.rule(&finding.rule).filter(|_| !told.contains(&finding.rule)) {
            let _ = writeln!(page, "    {}\n    Who is affected: {}", entry.why, entry.who);
            remedies(page, texts, &entry.topic, &targets);
            told.push(finding.rule.clone());
        }
    }
    let _ = writeln!(page, "\n  Again: {}", case.reproduce);
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_as_long_as_the_terminal_is_wide_and_commands_whole() {
        let page = "a/rule: one two three four\n\n  Why: five six seven\n  averyveryverylongword of it\n  Again: countersign run --case x\n";
        assert_eq!(
            wrapped(page, 14),
            "a/rule: one\ntwo three four\n\n  Why: five\n  six seven\n  averyveryverylongword\n  of it\n  Again: countersign run --case x\n"
        );
        assert_eq!(wrapped(page, 80), page);
        // A terminal that says it has no width has one all the same.
        assert_eq!(wrapped("a b\n", 0), "a\nb\n");
    }
}
