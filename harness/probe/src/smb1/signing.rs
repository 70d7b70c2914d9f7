//! The client's side of signing once it is active: which number a request takes, which its answer must carry, and what
//! a deviation breaks.

use model::Deviation;
use model::scenario::{WrongFlag, WrongSignature};
use smb::smb1::{Flags2, Header, MacKey, Sequence};

/// Key and count of a connection on which signing is active ([MS-CIFS] 3.2.1.2).
pub(super) struct Signing {
    key: MacKey,
    sequence: Sequence,
}

impl Signing {
    /// Signing as the answer to `setup` activates it, if that answer carries number 1 ([MS-CIFS] 3.2.5.3).
    pub(super) fn activated(key: MacKey, setup: &Header, answer: &[u8]) -> Option<Self> {
        key.verify(answer, Sequence::SETUP_RESPONSE).ok()?;
        Some(Self { key, sequence: Sequence::activated_by(setup) })
    }

    /// Signs a request, then breaks it where that is wanted, and takes its number ([MS-CIFS] 3.2.4.1.3). The number is
    /// for [`Signing::refused`].
    pub(super) fn sign(&mut self, header: &Header, message: &mut [u8], deviation: Option<Deviation>) -> u32 {
        let number = self.sequence.request(header);
        let signed_as = match deviation {
            Some(Deviation::Sequence(by)) => number.wrapping_add_signed(by),
            _ => number,
        };
        // A message that was built has a header, so it is long enough to sign and to break.
        let _ = self.key.sign(message, signed_as);
        match deviation {
            Some(Deviation::Signature(wrong)) => break_signature(message, wrong, signed_as),
            Some(Deviation::Flag(WrongFlag::Dropped)) => clear_flag(message),
            // The others are none of SMB1's, and no plan has them there.
            _ => {}
        }
        number
    }

    /// Whether an answer is signed with the number that its request gives it ([MS-CIFS] 3.1.5.1).
    pub(super) fn is_valid(&self, header: &Header, message: &[u8]) -> bool {
        self.sequence.response(header).is_some_and(|number| self.key.verify(message, number).is_ok())
    }

    /// Forgets a request whose answers are all there.
    pub(super) fn answered(&mut self, header: &Header) {
        self.sequence.finish(header);
    }

    /// Takes back the number of a request that the server refused for its signature, and so has not counted
    /// ([MS-CIFS] 3.3.5.2.3).
    pub(super) fn refused(&mut self, number: u32) {
        self.sequence.resume_at(number);
    }
}

fn break_signature(message: &mut [u8], wrong: WrongSignature, number: u32) {
    let flip = |message: &mut [u8], byte: u8| {
        let at = Header::SIGNATURE.start + usize::from(byte).min(Header::SIGNATURE.len() - 1);
        if let Some(byte) = message.get_mut(at) {
            *byte ^= 1;
        }
    };
    match wrong {
        WrongSignature::FlipBit => flip(message, 0),
        WrongSignature::Byte(byte) => flip(message, byte),
        WrongSignature::Random | WrongSignature::WrongKey => {
            // Of a key that nobody has, any bytes are the signature.
            let _ = MacKey::new(b"a key nobody has", b"").sign(message, number);
        }
        WrongSignature::Zero | WrongSignature::Missing => {
            if let Some(signature) = message.get_mut(Header::SIGNATURE) {
                signature.fill(0);
            }
            if wrong == WrongSignature::Missing {
                clear_flag(message);
            }
        }
        WrongSignature::OtherAlgorithm
        | WrongSignature::SessionKey
        | WrongSignature::OtherSession
        | WrongSignature::WithoutKey
        | WrongSignature::ServerRole
        | WrongSignature::CancelBit => {}
    }
}

fn clear_flag(message: &mut [u8]) {
    if let Some(byte) = message.get_mut(Header::FLAGS2.start) {
        *byte &= !Flags2::SECURITY_SIGNATURE.0.to_le_bytes()[0];
    }
}
