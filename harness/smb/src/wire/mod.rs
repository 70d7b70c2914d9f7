//! SMB2 and SMB3 messages as bytes and as structs ([MS-SMB2] 2.2).
//!
//! Tolerant: a protocol enumeration is a number with names ([`Command`], [`DialectRevision`], ...), so unknown values
//! survive; reserved fields are kept as sent; nothing is judged here. Untrusting: a length or an offset that lies is a
//! [`WireError`], never a panic, and memory is taken for the bytes at hand, not for the bytes announced.
//!
//! A [`Body`] is read from the whole message, because its offsets count from the first byte of the header; of a
//! compound, from one [`Element`]. Writing puts buffers where the specification (or, where that leaves it open, common
//! practice) puts them: bytes read from a peer that lays out its buffers differently read back equal, not identical.
//! Keep the bytes where identity matters.

mod close;
mod codes;
mod compound;
mod compound_signed;
mod contexts;
mod create;
mod credits;
mod error;
mod error_response;
mod file_codes;
mod header;
mod io;
mod ioctl;
mod lease;
mod lock;
mod negotiate;
mod notify;
mod oplock_break;
mod payload;
mod query;
mod session;
mod set_info;
mod simple;
mod text;
mod tree;

pub use close::{CloseRequest, CloseResponse, FlushRequest, FlushResponse};
pub use codes::{
    Capabilities, Command, ContextType, DialectRevision, Flags, SecurityMode, SessionFlags, SessionSetupFlags,
};
pub use compound::{Element, MAX_ELEMENTS, compound, elements};
pub use compound_signed::compound_signed;
pub use contexts::{
    CompressionCapabilities, ContextData, EncryptionCapabilities, NegotiateContext, NetName,
    PreauthIntegrity, RdmaTransformCapabilities, SigningCapabilities, TransportCapabilities,
};
pub use create::{CreateContext, CreateRequest, CreateResponse, FileId};
pub use credits::credit_charge;
pub use error::WireError;
pub use error_response::{ErrorContext, ErrorResponse};
pub use file_codes::{
    AccessMask, CloseFlags, CreateAction, CreateDisposition, CreateOptions, CtlCode, FileAttributes,
    FileInformationClass, ImpersonationLevel, InfoType, OplockLevel, QueryDirectoryFlags, ShareAccess,
    ShareCapabilities, ShareFlags, ShareType, TreeConnectFlags,
};
pub use header::{Header, Protocol};
pub use io::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
pub use ioctl::{IoctlRequest, IoctlResponse, ValidateNegotiateInfoRequest, ValidateNegotiateInfoResponse};
pub use lease::{Lease, LeaseContext, LeaseFlags, LeaseState, LeaseV2};
pub use lock::{LockElement, LockFlags, LockRequest, LockResponse};
pub use negotiate::{NegotiateRequest, NegotiateResponse};
pub use notify::{ChangeNotifyFlags, ChangeNotifyRequest, ChangeNotifyResponse, CompletionFilter};
pub use oplock_break::{
    BreakAcknowledgment, BreakNotification, BreakResponse, LeaseBreakAcknowledgment, LeaseBreakFlags,
    LeaseBreakNotification, LeaseBreakResponse, OplockBreakAcknowledgment, OplockBreakNotification,
    OplockBreakResponse,
};
pub use query::{QueryDirectoryRequest, QueryDirectoryResponse, QueryInfoRequest, QueryInfoResponse};
pub use session::{SessionSetupRequest, SessionSetupResponse};
pub use set_info::{
    FileBasicInformation, FileDispositionInformation, FileEndOfFileInformation, SetInfoRequest,
    SetInfoResponse,
};
pub use simple::{
    CancelRequest, EchoRequest, EchoResponse, LogoffRequest, LogoffResponse, TreeDisconnectRequest,
    TreeDisconnectResponse,
};
pub use text::{utf16, utf16_text};
pub use tree::{TreeConnectExtension, TreeConnectRequest, TreeConnectResponse};

/// What follows the header of a request or a response.
///
/// Which type a message has, its header says: the command, [`Flags::SERVER_TO_REDIR`], and for a response the status
/// (most errors carry an [`ErrorResponse`]). `parse` does not compare the command: it reads what it is asked to read.
pub trait Body: Sized {
    /// The command whose request or response this is.
    const COMMAND: Command;

    /// Reads the body of a whole message, header included.
    ///
    /// # Errors
    /// Those of [`Header::parse`]; [`WireError::StructureSize`] where the body is none of this type;
    /// [`WireError::Truncated`] and [`WireError::Overlap`] where fields, lengths or offsets leave the message or point
    /// into its fixed part.
    fn parse(message: &[u8]) -> Result<Self, WireError>;

    /// Appends the body to `out`, which already holds the 64 bytes of the header: offsets count from 64 bytes in front
    /// of what is appended.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] where a value or the length of a buffer does not fit into its field. What `out` holds
    /// then is unspecified.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError>;
}

/// A whole message: header and body. The header goes out as given, its command included.
///
/// # Errors
/// Those of [`Body::write`].
pub fn message(header: &Header, body: &impl Body) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(Header::LEN + 64);
    header.write(&mut out);
    body.write(&mut out)?;
    Ok(out)
}

/// A body, or a payload, that consists of nothing but fields of fixed length behind its StructureSize.
macro_rules! fixed_body {
    ($($(#[$meta:meta])* $name:ident: $command:ident, $size:literal {
        $($(#[$fmeta:meta])* $field:ident: $type:ty),+ $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type),+ }

        impl $crate::wire::Body for $name {
            const COMMAND: $crate::wire::Command = $crate::wire::Command::$command;

            fn parse(message: &[u8]) -> Result<Self, $crate::wire::WireError> {
                let mut reader = $crate::reader::Reader::body(message, $size)?;
                Ok(Self { $($field: reader.field(stringify!($field))?),+ })
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), $crate::wire::WireError> {
                use $crate::reader::Field as _;
                let structure_size: u16 = $size;
                structure_size.put(out);
                $(self.$field.put(out);)+
                Ok(())
            }
        }
    )+};
}

pub(crate) use fixed_body;
