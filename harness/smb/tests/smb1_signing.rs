//! SMB1 signatures against live captures, against a second MD5, and for every changed bit.

#![cfg(test)]

use countersign_smb::ntlm::Password;
use countersign_smb::smb1::ntlm::NtlmV2;
use countersign_smb::smb1::*;
use md5::{Digest, Md5};
use rstest::rstest;

#[derive(serde::Deserialize)]
struct Capture {
    key: String,
    challenge_response: String,
    frames: Vec<Frame>,
}

#[derive(serde::Deserialize)]
struct Frame {
    seq: Option<u32>,
    hex: String,
}

/// Signed messages, each with its number.
type Numbered = Vec<(u32, Vec<u8>)>;

/// The key, and each signed message.
fn captured() -> (Vec<u8>, MacKey, Numbered) {
    let capture: Capture = serde_json::from_str(include_str!("vectors/captures/smb1ext.json")).unwrap();
    let key = hex::decode(&capture.key).unwrap();
    let mac_key = MacKey::new(&key, &hex::decode(&capture.challenge_response).unwrap());
    let frames = capture.frames.iter().filter_map(|f| f.seq.map(|seq| (seq, hex::decode(&f.hex).unwrap())));
    (key, mac_key, frames.collect())
}

/// MD5 as RFC 1321 3.4 describes it, independent of the one in use.
fn second_md5(message: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend(8u64.wrapping_mul(message.len() as u64).to_le_bytes());
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for chunk in padded.chunks_exact(64) {
        let words: Vec<u32> =
            chunk.chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (f, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), 7 * step % 16),
            };
            let sine = ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(f).wrapping_add(sine).wrapping_add(words[word]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[step / 16][step % 4]));
        }
        for (old, new) in state.iter_mut().zip([a, b, c, d]) {
            *old = old.wrapping_add(new);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>().try_into().unwrap()
}

#[rstest]
#[case("", "d41d8cd98f00b204e9800998ecf8427e")]
#[case("a", "0cc175b9c0f1b6a831c399e269772661")]
#[case("abc", "900150983cd24fb0d6963f7d28e17f72")]
#[case("message digest", "f96b697d7cb7938d525a2f31aaf161d0")]
#[case("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b")]
#[case("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f")]
#[case(
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "57edf4a22be3c955ac49da2e2107b67a"
)]
fn md5_of_rfc_1321_a_5(#[case] message: &str, #[case] digest: &str) {
    assert_eq!(hex::encode(Md5::digest(message)), digest);
    assert_eq!(hex::encode(second_md5(message.as_bytes())), digest);
}

#[test]
fn every_captured_signature_verifies_and_a_second_implementation_agrees() {
    let (key, mac_key, frames) = captured();
    assert_eq!(frames.len(), 15);
    for (sequence, message) in frames {
        assert_eq!(mac_key.verify(&message, sequence), Ok(()));
        let mut zeroed = [&key[..], &message].concat();
        zeroed[key.len() + 14..key.len() + 22].fill(0);
        zeroed[key.len() + 14..key.len() + 18].copy_from_slice(&sequence.to_le_bytes());
        assert_eq!(message[14..22], second_md5(&zeroed)[..8]);
        for other in (0..64).filter(|other| *other != sequence) {
            assert!(mac_key.verify(&message, other).is_err());
        }
        let mut again = message.clone();
        again[14..22].fill(0xEE);
        again[10] &= !4;
        mac_key.sign(&mut again, sequence).unwrap();
        assert_eq!(again, message);
    }
}

#[test]
fn every_flipped_bit_is_seen() {
    let (_, mac_key, frames) = captured();
    for (sequence, mut message) in frames {
        for bit in 0..message.len() * 8 {
            message[bit / 8] ^= 1 << (bit % 8);
            assert!(mac_key.verify(&message, sequence).is_err(), "bit {bit} of number {sequence}");
            message[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(mac_key.verify(&message, sequence), Ok(()));
        message.push(0);
        assert!(mac_key.verify(&message, sequence).is_err());
    }
}

#[test]
fn key_and_response_are_taken_whole() {
    let message = [b"\xFFSMB".to_vec(), vec![0; 31]].concat();
    let of = |key: &[u8], response: &[u8]| MacKey::new(key, response).signature(&message, 7).unwrap();
    let by_hand = |prefix: &[u8]| {
        let mut bytes = [prefix, &message].concat();
        bytes[prefix.len() + 14] = 7;
        second_md5(&bytes)[..8].to_vec()
    };
    let long: Vec<u8> = (0..40).collect();
    assert_eq!(of(&long, &[]).to_vec(), by_hand(&long));
    assert_eq!(of(&long[..16], &long[16..]).to_vec(), by_hand(&long));
    // Below 16 bytes the key is filled up with zeros, in front of the response ([MS-CIFS] 3.2.5.3).
    let filled = [&[1, 2, 3][..], &[0; 13], &[9, 9]].concat();
    assert_eq!(of(&[1, 2, 3], &[9, 9]).to_vec(), by_hand(&filled));
    assert_eq!(of(&[], &[]), of(&[0; 16], &[]));
}

#[test]
fn what_is_too_short_has_no_signature() {
    let key = MacKey::new(&[1; 16], &[]);
    for len in 0..Header::LEN {
        let mut message = vec![0xAB; len];
        assert_eq!(key.signature(&message, 0), Err(TooShort { len }));
        assert_eq!(key.verify(&message, 0), Err(BadSignature::TooShort(TooShort { len })));
        assert_eq!(key.sign(&mut message, 0), Err(TooShort { len }));
        assert!(message.iter().all(|byte| *byte == 0xAB));
    }
}

#[test]
fn nothing_prints_a_key() {
    let key = MacKey::new(b"0123456789abcdef", b"response");
    assert_eq!(format!("{key:?}"), "MacKey { .. }");
    let mut message = vec![0; 32];
    message[14..22].copy_from_slice(&BSRSPYL);
    let expected = hex::encode(key.signature(&message, 1).unwrap());
    let error = key.verify(&message, 1).unwrap_err().to_string();
    assert_eq!(error, format!("the signature is 4253525350594c20 and should be {expected}"));
    let answer = NtlmV2::answer(("u", "d", &Password::new("secret")), &[1; 8], &[2; 8], 0, &[]);
    let shown = format!("{answer:?}");
    assert!(!shown.contains("session_key") && shown.ends_with(".. }"), "{shown}");
}

/// [MS-NLMP] 4.2.4: user, domain, password, both challenges, time 0 and two AV pairs.
#[test]
fn ntlmv2_without_extended_security() {
    let target_info =
        hex::decode("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000").unwrap();
    let answer = NtlmV2::answer(
        ("User", "Domain", &Password::new("Password")),
        &[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef],
        &[0xaa; 8],
        0,
        &target_info,
    );
    assert_eq!(hex::encode(answer.lm_response), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
    assert_eq!(hex::encode(&answer.nt_response[..16]), "68cd0ab851e51c96aabc927bebef6a1c");
    assert_eq!(answer.nt_response.len(), 16 + 28 + target_info.len() + 4);
    assert_eq!(hex::encode(answer.session_key()), "8de40ccadbc14a82f15cb0ad0de95ca3");
    assert_eq!(
        answer.credentials(),
        SetupCredentials::Plain {
            oem_password: answer.lm_response.to_vec(),
            unicode_password: answer.nt_response.clone()
        }
    );
    let message = vec![0; 35];
    let direct = MacKey::new(&answer.session_key(), &answer.nt_response).signature(&message, 2);
    assert_eq!(answer.mac_key().signature(&message, 2), direct);
    assert_ne!(MacKey::new(&answer.session_key(), &[]).signature(&message, 2), direct);
}
