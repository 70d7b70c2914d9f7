//! What each step of the scenario expected, told from the bytes that step sent and what was answered to them.

use crate::validate;
use crate::view::{View, place};
use evidence::StepRecord;
use model::{Action, CheckLevel, Finding, FrameRef, NtStatus, Subject};
use smb::follow::{Connection, Message, Way};
use smb::wire::{Body, Command, ReadResponse, WriteRequest};

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
    for (number, step) in view.case().steps.iter().enumerate() {
        let name = format!("step {} ({})", number + 1, step.action.word());
        let requests = requests_of(view, number);
        let Some((last, before)) = requests.split_last().filter(|(last, _)| is_of(step.action, last.message))
        else {
            steps.missing.push(format!("{name} was not sent"));
            continue;
        };
        for request in before {
            // What leads up to a step's last request has to work, whatever the last one is expected to meet.
            let Some(response) = final_response(request.connection, request.message) else { continue };
            let got = response.header.status;
            statuses += 1;
            if got != NtStatus::SUCCESS && got != NtStatus::MORE_PROCESSING_REQUIRED {
                let expected = format!("{name}: {} answered with STATUS_SUCCESS", response.command());
                let at = place(request.index, response);
                steps.findings.push(finding(
                    view,
                    STATUS_RULE,
                    CheckLevel::Must,
                    at,
                    expected,
                    got.to_string(),
                ));
            }
        }
        let Some(response) = final_response(last.connection, last.message) else {
            steps.missing.push(format!("{name} was not answered"));
            continue;
        };
        let at = place(last.index, response);
        let got = response.header.status;
        if got == NtStatus::MORE_PROCESSING_REQUIRED && response.command() == Command::SESSION_SETUP {
            // The server waits, and it was the client that did not go on: nothing says whose fault that is.
            steps.missing.push(format!("{name} was not carried on after {got} (frame {})", response.frame));
            continue;
        }
        statuses += 1;
        if got != step.expect.status {
            let expected = format!("{name} answered with {}", step.expect.status);
            steps.findings.push(finding(view, STATUS_RULE, step.expect.level, at, expected, got.to_string()));
        } else if step.action == Action::Read && got == NtStatus::SUCCESS {
            reads += 1;
            let written = written(last.connection, last.message);
            let read = ReadResponse::parse(&response.bytes).map(|body| body.data).unwrap_or_default();
            if written.as_deref() != Some(read.as_slice()) {
                let expected =
                    format!("the {} bytes that were written", written.map_or(0, |data| data.len()));
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
    let action = view.case().steps.get(step).map(|step| step.action);
    let requests = requests_of(view, step);
    action.zip(requests.last()).is_some_and(|(action, last)| is_of(action, last.message))
}

/// Whether a request is what an action sends last.
fn is_of(action: Action, request: &Message) -> bool {
    let command = match action {
        Action::SessionSetup => Command::SESSION_SETUP,
        Action::TreeConnect => Command::TREE_CONNECT,
        Action::ValidateNegotiate => return validate::is_asked(request),
        Action::Create | Action::Reopen => Command::CREATE,
        Action::Write => Command::WRITE,
        Action::Flush => Command::FLUSH,
        Action::Read => Command::READ,
        Action::QueryInfo => Command::QUERY_INFO,
        // The directory that was listed is closed again.
        Action::QueryDirectory | Action::Delete => Command::CLOSE,
        Action::Echo => Command::ECHO,
        Action::TreeDisconnect => Command::TREE_DISCONNECT,
        Action::Logoff => Command::LOGOFF,
    };
    request.command() == command
}

/// A request of a step.
struct Request<'v> {
    index: u32,
    connection: &'v Connection,
    message: &'v Message,
}

/// The requests a step sent, in order.
fn requests_of<'v>(view: &'v View<'v>, step: usize) -> Vec<Request<'v>> {
    let all = &view.evidence().sidecar.steps;
    // Bytes belong to one step. What the sidecar gives to several belongs to none.
    let alone = |record: &StepRecord| {
        all.iter().all(|other| {
            std::ptr::eq(other, record)
                || other.connection != record.connection
                || other.sent.1 <= record.sent.0
                || record.sent.1 <= other.sent.0
        })
    };
    let records = all.iter().filter(|record| record.step as usize == step && alone(record));
    records
        .filter_map(|record| {
            let connection = view.connections().get(record.connection as usize)?;
            let (from, to) = record.sent;
            Some(connection.messages.iter().filter_map(move |message| {
                (message.way == Way::ToServer && (from..to).contains(&message.offset)).then_some(Request {
                    index: record.connection,
                    connection,
                    message,
                })
            }))
        })
        .flatten()
        .collect()
}

fn final_response<'v>(connection: &'v Connection, request: &Message) -> Option<&'v Message> {
    request
        .responses
        .iter()
        .filter_map(|index| connection.messages.get(*index))
        .find(|response| !response.is_interim())
}

/// The data of the last WRITE before `read`.
fn written(connection: &Connection, read: &Message) -> Option<Vec<u8>> {
    connection
        .messages
        .iter()
        .rfind(|message| {
            message.way == Way::ToServer
                && message.command() == Command::WRITE
                && message.offset < read.offset
        })
        .and_then(|message| WriteRequest::parse(&message.bytes).ok())
        .map(|body| body.data)
}
