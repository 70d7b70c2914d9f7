//! What is different between two runs, as text and as Markdown.

use crate::text::{clean, count};
use model::Verdict;
use model::diff::{CaseChange, CaseState, Change, Diff, Turn};
use model::results::Status;

/// How many cases of a group are named.
const NAMED: usize = 3;

/// The difference as plain text, what is worse first and the answer last.
#[must_use]
pub fn text(diff: &Diff) -> String {
    let mut out = format!(
        "{} ({})\n{} ({})\n",
        clean(&diff.old.id),
        clean(&diff.old.started),
        clean(&diff.new.id),
        clean(&diff.new.started)
    );
    for (turn, heading) in TURNS {
        let (targets, groups) = of(diff, turn);
        if targets.is_empty() && groups.is_empty() {
            continue;
        }
        out += &format!("\n{heading}\n");
        for change in targets {
            out += &format!("  {} {}: {}\n", mark(turn), clean(&change.target), told(change));
        }
        for group in groups {
            out += &format!(
                "  {} {} on {}: {}\n",
                mark(turn),
                count(group.cases.len(), "case"),
                group.target,
                group.what
            );
            for case in group.cases.iter().take(NAMED) {
                out += &format!("      {}\n", clean(case.id.as_str()));
            }
            if group.cases.len() > NAMED {
                out += &format!("      … and {} more\n", group.cases.len() - NAMED);
            }
        }
    }
    out += &format!("\n{}\n", answer(diff));
    out
}

/// The difference as Markdown, for a merge request: the answer first.
#[must_use]
pub fn markdown(diff: &Diff) -> String {
    let mut out = format!("**{}**\n\n`{}` → `{}`\n", answer(diff), code(&diff.old.id), code(&diff.new.id));
    for (turn, heading) in TURNS {
        let (targets, groups) = of(diff, turn);
        if targets.is_empty() && groups.is_empty() {
            continue;
        }
        out += &format!("\n### {heading}\n\n");
        for change in targets {
            out += &format!("- `{}`: {}\n", code(&change.target), escaped(&told(change)));
        }
        for group in groups {
            let number = count(group.cases.len(), "case");
            out += &format!("- {number} on `{}`: {}\n", code(&group.target), escaped(&group.what));
            for case in group.cases.iter().take(NAMED) {
                out += &format!("  - `{}`\n", code(case.id.as_str()));
            }
            if group.cases.len() > NAMED {
                out += &format!("  - and {} more\n", group.cases.len() - NAMED);
            }
        }
    }
    out
}

const TURNS: [(Turn, &str); 3] = [(Turn::Worse, "Worse"), (Turn::Other, "Other"), (Turn::Better, "Better")];

const fn mark(turn: Turn) -> &'static str {
    match turn {
        Turn::Worse => "✗",
        Turn::Other => "~",
        Turn::Better => "✓",
    }
}

/// Cases that changed in the same way.
struct Group<'d> {
    target: String,
    what: String,
    cases: Vec<&'d CaseChange>,
}

fn of(diff: &Diff, turn: Turn) -> (Vec<&Change>, Vec<Group<'_>>) {
    let targets = diff.targets.iter().filter(|it| it.turn == turn).collect();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for case in diff.cases.iter().filter(|it| it.turn == turn) {
        let (target, what) = (clean(&case.target), clean(&changed(case)));
        match groups.iter_mut().find(|group| group.target == target && group.what == what) {
            Some(group) => group.cases.push(case),
            None => groups.push(Group { target, what, cases: vec![case] }),
        }
    }
    (targets, groups)
}

fn told(change: &Change) -> String {
    let word = |word: &Option<String>| word.as_deref().map_or_else(|| "nothing".to_owned(), clean);
    format!("{}: {} → {}", clean(&change.what), word(&change.old), word(&change.new))
}

/// What happened to a case, in words that are the same for cases to which the same happened.
fn changed(case: &CaseChange) -> String {
    let (Some(old), Some(new)) = (&case.old, &case.new) else {
        return match (&case.old, &case.new) {
            (Some(old), None) => format!("vanished: {}", full(old)),
            (None, Some(new)) => format!("appeared: {}", full(new)),
            _ => String::new(),
        };
    };
    let mut parts = Vec::new();
    if word(old) != word(new) {
        parts.push(format!("{} → {}", word(old), word(new)));
    }
    if old.outcome != new.outcome {
        let line = |state: &CaseState| state.outcome.clone().unwrap_or_else(|| "no outcome".to_owned());
        parts.push(format!("{} → {}", line(old), line(new)));
    }
    let only =
        |a: &CaseState, b: &CaseState| -> Vec<String> { a.rules.difference(&b.rules).cloned().collect() };
    for (sign, rules) in [("+", only(new, old)), ("-", only(old, new))] {
        parts.extend(rules.iter().map(|rule| format!("{sign}{rule}")));
    }
    if let Some(why) =
        new.why.as_ref().filter(|_| matches!(new.verdict, Verdict::Inconclusive | Verdict::Unsupported))
    {
        parts.push(why.clone());
    }
    parts.join("; ")
}

fn full(state: &CaseState) -> String {
    let rules: Vec<&str> = state.rules.iter().map(String::as_str).collect();
    if rules.is_empty() { word(state).to_owned() } else { format!("{} ({})", word(state), rules.join(", ")) }
}

const fn word(state: &CaseState) -> &'static str {
    match (state.verdict, state.status) {
        (Verdict::Deviates, Status::Expected) => "deviates as expected",
        (verdict, _) => verdict.word(),
    }
}

fn answer(diff: &Diff) -> String {
    let number = |turn: Turn| {
        diff.cases.iter().filter(|it| it.turn == turn).count()
            + diff.targets.iter().filter(|it| it.turn == turn).count()
    };
    let (worse, other, better) = (number(Turn::Worse), number(Turn::Other), number(Turn::Better));
    let same = usize::try_from(diff.same).unwrap_or(usize::MAX);
    let same = format!("{} the same in both", count(same, "case"));
    if worse + other + better == 0 {
        return format!("Nothing is different: {same}.");
    }
    let verdict = if worse > 0 {
        "Worse"
    } else if better > 0 {
        "Better"
    } else {
        "Different"
    };
    format!("{verdict}: {worse} worse, {other} other, {better} better; {same}.")
}

/// Text in backquotes.
fn code(text: &str) -> String {
    clean(text).replace('`', "'")
}

/// Text of a server in Markdown: nothing in it means anything.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        if "\\`*_{}[]<>#|!&@~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_means_nothing_in_markdown() {
        assert_eq!(escaped("<img src=x> [a](b) `c`"), "\\<img src=x\\> \\[a\\](b) \\`c\\`");
        assert_eq!(code("a`b"), "a'b");
    }
}
