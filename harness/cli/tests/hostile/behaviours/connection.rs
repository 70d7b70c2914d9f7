//! Connections that end, stall or never begin.

use super::cases;
use crate::replies::each;
use crate::support::net::{Peer, listen, negotiated};
use crate::support::{Bench, SHORT, cause};
use crate::verdict::Expected::{Deviates, Either, Inconclusive};
use crate::verdict::{check, matches};
use model::Verdict;
use smb::nbss;
use std::time::Duration;

hostile! {
    closes_at_once: Deviates(&["disconnected"]), peer => {
        drop(peer);
    }

    resets_at_once: Either(&["connect"]), peer => {
        peer.reset();
    }

    closes_when_asked: Deviates(&["disconnected"]), mut peer => {
        peer.message().await;
    }

    resets_when_asked: Deviates(&["disconnected"]), mut peer => {
        peer.message().await;
        peer.reset();
    }

    accepts_and_never_answers: Inconclusive(&["no answer to NEGOTIATE (frame 4)", "within 300ms"]), peer => {
        peer.hold().await;
    }

    announces_16_mib_and_stops: Inconclusive(&["of 16777215 announced bytes"]), mut peer => {
        peer.message().await;
        peer.raw(&[0, 0xff, 0xff, 0xff]).await;
        peer.hold().await;
    }

    announces_a_message_and_stops: Inconclusive(&["20 of 200 announced bytes"]), mut peer => {
        peer.message().await;
        peer.raw(&[&[0, 0, 0, 200][..], &[0xfe; 20]].concat()).await;
        peer.hold().await;
    }

    announces_a_message_and_closes: Deviates(&["disconnected"]), mut peer => {
        let request = peer.message().await.unwrap();
        let reply = nbss::wrap(&negotiated(&request)).unwrap();
        peer.raw(&reply[..reply.len() - 1]).await;
    }

    drips: Inconclusive(&["no answer to NEGOTIATE (frame 4)", "within 300ms"]), mut peer => {
        let request = peer.message().await.unwrap();
        for byte in nbss::wrap(&negotiated(&request)).unwrap() {
            if !peer.raw(&[byte]).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    negotiates_and_resets: Deviates(&["disconnected"]), mut peer => {
        let request = peer.message().await.unwrap();
        peer.send(&negotiated(&request)).await;
        peer.message().await;
        peer.reset();
    }

    negotiates_and_is_silent: Inconclusive(&["no answer to SESSION_SETUP (frame 6)"]), peer => {
        each(peer, |number, request| (number == 0).then(|| negotiated(request))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_nobody_listens_on() {
    let bench = Bench::new().await;
    let address = listen(|peer: Peer| async { drop(peer) }).await.address;
    let cases = cases(&bench);
    // The listener was dropped with its task; whoever has the port now is no SMB server either.
    tokio::time::timeout(Duration::from_secs(30), async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    for case in &cases {
        let recorded = bench.record(case, &bench.endpoint(address, None), SHORT).await;
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, Inconclusive(&["refused the connection"]));
    }
}

/// A step may have it that the connection ends with its first request: then it has been looked at.
#[tokio::test(flavor = "multi_thread")]
async fn ends_with_a_request_that_may_end_it() {
    let bench = Bench::new().await;
    let server = listen(|mut peer: Peer| async move { drop(peer.message().await) }).await;
    let endpoint = bench.endpoint(server.address, None);
    for (deviation, verdict) in
        [("no-dialect", Verdict::Conforms), ("signing-at-older-dialect", Verdict::Deviates)]
    {
        let case = bench.case("smb2-negotiate-older", &format!("dialect=2.1,deviation={deviation}"));
        let judged = bench.record(&case, &endpoint, SHORT).await.judged();
        assert_eq!(judged.verdict, verdict, "{}: {}", case.id, cause(&judged));
    }
}
