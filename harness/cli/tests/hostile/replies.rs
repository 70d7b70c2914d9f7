//! What the servers here answer with.

use crate::support::net::{Peer, answering};
use model::NtStatus;
use smb::wire::{self, Header, SessionFlags, SessionSetupResponse};

/// Answers requests one by one until the client goes or there is no answer.
pub(crate) async fn each(mut peer: Peer, reply: impl Fn(usize, &[u8]) -> Option<Vec<u8>>) {
    let mut number = 0;
    while let Some(request) = peer.message().await {
        let Some(reply) = reply(number, &request) else { return peer.hold().await };
        if !peer.send(&reply).await {
            return;
        }
        number += 1;
    }
}

/// A SESSION_SETUP answer with this token.
pub(crate) fn setup(request: &[u8], status: NtStatus, flags: SessionFlags, token: &[u8]) -> Vec<u8> {
    let header = Header { session_id: 0x1234_5678_9abc, ..answering(request, status) };
    let body = SessionSetupResponse { session_flags: flags, security_buffer: token.to_vec() };
    wire::message(&header, &body).unwrap()
}

/// An answer that says only how long it takes.
pub(crate) fn interim(request: &[u8]) -> Vec<u8> {
    let header = answering(request, NtStatus::PENDING).with_async_id(9);
    let mut message = Vec::new();
    header.write(&mut message);
    message.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    message
}

/// A message whose NextCommand says this.
pub(crate) fn chained(mut message: Vec<u8>, next: u32) -> Vec<u8> {
    message[Header::NEXT_COMMAND].copy_from_slice(&next.to_le_bytes());
    message
}
