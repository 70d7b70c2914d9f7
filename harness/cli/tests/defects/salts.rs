//! Two connections of one case, and a server whose salts are the same.

use crate::clean::rules;
use crate::support::{Bench, PATIENT, cause};
use evidence::{Direction, Recorder};
use model::Verdict;
use smb::nbss;
use smb::wire::{self, Body, ContextType, Header, NegotiateResponse};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

fn salted(message: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(message).ok()?;
    let mut body = NegotiateResponse::parse(message).ok()?;
    let preauth = ContextType::PREAUTH_INTEGRITY_CAPABILITIES;
    let context = body.negotiate_contexts.iter_mut().find(|context| context.context_type == preauth)?;
    context.data.get_mut(6..)?.fill(7);
    wire::message(&header, &body).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_salt_twice_is_found_at_the_second() {
    let bench = Bench::new().await;
    let case = bench.case(
        "smb2-connections",
        "deviation=another,dialect=3.1.1,client=not-required,server.signing=not-required",
    );
    let server = bench.server(&case).await;
    let recorded = bench.record(&case, &bench.endpoint(server.address, Some(&server)), PATIENT).await;
    server.stop().await;
    let judged = recorded.judged();
    assert_eq!((judged.verdict, rules(&judged)), (Verdict::Conforms, BTreeSet::new()), "{}", cause(&judged));
    assert_eq!(judged.checks.get("negotiate/salt-unique"), Some(&1));

    // The same bytes again with other salts. The keys are other ones then, so that the signatures do not fit any more.
    let evidence = recorded.read();
    let mut recorder = Recorder::default();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let server = recorded.sidecar.server.parse().unwrap();
    let mut second = 0;
    for (port, connection) in (50_000..).zip(&evidence.connections) {
        let opened = recorder.connect(format!("127.0.0.1:{port}").parse().unwrap(), server, start);
        for chunk in &connection.chunks {
            let framed = chunk.bytes.get(4..).and_then(salted).map(|message| nbss::wrap(&message).unwrap());
            if framed.is_some() && chunk.direction == Direction::ToClient && opened == 1 {
                second += 1;
            }
            recorder.data(opened, chunk.direction, framed.as_ref().unwrap_or(&chunk.bytes), start);
        }
    }
    assert_eq!(second, 1);
    let mut sidecar = recorded.sidecar.clone();
    sidecar.recorded = Default::default();
    let judged = bench.write(recorder, sidecar).judged();
    let found: Vec<_> = judged.findings.iter().filter(|f| f.rule == "negotiate/salt-unique").collect();
    let [finding] = found.as_slice() else { panic!("{}", cause(&judged)) };
    assert_eq!((judged.verdict, finding.at.map(|at| at.connection)), (Verdict::Deviates, Some(1)));
}
