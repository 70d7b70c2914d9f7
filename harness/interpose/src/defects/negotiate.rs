//! NEGOTIATE answered wrongly, and validated wrongly.

use super::Act;
use crate::smb2::{Reply, Seal};
use crate::{Defect, SMB2, SMB311, VALIDATED};
use model::{Algorithm, NtStatus};
use smb::wire::{
    Command, ContextType, DialectRevision, IoctlResponse, NegotiateContext, NegotiateResponse, SecurityMode,
    SigningCapabilities, ValidateNegotiateInfoResponse,
};

const PREAUTH: ContextType = ContextType::PREAUTH_INTEGRITY_CAPABILITIES;
const SIGNING: ContextType = ContextType::SIGNING_CAPABILITIES;

/// Changes the NEGOTIATE response that settles something; whether `change` did.
fn negotiated(reply: &mut Reply<'_>, change: impl FnOnce(&mut NegotiateResponse) -> bool) -> bool {
    if (reply.command(), reply.status()) != (Command::NEGOTIATE, NtStatus::SUCCESS) {
        return false;
    }
    reply.rewrite(|body: &mut NegotiateResponse| {
        body.dialect_revision != DialectRevision::WILDCARD && change(body)
    })
}

/// The same at 3.1.1.
fn contexts(reply: &mut Reply<'_>, change: impl FnOnce(&mut Vec<NegotiateContext>) -> bool) -> bool {
    negotiated(reply, |body| {
        body.dialect_revision == DialectRevision::SMB_3_1_1 && change(&mut body.negotiate_contexts)
    })
}

/// The algorithms the client offered, where it offered any.
fn offered(reply: &Reply<'_>) -> Option<Vec<u16>> {
    let contexts = &reply.client.request.as_ref()?.negotiate_contexts;
    Some(NegotiateContext::find::<SigningCapabilities>(contexts)?.ok()?.algorithms)
}

/// The signing contexts of the answer become ones with these data, where the client offered algorithms.
fn selects(reply: &mut Reply<'_>, data: &[&[u8]]) -> bool {
    let Some(_) = offered(reply) else { return false };
    contexts(reply, |contexts| {
        contexts.retain(|context| context.context_type != SIGNING);
        contexts.extend(data.iter().map(|data| NegotiateContext::new(SIGNING, *data)));
        true
    })
}

/// The data of a context with this one algorithm.
fn one(algorithm: u16) -> Vec<u8> {
    let [low, high] = algorithm.to_le_bytes();
    vec![1, 0, low, high]
}

/// What would have been selected rightly: the answer's own, else the first that was offered.
fn first_offered(reply: &Reply<'_>) -> Vec<u8> {
    let known = |id: &u16| Algorithm::from_smb2_id(*id).is_some();
    one(offered(reply).unwrap_or_default().into_iter().find(known).unwrap_or(1))
}

/// Changes a field of the signed answer to FSCTL_VALIDATE_NEGOTIATE_INFO.
fn validated(reply: &mut Reply<'_>, change: impl FnOnce(&mut ValidateNegotiateInfoResponse)) -> bool {
    if !reply.asked.validates || reply.status() != NtStatus::SUCCESS {
        return false;
    }
    reply.rewrite(|body: &mut IoctlResponse| {
        let Ok(mut told) = ValidateNegotiateInfoResponse::parse(&body.output) else { return false };
        change(&mut told);
        body.output = told.encode();
        true
    })
}

pub(super) fn defects() -> Vec<Defect> {
    vec![
        Defect {
            id: "same-salt",
            title: "The salt of the preauthentication context is the same in every response",
            cites: &["MS-SMB2 3.3.5.4"],
            trips: &["negotiate/salt-unique"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                contexts(r, |contexts| {
                    let preauth = contexts.iter_mut().find(|context| context.context_type == PREAUTH);
                    // HashAlgorithmCount, SaltLength and the one hash come before it (2.2.3.1.1).
                    let salt = preauth.and_then(|context| context.data.get_mut(6..));
                    salt.filter(|salt| !salt.is_empty()).map(|salt| salt.fill(7)).is_some()
                })
            }),
        },
        Defect {
            id: "negotiate-drops-enabled",
            title: "NEGOTIATE is answered without SMB2_NEGOTIATE_SIGNING_ENABLED",
            cites: &["MS-SMB2 3.3.5.4"],
            trips: &["negotiate/signing-enabled"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                negotiated(r, |body| {
                    body.security_mode = body.security_mode.without(SecurityMode::SIGNING_ENABLED);
                    true
                })
            }),
        },
        Defect {
            id: "negotiate-drops-required",
            title: "A server that requires signing does not say so in NEGOTIATE",
            cites: &["MS-SMB2 3.3.5.4"],
            trips: &["negotiate/signing-required", "negotiate/multi-protocol"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                negotiated(r, |body| {
                    let said = body.security_mode;
                    body.security_mode = said.without(SecurityMode::SIGNING_REQUIRED);
                    body.security_mode != said
                })
            }),
        },
        Defect {
            id: "negotiate-sets-required",
            title: "A server that does not require signing says in NEGOTIATE that it does",
            cites: &["MS-SMB2 3.3.5.4"],
            trips: &["negotiate/signing-required"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                negotiated(r, |body| {
                    let said = body.security_mode;
                    body.security_mode = said.with(SecurityMode::SIGNING_REQUIRED);
                    body.security_mode != said
                })
            }),
        },
        Defect {
            id: "negotiate-flagged-signed",
            title: "The NEGOTIATE response has SMB2_FLAGS_SIGNED, although there is no key yet",
            cites: &["MS-SMB2 3.3.4.1.1"],
            trips: &["signing/unsigned-response"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                r.command() == Command::NEGOTIATE
                    && !r.asked.multi_protocol
                    && r.seal(Seal::Flagged([0xA5; 16]))
            }),
        },
        Defect {
            id: "dialect-not-offered",
            title: "NEGOTIATE selects a dialect that the client did not offer",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.2.5.2"],
            trips: &["policy/outcome"],
            protocols: SMB2,
            act: Act::Reply(|r| {
                let offered =
                    r.client.request.as_ref().map(|asked| asked.dialects.clone()).unwrap_or_default();
                negotiated(r, |body| {
                    // Not 3.1.1, which nobody could go on with without its contexts; where all the others were
                    // offered, one that never was.
                    let known =
                        [DialectRevision::SMB_3_0_2, DialectRevision::SMB_3_0, DialectRevision::SMB_2_1];
                    let other = known.into_iter().find(|dialect| !offered.contains(dialect));
                    body.dialect_revision = other.unwrap_or(DialectRevision(0x0320));
                    body.negotiate_contexts.clear();
                    true
                })
            }),
        },
        Defect {
            id: "no-preauth-context",
            title: "A 3.1.1 NEGOTIATE response has no SMB2_PREAUTH_INTEGRITY_CAPABILITIES",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/preauth-context"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                contexts(r, |contexts| {
                    contexts.retain(|context| context.context_type != PREAUTH);
                    true
                })
            }),
        },
        Defect {
            id: "two-preauth-contexts",
            title: "A 3.1.1 NEGOTIATE response has SMB2_PREAUTH_INTEGRITY_CAPABILITIES twice",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/preauth-context"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                contexts(r, |contexts| {
                    let own = contexts.iter().find(|context| context.context_type == PREAUTH).cloned();
                    contexts.extend(own.clone());
                    own.is_some()
                })
            }),
        },
        Defect {
            id: "unknown-preauth-hash",
            title: "A 3.1.1 NEGOTIATE response selects a hash that does not exist",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.4.1.1"],
            trips: &["negotiate/preauth-context"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                contexts(r, |contexts| {
                    let own = contexts.iter_mut().find(|context| context.context_type == PREAUTH);
                    let hash = own.and_then(|context| context.data.get_mut(4..6));
                    hash.map(|hash| hash.copy_from_slice(&[9, 0])).is_some()
                })
            }),
        },
        Defect {
            id: "no-signing-context",
            title: "A server that has the algorithms leaves out the SMB2_SIGNING_CAPABILITIES that was asked for",
            cites: &["MS-SMB2 3.3.5.4"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                contexts(r, |contexts| {
                    let before = contexts.len();
                    contexts.retain(|context| context.context_type != SIGNING);
                    contexts.len() != before
                })
            }),
        },
        Defect {
            id: "two-signing-contexts",
            title: "A 3.1.1 NEGOTIATE response has SMB2_SIGNING_CAPABILITIES twice",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                let own = first_offered(r);
                selects(r, &[&own, &own])
            }),
        },
        Defect {
            id: "signing-context-count-2",
            title: "SMB2_SIGNING_CAPABILITIES selects two algorithms",
            cites: &["MS-SMB2 2.2.4.1.7", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| selects(r, &[&[2, 0, 1, 0, 2, 0]])),
        },
        Defect {
            id: "signing-context-count-0",
            title: "SMB2_SIGNING_CAPABILITIES selects no algorithm",
            cites: &["MS-SMB2 2.2.4.1.7", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| selects(r, &[&[0, 0]])),
        },
        Defect {
            id: "signing-context-short",
            title: "SMB2_SIGNING_CAPABILITIES ends before the algorithm it announces",
            cites: &["MS-SMB2 2.2.4.1.7", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| selects(r, &[&[1, 0, 1]])),
        },
        Defect {
            id: "algorithm-not-offered",
            title: "NEGOTIATE selects a signing algorithm that exists and was not offered",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                let offered = offered(r).unwrap_or_default();
                // Not CMAC, which a server may answer unasked where it has none of the others.
                let other = [2, 0].into_iter().find(|id| !offered.contains(id));
                other.is_some_and(|id| selects(r, &[&one(id)]))
            }),
        },
        Defect {
            id: "unknown-algorithm",
            title: "NEGOTIATE selects a signing algorithm that does not exist",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.4.1.7"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| selects(r, &[&one(0x7777)])),
        },
        Defect {
            id: "signing-context-though-none-offered",
            title: "NEGOTIATE selects a signing algorithm for a client that sent no SMB2_SIGNING_CAPABILITIES",
            cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.2.5.2"],
            trips: &["negotiate/signing-algorithm"],
            protocols: SMB311,
            act: Act::Reply(|r| {
                offered(r).is_none()
                    && contexts(r, |contexts| {
                        // Not the one that such a client signs with: it ignores the type (3.2.5.2).
                        contexts.push(NegotiateContext::new(SIGNING, one(0)));
                        true
                    })
            }),
        },
        Defect {
            id: "validate-wrong-capabilities",
            title: "FSCTL_VALIDATE_NEGOTIATE_INFO is answered with other Capabilities than NEGOTIATE",
            cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
            trips: &["negotiate/validate"],
            protocols: VALIDATED,
            act: Act::Reply(|r| validated(r, |told| told.capabilities.0 ^= 1)),
        },
        Defect {
            id: "validate-wrong-guid",
            title: "FSCTL_VALIDATE_NEGOTIATE_INFO is answered with another Guid than NEGOTIATE",
            cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
            trips: &["negotiate/validate"],
            protocols: VALIDATED,
            act: Act::Reply(|r| validated(r, |told| told.guid[15] ^= 1)),
        },
        Defect {
            id: "validate-wrong-mode",
            title: "FSCTL_VALIDATE_NEGOTIATE_INFO is answered with another SecurityMode than NEGOTIATE",
            cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
            trips: &["negotiate/validate"],
            protocols: VALIDATED,
            act: Act::Reply(|r| {
                validated(r, |told| told.security_mode.0 ^= SecurityMode::SIGNING_REQUIRED.0)
            }),
        },
        Defect {
            id: "validate-wrong-dialect",
            title: "FSCTL_VALIDATE_NEGOTIATE_INFO is answered with another Dialect than NEGOTIATE",
            cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
            trips: &["negotiate/validate"],
            protocols: VALIDATED,
            act: Act::Reply(|r| {
                validated(r, |told| {
                    let newest = told.dialect == DialectRevision::SMB_3_0_2;
                    told.dialect = if newest { DialectRevision::SMB_3_0 } else { DialectRevision::SMB_3_0_2 };
                })
            }),
        },
        Defect {
            id: "validate-unsigned",
            title: "FSCTL_VALIDATE_NEGOTIATE_INFO is answered unsigned",
            cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
            trips: &["negotiate/validate"],
            protocols: VALIDATED,
            act: Act::Reply(|r| r.asked.validates && r.is_signed_answer() && r.seal(Seal::Unsigned)),
        },
    ]
}
