//! Connections that end, stall or never begin.

use super::all_kinds;
use super::replies::{each, negotiated};
use crate::server;
use crate::support::net::{Peer, listen};
use crate::support::{Bench, SHORT};
use crate::verdict::Expected::{Deviates, Either, Inconclusive};
use crate::verdict::{check, matches};
use smb::nbss;
use std::time::Duration;

hostile! {
    closes_at_once: Either(&["policy/outcome"]), peer => {
        drop(peer);
    }

    // Before the connection is there, or after: then it is the end of a server without SMB1.
    resets_at_once: Either(&[]), peer => {
        peer.reset();
    }

    // How a server without SMB1 would end it; these are to have it.
    closes_when_asked: Deviates(&["no-common-dialect"]), mut peer => {
        peer.message().await;
    }

    resets_when_asked: Deviates(&["no-common-dialect"]), mut peer => {
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
        peer.raw(&[&[0, 0, 0, 200][..], &[0xff; 20]].concat()).await;
        peer.hold().await;
    }

    announces_a_message_and_closes: Deviates(&["policy/outcome"]), mut peer => {
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

    negotiates_and_is_silent: Inconclusive(&["no answer to SESSION_SETUP_ANDX (frame 6)"]), peer => {
        each(peer, |number, request| (number == 0).then(|| negotiated(request))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_nobody_listens_on() {
    let bench = Bench::new().await;
    let endpoint = server::endpoint(&listen(|peer: Peer| async { drop(peer) }).await);
    // The listener was dropped with its task; whoever has the port now is no SMB server either.
    tokio::time::timeout(Duration::from_secs(30), async {
        while tokio::net::TcpStream::connect(endpoint.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    for case in &all_kinds() {
        let recorded = bench.record(case, &endpoint, SHORT).await;
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, Inconclusive(&["refused the connection"]));
    }
}
