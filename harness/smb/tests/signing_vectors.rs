//! Signed messages that others published, the algorithms underneath, and what signing has to do with any message.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "vectors/channels.rs"]
mod channels;
mod vectors;

use channels::{channel, frame, key};
use countersign_smb::kdf::signing_key;
use countersign_smb::signing::{BadSignature, NotSmb2, SIGNATURE, SigningKey, TooShort};
use model::{Algorithm, Dialect};
use proptest::prelude::*;
use rstest::rstest;
use vectors::{array, bytes, hex_of};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::HmacSha256, Algorithm::Aes128Cmac, Algorithm::Aes128Gmac];

fn new_key(algorithm: Algorithm, key: [u8; 16]) -> SigningKey {
    SigningKey::new(algorithm, key).expect("an SMB2 algorithm")
}

/// `frame` verifies, says what it should carry, and comes out the same when signed again.
fn assert_signed(key: &SigningKey, frame: &[u8]) {
    let verified = key.verify(frame).unwrap();
    assert_eq!(verified.message(), frame);
    assert_eq!(key.signature(frame).unwrap(), frame[SIGNATURE]);
    let mut again = frame.to_vec();
    again[16] &= !8;
    again[SIGNATURE].fill(0xEE);
    key.sign(&mut again).unwrap();
    assert_eq!(again, frame);
}

/// Messages in the tests of other implementations. The key is the session key, from which the dialect derives the
/// signing key.
#[rstest]
#[case::go_smb2(
    Dialect::Smb30,
    Algorithm::Aes128Cmac,
    "726d4c454e63516446695457664e5042",
    "FE534D42400001000000000001007F00090000000000000003000000000000000000000000000000020000007BFBA3F4041393E756A048C9092C4E52DC7037190900000048000900A1073005A0030A0100"
)]
#[case::smblibrary_202(
    Dialect::Smb202,
    Algorithm::HmacSha256,
    "D38354CC374339F0524F789146789921",
    "FE534D4240000100280100C00B00070009000000000000000400000000000000FFFE0000010000000100000000040000FBD284340324C62FBEBB65DD1051F3AE0900000000000000FF"
)]
#[case::smblibrary_21(
    Dialect::Smb21,
    Algorithm::HmacSha256,
    "04E707571F8E0353B77A94C3653B87B5",
    "FE534D4240000100280100C00B00070009000000000000000400000000000000FFFE0000010000000500000000040000A164FFE53D6811981F386772E387E06F0900000000000000FF"
)]
#[case::smblibrary_30(
    Dialect::Smb30,
    Algorithm::Aes128Cmac,
    "354024CBCA4F94AA51D4033E6E9B2F98",
    "FE534D424000010000000000010001000900000000000000020000000000000000000000000000004D0000200070000073F2CC56093ED2B5D710666CE4282DD10900000048000900A1073005A0030A0100"
)]
#[case::smbj_error(
    Dialect::Smb21,
    Algorithm::HmacSha256,
    "75c5cb91419e3a45ce9ef869dfd3e2a8",
    "FE534D4240001000060000800E002000090000000000000015000000000000000000000001000000250000000024000046EFDD50D6CDAA25BAC7C4B5D49A0E08090000000000000005"
)]
#[case::smbj_padded(
    Dialect::Smb21,
    Algorithm::HmacSha256,
    "75c5cb91419e3a45ce9ef869dfd3e2a8",
    "FE534D4240000100030100C0050001000900000000000000BA9E62000000000000000000010000009103001C041400001FEDE330C927BC01F83C3C0E07DCB0BA09000000000000000000000000000000"
)]
fn libraries(
    #[case] dialect: Dialect,
    #[case] algorithm: Algorithm,
    #[case] session_key: &str,
    #[case] message: &str,
) {
    let key = signing_key(dialect, &array(session_key), &[0; 64]);
    assert_signed(&new_key(algorithm, key), &bytes(message));
}

/// afiffon/smb-rs, a LOGOFF request. This test knows the signing key only.
#[test]
fn smb_rs_gmac() {
    let message = bytes(
        "FE534D4240000100000000000200010018000000000000000900000000000000000000000000000053200C210000000076234B3C812F51AB8A5CF9FA43D4EB2804000000",
    );
    assert_signed(&new_key(Algorithm::Aes128Gmac, array("AC36E9543CD888F0A84123E46BB2A0D7")), &message);
}

#[test]
fn the_last_response_of_a_windows_session_setup() {
    let channel = channel(1);
    let signed = new_key(Algorithm::Aes128Cmac, key(&channel, "signing"));
    assert_eq!(signed.signature(&frame(&channel, 5)).unwrap(), array("EBE146DA120BA25FC3376A49DFE31BC1"));
    assert_signed(&signed, &frame(&channel, 5));
}

/// The session's key signs a binding until it succeeds; the new channel's key signs the response that says so.
#[rstest]
#[case::first_request(2, 1)]
#[case::first_response(3, 1)]
#[case::second_request(4, 1)]
#[case::last_response(5, 2)]
fn a_windows_channel_binding(#[case] index: usize, #[case] signer: usize) {
    let keys = [1, 2].map(|number| new_key(Algorithm::Aes128Cmac, key(&channel(number), "signing")));
    let frame = frame(&channel(2), index);
    assert_signed(&keys[signer - 1], &frame);
    assert!(keys[2 - signer].verify(&frame).is_err(), "signed with the other channel's key");
}

/// Every frame of a GMAC session with Samba: responses, CANCEL, an asynchronous final response, errors, compounds.
#[test]
fn a_gmac_session() {
    let file: serde_json::Value = serde_json::from_str(include_str!("vectors/gmac_session.json")).unwrap();
    let key = new_key(Algorithm::Aes128Gmac, hex_of(&file["signing_key"]).try_into().unwrap());
    let frames = file["frames"].as_array().unwrap();
    let (signed, unsigned): (Vec<_>, Vec<_>) = frames.iter().partition(|frame| frame["signed"] == true);
    assert_eq!((signed.len(), unsigned.len()), (24, 1));
    for frame in signed {
        assert_signed(&key, &hex_of(&frame["hex"]));
    }
    // The interim response repeats the signature of its request.
    assert!(key.verify(&hex_of(&unsigned[0]["hex"])).is_err());
}

/// RFC 4493 (and SP 800-38B) give the CMAC of the beginnings of one text. An SMB2 message cannot be shorter than its
/// header, so only whole texts of 64 bytes and more go through the signing itself.
#[rstest]
#[case(0, "bb1d6929e95937287fa37d129b756746")]
#[case(16, "070a16b46b4d4144f79bdd9dd04a287c")]
#[case(40, "dfa66747de9ae63030ca32611497c827")]
#[case(64, "51f0bebf7e3b9d92fc49741779363cfe")]
fn rfc_4493(#[case] length: usize, #[case] tag: &str) {
    use cmac::{KeyInit, Mac};
    let text = bytes(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
    );
    let key: [u8; 16] = array("2b7e151628aed2a6abf7158809cf4f3c");
    let mut mac = cmac::Cmac::<aes::Aes128>::new(&key.into());
    // In pieces, as the signing does it.
    text[..length].chunks(7).for_each(|piece| mac.update(piece));
    assert_eq!(mac.finalize().into_bytes()[..], bytes(tag));
}

/// NIST's GCM vectors without plaintext, and case 1 of the GCM paper.
#[rstest]
#[case(
    "77be63708971c4e240d1cb79e8d77feb",
    "e0e00f19fed7ba0136a797f3",
    "7a43ec1d9c0a5a78a0b16533a6213cab",
    "209fcc8d3675ed938e9c7166709dd946"
)]
#[case(
    "7680c5d3ca6154758e510f4d25b98820",
    "f8f105f9c3df4965780321f8",
    "c94c410194c765e3dcc7964379758ed3",
    "94dca8edfcf90bb74b153c8d48a17930"
)]
#[case(
    "00000000000000000000000000000000",
    "000000000000000000000000",
    "",
    "58e2fccefa7e3061367f1d57a4e7455a"
)]
fn nist_gmac(#[case] key: &str, #[case] nonce: &str, #[case] data: &str, #[case] tag: &str) {
    use aes_gcm::{KeyInit, aead::AeadInOut};
    let gcm = aes_gcm::Aes128Gcm::new(&array::<16>(key).into());
    let got = gcm
        .encrypt_inout_detached(&array::<12>(nonce).into(), &bytes(data), (&mut [][..]).into())
        .expect("short");
    assert_eq!(got[..], bytes(tag));
}

/// RFC 4231, test case 2, whose short key is padded as a signing key is.
#[test]
fn rfc_4231() {
    let mut block = [0; 64];
    block[..4].copy_from_slice(b"Jefe");
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new(&block.into());
    mac.update(b"what do ya want for nothing?");
    assert_eq!(
        mac.finalize().into_bytes()[..],
        bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );
}

#[test]
fn md5_signs_no_smb2() {
    assert_eq!(SigningKey::new(Algorithm::Md5, [0; 16]).unwrap_err(), NotSmb2(Algorithm::Md5));
}

#[rstest]
fn debug_hides_the_key(#[values(0, 1, 2)] index: usize) {
    let shown = format!("{:?}", new_key(ALGORITHMS[index], *b"ABCDEFGHABCDEFGH"));
    assert_eq!(shown, format!("SigningKey {{ algorithm: {:?}, .. }}", ALGORITHMS[index]));
}

#[rstest]
fn too_short(#[values(0, 1, 2)] index: usize, #[values(0, 1, 17, 63)] len: usize) {
    let key = new_key(ALGORITHMS[index], [7; 16]);
    let mut message = vec![0xAB; len];
    assert_eq!(key.sign(&mut message), Err(TooShort { len }));
    assert_eq!(message, vec![0xAB; len]);
    assert_eq!(key.signature(&message), Err(TooShort { len }));
    assert_eq!(key.verify(&message), Err(BadSignature::TooShort(TooShort { len })));
}

/// Every single bit of a real message of each algorithm, header, signature and body.
#[rstest]
#[case(
    Algorithm::HmacSha256,
    "04E707571F8E0353B77A94C3653B87B5",
    "FE534D4240000100280100C00B00070009000000000000000400000000000000FFFE0000010000000500000000040000A164FFE53D6811981F386772E387E06F0900000000000000FF"
)]
#[case(
    Algorithm::Aes128Cmac,
    "6d151b6134d879c86ef4bff1c0b4566f",
    "FE534D42400001000000000001007F00090000000000000003000000000000000000000000000000020000007BFBA3F4041393E756A048C9092C4E52DC7037190900000048000900A1073005A0030A0100"
)]
#[case(
    Algorithm::Aes128Gmac,
    "AC36E9543CD888F0A84123E46BB2A0D7",
    "FE534D4240000100000000000200010018000000000000000900000000000000000000000000000053200C210000000076234B3C812F51AB8A5CF9FA43D4EB2804000000"
)]
fn every_bit_counts(#[case] algorithm: Algorithm, #[case] key: &str, #[case] message: &str) {
    let key = new_key(algorithm, array(key));
    let mut message = bytes(message);
    assert!(key.verify(&message).is_ok());
    for bit in 0..message.len() * 8 {
        message[bit / 8] ^= 1 << (bit % 8);
        let Err(BadSignature::Mismatch { expected, got }) = key.verify(&message) else {
            panic!("bit {bit} does not count");
        };
        assert_ne!(expected, got);
        assert_eq!(got, message[SIGNATURE]);
        message[bit / 8] ^= 1 << (bit % 8);
    }
    message.push(0);
    assert!(key.verify(&message).is_err(), "a byte more");
    message.truncate(message.len() - 2);
    assert!(key.verify(&message).is_err(), "a byte less");
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        algorithm in prop::sample::select(&ALGORITHMS[..]),
        key: [u8; 16],
        mut message in prop::collection::vec(any::<u8>(), 64..400),
    ) {
        let before = message.clone();
        let key = new_key(algorithm, key);
        key.sign(&mut message).unwrap();
        prop_assert_eq!(key.verify(&message).unwrap().message(), &message[..]);
        prop_assert_eq!(message[16], before[16] | 8);
        for at in (0..message.len()).filter(|at| *at != 16 && !SIGNATURE.contains(at)) {
            prop_assert_eq!(message[at], before[at]);
        }
    }

    #[test]
    fn a_flipped_bit_does_not_verify(
        algorithm in prop::sample::select(&ALGORITHMS[..]),
        key: [u8; 16],
        mut message in prop::collection::vec(any::<u8>(), 64..400),
        bit: prop::sample::Index,
    ) {
        let key = new_key(algorithm, key);
        key.sign(&mut message).unwrap();
        let bit = bit.index(message.len() * 8);
        message[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key.verify(&message).is_err(), "bit {}", bit);
    }

    #[test]
    fn another_key_does_not_verify(
        algorithm in prop::sample::select(&ALGORITHMS[..]),
        key: [u8; 16],
        mut message in prop::collection::vec(any::<u8>(), 64..400),
        bit in 0_usize..128,
    ) {
        new_key(algorithm, key).sign(&mut message).unwrap();
        let mut other = key;
        other[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(new_key(algorithm, other).verify(&message).is_err());
    }
}
