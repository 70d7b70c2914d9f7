//! Answers to something else, more than once, or in a chain that leads nowhere.

use super::NOT_SMB;
use crate::replies::{chained, each, setup};
use crate::support::net::{answering, command, negotiated};
use crate::verdict::Expected::Deviates;
use model::NtStatus;
use smb::nbss;
use smb::wire::{self, Command, EchoResponse, Header, SessionFlags};

hostile! {
    compound_that_points_at_itself: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(chained(negotiated(request), 8))).await;
    }

    compound_that_points_beyond_its_end: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(chained(negotiated(request), 0xffff_fff8))).await;
    }

    compound_of_odd_length: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(chained(negotiated(request), 65))).await;
    }

    compound_of_bare_headers_without_end: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| {
            let mut one = Vec::new();
            Header { next_command: 64, ..answering(request, NtStatus::SUCCESS) }.write(&mut one);
            Some(one.repeat(4000))
        })
        .await;
    }

    answers_twice_in_a_compound: Deviates(&["wire/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| {
            let reply = negotiated(request);
            Some(wire::compound([reply.clone(), reply]).unwrap())
        })
        .await;
    }

    answers_twice: Deviates(&["wire/well-formed", "answers nothing"]), mut peer => {
        while let Some(request) = peer.message().await {
            let reply = match command(&request) {
                Command::NEGOTIATE => negotiated(&request),
                _ => setup(&request, NtStatus::LOGON_FAILURE, SessionFlags(0), &[]),
            };
            let reply = nbss::wrap(&reply).unwrap();
            peer.raw(&[reply.clone(), reply].concat()).await;
        }
    }

    answers_another_message: Deviates(&["wire/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[24] ^= 0x40;
            Some(reply)
        })
        .await;
    }

    answers_another_command: Deviates(&["wire/well-formed", "in frame 5"]), peer => {
        each(peer, |_, request| {
            let header = Header { command: Command::ECHO, ..answering(request, NtStatus::SUCCESS) };
            Some(wire::message(&header, &EchoResponse::default()).unwrap())
        })
        .await;
    }
}
