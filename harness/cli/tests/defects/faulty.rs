//! What a faulty server does: one message changed, and which one that is.

use crate::support::exchange::Exchange;
use evidence::SessionKey;
use model::{Algorithm, NtStatus};
use smb::signing::SigningKey;
use smb::wire::{
    self, Body, Command, ContextType, Flags, Header, IoctlResponse, NegotiateContext, NegotiateResponse,
    ReadResponse, SessionFlags, SessionSetupResponse, SigningCapabilities, ValidateNegotiateInfoResponse,
};

pub(crate) const CMAC: Algorithm = Algorithm::Aes128Cmac;
pub(crate) const HMAC: Algorithm = Algorithm::HmacSha256;

/// The NEGOTIATE response with another body.
pub(crate) fn negotiate(exchange: &mut Exchange, change: impl FnOnce(&mut NegotiateResponse)) -> usize {
    let message = exchange.response(Command::NEGOTIATE);
    exchange.rewrite(message, |bytes| {
        let header = Header::parse(bytes).unwrap();
        let mut body = NegotiateResponse::parse(bytes).unwrap();
        change(&mut body);
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// The signing contexts of the NEGOTIATE response become these.
pub(crate) fn selects(exchange: &mut Exchange, contexts: &[&[u16]]) -> usize {
    negotiate(exchange, |body| {
        body.negotiate_contexts.retain(|context| context.context_type != ContextType::SIGNING_CAPABILITIES);
        for ids in contexts {
            let context = SigningCapabilities { algorithms: ids.to_vec() };
            body.negotiate_contexts.push(NegotiateContext::of(&context).unwrap());
        }
    })
}

/// The answer to FSCTL_VALIDATE_NEGOTIATE_INFO with another body, signed.
pub(crate) fn validates(
    exchange: &mut Exchange,
    change: impl FnOnce(&mut ValidateNegotiateInfoResponse),
) -> usize {
    let message = exchange.response(Command::IOCTL);
    exchange.change(message, |bytes| {
        let header = Header::parse(bytes).unwrap();
        let mut body = IoctlResponse::parse(bytes).unwrap();
        let mut told = ValidateNegotiateInfoResponse::parse(&body.output).unwrap();
        change(&mut told);
        body.output = told.encode();
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// The answer to READ with other data, signed.
pub(crate) fn reads(exchange: &mut Exchange, change: impl FnOnce(&mut Vec<u8>)) -> usize {
    let message = exchange.response(Command::READ);
    exchange.change(message, |bytes| {
        let header = Header::parse(bytes).unwrap();
        let mut body = ReadResponse::parse(bytes).unwrap();
        change(&mut body.data);
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// The final SESSION_SETUP response with other flags, signed where it was.
pub(crate) fn establishes(exchange: &mut Exchange, flags: SessionFlags) -> usize {
    let message = exchange.response(Command::SESSION_SETUP);
    exchange.change(message, |bytes| bytes[66..68].copy_from_slice(&flags.0.to_le_bytes()))
}

/// A logon that was refused is granted, unsigned.
pub(crate) fn lets_in(exchange: &mut Exchange, flags: SessionFlags) -> usize {
    let message = exchange.response(Command::SESSION_SETUP);
    let header = Header { status: NtStatus::SUCCESS, ..exchange.header(message) };
    // The client has a key all the same: the one it would have had with the right password.
    exchange.keys = vec![SessionKey { connection: 0, session_id: header.session_id, key: [1; 16] }];
    exchange.spoil(message, |bytes| {
        let body = SessionSetupResponse { session_flags: flags, ..SessionSetupResponse::default() };
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// This answer with another status and the body of an error, signed where it was.
pub(crate) fn fails(exchange: &mut Exchange, message: usize, status: NtStatus) -> usize {
    exchange.change(message, |bytes| {
        bytes.truncate(64);
        bytes[8..12].copy_from_slice(&status.0.to_le_bytes());
        bytes.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    })
}

/// An interim response in front of this answer.
pub(crate) fn interim(exchange: &mut Exchange, answer: usize, change: impl FnOnce(&mut Vec<u8>)) -> usize {
    let header = Header { status: NtStatus::PENDING, signature: [0; 16], ..exchange.header(answer) };
    let mut bytes = Vec::new();
    Header { flags: Flags::SERVER_TO_REDIR, ..header }.with_async_id(77).write(&mut bytes);
    bytes.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    change(&mut bytes);
    exchange.insert(answer, bytes)
}

/// The message, signed by somebody else.
pub(crate) fn forged(exchange: &mut Exchange, message: usize, algorithm: Algorithm, key: [u8; 16]) -> usize {
    exchange.spoil(message, |bytes| SigningKey::new(algorithm, key).unwrap().sign(bytes).unwrap())
}

/// The flag without anything behind it.
pub(crate) fn zeroed(exchange: &mut Exchange, message: usize) -> usize {
    exchange.spoil(message, |bytes| {
        bytes[16] |= 8;
        bytes[48..64].fill(0);
    })
}

pub(crate) fn flagged(exchange: &mut Exchange, message: usize) -> usize {
    exchange.spoil(message, |bytes| {
        bytes[16] |= 8;
        bytes[48..64].fill(0xa5);
    })
}

pub(crate) fn echo(exchange: &Exchange) -> usize {
    exchange.response(Command::ECHO)
}
