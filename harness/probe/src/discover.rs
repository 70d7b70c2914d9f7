//! Discovery: one connection per question, recorded like any other evidence. What the answers mean is the judge's to say.

use crate::client;
use crate::context::Context;
use crate::link::{Link, LinkError};
use crate::{Endpoint, Limits, Recording, Stop};
use evidence::{Direction, StepRecord};
use model::discovery::Question;
use model::scenario::{Action, Step};
use model::{Algorithm, Dialect, Login, PlannedCase, SigningOffer};
use smb::wire::{
    self, Body, Capabilities, Command, DialectRevision, EncryptionCapabilities, Header, NegotiateContext,
    NegotiateRequest, NegotiateResponse, PreauthIntegrity, SecurityMode, SigningCapabilities,
};

/// A server that is silent so often is not asked on: every silence costs the whole time of an answer.
const SILENCES: u32 = 2;

/// Asks a server what it does. `case` says as which client; its steps do not matter.
///
/// Every question has a connection of its own, whose [`StepRecord`] names the question by its index. A server that is
/// silent is asked two questions at most.
pub async fn discover(
    case: &PlannedCase,
    questions: &[Question],
    endpoint: &Endpoint,
    limits: Limits,
    seed: u64,
) -> Recording {
    let mut recording = Recording::default();
    let (mut silences, mut newest) = (0, None);
    for (question, number) in questions.iter().zip(0_u32..) {
        let known = recording.recorder.count();
        let result = match question {
            Question::Logon(login) => {
                log_on(case, *login, newest, endpoint, limits, seed, &mut recording).await
            }
            question => {
                let answered = ask(*question, case, endpoint, limits, seed, &mut recording).await;
                if let (Question::Dialect(dialect), Ok(true)) = (question, &answered) {
                    newest = newest.max(Some(*dialect));
                }
                answered.map(|_| ())
            }
        };
        for connection in known..recording.recorder.count() {
            let to = recording.recorder.sent(connection, Direction::ToServer);
            recording.steps.push(StepRecord { step: number, connection, sent: (0, to) });
        }
        match result {
            Err(Stop::Link(error @ (LinkError::Connect(..) | LinkError::ConnectTimeout(..)))) => {
                recording.problem = Some(error.to_string());
                break;
            }
            Err(Stop::Link(error @ (LinkError::Timeout(_) | LinkError::TooMuch(_)))) => {
                silences += 1;
                if silences == SILENCES {
                    recording.problem = Some(error.to_string());
                    break;
                }
            }
            // What else went wrong is in the bytes, and is an answer.
            Ok(()) | Err(_) => {}
        }
    }
    recording
}

/// Asks by NEGOTIATE. Whether the server selected what it was asked for only decides which dialect logons take.
async fn ask(
    question: Question,
    case: &PlannedCase,
    endpoint: &Endpoint,
    limits: Limits,
    seed: u64,
    recording: &mut Recording,
) -> Result<bool, Stop> {
    if question == Question::Dialect(Dialect::Nt1) {
        // A server can select it and have nothing more of it: nobody logs on, so that it has to answer something else.
        let case = as_client(case, Dialect::Nt1, vec![Step::of(Action::SessionSetup)]);
        let case = PlannedCase { login: Login::Anonymous, ..case };
        return match carry_out(&case, endpoint, limits, seed, recording).await {
            // Nobody is refused, and somebody else may be let in: where there is no other dialect that is to be found out.
            Ok(()) | Err(Stop::GivesUp(_)) => Ok(true),
            Err(stop) => Err(stop),
        };
    }
    let mut link = Link::connect(endpoint.address, limits, &mut recording.recorder).await?;
    let (dialect, request) = request(question)?;
    let header = Header { credits: 1, ..Header::request(Command::NEGOTIATE) };
    let message = wire::message(&header, &request).map_err(Stop::Request)?;
    link.send(&message, &mut recording.recorder).await?;
    let answer = link.receive(link.deadline(), &mut recording.recorder).await;
    link.close(&mut recording.recorder).await;
    let response = NegotiateResponse::parse(&answer?);
    Ok(response.is_ok_and(|body| body.dialect_revision.to_dialect() == Some(dialect)))
}

/// The NEGOTIATE that asks a question, and the dialect it offers.
fn request(question: Question) -> Result<(Dialect, NegotiateRequest), Stop> {
    let context = |context: Result<NegotiateContext, wire::WireError>| context.map_err(Stop::Request);
    let (dialect, extra) = match question {
        Question::Signing(algorithm) => {
            let algorithms = algorithm.smb2_id().into_iter().collect();
            (Dialect::Smb311, Some(context(NegotiateContext::of(&SigningCapabilities { algorithms }))?))
        }
        Question::Cipher(cipher) => {
            let ciphers = vec![cipher.id()];
            (Dialect::Smb311, Some(context(NegotiateContext::of(&EncryptionCapabilities { ciphers }))?))
        }
        Question::Dialect(dialect) => (dialect, None),
        Question::Logon(_) => (Dialect::Smb311, None),
    };
    let mut contexts = Vec::new();
    if dialect == Dialect::Smb311 {
        let mut salt = vec![0; 32];
        getrandom::fill(&mut salt).map_err(|_| Stop::NoRandomness)?;
        contexts.push(context(NegotiateContext::of(&PreauthIntegrity { hash_algorithms: vec![1], salt }))?);
        contexts.extend(extra);
    }
    let mut client_guid = [0; 16];
    if dialect > Dialect::Smb202 {
        // A fresh one for every question: a server may serve one ClientGuid from one process.
        getrandom::fill(&mut client_guid).map_err(|_| Stop::NoRandomness)?;
    }
    let body = NegotiateRequest {
        security_mode: SecurityMode::SIGNING_ENABLED,
        capabilities: if dialect.is_smb3() {
            Capabilities(Capabilities::LARGE_MTU.0 | Capabilities::ENCRYPTION.0)
        } else {
            Capabilities(0)
        },
        client_guid,
        dialects: DialectRevision::from_dialect(dialect).into_iter().collect(),
        negotiate_contexts: contexts,
        ..NegotiateRequest::default()
    };
    Ok((dialect, body))
}

/// Logs on at the newest dialect that was answered.
async fn log_on(
    case: &PlannedCase,
    login: Login,
    newest: Option<Dialect>,
    endpoint: &Endpoint,
    limits: Limits,
    seed: u64,
    recording: &mut Recording,
) -> Result<(), Stop> {
    // Where no dialect was answered there is nobody to log on to.
    let Some(dialect) = newest else { return Ok(()) };
    let case = PlannedCase { login, ..as_client(case, dialect, vec![Step::of(Action::SessionSetup)]) };
    carry_out(&case, endpoint, limits, seed, recording).await
}

fn as_client(case: &PlannedCase, dialect: Dialect, steps: Vec<Step>) -> PlannedCase {
    let mut case = PlannedCase { steps, ..case.clone() };
    case.client.dialects = vec![dialect];
    case.client.algorithms = SigningOffer::of(Algorithm::ALL);
    case
}

async fn carry_out(
    case: &PlannedCase,
    endpoint: &Endpoint,
    limits: Limits,
    seed: u64,
    recording: &mut Recording,
) -> Result<(), Stop> {
    let mut link = Link::connect(endpoint.address, limits, &mut recording.recorder).await?;
    let noted = recording.steps.len();
    let context = Context::new(case, endpoint, &mut link, seed);
    let result = client::carry_out(context, recording).await;
    // They are steps of this case; what is recorded is the question.
    recording.steps.truncate(noted);
    link.close(&mut recording.recorder).await;
    result
}
