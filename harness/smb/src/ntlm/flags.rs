//! The bits of NegotiateFlags that this client knows ([MS-NLMP] 2.2.2.5). All names there begin with
//! NTLMSSP_NEGOTIATE_ where no other is given.

/// Strings are UTF-16LE (A).
pub const UNICODE: u32 = 0x0000_0001;
/// NTLMSSP_REQUEST_TARGET: the server names itself (C).
pub const REQUEST_TARGET: u32 = 0x0000_0004;
/// Message signatures (D).
pub const SIGN: u32 = 0x0000_0010;
/// Message confidentiality (E).
pub const SEAL: u32 = 0x0000_0020;
/// NTLM session security (H).
pub const NTLM: u32 = 0x0000_0200;
/// The logon is anonymous (J).
pub const ANONYMOUS: u32 = 0x0000_0800;
/// A session key exists in any case (M).
pub const ALWAYS_SIGN: u32 = 0x0000_8000;
/// Extended session security: the signatures of 3.4.4.2 (P).
pub const EXTENDED_SESSIONSECURITY: u32 = 0x0008_0000;
/// The challenge has TargetInfo (S).
pub const TARGET_INFO: u32 = 0x0080_0000;
/// The Version fields are filled in (T).
pub const VERSION: u32 = 0x0200_0000;
/// 128-bit sealing keys (U).
pub const KEY_128: u32 = 0x2000_0000;
/// The client picks the session key and sends it encrypted (V).
pub const KEY_EXCH: u32 = 0x4000_0000;
/// 56-bit sealing keys (W).
pub const KEY_56: u32 = 0x8000_0000;

/// What this client always asks for. SIGN is among them because KEY_EXCH counts only with SIGN or SEAL (3.1.5.1.2).
pub const CLIENT: u32 = UNICODE
    | REQUEST_TARGET
    | SIGN
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SESSIONSECURITY
    | TARGET_INFO
    | KEY_128
    | KEY_56;
