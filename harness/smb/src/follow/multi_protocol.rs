//! The negotiation that begins with SMB1 ([MS-SMB2] 3.2.4.2.2.1, 3.3.5.3).

use crate::smb1;
use crate::wire::DialectRevision;

/// The SMB_COM_NEGOTIATE with which a client asks for SMB1 and SMB2 at once ([MS-SMB2] 3.2.4.2.2.1).
///
/// No SMB2 message, so it is not among those of the connection, but it has taken MessageId 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiProtocol {
    /// The packet in which it begins.
    pub frame: u64,
    /// Where in the client's stream its transport message begins, in bytes.
    pub offset: u64,
    /// The dialect strings, without terminators.
    pub dialects: Vec<Vec<u8>>,
    /// The index of the SMB2 NEGOTIATE response that answered it, whatever its status.
    pub response: Option<usize>,
}

impl MultiProtocol {
    /// Reads a message; `None` where it is no SMB_COM_NEGOTIATE request.
    pub(super) fn of(frame: u64, offset: u64, message: &[u8]) -> Option<Self> {
        let (header, body) = smb1::parse::<smb1::NegotiateRequest>(message).ok()?;
        (header.command == smb1::Command::NEGOTIATE && !header.is_response()).then_some(Self {
            frame,
            offset,
            dialects: body.dialects,
            response: None,
        })
    }

    /// What the strings offer: "SMB 2.002" a dialect, "SMB 2.???" only another negotiation (3.3.5.3.1, 3.3.5.3.2).
    pub(super) fn revisions(&self) -> Vec<DialectRevision> {
        let offers = self.dialects.iter().any(|name| name == smb1::NegotiateRequest::SMB_2_002);
        offers.then_some(DialectRevision::SMB_2_0_2).into_iter().collect()
    }
}
