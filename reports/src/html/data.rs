//! Every case as data inside the page, for its script: each text once, and the cases by the numbers of their texts.

use super::case::mend;
use super::frame::{marks, title, value};
use crate::glossary::Glossary;
use crate::outcomes::{State, cell_word};
use crate::software;
use crate::story::{self, Line};
use crate::text::{clean, clip_middle, duration, href};
use model::{CaseResult, Finding, Frame, Results};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How much decoded bytes may take in the page, in characters; of cases beyond it the evidence has them.
const FRAMES: usize = 1_600_000;

/// How many findings of one case are in the page, and how many once there is much text; `results.json` has all.
const FINDINGS: (usize, usize) = (20, 2);
/// How much of what a client printed is shown once there is much text, in characters.
const PRINTED: usize = 60;
/// How much text is much, in bytes.
const MUCH: usize = 1_500_000;

/// The whole.
#[derive(Serialize)]
struct Data {
    /// Mark, word and class of every state.
    states: Vec<[&'static str; 3]>,
    texts: Vec<String>,
    findings: Vec<Found>,
    /// What mends what a rule is about, by target and rule: labels and texts.
    mends: BTreeMap<String, Vec<(&'static str, String)>>,
    cases: Vec<Row>,
}

/// A finding, once for all cases that share it: rule, level, whose duty, what is known of it, and the lines.
type Found = (usize, &'static str, String, usize, Vec<(usize, usize)>);

/// Scenario, target, cell, state, word, the lines of the story, the rules that were checked, how long; then what not every
/// case has.
#[derive(Serialize)]
struct Row(usize, usize, usize, usize, usize, Vec<(usize, usize)>, usize, usize, Rest);

#[derive(Serialize, Default)]
struct Rest {
    /// The id, where it does not follow from the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<String>,
    /// The command that runs it again, where it is not the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<String>,
    /// The evidence and the link to it, where it is not the usual one; an empty list where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<Vec<Option<String>>>,
    /// The numbers of its findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    f: Vec<usize>,
    /// How many more it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<usize>,
    /// Decoded messages: what it is, its bytes, what is marked, how many bytes there are, its fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    m: Vec<Message>,
}

#[derive(Serialize)]
struct Message(usize, String, Vec<(u32, u32)>, u32, Vec<(usize, usize, u32, u32)>);

/// The texts and findings so far; the first text is empty.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    known: HashMap<String, usize>,
    /// How many bytes the texts have.
    size: usize,
    findings: Vec<Found>,
    found: HashMap<Found, usize>,
}

impl Texts {
    fn of(&mut self, text: String) -> usize {
        *self.known.entry(text).or_insert_with_key(|text| {
            self.size += text.len();
            self.all.push(text.clone());
            self.all.len() - 1
        })
    }

    fn finding(&mut self, found: Found) -> usize {
        *self.found.entry(found).or_insert_with_key(|found| {
            self.findings.push(found.clone());
            self.findings.len() - 1
        })
    }

    fn lines(&mut self, lines: Vec<Line>) -> Vec<(usize, usize)> {
        lines.into_iter().map(|line| (self.of(line.label.to_owned()), self.of(line.text))).collect()
    }
}

/// The data as JSON that may stand in a script element: no `<`, whatever a server sent.
pub(super) fn json(results: &Results, glossary: &Glossary) -> Result<String, serde_json::Error> {
    let mut texts = Texts::default();
    texts.of(String::new());
    let mut left = FRAMES;
    // What nobody expected is shown first of all, should there be too much.
    let mut shown: HashMap<usize, Vec<Message>> = HashMap::new();
    for unexpected in [true, false] {
        for (index, case) in results.cases.iter().enumerate() {
            if (State::of(case) == State::Deviates) == unexpected && !case.frames.is_empty() {
                let messages: Vec<Message> =
                    case.frames.iter().map(|frame| message(&mut texts, frame, &case.findings)).collect();
                let size: usize = messages.iter().map(|it| it.1.len() + 24 * it.4.len() + 40).sum();
                if size <= left {
                    left -= size;
                    shown.insert(index, messages);
                }
            }
        }
    }
    let cases = results.cases.iter().enumerate();
    let rows =
        cases.map(|(index, case)| row(&mut texts, results, case, shown.remove(&index).unwrap_or_default()));
    let cases = rows.collect();
    let states = State::ALL.map(State::look).map(|look| [look.mark, look.word, look.class]);
    let data = Data {
        states: states.to_vec(),
        texts: texts.all,
        findings: texts.findings,
        mends: mends(results, glossary),
        cases,
    };
    Ok(serde_json::to_string(&data)?.replace('<', "\\u003c"))
}

fn mends(results: &Results, glossary: &Glossary) -> BTreeMap<String, Vec<(&'static str, String)>> {
    let found = results.cases.iter().flat_map(|case| case.findings.iter().map(move |it| (case, it)));
    let of = |(case, finding): (&CaseResult, &Finding)| {
        let key = clean(&format!("{} {}", case.target, finding.rule));
        (key, mend(glossary, &finding.rule, &case.target))
    };
    found.map(of).filter(|(_, mend)| !mend.is_empty()).collect()
}

fn row(texts: &mut Texts, results: &Results, case: &CaseResult, messages: Vec<Message>) -> Row {
    let (scenario, target, cell) = (clean(&case.scenario), clean(&case.target), story::cell(case));
    let id = clean(case.id.as_str());
    let checks: Vec<String> =
        case.checks.iter().map(|(rule, number)| format!("{} {number}×", clean(rule))).collect();
    let usual = format!("evidence/{id}.pcapng");
    let most = if texts.size > MUCH { FINDINGS.1 } else { FINDINGS.0 };
    let mut story = story::experience(case);
    for line in story.iter_mut().filter(|line| line.is_printed() && texts.size > MUCH) {
        line.text = clip_middle(&line.text, PRINTED);
    }
    let findings = case.findings.iter().take(most).map(|finding| {
        let known = results.expectation_for(case, finding);
        let known = known.map(|it| clean(&it.reason)).unwrap_or_default();
        let found = (
            texts.of(clean(&finding.rule)),
            story::level(finding.level),
            story::subject(finding.subject, software::client(case)),
            texts.of(known),
            texts.lines(story::about(finding)),
        );
        texts.finding(found)
    });
    let rest = Rest {
        f: findings.collect(),
        n: Some(case.findings.len().saturating_sub(most)).filter(|more| *more > 0),
        i: (format!("{scenario}/{cell}@{target}") != id).then(|| id.clone()),
        r: (format!("countersign run --case {id}") != case.reproduce).then(|| clean(&case.reproduce)),
        e: match case.evidence.as_deref() {
            Some(path) if path == usual && href(path).is_some() => None,
            Some(path) => Some(vec![Some(clean(path)), href(path)]),
            None => Some(Vec::new()),
        },
        m: messages,
    };
    let state = State::ALL.iter().position(|state| *state == State::of(case)).unwrap_or_default();
    Row(
        texts.of(scenario),
        texts.of(target),
        texts.of(cell),
        state,
        texts.of(cell_word(case).into_owned()),
        texts.lines(story),
        texts.of(checks.join(" · ")),
        texts.of(duration(case.millis)),
        rest,
    )
}

fn message(texts: &mut Texts, frame: &Frame, findings: &[Finding]) -> Message {
    let fields = frame.fields.iter().map(|field| {
        let (first, end) = field.bytes;
        (texts.of(clean(&field.name)), texts.of(value(field)), first, end)
    });
    let fields = fields.collect();
    Message(texts.of(title(frame)), clean(&frame.hex), marks(frame, findings.iter()), frame.length, fields)
}
