//! Whole sessions with Samba, one for each algorithm: every signed frame verifies with a key that is derived here, and
//! no other frame does.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod vectors;

use countersign_smb::kdf::signing_key;
use countersign_smb::preauth::PreauthHash;
use countersign_smb::signing::{BadSignature, SIGNATURE, SigningKey};
use model::{Algorithm, Dialect};
use rstest::rstest;
use serde_json::Value;
use vectors::{array, hex_of};

const STATUS_SUCCESS: &str = "00000000";

/// The hash over NEGOTIATE and SESSION_SETUP, without the response that ends it.
fn preauth(frames: &[Value]) -> PreauthHash {
    let mut hash = PreauthHash::default();
    for frame in frames {
        let last =
            frame["cmd"] == "SESSION_SETUP" && frame["dir"] == "S" && frame["status"] == STATUS_SUCCESS;
        if last {
            return hash;
        }
        assert!(frame["cmd"] == "NEGOTIATE" || frame["cmd"] == "SESSION_SETUP");
        hash.update(&hex_of(&frame["hex"]));
    }
    panic!("SESSION_SETUP does not end");
}

#[rstest]
#[case::hmac(
    include_str!("vectors/captures/cap210.json"), Dialect::Smb21, Algorithm::HmacSha256, 26, 6,
    "a115c09f154b596dc68467dc247972f9", None
)]
#[case::cmac_30(
    include_str!("vectors/captures/cap300.json"), Dialect::Smb30, Algorithm::Aes128Cmac, 26, 6,
    "f2771933a892f586f1409b8c59590a44", None
)]
#[case::cmac_311(
    include_str!("vectors/captures/cap311cmac.json"), Dialect::Smb311, Algorithm::Aes128Cmac, 24, 6,
    "3a821e368e41bfcc82b346eddc91bc37",
    Some("8f2146887d606590f5dc8ff14b43db905313eb6fa7e117ad2d225628d651a08da672bb75027e8c852155153b6dd7c53068cd2b905c08e92d5a3ac0edb1990cff")
)]
#[case::gmac_311(
    include_str!("vectors/captures/cap311gmac.json"), Dialect::Smb311, Algorithm::Aes128Gmac, 24, 6,
    "2a99c79ec19b978eb6f978a31e86beb9",
    Some("946442e01cc2cd101c3128ad10db296f872764b86481a8fdbf82318417321bf9d4a4374def7e2b0c500a402d8af545949f20cee6e12a28a649eb4b4d9c5c7c46")
)]
fn every_frame(
    #[case] capture: &str,
    #[case] dialect: Dialect,
    #[case] algorithm: Algorithm,
    #[case] signed: usize,
    #[case] unsigned: usize,
    #[case] expected_key: &str,
    #[case] expected_hash: Option<&str>,
) {
    let capture: Value = serde_json::from_str(capture).unwrap();
    let frames = capture["frames"].as_array().unwrap();
    let hash = preauth(frames);
    if let Some(expected) = expected_hash {
        assert_eq!(hash.value(), &array(expected));
        assert_eq!(hash.value()[..], hex_of(&capture["preauth_hash"]));
    }
    let session_key: [u8; 16] = hex_of(&capture["session_key"]).try_into().unwrap();
    let key = signing_key(dialect, &session_key, hash.value());
    assert_eq!(key, array(expected_key));
    assert_eq!(key[..], hex_of(&capture["signing_key"]));
    let key = SigningKey::new(algorithm, key).unwrap();

    let mut count = (0, 0);
    for frame in frames {
        let about = format!("{} {} mid {}", frame["dir"], frame["cmd"], frame["mid"]);
        let message = hex_of(&frame["hex"]);
        let flagged = message[16] & 8 != 0;
        assert_eq!(flagged, frame["signed"] == true, "{about}");
        if flagged {
            count.0 += 1;
            assert_eq!(key.verify(&message).unwrap().message(), message, "{about}");
            let mut again = message.clone();
            again[SIGNATURE].fill(0);
            key.sign(&mut again).unwrap();
            assert_eq!(again, message, "{about}");
        } else {
            count.1 += 1;
            let Err(BadSignature::Mismatch { expected, got }) = key.verify(&message) else {
                panic!("{about} verifies");
            };
            assert_eq!(got, message[SIGNATURE], "{about}");
            assert_ne!(expected, got, "{about}");
        }
    }
    assert_eq!(count, (signed, unsigned));
}
