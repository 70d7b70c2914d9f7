//! The signing algorithm a server selects is one that was offered.

use super::Invariant;
use crate::view::place;
use model::predict::common_algorithms;
use model::{Algorithm, CheckLevel, Dialect, Subject};

/// The id of AES-CMAC, which a server answers where nothing overlaps (3.3.5.4).
const AES_CMAC: u16 = 1;

/// 3.3.5.4, 2.2.4.1.7: one context, one id, one that exists and was offered, or AES-CMAC where nothing overlaps. A server that
/// answers no context does not process it, which is legal: it is then judged by nothing here.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/signing-algorithm",
    title: "The selected signing algorithm was offered, or is AES-CMAC where nothing overlaps",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.4.1.7"],
    check: |view, report| {
        for (connection, index) in view.connections().iter().zip(0..) {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            if negotiated.dialect != Some(Dialect::Smb311) {
                continue;
            }
            let offered = negotiated.offered_algorithms.as_deref();
            // Of a capture it is not known what the server has: it may have none of them.
            let overlaps = |offered: &[u16]| {
                view.plan().is_some_and(|case| {
                    !common_algorithms(offered, &case.server, &case.negotiates).is_empty()
                })
            };
            let holds = match (offered, negotiated.selected_algorithms.as_slice()) {
                // A server that declares to process the context answers it where it has one of the algorithms.
                (Some(offered), []) if overlaps(offered) => false,
                (_, []) => continue,
                (None, _) => false,
                (Some(offered), [ids]) => match ids.as_slice() {
                    // An id that was offered and that no algorithm has is one that a server must pass over.
                    [id] if Algorithm::from_smb2_id(*id).is_none() => false,
                    [id] => offered.contains(id) || (*id == AES_CMAC && !overlaps(offered)),
                    _ => false,
                },
                _ => false,
            };
            report.check(
                place(index, message),
                holds,
                match offered {
                    Some(offered) => {
                        format!("one id out of {offered:?}, or 1 where the server has none of them")
                    }
                    None => "no SMB2_SIGNING_CAPABILITIES context: the client sent none".to_owned(),
                },
                || format!("contexts with ids {:?}", negotiated.selected_algorithms),
            );
        }
    },
};
