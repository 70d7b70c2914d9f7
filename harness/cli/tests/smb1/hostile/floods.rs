//! More than anybody asked for.

use super::NOT_SMB;
use super::replies::{answering, each, negotiated, oplock_break, setup};
use crate::support::net::Peer;
use crate::verdict::Expected::{Deviates, Inconclusive};
use model::NtStatus;
use smb::smb1::{self, Action, EchoResponse, Header};

/// Sends this as long as it is taken, many at a time.
async fn for_ever(peer: &mut Peer, message: &[u8]) {
    let many = smb::nbss::wrap(message).unwrap().repeat(20);
    while peer.raw(&many).await {}
}

hostile! {
    floods_with_oplock_breaks: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        peer.message().await;
        for_ever(&mut peer, &oplock_break()).await;
    }

    floods_a_logon_with_oplock_breaks: Inconclusive(&["no answer to SESSION_SETUP_ANDX (frame 6)"]), mut peer => {
        let request = peer.message().await.unwrap();
        peer.send(&negotiated(&request)).await;
        peer.message().await;
        for_ever(&mut peer, &oplock_break()).await;
    }

    floods_with_keepalives: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        peer.message().await;
        while peer.raw(&[0x85, 0, 0, 0]).await {}
    }

    floods_with_empty_messages: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        while peer.raw(&[0; 4096]).await {}
    }

    floods_with_answers: Deviates(&["smb1/well-formed"]), mut peer => {
        let request = peer.message().await.unwrap();
        for_ever(&mut peer, &negotiated(&request)).await;
    }

    floods_with_answers_to_others: Deviates(&["smb1/well-formed", "in frame 5", "answers nothing"]), mut peer => {
        let request = peer.message().await.unwrap();
        let header = Header { mid: 0x1234, ..answering(&request, NtStatus::SUCCESS) };
        let echo = smb1::message(&header, &EchoResponse { sequence_number: 1, data: b"x".to_vec() }).unwrap();
        for_ever(&mut peer, &echo).await;
    }

    wants_more_processing_for_ever: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::MORE_PROCESSING_REQUIRED, Action(0), &[]),
            })
        })
        .await;
    }
}
