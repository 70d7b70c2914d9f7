//! What a step does wrong on purpose: the request is built and signed as it should be, and then broken.

use super::{Session, negotiate};
use crate::Stop;
use model::Algorithm;
use model::scenario::{
    Deviation, HeaderField, WrongFlag, WrongMessageId, WrongNegotiate, WrongSession, WrongSignature,
};
use smb::signing::SigningKey;
use smb::wire::{
    Capabilities, ContextData, ContextType, EncryptionCapabilities, Header, NegotiateContext,
    NegotiateRequest, PreauthIntegrity, SigningCapabilities,
};

/// The Flags and the Signature of the header ([MS-SMB2] 2.2.1.2).
const FLAGS: usize = 16;
const SIGNED: u8 = 0x08;
const SIGNATURE: std::ops::Range<usize> = 48..64;

/// AES-256-GCM ([MS-SMB2] 2.2.3.1.2).
const AES_256_GCM: u16 = 4;

/// What is wrong before it is signed.
pub(super) fn header(header: &mut Header, deviation: Deviation) {
    match deviation {
        // One that no server gives out: they count, or draw numbers.
        Deviation::Session(WrongSession::Unknown) => header.session_id ^= 0x5A5A_A5A5_5A5A_A5A5,
        Deviation::MessageId(WrongMessageId::Replayed) => {
            header.message_id = header.message_id.saturating_sub(1);
        }
        _ => {}
    }
}

/// What is broken after signing. `message` is signed rightly.
pub(super) fn message(message: &mut [u8], deviation: Deviation, session: &Session) {
    match deviation {
        Deviation::Signature(wrong) => signature(message, wrong, session),
        Deviation::Flag(WrongFlag::Dropped) => clear_flag(message),
        Deviation::Header(field) => {
            // One bit is enough: of the flags and the command one that has no meaning, of the MessageId one that makes it
            // nobody else's.
            let (byte, bit) = match field {
                // Another first byte would make it one of another protocol.
                HeaderField::ProtocolId => (3, 1),
                HeaderField::Flags => (0, 0x40),
                HeaderField::Command => (1, 0x40),
                HeaderField::MessageId => (7, 0x01),
                _ => (0, 1),
            };
            flip(message, field.bytes().start + byte, bit);
        }
        Deviation::Body(byte) => {
            let last = message.len().saturating_sub(1);
            flip(message, (Header::LEN + usize::from(byte)).min(last), 1);
        }
        // The last byte is of the padding, where there is any.
        Deviation::Padding => flip(message, message.len().saturating_sub(1), 1),
        Deviation::ByAxis
        | Deviation::Negotiate(_)
        | Deviation::Setup(_)
        | Deviation::Validate(_)
        | Deviation::Sequence(_)
        | Deviation::Session(_)
        | Deviation::MessageId(_) => {}
    }
}

/// What is wrong in a NEGOTIATE request before it is written.
pub(super) fn request(request: &mut NegotiateRequest, wrong: WrongNegotiate) -> Result<(), Stop> {
    let contexts = &mut request.negotiate_contexts;
    let signing = |ids: &[u16]| negotiate::context(&SigningCapabilities { algorithms: ids.to_vec() });
    let at = |contexts: &[NegotiateContext], kind| {
        contexts.iter().position(|context| context.context_type == kind)
    };
    let (preauth, capabilities) = (PreauthIntegrity::TYPE, SigningCapabilities::TYPE);
    match wrong {
        WrongNegotiate::SigningTwice => contexts.push(signing(&[1])?),
        WrongNegotiate::SigningCountZero => {
            contexts.retain(|context| context.context_type != capabilities);
            contexts.push(signing(&[])?);
        }
        WrongNegotiate::SigningShort => {
            contexts.retain(|context| context.context_type != capabilities);
            contexts.push(NegotiateContext::new(capabilities, [1]));
        }
        WrongNegotiate::SigningOverrun => {
            contexts.retain(|context| context.context_type != capabilities);
            // Three algorithms are announced, and there is one.
            contexts.push(NegotiateContext::new(capabilities, [3, 0, 1, 0]));
        }
        WrongNegotiate::PreauthMissing => contexts.retain(|context| context.context_type != preauth),
        WrongNegotiate::PreauthTwice => {
            contexts.extend(at(contexts, preauth).and_then(|at| contexts.get(at).cloned()));
        }
        WrongNegotiate::UnknownHash => {
            contexts.retain(|context| context.context_type != preauth);
            contexts.push(negotiate::context(&PreauthIntegrity {
                hash_algorithms: vec![0x7777],
                salt: vec![0; 32],
            })?);
        }
        WrongNegotiate::NoDialect => request.dialects.clear(),
        WrongNegotiate::UnknownContext => {
            contexts.insert(0, NegotiateContext::new(ContextType(0x0100), *b"to be passed over"));
        }
        WrongNegotiate::Reversed => contexts.reverse(),
        WrongNegotiate::SigningAtOlderDialect => contexts.push(signing(&[2])?),
        WrongNegotiate::Aes256 => {
            request.capabilities = request.capabilities.with(Capabilities::ENCRYPTION);
            contexts.push(negotiate::context(&EncryptionCapabilities { ciphers: vec![AES_256_GCM] })?);
        }
        WrongNegotiate::Signed | WrongNegotiate::Again => {}
    }
    Ok(())
}

/// A signature that nobody can have made: there is no key yet.
pub(super) fn sign_without_a_key(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(FLAGS) {
        *flags |= SIGNED;
    }
    set(message, *b"nobody has a key");
}

fn signature(message: &mut [u8], wrong: WrongSignature, session: &Session) {
    if wrong == WrongSignature::WithoutKey {
        return sign_without_a_key(message);
    }
    let Some(key) = &session.key else { return };
    let with = |algorithm: Algorithm, key: [u8; 16]| SigningKey::new(algorithm, key).ok();
    let other = match key.algorithm() {
        Algorithm::Aes128Cmac => Algorithm::HmacSha256,
        _ => Algorithm::Aes128Cmac,
    };
    let signed_with = |message: &mut [u8], key: Option<SigningKey>| {
        // A message that was built has a header, so it is long enough to sign.
        let _ = key.map(|key| key.sign(message));
    };
    match wrong {
        WrongSignature::FlipBit => flip(message, SIGNATURE.start, 1),
        WrongSignature::Byte(byte) => {
            flip(message, SIGNATURE.start + usize::from(byte).min(SIGNATURE.len() - 1), 1);
        }
        WrongSignature::Zero => set(message, [0; 16]),
        WrongSignature::Missing => {
            clear_flag(message);
            set(message, [0; 16]);
        }
        WrongSignature::Random => {
            let mut random = [0; 16];
            // Without random numbers the zeros are as wrong.
            let _ = getrandom::fill(&mut random);
            set(message, random);
        }
        WrongSignature::OtherAlgorithm => signed_with(message, with(other, session.signing_key)),
        WrongSignature::WrongKey => signed_with(message, with(key.algorithm(), *b"a key nobody has")),
        WrongSignature::SessionKey => signed_with(message, with(key.algorithm(), session.session_key)),
        WrongSignature::OtherSession => {
            signed_with(message, session.former_key.and_then(|former| with(key.algorithm(), former)));
        }
        WrongSignature::WithoutKey => {}
        WrongSignature::ServerRole | WrongSignature::CancelBit => {
            let bit = if wrong == WrongSignature::ServerRole { 1 } else { 2 };
            if let Ok(signature) = key.signature_with_other_nonce(message, bit) {
                set(message, signature);
            }
        }
    }
}

fn set(message: &mut [u8], signature: [u8; 16]) {
    if let Some(field) = message.get_mut(SIGNATURE) {
        field.copy_from_slice(&signature);
    }
}

fn clear_flag(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(FLAGS) {
        *flags &= !SIGNED;
    }
}

fn flip(message: &mut [u8], at: usize, bit: u8) {
    if let Some(byte) = message.get_mut(at) {
        *byte ^= bit;
    }
}
