//! The SMB protocol without I/O: wire formats, signing, key derivation, authentication.

pub mod auth;
pub mod follow;
pub mod kdf;
pub mod nbss;
pub mod ntlm;
mod numbers;
pub mod preauth;
mod reader;
pub mod signing;
pub mod smb1;
pub mod spnego;
mod stream;
pub mod wire;
