//! The negotiate contexts of a 3.1.1 NEGOTIATE response, as a client looks at them ([MS-SMB2] 3.2.5.2).

use smb::follow::Negotiated;
use smb::wire::{ContextData, ContextType, NegotiateContext, PreauthIntegrity};

/// Contexts of which a client takes no more than one; the one of the preauthentication and the one of signing are looked
/// at by themselves.
const ONCE: [ContextType; 4] = [
    ContextType::ENCRYPTION_CAPABILITIES,
    ContextType::COMPRESSION_CAPABILITIES,
    ContextType::RDMA_TRANSFORM_CAPABILITIES,
    ContextType::TRANSPORT_CAPABILITIES,
];

/// Whether a client takes them: one that names the hash of the preauthentication, and no more than one of any other kind.
pub(crate) fn are_acceptable(negotiated: &Negotiated) -> bool {
    preauth(negotiated).is_ok()
        && ONCE.iter().all(|kind| {
            let contexts = &negotiated.response_body.negotiate_contexts;
            contexts.iter().filter(|context| context.context_type == *kind).count() <= 1
        })
}

/// Whether there is exactly one SMB2_PREAUTH_INTEGRITY_CAPABILITIES, with exactly one hash, which was offered; if not, what
/// there is instead.
pub(crate) fn preauth(negotiated: &Negotiated) -> Result<(), String> {
    let asked = negotiated.request_body.as_ref();
    let offered =
        asked.and_then(|asked| NegotiateContext::find::<PreauthIntegrity>(&asked.negotiate_contexts));
    let offered = offered.and_then(Result::ok).unwrap_or_default().hash_algorithms;
    let found: Vec<_> = negotiated
        .response_body
        .negotiate_contexts
        .iter()
        .filter(|context| context.context_type == PreauthIntegrity::TYPE)
        .collect();
    let [context] = found.as_slice() else { return Err(format!("{} such contexts", found.len())) };
    match PreauthIntegrity::parse(&context.data) {
        Ok(selected) => match selected.hash_algorithms.as_slice() {
            [hash] if offered.contains(hash) => Ok(()),
            other => Err(format!("hash ids {other:?}")),
        },
        Err(error) => Err(error.to_string()),
    }
}
