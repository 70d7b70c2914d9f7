//! What each step of the scenario expected, told from the bytes that step sent and what was answered to them.

mod request;

use crate::view::View;
use evidence::StepRecord;
use model::scenario::HeaderField;
use model::{Action, As, CheckLevel, Deviation, Finding, FrameRef, NtStatus, Step, Subject};
use request::Request;

/// The rule that compares the status of a step's answer.
pub(crate) const STATUS_RULE: &str = "step/status";
/// The rule that compares what was read with what was written.
pub(crate) const READ_BACK_RULE: &str = "step/read-back";

/// What the steps say.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) checks: Vec<(&'static str, u64)>,
    pub(crate) findings: Vec<Finding>,
    /// Steps that the evidence does not show to have run to their end.
    pub(crate) missing: Vec<String>,
}

/// Evaluates the expectation of every planned step.
pub(crate) fn evaluate(view: &View<'_>) -> Steps {
    let mut steps = Steps::default();
    let (mut statuses, mut reads) = (0, 0);
    // Whether a server that has ended the connection may have done so for a step's sake.
    let mut may_end = false;
    for (number, step) in view.steps().iter().enumerate() {
        let name = format!("step {} ({})", number + 1, step.action.word());
        let mut requests = requests_of(view, number);
        let unanswered =
            requests.last().is_none_or(|last| last.answer().is_none() && !last.is_answered_raw());
        if may_end && unanswered && view.server_ended(0) {
            break; // There is no connection on which the next steps could be looked at.
        }
        // Only right behind the answer: what comes after another one has nothing to do with it, and neither has what was
        // said on another connection.
        if requests.is_empty() && is_left_out(view, step) {
            continue;
        }
        may_end = step.expect.or.is_some() && requests.last().is_none_or(|last| last.index == 0);
        let whole = is_whole(&requests, step);
        if whole && step.deviate.is_some() && step.action != Action::Cancel {
            // What the step expects is about the broken one, and the others have to work.
            requests.sort_by_key(|request| request.is_on_purpose(view));
        }
        let (last, before) = match requests.split_last() {
            Some((last, before)) if whole => (Some(last), before),
            // It broke off, and at what is the status of the last request that was sent.
            Some(_) if request::begin(&requests, step) => (None, &requests[..]),
            _ => (None, &[][..]),
        };
        for request in before {
            // What leads up to a step's last request has to work, whatever the last one is expected to meet.
            let Some(answer) = request.answer().filter(|_| !request.is_cancel()) else { continue };
            // Every message of a logon is another one than usual, and the last one says what comes of it.
            if request.is_on_purpose(view) && step.action != Action::SessionSetup {
                // It is the last one only where the step came to its end.
                statuses += 1;
                if !step.expect.takes(answer.status) {
                    let expected = format!("{name} answered with {}", step.expect.words());
                    let got = answer.status.to_string();
                    steps.findings.push(finding(
                        view,
                        STATUS_RULE,
                        step.expect.level,
                        answer.at,
                        expected,
                        got,
                    ));
                }
                continue;
            }
            if request.has_no_notification(answer.status) {
                steps.missing.push(format!("{name}: the share reports no changes ({})", answer.status));
                continue;
            }
            if request.is_overtaken(answer.status) {
                steps.missing.push(format!("{name}: what it waits for came before it was cancelled"));
                continue;
            }
            statuses += 1;
            if !request.leads_on(step, answer.status) {
                let due = request.leading_on(step);
                let expected = format!("{name}: {} answered with {due}", request.command());
                let got = answer.status.to_string();
                steps.findings.push(finding(view, STATUS_RULE, CheckLevel::Must, answer.at, expected, got));
            }
        }
        let Some(last) = last else {
            let broken = requests.iter().any(|request| request.is_on_purpose(view));
            if broken && step.expect.takes_the_end() && view.server_ended(0) {
                statuses += 1;
                break; // In the midst of a step that goes on behind what is broken.
            }
            let how = if before.is_empty() { "sent" } else { "carried to its end" };
            steps.missing.push(format!("{name} was not {how}"));
            continue;
        };
        if last.is_answered_raw() {
            continue; // What has no header has no status: the rules about it look at the rest.
        }
        if let Some(announced) = last.interim().filter(|_| last.is_on_purpose(view)) {
            // What is to be refused is not made to wait: the server has taken it.
            statuses += 1;
            if !step.expect.takes(announced.status) {
                let expected = format!("{name} answered with {}", step.expect.words());
                let got = announced.status.to_string();
                let at = announced.at;
                steps.findings.push(finding(view, STATUS_RULE, step.expect.level, at, expected, got));
            }
            continue;
        }
        let Some(answer) = last.answer() else {
            // Where a request is broken on purpose or the scenario says so, ending the connection is an answer too.
            if (step.deviate.is_some() || step.expect.or.is_some()) && view.server_ended(last.index) {
                statuses += 1;
                if step.expect.takes_the_end() {
                    if last.index == 0 {
                        break;
                    }
                    continue; // That of another one leaves the case's own as it is.
                }
                let expected = format!("{name} answered with {}", step.expect.words());
                let got = "the end of the connection".to_owned();
                steps.findings.push(finding(view, STATUS_RULE, step.expect.level, last.at(), expected, got));
            }
            steps.missing.push(format!("{name} was not answered"));
            continue;
        };
        let (at, got) = (answer.at, answer.status);
        if got == NtStatus::MORE_PROCESSING_REQUIRED && last.is_setup() && step.deviate.is_none() {
            // The server waits, and it was the client that did not go on: nothing says whose fault that is.
            steps.missing.push(format!("{name} was not carried on after {got} (frame {})", at.frame));
            continue;
        }
        if step.action == Action::MultiProtocolNegotiate {
            continue; // Which protocol answers, and what it settles, is the outcome's business.
        }
        statuses += 1;
        if step.expect.takes(got) && !last.is_answered_whole() {
            let expected = format!("{name} answered with every command of its chain");
            let got = "a chain that ends before";
            steps.findings.push(finding(view, STATUS_RULE, step.expect.level, at, expected, got.to_owned()));
        } else if !step.expect.takes(got) {
            let expected = format!("{name} answered with {}", step.expect.words());
            let at = FrameRef { bytes: Some(answer.field), ..at };
            steps.findings.push(finding(view, STATUS_RULE, step.expect.level, at, expected, got.to_string()));
        } else if reads_back(step.action) && got == NtStatus::SUCCESS {
            // Where nothing was written, nothing is known of what is read; the write's own step says so.
            let Some(written) = last.written() else { continue };
            reads += 1;
            let read = last.read();
            if written != read {
                let expected = format!("the {} bytes that were written", written.len());
                let got = format!("{} other bytes", read.len());
                steps.findings.push(finding(view, READ_BACK_RULE, CheckLevel::Must, at, expected, got));
            }
        }
    }
    steps.checks =
        [(STATUS_RULE, statuses), (READ_BACK_RULE, reads)].into_iter().filter(|(_, n)| *n > 0).collect();
    steps
}

fn finding(
    view: &View<'_>,
    rule: &str,
    level: CheckLevel,
    at: FrameRef,
    expected: String,
    got: String,
) -> Finding {
    Finding {
        rule: rule.to_owned(),
        level,
        subject: Subject::Server,
        at: Some(at),
        expected,
        got,
        cites: crate::cites_of(rule, view),
    }
}

/// Whether a step was sent: what the sidecar says are its bytes ends with the request that its action is.
pub(crate) fn is_sent(view: &View<'_>, step: usize) -> bool {
    let requests = requests_of(view, step);
    let is_done = |step| is_whole(&requests, step) || requests.is_empty() && is_left_out(view, step);
    view.steps().get(step).is_some_and(is_done)
}

/// Whether a client passes over a step: FSCTL_VALIDATE_NEGOTIATE_INFO is signed (3.2.5.5), and in a session that the server
/// made a guest's there is nothing to sign with.
fn is_left_out(view: &View<'_>, step: &Step) -> bool {
    let Some(connection) = view.connections().first() else { return false };
    let mut sessions = connection.sessions.values().map(|session| view.identity(session)).peekable();
    step.action == Action::ValidateNegotiate
        && step.deviate.is_none()
        && sessions.peek().is_some()
        && sessions.all(|identity| identity != As::User)
}

/// Whether requests are those that a step sends. Of one whose command is changed on purpose the command says nothing.
fn is_whole(requests: &[Request<'_>], step: &Step) -> bool {
    let Some(last) = requests.last() else { return false };
    step.deviate == Some(Deviation::Header(HeaderField::Command))
        || last.is_of(step) && request::are_all(requests, step)
}

/// Whether what a step brings must be what was written.
const fn reads_back(action: Action) -> bool {
    matches!(action, Action::Read | Action::ReadLarge | Action::OpenReadClose)
}

/// The step that sent the request at `offset` of a connection.
pub(crate) fn step_at(view: &View<'_>, connection: u32, offset: u64) -> Option<usize> {
    let all = view.sent();
    let holds = |record: &&StepRecord| {
        record.connection == connection && (record.sent.0..record.sent.1).contains(&offset)
    };
    all.iter().find(holds).filter(|record| is_alone(all, record)).map(|record| record.step as usize)
}

/// Bytes belong to one step. What the sidecar gives to several belongs to none.
fn is_alone(all: &[StepRecord], record: &StepRecord) -> bool {
    all.iter().all(|other| {
        std::ptr::eq(other, record)
            || other.connection != record.connection
            || other.sent.1 <= record.sent.0
            || record.sent.1 <= other.sent.0
    })
}

/// The requests a step sent, in order.
fn requests_of<'v>(view: &'v View<'v>, step: usize) -> Vec<Request<'v>> {
    let all = view.sent();
    all.iter()
        .filter(|record| record.step as usize == step && is_alone(all, record))
        .flat_map(|record| Request::between(view, record.connection, record.sent))
        .collect()
}
