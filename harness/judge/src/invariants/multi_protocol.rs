//! A multi-protocol NEGOTIATE is answered in the newest dialect both sides have.

use super::Invariant;
use crate::view::place;
use model::{CheckLevel, Dialect, FrameRef, Signing, Subject};
use smb::smb1::NegotiateRequest;
use smb::wire::{Body, DialectRevision, NegotiateResponse, SecurityMode};

/// 3.3.5.3.1: a server of SMB 2.1 or newer that finds "SMB 2.???" answers with DialectRevision 0x02FF; 3.3.5.3.2: one that
/// finds "SMB 2.002", and is older or does not find the other, with 0x0202. SecurityMode has
/// SMB2_NEGOTIATE_SIGNING_ENABLED in both, and REQUIRED where the server is set to it; 0x02FF settles nothing that a later
/// rule would look at.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/multi-protocol",
    title: "A multi-protocol NEGOTIATE that is answered in SMB2 is answered with 0x02FF, or with 0x0202, as its strings ask",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.3.1", "MS-SMB2 3.3.5.3.2"],
    check: |view, report| {
        let server = view.plan().map(|case| &case.server);
        // Of a capture it is not known what the server has: it may be either of what was asked for.
        let has =
            |dialect: Dialect| server.is_none_or(|it| (it.dialects.0..=it.dialects.1).contains(&dialect));
        let newest = |dialect: Dialect| server.is_none_or(|it| it.dialects.1 >= dialect);
        for (connection, index) in view.connections().iter().zip(0..) {
            let Some(asked) = &connection.multi_protocol else { continue };
            let Some(message) = asked.response.and_then(|response| connection.messages.get(response)) else {
                continue;
            };
            let offers = |name: &[u8]| asked.dialects.iter().any(|dialect| dialect == name);
            let newer = offers(NegotiateRequest::SMB_2_WILDCARD) && newest(Dialect::Smb21);
            let oldest = offers(NegotiateRequest::SMB_2_002) && has(Dialect::Smb202);
            let expected = match (newer, oldest) {
                (true, _) => DialectRevision::WILDCARD,
                (false, true) => DialectRevision::SMB_2_0_2,
                (false, false) => continue, // The outcome says that it should not have been answered in SMB2.
            };
            let body = NegotiateResponse::parse(&message.bytes).ok();
            let said = body.as_ref().map(|body| body.dialect_revision);
            report.check(
                FrameRef { bytes: Some((68, 70)), ..place(index, message) },
                said == Some(expected)
                    || server.is_none() && oldest && said == Some(DialectRevision::SMB_2_0_2),
                format!("DialectRevision 0x{:04x}", expected.0),
                || {
                    said.map_or_else(
                        || "no NEGOTIATE response".to_owned(),
                        |said| format!("0x{:04x}", said.0),
                    )
                },
            );
            if let Some(body) = body {
                report.check(
                    FrameRef { bytes: Some((66, 68)), ..place(index, message) },
                    body.security_mode.contains(SecurityMode::SIGNING_ENABLED),
                    "SMB2_NEGOTIATE_SIGNING_ENABLED set",
                    || format!("SecurityMode 0x{:04x}", body.security_mode.0),
                );
                let Some(signing) = server.map(|server| server.signing) else { continue };
                let required = signing == Signing::Required;
                report.check(
                    FrameRef { bytes: Some((66, 68)), ..place(index, message) },
                    body.security_mode.contains(SecurityMode::SIGNING_REQUIRED) == required,
                    format!(
                        "SMB2_NEGOTIATE_SIGNING_REQUIRED {}: signing is {} here",
                        if required { "set" } else { "clear" },
                        signing
                    ),
                    || format!("SecurityMode 0x{:04x}", body.security_mode.0),
                );
            }
        }
    },
};
