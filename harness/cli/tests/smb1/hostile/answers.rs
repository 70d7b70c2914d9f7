//! Answers to something else, more than once, or in a chain that leads nowhere.

use super::replies::{answering, each, is_extended, negotiated, setup};
use crate::verdict::Expected::{Deviates, Either};
use model::NtStatus;
use smb::nbss;
use smb::smb1::{self, Action, Command, EchoResponse, Header};

/// A SESSION_SETUP answer whose AndX says that this follows there.
fn chained(request: &[u8], command: Command, offset: u16) -> Vec<u8> {
    let mut reply = setup(request, NtStatus::SUCCESS, Action(0), &[]);
    reply[33] = command.0;
    reply[35..37].copy_from_slice(&offset.to_le_bytes());
    reply
}

hostile! {
    answers_twice: Deviates(&["smb1/well-formed"]), mut peer => {
        while let Some(request) = peer.message().await {
            let reply = match Header::parse(&request).unwrap().command {
                Command::NEGOTIATE => negotiated(&request),
                _ => setup(&request, NtStatus::LOGON_FAILURE, Action(0), &[]),
            };
            let reply = nbss::wrap(&reply).unwrap();
            peer.raw(&[reply.clone(), reply].concat()).await;
        }
    }

    answers_another_message: Deviates(&["smb1/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[30] ^= 0x40;
            Some(reply)
        })
        .await;
    }

    answers_another_process: Deviates(&["smb1/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[12] ^= 0x40; // PIDHigh, which few look at.
            Some(reply)
        })
        .await;
    }

    answers_another_command: Deviates(&["smb1/well-formed", "in frame 5"]), peer => {
        each(peer, |_, request| {
            let header = Header { command: Command::ECHO, ..answering(request, NtStatus::SUCCESS) };
            Some(smb1::message(&header, &EchoResponse::default()).unwrap())
        })
        .await;
    }

    // Whether it lets somebody in is read in spite of it; a chain that leads nowhere is no answer to anything else.
    chain_that_points_at_itself: Either(&[]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 { negotiated(request) } else { chained(request, Command::SESSION_SETUP_ANDX, 32) })
        })
        .await;
    }

    chain_that_points_back: Either(&[]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 { negotiated(request) } else { chained(request, Command::TREE_CONNECT_ANDX, 4) })
        })
        .await;
    }

    chain_that_points_beyond_its_end: Either(&[]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 { negotiated(request) } else { chained(request, Command::TREE_CONNECT_ANDX, 0xFFFF) })
        })
        .await;
    }

    chain_without_end: Either(&[]), peer => {
        each(peer, |number, request| {
            let mut reply = setup(request, NtStatus::SUCCESS, Action(0), &[]);
            // Block behind block, each of two words that say where the next is.
            let mut at = reply.len().next_multiple_of(4);
            (reply[33], reply[35], reply[36]) = (Command::LOGOFF_ANDX.0, at.to_le_bytes()[0], at.to_le_bytes()[1]);
            reply.resize(at, 0);
            while reply.len() < 60_000 {
                at += 8;
                let [low, high, ..] = at.to_le_bytes();
                reply.extend([2, Command::LOGOFF_ANDX.0, 0, low, high, 0, 0, 0]);
            }
            Some(if number == 0 { negotiated(request) } else { reply })
        })
        .await;
    }

    another_form_of_logon: Either(&[]), peer => {
        each(peer, |number, request| {
            if number == 0 {
                return Some(negotiated(request));
            }
            // The form that was not asked for: of three words, or of four.
            let header = Header { uid: 9, ..answering(request, NtStatus::SUCCESS) };
            let security_blob = (!is_extended(request)).then(Vec::new);
            let body = smb1::SessionSetupResponse { security_blob, ..smb1::SessionSetupResponse::default() };
            Some(smb1::message(&header, &body).unwrap())
        })
        .await;
    }
}
