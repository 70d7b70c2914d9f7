//! The bodies that say nothing: StructureSize 4 and a reserved field.

use super::fixed_body;

fixed_body! {
    /// SMB2 LOGOFF Request ([MS-SMB2] 2.2.7).
    LogoffRequest: LOGOFF, 4 {
        /// Reserved, 0.
        reserved: u16,
    }

    /// SMB2 LOGOFF Response ([MS-SMB2] 2.2.8).
    LogoffResponse: LOGOFF, 4 {
        /// Reserved, 0.
        reserved: u16,
    }

    /// SMB2 TREE_DISCONNECT Request ([MS-SMB2] 2.2.11). The tree is the one of the header.
    TreeDisconnectRequest: TREE_DISCONNECT, 4 {
        /// Reserved, 0.
        reserved: u16,
    }

    /// SMB2 TREE_DISCONNECT Response ([MS-SMB2] 2.2.12).
    TreeDisconnectResponse: TREE_DISCONNECT, 4 {
        /// Reserved, 0.
        reserved: u16,
    }

    /// SMB2 ECHO Request ([MS-SMB2] 2.2.28).
    EchoRequest: ECHO, 4 {
        /// Reserved, 0.
        reserved: u16,
    }

    /// SMB2 ECHO Response ([MS-SMB2] 2.2.29).
    EchoResponse: ECHO, 4 {
        /// Reserved, 0.
        reserved: u16,
    }

    /// SMB2 CANCEL Request ([MS-SMB2] 2.2.30): the request to cancel is the one of the header's MessageId, or, in the
    /// ASYNC form, of its AsyncId. It has no response.
    CancelRequest: CANCEL, 4 {
        /// Reserved, 0.
        reserved: u16,
    }
}
