//! A named pipe in `IPC$`: what every administration of a share goes through.

use super::Client;
use super::exchange::Sign;
use crate::Stop;
use evidence::Recorder;
use smb::wire::{
    AccessMask, CreateDisposition, CreateRequest, CtlCode, ImpersonationLevel, IoctlRequest, ShareAccess,
    utf16,
};

/// The pipe of the server service ([MS-SRVS] 2.1), which knows about shares.
const SERVER_SERVICE: &str = "srvsvc";
/// How much an answer through the pipe may be.
const MAX_ANSWER: u32 = 4280;

/// A bind to the server service: DCE 1.1: RPC, 12.6.4.3, with the interface of [MS-SRVS] 1.9 in NDR.
#[rustfmt::skip]
const BIND: [u8; 72] = [
    // Version 5.0, bind, first and last fragment, little-endian, 72 bytes, call 1.
    5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 1, 0, 0, 0,
    // Fragments of 4280 bytes at most, a new association, one context with one transfer syntax.
    0xB8, 0x10, 0xB8, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0,
    // 4b324fc8-1670-01d3-1278-5a47bf6ee188, 3.0
    0xC8, 0x4F, 0x32, 0x4B, 0x70, 0x16, 0xD3, 0x01, 0x12, 0x78, 0x5A, 0x47, 0xBF, 0x6E, 0xE1, 0x88, 3, 0, 0, 0,
    // 8a885d04-1ceb-11c9-9fe8-08002b104860, 2.0
    0x04, 0x5D, 0x88, 0x8A, 0xEB, 0x1C, 0xC9, 0x11, 0x9F, 0xE8, 0x08, 0x00, 0x2B, 0x10, 0x48, 0x60, 2, 0, 0, 0,
];

impl Client<'_> {
    /// Opens the pipe, binds, and closes it. The judge sees what status each has.
    pub(super) async fn pipe(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let open = CreateRequest {
            desired_access: AccessMask::FILE_READ_DATA.with(AccessMask::FILE_WRITE_DATA),
            share_access: ShareAccess::READ.with(ShareAccess::WRITE),
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            create_disposition: CreateDisposition::OPEN,
            name: utf16(SERVER_SERVICE),
            ..Default::default()
        };
        let Some(pipe) = self.create(&open, recorder).await? else { return Ok(()) };
        let bind = IoctlRequest {
            ctl_code: CtlCode::FSCTL_PIPE_TRANSCEIVE,
            file_id: pipe,
            max_output_response: MAX_ANSWER,
            flags: IoctlRequest::IS_FSCTL,
            input: BIND.to_vec(),
            ..Default::default()
        };
        self.exchange(&bind, Sign::AsSession, recorder).await?;
        self.close(pipe, recorder).await
    }
}
