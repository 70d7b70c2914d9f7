//! Drafts of expectations: what a run found and nobody expected, as text for a person to review.
//!
//! A draft is about exactly the cases in which a rule was broken, never about one in which it was not. Its reason is still to
//! be written, and no target is read that holds one without.

use crate::expectation::{ExpectedOutcome, TODO};
use crate::outcome::{CheckLevel, Finding};
use crate::results::{CaseResult, Results};
use std::collections::{BTreeMap, BTreeSet};

/// The rule whose expectations name the outcome.
const OUTCOME_RULE: &str = "policy/outcome";

/// The draft of one target's expectations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The target's slug.
    pub target: String,
    /// How many expectations there are in it.
    pub count: usize,
    /// The text of an `expectations.toml`.
    pub text: String,
}

/// What is broken in the same way: rule, outcome, and what was there, where that says something.
type Kind = (String, Option<String>, Option<String>);

/// A case by its axes, its scenario among them.
type Words<'r> = BTreeMap<&'r str, &'r str>;

/// A draft for every target with findings that nobody expected.
#[must_use]
pub fn drafts(results: &Results) -> Vec<Draft> {
    let mut all = Vec::new();
    for target in &results.targets {
        let cases: Vec<&CaseResult> = results.cases.iter().filter(|case| case.target == target.id).collect();
        let mut kinds: BTreeMap<Kind, Vec<&CaseResult>> = BTreeMap::new();
        for case in &cases {
            let unexpected = case.findings.iter().filter(|finding| {
                finding.level >= CheckLevel::Should && results.expectation_for(case, finding).is_none()
            });
            let own: BTreeSet<Kind> = unexpected.map(|finding| kind(case, finding)).collect();
            for kind in own {
                kinds.entry(kind).or_default().push(case);
            }
        }
        let mut text = String::new();
        let mut count = 0;
        for (kind, broken) in &kinds {
            let scenarios: BTreeSet<&str> = broken.iter().map(|case| case.scenario.as_str()).collect();
            for scenario in scenarios {
                let of = |all: &[&'_ CaseResult]| -> Vec<CaseResult> {
                    all.iter().filter(|case| case.scenario == scenario).map(|case| (*case).clone()).collect()
                };
                let (broken, others) = (of(broken), of(&cases));
                let ids: BTreeSet<&str> = broken.iter().map(|case| case.id.as_str()).collect();
                let silent: Vec<Words<'_>> =
                    others.iter().filter(|case| !ids.contains(case.id.as_str())).map(words).collect();
                for part in parts(broken.iter().map(words).collect(), &silent) {
                    count += 1;
                    let first = broken.iter().find(|case| is_in(&words(case), &part));
                    text += &expectation(kind, &part, first);
                }
            }
        }
        if count > 0 {
            let heading = format!(
                "# Drafted by run {} from what nobody expected. Find out of each why it is so, and write that as its reason;\n\
                 # what is wrong in the harness belongs there instead. Then move it into the target's expectations.\n",
                results.run.id
            );
            all.push(Draft { target: target.id.clone(), count, text: heading + &text });
        }
    }
    all
}

fn kind(case: &CaseResult, finding: &Finding) -> Kind {
    if finding.rule == OUTCOME_RULE {
        let outcome = case.outcome.as_ref().map(|outcome| {
            let pinned =
                ExpectedOutcome { kind: outcome.kind, why: outcome.why, algorithm: outcome.algorithm };
            let mut parts = vec![format!("kind = {}", quoted(&pinned.kind.to_string()))];
            parts.extend(pinned.why.map(|why| format!("why = {}", quoted(&why.to_string()))));
            parts.extend(pinned.algorithm.map(|it| format!("algorithm = {}", quoted(it.word()))));
            format!("{{ {} }}", parts.join(", "))
        });
        return (finding.rule.clone(), outcome, None);
    }
    // What holds a signature or a key is another every time.
    let varies = finding.got.split(|c: char| !c.is_ascii_hexdigit()).any(|word| word.len() >= 16);
    (finding.rule.clone(), None, (!varies).then(|| finding.got.clone()))
}

fn words(case: &CaseResult) -> Words<'_> {
    let axes = case.axes.iter().map(|(axis, word)| (axis.as_str(), word.as_str()));
    axes.chain([("scenario", case.scenario.as_str())]).collect()
}

/// Which words each axis may have.
type Product<'r> = BTreeMap<&'r str, BTreeSet<&'r str>>;

fn is_in(case: &Words<'_>, product: &Product<'_>) -> bool {
    product.iter().all(|(axis, words)| case.get(axis).is_some_and(|word| words.contains(word)))
}

/// Products that hold every case of `broken` and none of `silent`.
fn parts<'r>(broken: Vec<Words<'r>>, silent: &[Words<'r>]) -> Vec<Product<'r>> {
    let mut product = Product::new();
    for case in &broken {
        for (axis, word) in case {
            product.entry(axis).or_default().insert(word);
        }
    }
    if !silent.iter().any(|case| is_in(case, &product)) {
        return vec![shortened(product, silent)];
    }
    // By the axis that leaves the fewest parts; one with a single word would leave what is there.
    let axis = product.iter().filter(|(_, words)| words.len() > 1).min_by_key(|(_, words)| words.len());
    let Some((&axis, _)) = axis else { return vec![product] };
    let mut by_word: BTreeMap<&str, Vec<Words<'r>>> = BTreeMap::new();
    for case in broken {
        let word = case.get(axis).copied().unwrap_or_default();
        by_word.entry(word).or_default().push(case);
    }
    by_word.into_values().flat_map(|cases| parts(cases, silent)).collect()
}

/// The same without the axes that leave nothing out.
fn shortened<'r>(mut product: Product<'r>, silent: &[Words<'r>]) -> Product<'r> {
    let axes: Vec<&str> = product.keys().copied().filter(|axis| *axis != "scenario").collect();
    for axis in axes {
        let Some(words) = product.remove(axis) else { continue };
        if silent.iter().any(|case| is_in(case, &product)) {
            product.insert(axis, words);
        }
    }
    product
}

fn expectation((rule, outcome, got): &Kind, part: &Product<'_>, first: Option<&CaseResult>) -> String {
    let condition: Vec<String> = part
        .iter()
        .map(|(axis, words)| {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            let axis = if axis.contains('.') { quoted(axis) } else { (*axis).to_owned() };
            match words.as_slice() {
                [one] => format!("{axis} = {one}"),
                all => format!("{axis} = [{}]", all.join(", ")),
            }
        })
        .collect();
    let mut text = String::from("\n");
    if let Some(case) = first {
        text += &format!("# {}\n", one_line(&case.reproduce));
        for finding in case.findings.iter().filter(|finding| finding.rule == *rule).take(1) {
            let at = finding.at.map(|at| format!(" (frame {})", at.frame)).unwrap_or_default();
            text += &format!(
                "# expected: {}\n# got: {}{at}\n",
                one_line(&finding.expected),
                one_line(&finding.got)
            );
        }
    }
    text += &format!("[[expectation]]\nrule = {}\nwhen = {{ {} }}\n", quoted(rule), condition.join(", "));
    if let Some(outcome) = outcome {
        text += &format!("outcome = {outcome}\n");
    }
    if let Some(got) = got {
        text += &format!("got = {}\n", quoted(got));
    }
    text + &format!("reason = \"{TODO}: why is it so?\"\n")
}

/// A string as TOML has it, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_about_what_was_broken_and_nothing_else() {
        let case = |dialect: &'static str, client: &'static str| -> Words<'static> {
            BTreeMap::from([("scenario", "s"), ("dialect", dialect), ("client", client)])
        };
        let broken = vec![case("2.1", "a"), case("3.0", "a"), case("3.0", "b")];
        let silent = [case("2.1", "b"), case("3.1.1", "a")];
        let all = parts(broken.clone(), &silent);
        for case in &broken {
            assert!(all.iter().any(|part| is_in(case, part)), "{case:?}: {all:?}");
        }
        assert!(!silent.iter().any(|case| all.iter().any(|part| is_in(case, part))), "{all:?}");
        // What all of them have in common need not be said, but for the scenario.
        assert_eq!(parts(broken, &[]), [BTreeMap::from([("scenario", BTreeSet::from(["s"]))])]);
    }

    #[test]
    fn what_a_server_says_stays_one_string() {
        let text = format!("x = {}\n", quoted("a\"b\\c\nd\u{7f}\u{0}"));
        let value: toml::Table = text.parse().unwrap();
        assert_eq!(value["x"].as_str(), Some("a\"b\\c\nd\u{7f}\u{0}"));
    }
}
