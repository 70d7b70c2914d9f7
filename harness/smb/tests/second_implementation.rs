//! The same messages through another implementation of the algorithms, with the framing written a second time.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use aws_lc_rs::{aead, cmac, digest, hmac};
use countersign_smb::kdf::sp800_108;
use countersign_smb::preauth::PreauthHash;
use countersign_smb::signing::SigningKey;
use model::Algorithm;
use proptest::prelude::*;

/// The signature of `message` with AWS-LC.
fn signature(algorithm: Algorithm, key: &[u8; 16], message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[48..64].copy_from_slice(&[0; 16]);
    match algorithm {
        Algorithm::HmacSha256 => {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &message).as_ref()[..16].to_vec()
        }
        Algorithm::Aes128Cmac => {
            let key = cmac::Key::new(cmac::AES_128, key).unwrap();
            cmac::sign(&key, &message).unwrap().as_ref().to_vec()
        }
        Algorithm::Aes128Gmac => {
            let from_server = u32::from_le_bytes(message[16..20].try_into().unwrap()) & 1;
            let command = u16::from_le_bytes([message[12], message[13]]);
            let low = u64::from_le_bytes(message[24..32].try_into().unwrap());
            let high = from_server + if command == 12 { 2 } else { 0 };
            let nonce = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
            let nonce = aead::Nonce::try_assume_unique_for_key(&nonce[..12]).unwrap();
            let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, key).unwrap());
            let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::from(&message), &mut []).unwrap();
            tag.as_ref().to_vec()
        }
        Algorithm::Md5 => panic!("not of SMB2"),
    }
}

/// Random bytes with a header in front whose sender and command cover every nonce.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![64..600_usize, Just(64), Just(80), 4000..70_000_usize];
    let bytes = length.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length));
    (bytes, prop::sample::select(vec![0_u16, 1, 5, 9, 12, 18, 0x0C00]), any::<bool>()).prop_map(
        |(mut bytes, command, from_server)| {
            bytes[..4].copy_from_slice(b"\xFESMB");
            bytes[12..14].copy_from_slice(&command.to_le_bytes());
            bytes[16] = bytes[16] & !1 | u8::from(from_server);
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn hmac_sha256(key: [u8; 16], message in message()) {
        agree(Algorithm::HmacSha256, key, message)?;
    }

    #[test]
    fn aes_128_cmac(key: [u8; 16], message in message()) {
        agree(Algorithm::Aes128Cmac, key, message)?;
    }

    #[test]
    fn aes_128_gmac(key: [u8; 16], message in message()) {
        agree(Algorithm::Aes128Gmac, key, message)?;
    }

    #[test]
    fn the_preauth_hash(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6)) {
        let mut ours = PreauthHash::default();
        let mut theirs = vec![0; 64];
        for message in &messages {
            ours.update(message);
            theirs = digest::digest(&digest::SHA512, &[&theirs[..], message].concat()).as_ref().to_vec();
        }
        prop_assert_eq!(&ours.value()[..], &theirs[..]);
    }

    #[test]
    fn the_kdf(
        key in prop::collection::vec(any::<u8>(), 0..150),
        label in prop::collection::vec(any::<u8>(), 0..40),
        context in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let input = [&[0, 0, 0, 1], &label[..], &[0], &context[..], &[0, 0, 0, 128]].concat();
        let theirs = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &input);
        prop_assert_eq!(&sp800_108(&key, &label, &context)[..], &theirs.as_ref()[..16]);
    }
}

fn agree(algorithm: Algorithm, key: [u8; 16], mut message: Vec<u8>) -> Result<(), TestCaseError> {
    let ours = SigningKey::new(algorithm, key).expect("an SMB2 algorithm");
    // As it is, which is what a receiver computes ...
    let received = ours.signature(&message).expect("a header");
    prop_assert_eq!(&received[..], signature(algorithm, &key, &message));
    // ... and signed in place, which for GMAC is another path.
    ours.sign(&mut message).expect("a header");
    prop_assert_eq!(&message[48..64], signature(algorithm, &key, &message));
    Ok(())
}
