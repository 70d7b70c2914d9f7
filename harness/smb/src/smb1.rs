//! SMB1, that is NT LM 0.12, as bytes and as structs: [MS-CIFS], and the extended security of [MS-SMB].
//!
//! The same principles as in [`crate::wire`]. Tolerant: a number without a name survives, reserved fields and padding are
//! kept where they are seen to differ, nothing is judged. Untrusting: a length or an offset that lies is a [`WireError`],
//! never a panic, and memory is taken for the bytes at hand.
//!
//! A message is a [`Header`] and one [`Block`] of parameters and data, or a [`Chain`] of them. A [`Body`] is what a
//! block means; its own bytes, and with [`message`] those of the whole message, read and write back alike, except where
//! a sender leaves gaps: then they read back equal.

mod block;
mod body;
mod codes;
mod create;
mod error;
pub mod follow;
mod header;
mod io;
mod negotiate;
mod nt_transact;
pub mod ntlm;
mod sequence;
mod session;
pub mod signing;
mod simple;
mod text;
mod trans2;
mod tree;

pub use block::{AndX, Block, Chain, ChainBuilder, MAX_BLOCKS, Parts, blocks};
pub use body::{Body, Raw, message, parse};
pub use codes::{Action, Capabilities, Command, Flags, Flags2, SecurityMode};
pub use create::{
    CreateFlags, NtCreateExtended, NtCreateRequest, NtCreateResponse, OplockLevel, ResourceType,
};
pub use error::WireError;
pub use header::Header;
pub use io::{ReadRawRequest, ReadRequest, ReadResponse, WriteMode, WriteRequest, WriteResponse};
pub use negotiate::{NegotiateRefusal, NegotiateRequest, NegotiateResponse, NegotiateSecurity};
pub use nt_transact::{CompletionFilter, NtTransactFunction, NtTransactRequest, NtTransactResponse};
pub use sequence::Sequence;
pub use session::{
    LogoffRequest, LogoffResponse, SessionSetupRequest, SessionSetupResponse, SetupCredentials,
};
pub use signing::{BSRSPYL, BadSignature, MacKey, TooShort};
pub use simple::{
    CloseRequest, CloseResponse, EchoRequest, EchoResponse, ErrorResponse, NtCancelRequest,
    TreeDisconnectRequest, TreeDisconnectResponse,
};
pub use text::Text;
pub use trans2::{FsInformationLevel, Trans2Flags, Trans2Request, Trans2Response, Trans2Subcommand};
pub use tree::{OptionalSupport, TreeConnectFlags, TreeConnectRequest, TreeConnectResponse};
