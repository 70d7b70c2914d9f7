//! What goes into the signature field of a message.

use smb::signing::{SIGNATURE, SigningKey};
use smb::wire::Header;

/// The low byte of the header's Flags, and SMB2_FLAGS_SIGNED in it ([MS-SMB2] 2.2.1.2).
const FLAGS: usize = 16;
const SIGNED: u8 = 0x08;

/// How a message is signed.
#[derive(Debug, Clone)]
pub(crate) enum Seal {
    /// As it came.
    AsSent,
    /// As it should be.
    Right,
    /// Not at all.
    Unsigned,
    /// With another key.
    Key(SigningKey),
    /// With the right key and another nonce: the bits are those of [`SigningKey::signature_with_other_nonce`].
    OtherNonce(u8),
    /// As it should be, and then changed.
    Spoiled(fn(&mut [u8])),
    /// As it should be, but the flag is clear in what goes out.
    FlagCleared,
    /// The flag is set and the field has these bytes.
    Flagged([u8; 16]),
    /// The flag is clear and the field has these bytes.
    Field([u8; 16]),
    /// As it should be while NextCommand was still 0.
    BeforeCompound,
}

/// Signs `message`, which has a header, with what the side it goes to signs with.
pub(super) fn apply(message: &mut [u8], seal: &Seal, key: Option<&SigningKey>) {
    if message.len() < Header::LEN {
        return;
    }
    match seal {
        Seal::AsSent => {}
        Seal::Right => sign(message, key),
        Seal::Unsigned => set(message, false, [0; 16]),
        Seal::Key(key) => sign(message, Some(key)),
        Seal::OtherNonce(flip) => {
            set(message, true, [0; 16]);
            if let Some(Ok(signature)) = key.map(|key| key.signature_with_other_nonce(message, *flip)) {
                message[SIGNATURE].copy_from_slice(&signature);
            }
        }
        Seal::Spoiled(change) => {
            sign(message, key);
            change(message);
        }
        Seal::FlagCleared => {
            sign(message, key);
            message[FLAGS] &= !SIGNED;
        }
        Seal::Flagged(field) => set(message, true, *field),
        Seal::Field(field) => set(message, false, *field),
        Seal::BeforeCompound => {
            let mut next = [0; 4];
            next.copy_from_slice(&message[Header::NEXT_COMMAND]);
            message[Header::NEXT_COMMAND].fill(0);
            sign(message, key);
            message[Header::NEXT_COMMAND].copy_from_slice(&next);
        }
    }
}

fn sign(message: &mut [u8], key: Option<&SigningKey>) {
    // It has a header, so it is long enough.
    let _ = key.map(|key| key.sign(message));
}

fn set(message: &mut [u8], flag: bool, field: [u8; 16]) {
    message[FLAGS] = if flag { message[FLAGS] | SIGNED } else { message[FLAGS] & !SIGNED };
    message[SIGNATURE].copy_from_slice(&field);
}
