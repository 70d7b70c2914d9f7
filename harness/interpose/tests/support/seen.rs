//! Both sides of what crossed, out of evidence as it is written and read.

use super::client::{Driven, Plan, drive};
use super::options;
use countersign_interpose::{Interposer, Mischief};
use evidence::{Direction, Evidence, Recorder, SessionKey, Sidecar};
use model::plan::expand;
use model::{PlannedCase, Scenario, Target};
use smb::follow::{Connection, Message, Signature, Way};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What crossed, seen from both sides.
pub(crate) struct Seen {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    pub(crate) applied: u64,
    pub(crate) problem: Option<String>,
    pub(crate) driven: Driven,
    /// The bytes of both sides, to the server and to the client.
    pub(crate) bytes: [[Vec<u8>; 2]; 2],
}

/// Drives a server through an interposer.
pub(crate) async fn run(upstream: SocketAddr, mischief: Mischief, plan: &Plan) -> Seen {
    let interposer = Interposer::start(options(upstream, mischief)).await.unwrap();
    let driven = drive(interposer.address, plan).await;
    let leg = interposer.finish().await;
    let (recorder, keys) = both(driven.recorder.clone(), &driven.keys, leg.recorder, &leg.session_keys);
    let evidence = written(&recorder, keys);
    let [client, server] = [0, 1].map(|index| follow(&evidence, index));
    let bytes = [0, 1].map(|index| {
        [Direction::ToServer, Direction::ToClient].map(|way| {
            let chunks = evidence.connections[index].chunks.iter();
            chunks.filter(|chunk| chunk.direction == way).flat_map(|chunk| chunk.bytes.clone()).collect()
        })
    });
    Seen { client, server, applied: leg.applied, problem: leg.problem, driven, bytes }
}

/// Both sides in one recorder, and the keys of both.
pub(crate) fn both(
    mut client: Recorder,
    client_keys: &[SessionKey],
    server: Recorder,
    server_keys: &[SessionKey],
) -> (Recorder, Vec<SessionKey>) {
    let offset = client.append_leg(1, server);
    let shifted =
        server_keys.iter().map(|key| SessionKey { connection: key.connection + offset, ..key.clone() });
    let keys = client_keys.iter().cloned().chain(shifted).collect();
    (client, keys)
}

/// Written, and read again.
pub(crate) fn written(recorder: &Recorder, keys: Vec<SessionKey>) -> Evidence {
    let folder = tempfile::TempDir::new().unwrap();
    let pcapng = folder.path().join("case.pcapng");
    let mut sidecar = Sidecar::new(case(), "127.0.0.1:445");
    sidecar.session_keys = keys;
    recorder.write(&pcapng, &sidecar).unwrap();
    let evidence = Evidence::read(&pcapng).unwrap();
    assert_eq!(evidence.problems, []);
    let legs: Vec<_> = evidence.connections.iter().map(|c| (c.leg, c.of)).collect();
    assert_eq!(legs, [(Some(0), None), (Some(1), Some(0))]);
    evidence
}

pub(crate) fn case() -> PlannedCase {
    let scenario = "title = \"t\"\ncites = []\nexpect = \"policy\"\n[axes]\ndialect = [\"3.1.1\"]\n\
        [[step]]\ndo = \"session-setup\"\n";
    let target = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
        [shares]\nshare = \"share\"\nguest = \"guest\"\n";
    let scenario = Scenario::parse("smb2-policy", "smb2-policy.toml", scenario).unwrap();
    let target = Target::parse("embedded", target, "").unwrap();
    expand(&[scenario], &[target]).remove(0)
}

fn follow(evidence: &Evidence, index: usize) -> Connection {
    let keys = evidence.sidecar.session_keys.iter();
    let own = keys.filter(|key| key.connection as usize == index).map(|key| (key.session_id, key.key));
    let mut connection = Connection::new(own.collect::<BTreeMap<_, _>>());
    for chunk in &evidence.connections[index].chunks {
        let way = match chunk.direction {
            Direction::ToServer => Way::ToServer,
            Direction::ToClient => Way::ToClient,
        };
        connection.push(way, chunk.frame, &chunk.bytes);
    }
    connection
}

/// The messages of the server.
pub(crate) fn answers(connection: &Connection) -> impl Iterator<Item = &Message> {
    connection.messages.iter().filter(|message| message.way == Way::ToClient)
}

/// Whether everything that says that it is signed is.
pub(crate) fn is_right(connection: &Connection) -> bool {
    connection.garbage.is_empty()
        && connection.messages.iter().all(|message| {
            matches!(message.signature, Signature::Unsigned { zero: true } | Signature::Valid(_))
        })
}

/// Keeps an exchange for the tests that send it broken, where `UPDATE_EXCHANGES` is set: a line for each message, `>` to the
/// server, `<` to the client.
pub(crate) fn keep(name: &str, messages: impl Iterator<Item = (Way, Vec<u8>)>) {
    if std::env::var_os("UPDATE_EXCHANGES").is_none() {
        return;
    }
    let lines: String = messages
        .map(|(way, bytes)| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{hex}\n", if way == Way::ToServer { '>' } else { '<' })
        })
        .collect();
    std::fs::write(format!("{}/tests/exchanges/{name}.txt", env!("CARGO_MANIFEST_DIR")), lines).unwrap();
}
