//! What the servers here answer with.

use crate::support::net::Peer;
use model::NtStatus;
use smb::smb1::{
    self, Action, AndX, Block, Body, Capabilities, Command, Flags, Flags2, Header, NegotiateResponse,
    NegotiateSecurity, Raw, SecurityMode, SessionSetupRequest, SessionSetupResponse, SetupCredentials, Text,
};

/// Answers requests one by one until the client goes or there is no answer.
pub(super) async fn each(mut peer: Peer, reply: impl Fn(usize, &[u8]) -> Option<Vec<u8>>) {
    let mut number = 0;
    while let Some(request) = peer.message().await {
        let Some(reply) = reply(number, &request) else { return peer.hold().await };
        if !peer.send(&reply).await {
            return;
        }
        number += 1;
    }
}

/// The header that answers `request` with `status`.
pub(super) fn answering(request: &[u8], status: NtStatus) -> Header {
    let asked = Header::parse(request).unwrap();
    Header { status, flags: asked.flags.with(Flags::REPLY), signature: [0; 8], ..asked }
}

/// An answer with these words and these bytes.
pub(super) fn answer(request: &[u8], status: NtStatus, words: &[u8], bytes: &[u8]) -> Vec<u8> {
    let body = Raw { words: words.to_vec(), bytes: bytes.to_vec() };
    let header = answering(request, status);
    let mut builder = smb1::ChainBuilder::new(&header);
    builder.push_as(header.command, &body).unwrap();
    builder.finish()
}

/// The answer to NEGOTIATE of a server that offers signing, before it is written.
pub(super) fn negotiation(request: &[u8]) -> NegotiateResponse {
    let asked = Header::parse(request).unwrap();
    let mode = SecurityMode::USER_SECURITY | SecurityMode::ENCRYPT_PASSWORDS;
    let capabilities = Capabilities::UNICODE | Capabilities::NT_SMBS | Capabilities::STATUS32;
    let (capabilities, security) = if asked.flags2.contains(Flags2::EXTENDED_SECURITY) {
        let (challenge_length, security_blob) = (0, Vec::new());
        let security = NegotiateSecurity::Extended { challenge_length, server_guid: [7; 16], security_blob };
        (capabilities | Capabilities::EXTENDED_SECURITY, security)
    } else {
        (capabilities, NegotiateSecurity::plain([8; 8], true, "WG", "SERVER"))
    };
    NegotiateResponse {
        dialect_index: 0,
        security_mode: mode | SecurityMode::SECURITY_SIGNATURES_ENABLED,
        max_mpx_count: 10,
        max_number_vcs: 1,
        max_buffer_size: 16_644,
        max_raw_size: 65536,
        session_key: 0,
        capabilities,
        system_time: 0,
        server_time_zone: 0,
        security,
    }
}

/// The same, written.
pub(super) fn negotiated(request: &[u8]) -> Vec<u8> {
    smb1::message(&answering(request, NtStatus::SUCCESS), &negotiation(request)).unwrap()
}

/// The same with a challenge of these bytes, without extended security.
pub(super) fn challenging(request: &[u8], challenge: Vec<u8>) -> Vec<u8> {
    let mut body = negotiation(request);
    body.capabilities = body.capabilities.without(Capabilities::EXTENDED_SECURITY);
    body.security = NegotiateSecurity::Plain { challenge, names: Text::default() };
    smb1::message(&answering(request, NtStatus::SUCCESS), &body).unwrap()
}

/// Whether a SESSION_SETUP request is of extended security.
pub(super) fn is_extended(request: &[u8]) -> bool {
    Block::first(request)
        .and_then(|block| SessionSetupRequest::parse(&block))
        .is_ok_and(|body| matches!(body.credentials, SetupCredentials::Extended { .. }))
}

/// A SESSION_SETUP answer in the form that was asked for, with this token where there is one.
pub(super) fn setup(request: &[u8], status: NtStatus, action: Action, token: &[u8]) -> Vec<u8> {
    let header = Header { uid: 0x0B0B, ..answering(request, status) };
    let security_blob = is_extended(request).then(|| token.to_vec());
    let body = SessionSetupResponse { action, security_blob, ..SessionSetupResponse::default() };
    smb1::message(&header, &body.with_names(true, &["OS", "LM"])).unwrap()
}

/// An oplock break ([MS-CIFS] 2.2.4.32.1): the one message of a server that answers nothing, with the PID and the MID of
/// nobody.
pub(super) fn oplock_break() -> Vec<u8> {
    let header = Header { pid: 0xFFFF, mid: 0xFFFF, ..Header::request(Command::LOCKING_ANDX) };
    let mut words = vec![AndX::NONE.command.0, 0, 0, 0];
    words.extend([1, 0x40, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    smb1::message(&header, &Raw { words, bytes: Vec::new() }).unwrap()
}
