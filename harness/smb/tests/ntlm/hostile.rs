//! Messages that are damaged or made up: typed errors and no panics.

use crate::exchange::*;
use crate::vectors::bytes;
use countersign_smb::auth::Authenticator;
use countersign_smb::ntlm::message::{AvId, Challenge, Malformed, TargetInfo};
use countersign_smb::ntlm::{Client, Options};
use countersign_smb::spnego::{NegState, NegTokenInit, NegTokenResp, SpnegoError, Token};
use proptest::prelude::*;
use rstest::rstest;

#[rstest]
#[case::empty("", Malformed::NotNtlm)]
#[case::other("4e544c4d535350ff02000000", Malformed::NotNtlm)]
#[case::no_type("4e544c4d53535000020000", Malformed::Truncated(11))]
#[case::negotiate("4e544c4d5353500001000000", Malformed::MessageType(1))]
#[case::short("4e544c4d5353500002000000000000000000000001000000aaaaaaaaaaaaaa", Malformed::Truncated(31))]
#[case::outside(
    "4e544c4d5353500002000000000000000000000001008000aaaaaaaaaaaaaaaa0000000000000000040004002d000000",
    Malformed::TargetInfo { offset: 45, len: 4, message: 48 }
)]
#[case::far_outside(
    "4e544c4d5353500002000000000000000000000001008000aaaaaaaaaaaaaaaa0000000000000000ffffffffffffffff",
    Malformed::TargetInfo { offset: 0xFFFF_FFFF, len: 0xFFFF, message: 48 }
)]
#[case::no_offset(
    "4e544c4d5353500002000000000000000000000001008000aaaaaaaaaaaaaaaa00000000000000000400040000",
    Malformed::Truncated(45)
)]
fn malformed_challenges(#[case] message: &str, #[case] expected: Malformed) {
    assert_eq!(Challenge::parse(&bytes(message)), Err(expected));
}

#[rstest]
#[case::nothing("", Some(0))]
#[case::no_end("010002004100", Some(1))]
#[case::after_the_end("00000000ffffffff", Some(0))]
#[case::half_a_header("010002", None)]
#[case::too_long("010003004100", None)]
fn av_lists(#[case] list: &str, #[case] pairs: Option<usize>) {
    let parsed = TargetInfo::parse(&bytes(list));
    match pairs {
        Some(0) => assert!(parsed.unwrap().is_empty()),
        Some(_) => assert_eq!(parsed.unwrap().get(AvId::NB_COMPUTER_NAME), Some(&b"A\0"[..])),
        None => assert_eq!(parsed, Err(Malformed::AvPair(0))),
    }
}

#[rstest]
#[case::indefinite("a180", SpnegoError::Length(0xa1))]
#[case::five_bytes("a18500000000", SpnegoError::Length(0xa1))]
#[case::longer_than_there_is("a184ffffffff", SpnegoError::Truncated(0xa1))]
#[case::longer_than_its_parent("a1043005a00100", SpnegoError::Truncated(0x30))]
#[case::no_length("a1", SpnegoError::Truncated(0xa1))]
#[case::not_a_sequence("a1023100", SpnegoError::Tag { expected: 0x30, got: 0x31 })]
#[case::other_mechanism("600b06092a864886f712010202", SpnegoError::OtherMechanism)]
#[case::nothing("", SpnegoError::NotAToken)]
fn malformed_tokens(#[case] token: &str, #[case] expected: SpnegoError) {
    assert_eq!(Token::decode(&bytes(token)), Err(expected));
}

/// Lengths that are longer than they have to be, fields nobody knows, bytes behind the token.
#[rstest]
#[case("a18200073005a0030a0100")]
#[case("a1810c308109a084000000030a0100")]
#[case("a10b3009a7020500a0030a0100")]
#[case("a1073005a0030a0100ffff")]
fn tolerated_tokens(#[case] token: &str) {
    assert_eq!(resp(&bytes(token)).state, Some(NegState::AcceptCompleted));
}

proptest! {
    #[test]
    fn noise_does_not_panic(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Token::decode(&noise);
        let _ = Challenge::parse(&noise);
        let _ = TargetInfo::parse(&noise);
        let message = [&b"NTLMSSP\0\x02\0\0\0"[..], &noise].concat();
        let _ = Client::new(user("u", "d", "p"), Options::default(), nonces(), 0).authenticate(&message);
    }

    #[test]
    fn damaged_tokens_do_not_panic(
        which in 0_usize..5,
        cut: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut token = tokens(1)[which].clone();
        for (at, byte) in damage {
            let at = at.index(token.len());
            token[at] = byte;
        }
        token.truncate(cut.index(token.len() * 2));
        let mut auth = Authenticator::new(config(user("u", "d", "p")));
        let _ = auth.first(&token);
        let mut auth = Authenticator::new(config(user("u", "d", "p")));
        auth.first(&[]).unwrap();
        if auth.next(&token).is_err() {
            prop_assert_eq!(auth.session_key(), None);
            auth = Authenticator::new(config(user("u", "d", "p")));
            auth.first(&[]).unwrap();
            auth.next(&bytes(CHALLENGE_4_2_4)).unwrap();
        }
        let _ = auth.finish(&token);
    }

    #[test]
    fn tokens_read_back(
        state in prop::option::of(prop::sample::select(vec![
            NegState::AcceptCompleted, NegState::AcceptIncomplete, NegState::Reject, NegState::RequestMic,
        ])),
        supported_mech in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
        response_token in prop::option::of(prop::collection::vec(any::<u8>(), 0..70_000)),
        mech_list_mic in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        mech_types in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
    ) {
        let init = NegTokenInit { mech_types, mech_token: response_token.clone() };
        prop_assert_eq!(Token::decode(&init.encode()), Ok(Token::Init(init)));
        let resp = NegTokenResp { state, supported_mech, response_token, mech_list_mic };
        prop_assert_eq!(Token::decode(&resp.encode()), Ok(Token::Resp(resp)));
    }
}
