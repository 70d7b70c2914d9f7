//! What is no SMB2 message, or only looks like one.

use super::NOT_SMB;
use crate::replies::each;
use crate::support::net::{answer, negotiated};
use crate::verdict::Expected::{Deviates, Inconclusive};
use model::NtStatus;

hostile! {
    sends_garbage: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        peer.raw(&[0xde, 0xad, 0xbe, 0xef].repeat(100)).await;
        peer.hold().await;
    }

    sends_garbage_before_it_is_asked: Deviates(&["wire/well-formed", "not-smb"]), mut peer => {
        peer.raw(b"220 mail.example ESMTP\r\n").await;
        peer.hold().await;
    }

    speaks_http: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        peer.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    }

    echoes: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(request.to_vec())).await;
    }

    echoes_as_a_response: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = request.to_vec();
            reply[16] |= 1;
            Some(reply)
        })
        .await;
    }

    succeeds_with_zeros: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[0; 200]))).await;
    }

    succeeds_with_nothing: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[]))).await;
    }

    cuts_its_header: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(negotiated(request)[..40].to_vec())).await;
    }

    cuts_its_body: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(negotiated(request)[..90].to_vec())).await;
    }

    says_nothing_in_its_messages: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some(Vec::new())).await;
    }

    announces_huge_buffers: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[64 + 56..64 + 64].fill(0xff); // SecurityBuffer
            Some(reply)
        })
        .await;
    }

    speaks_smb1: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some([&b"\xffSMBr\0\0\0\0\x98"[..], &[0; 60]].concat())).await;
    }

    encrypts_what_nobody_can_read: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), peer => {
        each(peer, |_, _| Some([&b"\xfdSMB"[..], &[7; 120]].concat())).await;
    }

    compresses_what_nobody_asked_for: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some([&b"\xfcSMB"[..], &[7; 120]].concat())).await;
    }
}
