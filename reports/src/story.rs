//! What is told of a case and of a finding, as labelled lines that every report sets in its own way.

use crate::software;
use crate::text::{clean, clean_lines, clip, clip_middle};
use model::results::CAPTURE;
use model::software::{Did, Ended, SoftwareResult};
use model::{CaseResult, CheckLevel, Finding, FrameRef, Outcome, Subject};

/// The longest text of a server that is shown; `results.json` has all of it.
pub(crate) const LONGEST: usize = 600;

/// The most of what a client printed that is shown; `results.json` has more, the evidence all of it.
pub(crate) const PRINTED: usize = 300;
/// The label of what a client printed: the one text that has lines of its own.
const PRINTED_LABEL: &str = "printed";

/// A label and what it says, cleaned.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) label: &'static str,
    pub(crate) text: String,
}

impl Line {
    /// Whether it is what a client printed.
    pub(crate) fn is_printed(&self) -> bool {
        self.label == PRINTED_LABEL
    }
}

fn line(label: &'static str, text: &str) -> Line {
    Line { label, text: clip(&clean(text), LONGEST) }
}

/// What was predicted, what happened, and why it is not known.
pub(crate) fn experience(case: &CaseResult) -> Vec<Line> {
    let mut all = Vec::new();
    let unpredicted = || match case.scenario.as_str() {
        CAPTURE => "nothing: what both sides are set to is not known of a capture".to_owned(),
        _ if software::client(case).is_some() => {
            "nothing but that the client notices, and does not go on".to_owned()
        }
        _ => "nothing: each step says what is due".to_owned(),
    };
    all.push(line("predicted", &case.predicted.as_ref().map_or_else(unpredicted, Outcome::line)));
    if let Some(outcome) = &case.outcome {
        all.push(line("observed", &observed(outcome)));
    }
    if let Some(shown) = case.outcome.as_ref().and_then(|outcome| outcome.shown.as_ref()) {
        all.push(line("shown", &format!("{}: {}", shown.code, shown.text)));
    }
    all.extend(case.why.as_deref().map(|why| line("why", why)));
    all.extend(case.software.iter().flat_map(client));
    all
}

/// What a client that people run made of its case.
pub(crate) fn client(software: &SoftwareResult) -> Vec<Line> {
    let mut all =
        vec![line("client", &format!("{}, its signing set to: {}", software.id, software.setting.word()))];
    let whole = if software.done { ", which is everything" } else { "" };
    all.push(line("did", &format!("{}{whole}", did(software))));
    all.push(line("ended", ended(software.ended)));
    if let Some(means) = software.means {
        all.push(line("means", &means.word().replace('-', " ")));
    } else if !software.done {
        all.push(line("means", "nobody knows its message"));
    }
    all.extend(software.note.as_deref().map(|note| line("note", note)));
    let printed = printed(software);
    if !printed.is_empty() {
        all.push(Line { label: PRINTED_LABEL, text: printed });
    }
    all
}

/// What a client did, as a list.
pub(crate) fn did(software: &SoftwareResult) -> String {
    let did: Vec<&str> = software.did.iter().map(|did: &Did| did.word()).collect();
    if did.is_empty() { "nothing".to_owned() } else { did.join(", ") }
}

/// How a client ended.
pub(crate) const fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::ByItself => "by itself",
        Ended::TimedOut => "it took too long and was ended",
        Ended::Crashed => "it crashed",
    }
}

/// What a client printed, in lines of its own.
pub(crate) fn printed(software: &SoftwareResult) -> String {
    clip_middle(&clean_lines(&software.printed), PRINTED)
}

fn observed(outcome: &Outcome) -> String {
    let mut observed = outcome.line();
    if let Some(signed) = outcome.signed {
        let ((requests, all_requests), (responses, all_responses)) = (signed.requests, signed.responses);
        observed.push_str(&format!(
            "; signed and valid: {requests} of {all_requests} requests, {responses} of {all_responses} responses"
        ));
    }
    observed
}

/// What a finding says.
pub(crate) fn about(finding: &Finding) -> Vec<Line> {
    let mut all = vec![line("expected", &finding.expected), line("got", &finding.got)];
    if let Some(at) = &finding.at {
        all.push(Line { label: "where", text: place(at) });
    }
    if !finding.cites.is_empty() {
        all.push(line("cites", &finding.cites.join("; ")));
    }
    all
}

/// Where to look and how to see it again.
pub(crate) fn pointers(case: &CaseResult) -> Vec<Line> {
    let evidence = case.evidence.as_deref().map(|path| Line { label: "evidence", text: clean(path) });
    let reproduce = Line { label: "reproduce", text: clean(&case.reproduce) };
    evidence.into_iter().chain([reproduce]).collect()
}

/// A place in the evidence, as Wireshark numbers it.
pub(crate) fn place(at: &FrameRef) -> String {
    let mut place = format!("frame {}, connection {}", at.frame, at.connection);
    if let Some(leg) = at.leg {
        place.push_str(&format!(", leg {leg}"));
    }
    if at.element > 0 {
        place.push_str(&format!(", element {}", at.element));
    }
    if let Some((first, end)) = at.bytes {
        place.push_str(&format!(", bytes {first}..{end}"));
    }
    place
}

/// `MUST`, as specifications write it.
pub(crate) const fn level(level: CheckLevel) -> &'static str {
    match level {
        CheckLevel::Must => "MUST",
        CheckLevel::Should => "SHOULD",
        CheckLevel::Info => "INFO",
    }
}

/// Whose duty it was; a client that people run is named.
pub(crate) fn subject(subject: Subject, client: Option<&str>) -> String {
    match client {
        Some(client) if subject == Subject::Client => format!("{} {}", subject.word(), clean(client)),
        _ => subject.word().to_owned(),
    }
}

/// What stands between the scenario and the target in a case's id.
pub(crate) fn cell(case: &CaseResult) -> String {
    let id = case.id.as_str();
    let rest = id.strip_prefix(case.scenario.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let rest = rest.and_then(|rest| rest.strip_suffix(case.target.as_str()));
    match rest.and_then(|rest| rest.strip_suffix('@')) {
        Some("") => "case".to_owned(),
        Some(cell) => clean(cell),
        None => clean(id),
    }
}
