//! What leads up to a session, gone wrong.

use crate::replies::{each, setup};
use crate::support::net::{answer, answering, listen, negotiated};
use crate::support::{Bench, SHORT};
use crate::verdict::Expected::{Deviates, Inconclusive};
use crate::verdict::{check, matches};
use model::NtStatus;
use smb::wire::{
    self, Body, ContextData, DialectRevision, NegotiateResponse, SessionFlags, SigningCapabilities,
};

hostile! {
    negotiates_and_then_succeeds_with_zeros: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 { negotiated(request) } else { answer(request, NtStatus::SUCCESS, &[0; 64]) })
        })
        .await;
    }

    lets_in_before_any_proof: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                1 => setup(request, NtStatus::SUCCESS, SessionFlags(0), &[]),
                _ => answer(request, NtStatus::SUCCESS, &[0; 64]),
            })
        })
        .await;
    }

    lets_in_with_a_signature_but_before_any_proof: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => {
                    let mut reply = setup(request, NtStatus::SUCCESS, SessionFlags(0), &[]);
                    reply[16] |= 8;
                    reply[48..64].fill(0x5a);
                    reply
                }
            })
        })
        .await;
    }

    announces_huge_session_tokens: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 {
                negotiated(request)
            } else {
                let mut reply = setup(request, NtStatus::SUCCESS, SessionFlags(0), &[1; 8]);
                reply[64 + 4..64 + 8].fill(0xff);
                reply
            })
        })
        .await;
    }

    wants_more_processing_for_ever: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::MORE_PROCESSING_REQUIRED, SessionFlags(0), &[]),
            })
        })
        .await;
    }

    challenges_with_garbage: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            let token = [&b"NTLMSSP\0\x02\0\0\0"[..], &[0xff; 60]].concat();
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::MORE_PROCESSING_REQUIRED, SessionFlags(0), &token),
            })
        })
        .await;
    }

    refuses_everything: Deviates(&["policy/outcome", "STATUS_ACCESS_DENIED"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::ACCESS_DENIED, &[9, 0, 0, 0, 0, 0, 0, 0, 0]))).await;
    }

    refuses_every_logon: Deviates(&["policy/outcome", "logon-failure"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => answer(request, NtStatus::LOGON_FAILURE, &[9, 0, 0, 0, 0, 0, 0, 0, 0]),
            })
        })
        .await;
    }

    selects_a_dialect_nobody_offered: Deviates(&["policy/outcome", "no-common-dialect"]), peer => {
        each(peer, |_, request| {
            let reply = negotiated(request);
            let mut body = NegotiateResponse::parse(&reply).unwrap();
            body.dialect_revision = DialectRevision(0x0399);
            body.negotiate_contexts.clear();
            Some(wire::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
        .await;
    }

    grants_no_credits: Inconclusive(&["SESSION_SETUP was never sent", "no credit"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[14..16].fill(0);
            Some(reply)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_selects_the_first_id_whatever_it_is() {
    // 0x7777 is offered to see whether a server passes over it.
    let bench = Bench::new().await;
    let server = listen(|peer| {
        each(peer, |_, request| {
            let mut body = NegotiateResponse::parse(&negotiated(request)).unwrap();
            for context in
                body.negotiate_contexts.iter_mut().filter(|c| c.context_type == SigningCapabilities::TYPE)
            {
                context.data = SigningCapabilities { algorithms: vec![0x7777] }.encode().unwrap();
            }
            Some(wire::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
    })
    .await;
    for case in ["unknown-gmac", "gmac-unknown", "cmac", "unknown"]
        .map(|offer| bench.case("smb2-algorithms", &format!("offer={offer}")))
    {
        let recorded = bench.record(&case, &bench.endpoint(server.address, None), SHORT).await;
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, Deviates(&["negotiate/signing-algorithm in frame 5"]));
    }
}
