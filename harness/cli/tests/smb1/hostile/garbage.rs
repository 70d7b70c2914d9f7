//! What is no SMB1 message, or only looks like one.

use super::NOT_SMB;
use super::replies::{answer, answering, challenging, each, negotiated, negotiation};
use crate::verdict::Expected::{Deviates, Either};
use model::NtStatus;
use smb::smb1::{self, Header, SecurityMode};
use smb::wire;

hostile! {
    sends_garbage: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        peer.raw(&[0xde, 0xad, 0xbe, 0xef].repeat(100)).await;
        peer.hold().await;
    }

    sends_garbage_before_it_is_asked: Deviates(&["smb1/well-formed", "not-smb"]), mut peer => {
        peer.raw(b"220 mail.example ESMTP\r\n").await;
        peer.hold().await;
    }

    speaks_http: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        peer.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    }

    echoes: Deviates(&["smb1/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| Some(request.to_vec())).await;
    }

    echoes_as_a_response: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = request.to_vec();
            reply[9] |= 0x80;
            Some(reply)
        })
        .await;
    }

    succeeds_with_zeros: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[], &[0; 200]))).await;
    }

    succeeds_with_words_of_zero: Deviates(&["policy/outcome"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[0; 34], &[0; 200]))).await;
    }

    succeeds_with_nothing: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[], &[]))).await;
    }

    answers_with_a_header_alone: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(negotiated(request)[..Header::LEN].to_vec())).await;
    }

    cuts_its_header: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(negotiated(request)[..20].to_vec())).await;
    }

    cuts_its_body: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(negotiated(request)[..60].to_vec())).await;
    }

    lies_about_its_words: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[Header::LEN] = 0xFF;
            Some(reply)
        })
        .await;
    }

    lies_about_its_bytes: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[67..69].fill(0xFF); // ByteCount, behind 17 words.
            Some(reply)
        })
        .await;
    }

    says_nothing_in_its_messages: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some(Vec::new())).await;
    }

    speaks_smb2: Deviates(&["smb1/well-formed", "in frame 5", "SMB2", "not-smb"]), peer => {
        each(peer, |_, _| {
            let header = wire::Header { flags: wire::Flags::SERVER_TO_REDIR, ..wire::Header::request(wire::Command::NEGOTIATE) };
            let body = wire::NegotiateResponse {
                security_mode: wire::SecurityMode::SIGNING_ENABLED,
                dialect_revision: wire::DialectRevision::SMB_2_0_2,
                ..wire::NegotiateResponse::default()
            };
            Some(wire::message(&header, &body).unwrap())
        })
        .await;
    }

    encrypts_what_nobody_can_read: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some([&b"\xfdSMB"[..], &[7; 120]].concat())).await;
    }

    selects_a_dialect_nobody_offered: Deviates(&["policy/outcome", "no-common-dialect"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[33] = 7;
            Some(reply)
        })
        .await;
    }

    selects_no_dialect: Deviates(&["policy/outcome", "no-common-dialect"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[0xFF, 0xFF], &[]))).await;
    }

    selects_the_core_protocol: Deviates(&["policy/outcome"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[0, 0], &[]))).await;
    }

    answers_like_lan_manager: Deviates(&["policy/outcome"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[0; 26], &[0; 8]))).await;
    }

    challenges_with_no_byte: Deviates(&["policy/outcome", "negotiate-failed"]), peer => {
        each(peer, |_, request| Some(challenging(request, Vec::new()))).await;
    }

    challenges_with_255_bytes: Deviates(&["policy/outcome", "negotiate-failed"]), peer => {
        each(peer, |_, request| Some(challenging(request, vec![0xAA; 255]))).await;
    }

    challenges_with_bytes_that_are_not_there: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = challenging(request, vec![0xAA; 8]);
            reply[66] = 0xFF; // ChallengeLength, the last of the words.
            Some(reply)
        })
        .await;
    }

    wants_passwords_in_the_clear: Deviates(&["policy/outcome", "negotiate-failed"]), peer => {
        each(peer, |_, request| {
            let mut body = negotiation(request);
            body.security_mode = SecurityMode::USER_SECURITY | SecurityMode::SECURITY_SIGNATURES_ENABLED;
            Some(smb1::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
        .await;
    }

    wants_passwords_of_shares: Deviates(&["policy/outcome", "negotiate-failed"]), peer => {
        each(peer, |_, request| {
            let mut body = negotiation(request);
            body.security_mode = SecurityMode::ENCRYPT_PASSWORDS | SecurityMode::SECURITY_SIGNATURES_ENABLED;
            Some(smb1::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
        .await;
    }

    // Some of the clients did not offer it, and none has a token to go on with.
    insists_on_extended_security: Either(&[]), peer => {
        each(peer, |number, request| {
            let mut body = negotiation(request);
            body.capabilities = body.capabilities | smb1::Capabilities::EXTENDED_SECURITY;
            body.security = smb1::NegotiateSecurity::Extended { challenge_length: 8, server_guid: [1; 16], security_blob: vec![0xFF; 40] };
            (number == 0).then(|| smb1::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
        .await;
    }
}
