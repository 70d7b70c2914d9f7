//! Bodies of a few fields.

use super::body::words_body;

words_body! {
    /// The response that carries nothing but a status ([MS-CIFS] 3.3.4.1.2), and the interim response of a transaction
    /// ([MS-CIFS] 2.2.4.46.2): no parameters.
    ErrorResponse: INVALID, 0 {
        @bytes
        /// Data, which should be none.
        bytes
    }

    /// SMB_COM_CLOSE request ([MS-CIFS] 2.2.4.5.1).
    CloseRequest: CLOSE, 3 {
        /// What to close.
        fid: u16,
        /// Seconds since 1970; 0 and all ones leave the time alone.
        last_time_modified: u32,
    }

    /// SMB_COM_CLOSE response ([MS-CIFS] 2.2.4.5.2).
    CloseResponse: CLOSE, 0 {}

    /// SMB_COM_ECHO request ([MS-CIFS] 2.2.4.39.1).
    EchoRequest: ECHO, 1 {
        /// How many responses to send; 0 has none.
        echo_count: u16,
        @bytes
        /// What to send back.
        data
    }

    /// SMB_COM_ECHO response ([MS-CIFS] 2.2.4.39.2).
    EchoResponse: ECHO, 1 {
        /// The number of this response, from 1. Nothing to do with signing: all responses to one request are signed with
        /// the same sequence number ([MS-CIFS] 3.3.5.33).
        sequence_number: u16,
        @bytes
        /// The data of the request.
        data
    }

    /// SMB_COM_TREE_DISCONNECT request ([MS-CIFS] 2.2.4.51.1).
    TreeDisconnectRequest: TREE_DISCONNECT, 0 {}

    /// SMB_COM_TREE_DISCONNECT response ([MS-CIFS] 2.2.4.51.2).
    TreeDisconnectResponse: TREE_DISCONNECT, 0 {}

    /// SMB_COM_NT_CANCEL request ([MS-CIFS] 2.2.4.65.1), which has the UID, TID, PID and MID of what it cancels, and no
    /// response.
    NtCancelRequest: NT_CANCEL, 0 {}
}
