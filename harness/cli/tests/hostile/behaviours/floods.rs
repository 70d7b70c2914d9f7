//! More than anybody asked for.

use super::NOT_SMB;
use crate::replies::{each, interim};
use crate::support::net::{answering, negotiated};
use crate::verdict::Expected::{Deviates, Inconclusive};
use model::NtStatus;
use smb::wire::{Command, Header};

hostile! {
    floods_with_breaks: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        let request = peer.message().await.unwrap();
        let header = Header { message_id: u64::MAX, command: Command::OPLOCK_BREAK, ..answering(&request, NtStatus::SUCCESS) };
        let mut message = Vec::new();
        header.write(&mut message);
        message.extend_from_slice(&[24, 0].iter().copied().chain([0; 22]).collect::<Vec<u8>>());
        while peer.send(&message).await {}
    }

    floods_with_interim_responses: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        let request = peer.message().await.unwrap();
        while peer.send(&interim(&request)).await {}
    }

    floods_with_keepalives: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        peer.message().await;
        while peer.raw(&[0x85, 0, 0, 0]).await {}
    }

    floods_with_empty_messages: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        while peer.raw(&[0; 4096]).await {}
    }

    floods_with_answers: Deviates(&["wire/well-formed", "answers nothing"]), mut peer => {
        let request = peer.message().await.unwrap();
        let reply = negotiated(&request);
        while peer.send(&reply).await {}
    }

    says_it_takes_long_and_nothing_more: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), peer => {
        each(peer, |_, request| Some(interim(request))).await;
    }
}
