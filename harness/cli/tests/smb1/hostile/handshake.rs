//! What leads up to a session, gone wrong.

use super::replies::{answer, answering, each, is_extended, negotiated, setup};
use crate::verdict::Expected::{Deviates, Either, Inconclusive};
use model::NtStatus;
use smb::smb1::{self, Action, Header};

hostile! {
    negotiates_and_then_succeeds_with_zeros: Either(&[]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 { negotiated(request) } else { answer(request, NtStatus::SUCCESS, &[0; 8], &[0; 64]) })
        })
        .await;
    }

    lets_in_before_any_proof: Either(&[]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                1 => setup(request, NtStatus::SUCCESS, Action(0), &[]),
                _ => answer(request, NtStatus::SUCCESS, &[], &[]),
            })
        })
        .await;
    }

    lets_in_with_a_signature_of_nobody: Either(&[]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => {
                    let mut reply = setup(request, NtStatus::SUCCESS, Action(0), &[]);
                    reply[10] |= 4;
                    reply[14..22].fill(0x5A);
                    reply
                }
            })
        })
        .await;
    }

    lets_everybody_in_as_guest: Deviates(&["policy/outcome", "guest"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::SUCCESS, Action::GUEST, &[]),
            })
        })
        .await;
    }

    announces_huge_session_tokens: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 {
                negotiated(request)
            } else {
                let mut reply = setup(request, NtStatus::MORE_PROCESSING_REQUIRED, Action(0), &[1; 8]);
                if is_extended(request) {
                    reply[39..41].fill(0xFF);
                }
                reply
            })
        })
        .await;
    }

    challenges_with_garbage: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            let token = [&b"NTLMSSP\0\x02\0\0\0"[..], &[0xff; 60]].concat();
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::MORE_PROCESSING_REQUIRED, Action(0), &token),
            })
        })
        .await;
    }

    refuses_everything: Deviates(&["policy/outcome", "STATUS_ACCESS_DENIED"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::ACCESS_DENIED, &[], &[]))).await;
    }

    refuses_every_logon: Deviates(&["policy/outcome", "logon-failure"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => answer(request, NtStatus::LOGON_FAILURE, &[], &[]),
            })
        })
        .await;
    }

    refuses_in_the_codes_of_dos: Deviates(&["policy/outcome"]), peer => {
        each(peer, |number, request| {
            if number == 0 {
                return Some(negotiated(request));
            }
            // ERRSRV, ERRbadpw, and Flags2 that say so ([MS-CIFS] 2.2.2.4).
            let header = answering(request, NtStatus(0x0002_0002));
            let flags2 = header.flags2.without(smb1::Flags2::NT_STATUS);
            Some(smb1::message(&Header { flags2, ..header }, &smb1::ErrorResponse::default()).unwrap())
        })
        .await;
    }
}
