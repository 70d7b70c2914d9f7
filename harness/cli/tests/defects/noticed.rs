//! What ends a connection on which there was an attack, and has to do with it or not.

use crate::support::{Bench, PATIENT, cause};
use evidence::{Direction, End, EndSeen, Evidence, SessionKey, Sidecar};
use interpose::{Interposer, Leg, Mischief, Options};
use model::outcome::{By, Why};
use model::plan::Interposed;
use model::{Action, Dialect, Verdict};
use smb::follow::{Message, Way};
use smb::wire::Command;

/// A case of `smb2-attacks`, changed, through an interposer.
async fn attacked(bench: &Bench, attack: &str, dialect: Dialect) -> Evidence {
    let mut case = bench.case("smb2-attacks", "attack=strip-client-required,dialect=3.0");
    case.interposed = Some(Interposed::Attack(attack.to_owned()));
    case.client.dialects = vec![dialect];
    if dialect < Dialect::Smb30 {
        // A client that knows nothing newer validates nothing.
        case.steps.retain(|step| step.action != Action::ValidateNegotiate);
    }
    let server = bench.server(&case).await;
    let attack = interpose::attacks().iter().find(|known| known.id == attack).unwrap();
    let options = Options { mischief: Mischief::Attack(attack), ..Options::new(server.address) };
    let interposer = Interposer::start(options).await.unwrap();
    let endpoint = bench.endpoint(interposer.address, Some(&server));
    let mut recording = probe::run(&case, &endpoint, PATIENT, 1).await;
    let Leg { recorder, session_keys, .. } = interposer.finish().await;
    server.stop().await;
    let shift = recording.recorder.append_leg(1, recorder);
    let mut sidecar = Sidecar::new(case, endpoint.address.to_string());
    sidecar.session_keys = recording.session_keys;
    let beyond = session_keys.into_iter();
    sidecar.session_keys.extend(beyond.map(|key| SessionKey { connection: key.connection + shift, ..key }));
    sidecar.steps = recording.steps;
    bench.write(recording.recorder, sidecar).read()
}

/// The last message of this kind on the client's side.
fn last(evidence: &Evidence, way: Way, command: Command) -> Message {
    let view = judge::View::new(evidence);
    let found = view.messages().filter(|(_, _, it)| it.way == way && it.command() == command).last();
    found.map(|(_, _, message)| message.clone()).unwrap()
}

/// Takes flag and signature out of a message of the server, on each of these legs on which it is.
fn unsign(evidence: &mut Evidence, message: &Message, legs: &[usize]) {
    for leg in legs {
        let chunks = evidence.connections[*leg].chunks.iter_mut();
        let mut held = chunks.filter(|chunk| chunk.bytes.get(4..) == Some(&message.bytes));
        let bytes = &mut held.next().expect("it is on this leg, too").bytes;
        bytes[4 + 16] &= !8;
        bytes[4 + 48..4 + 64].fill(0);
    }
}

/// Lets the server end the connection in place of its answer to this request, on both legs.
fn end_at(evidence: &mut Evidence, request: &Message) {
    let recorded = &mut evidence.sidecar.recorded.connections;
    for (connection, recorded) in evidence.connections.iter_mut().zip(recorded) {
        let is_it = |chunk: &evidence::Chunk| {
            chunk.direction == Direction::ToServer && chunk.bytes.get(4..) == Some(&request.bytes)
        };
        let at = connection.chunks.iter().position(is_it).expect("it is on this leg, too");
        connection.chunks.truncate(at + 1);
        let frame = connection.chunks[at].frame + 1;
        connection.ends = vec![EndSeen { direction: Direction::ToClient, end: End::Fin, frame }];
        let sum = |direction| {
            let chunks = connection.chunks.iter().filter(|chunk| chunk.direction == direction);
            chunks.map(|chunk| chunk.bytes.len() as u64).sum()
        };
        (recorded.to_server, recorded.to_client) = (sum(Direction::ToServer), sum(Direction::ToClient));
    }
}

const BOTH: &[usize] = &[0, 1];
const NEAR: &[usize] = &[0];

#[track_caller]
fn is_noticed(evidence: &Evidence, by: By, why: Why) {
    let judged = judge::judge(evidence);
    let outcome = judged.outcome.clone().unwrap();
    assert_eq!((outcome.by, outcome.why), (Some(by), Some(why)), "{}", cause(&judged));
    assert_eq!((judged.verdict, judged.findings.len()), (Verdict::Conforms, 0), "{}", cause(&judged));
}

#[track_caller]
fn is_missed(evidence: &Evidence, got: &str) {
    let judged = judge::judge(evidence);
    let [finding] = judged.findings.as_slice() else { panic!("{}", cause(&judged)) };
    assert_eq!((finding.rule.as_str(), judged.verdict), ("attack/noticed", Verdict::Deviates));
    assert!(finding.got.contains(got), "{}", finding.got);
}

const ANYHOW: &str = "and not for what was done on the way";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_it_for_what_the_server_itself_sent_has_not_noticed() {
    let bench = Bench::new().await;
    // At 2.1 nothing guards the negotiation.
    let missed = attacked(&bench, "strip-client-required", Dialect::Smb21).await;
    is_missed(&missed, "signed");
    for command in [Command::READ, Command::LOGOFF] {
        let answer = last(&missed, Way::ToClient, command);
        let mut own = missed.clone();
        unsign(&mut own, &answer, BOTH);
        is_missed(&own, ANYHOW);
        // The same where it is not what the server sent.
        let mut altered = missed.clone();
        unsign(&mut altered, &answer, NEAR);
        is_noticed(&altered, By::Client, Why::InvalidSignature);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_it_at_what_the_client_sent_has_not_noticed() {
    let bench = Bench::new().await;
    let mut missed = attacked(&bench, "strip-client-required", Dialect::Smb21).await;
    let request = last(&missed, Way::ToServer, Command::READ);
    end_at(&mut missed, &request);
    is_missed(&missed, ANYHOW);
    // The client's FSCTL_VALIDATE_NEGOTIATE_INFO is what it sent, too: but it is not what the server was asked first.
    let mut validated = attacked(&bench, "strip-client-required", Dialect::Smb30).await;
    let request = last(&validated, Way::ToServer, Command::IOCTL);
    end_at(&mut validated, &request);
    is_noticed(&validated, By::Server, Why::Disconnected);
    // With another Guid on the server's side the keys are others at 3.1.1, and nothing of it is on the client's.
    let mut hashed = attacked(&bench, "change-client-guid", Dialect::Smb311).await;
    is_noticed(&hashed, By::Client, Why::InvalidSignature);
    let answer = last(&hashed, Way::ToClient, Command::SESSION_SETUP);
    unsign(&mut hashed, &answer, BOTH);
    is_missed(&hashed, ANYHOW);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_what_was_sent_is_reason_enough() {
    let bench = Bench::new().await;
    // It is FSCTL_VALIDATE_NEGOTIATE_INFO, which the server refuses, and for that the client ends it.
    let flipped = attacked(&bench, "flip-request-bit", Dialect::Smb302).await;
    is_noticed(&flipped, By::Client, Why::NegotiateAltered);
    let dropped = attacked(&bench, "drop-server-signing-context", Dialect::Smb311).await;
    let judged = judge::judge(&dropped);
    assert_eq!(judged.verdict, Verdict::Conforms, "{}", cause(&judged));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_servers_side_nothing_is_known() {
    let bench = Bench::new().await;
    let mut half = attacked(&bench, "flip-response-bit", Dialect::Smb302).await;
    half.connections.truncate(1);
    half.sidecar.recorded.connections.truncate(1);
    let judged = judge::judge(&half);
    assert_eq!((judged.verdict, judged.findings.len()), (Verdict::Inconclusive, 0), "{}", cause(&judged));
}
