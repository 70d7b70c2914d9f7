//! The authenticator with tokens of Windows and Samba, and with what servers should not send.

use crate::channels::{channel, key};
use crate::client::server_side;
use crate::exchange::*;
use crate::vectors::{bytes, hex_of};
use countersign_smb::auth::{AuthConfig, AuthError, Authenticator, ServerMic, Wrapping};
use countersign_smb::ntlm::crypto::Sender;
use countersign_smb::ntlm::message::Malformed;
use countersign_smb::ntlm::{Client, Credentials, NtlmError, Options, Session, flags};
use countersign_smb::spnego::{NTLMSSP, NegState, NegTokenResp, SpnegoError};
use rstest::rstest;

/// With the session key of the published session the real server's last token has to verify: its mechListMIC depends
/// on that key and the agreed flags only.
#[rstest]
fn the_authenticator_takes_what_windows_sent(#[values(1, 2)] number: usize) {
    let [hint, _, challenge, second, last] = tokens(number);
    let mut config = config(user("administrator", "SUT311", "Password01!"));
    config.nonces.session_key = key(&channel(number), "session");
    let mut auth = Authenticator::new(config);
    let first = init(&auth.first(&hint).unwrap());
    assert_eq!(first.mech_types, [NTLMSSP]);
    assert_eq!(auth.session_key(), None);
    let answer = resp(&auth.next(&challenge).unwrap());
    assert_eq!(auth.session_key(), Some(key(&channel(number), "session")));
    assert_eq!(answer.state, Some(NegState::AcceptIncomplete));
    assert_eq!(answer.mech_list_mic, resp(&second).mech_list_mic, "as the Windows client signs");
    assert_eq!(auth.finish(&last), Ok(ServerMic::Valid));
    assert_eq!(auth.session_key(), Some(key(&channel(number), "session")));
}

#[rstest]
#[case::empty("", Ok(ServerMic::Absent))]
#[case::samba("a1073005a0030a0100", Ok(ServerMic::Absent))]
#[case::another_key("a11b3019a0030a0100a3120410010000003b453cdc3524164200000000", Ok(ServerMic::Invalid))]
#[case::short_mic("a10c300aa0030a0100a303040101", Ok(ServerMic::Invalid))]
#[case::rejected("a1073005a0030a0102", Err(AuthError::Rejected))]
#[case::truncated("a1053003a0030a0107", Err(AuthError::Spnego(SpnegoError::Truncated(0xa0))))]
#[case::wrong_state("a1073005a0030a0107", Err(AuthError::Spnego(SpnegoError::NegState)))]
#[case::noise("0102", Err(AuthError::Spnego(SpnegoError::NotAToken)))]
fn last_tokens(#[case] token: &str, #[case] expected: Result<ServerMic, AuthError>) {
    let mut auth = Authenticator::new(config(user("u", "", "p")));
    auth.first(&[]).unwrap();
    auth.next(&tokens(1)[2]).unwrap();
    assert_eq!(auth.finish(&bytes(token)), expected);
    assert_eq!(auth.session_key(), Some([0x55; 16]));
}

#[test]
fn every_step_has_its_turn() {
    let challenge = tokens(1)[2].clone();
    let mut auth = Authenticator::new(config(Credentials::Anonymous));
    assert!(matches!(auth.next(&challenge), Err(AuthError::OutOfOrder(_))));
    assert!(matches!(auth.finish(&[]), Err(AuthError::OutOfOrder(_))));
    auth.first(&[]).unwrap();
    assert!(matches!(auth.first(&[]), Err(AuthError::OutOfOrder(_))));
    assert!(matches!(auth.finish(&[]), Err(AuthError::OutOfOrder(_))));
    auth.next(&challenge).unwrap();
    assert!(matches!(auth.next(&challenge), Err(AuthError::OutOfOrder(_))));
    assert_eq!(auth.finish(&[]), Ok(ServerMic::Absent));
    assert!(matches!(auth.finish(&[]), Err(AuthError::OutOfOrder(_))));
}

/// Hints of real servers, and ones that say nothing; only a list without NTLM counts.
#[rstest]
#[case::none("", true)]
#[case::samba(
    "604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa32a3028a0261b246e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265",
    true
)]
#[case::unreadable("6005060100", true)]
#[case::kerberos_alone("601b06062b0601050502a011300fa00d300b06092a864886f712010202", false)]
#[case::no_list("600c06062b0601050502a0023000", true)]
fn hints(#[case] hint: &str, #[case] works: bool) {
    let first = Authenticator::new(config(Credentials::Anonymous)).first(&bytes(hint));
    if works {
        assert!(init(&first.unwrap()).mech_token.unwrap().starts_with(b"NTLMSSP\0\x01\0\0\0"));
    } else {
        assert_eq!(first, Err(AuthError::NtlmNotOffered));
    }
}

fn challenge_in(state: NegState, supported_mech: Option<&[u8]>, challenge: Option<Vec<u8>>) -> Vec<u8> {
    NegTokenResp {
        state: Some(state),
        supported_mech: supported_mech.map(<[u8]>::to_vec),
        response_token: challenge,
        mech_list_mic: None,
    }
    .encode()
}

#[rstest]
#[case::rejected(NegState::Reject, None, None, AuthError::Rejected)]
#[case::kerberos(
    NegState::AcceptIncomplete,
    Some(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2][..]),
    Some("00"),
    AuthError::OtherMechanism
)]
#[case::nothing(NegState::AcceptIncomplete, Some(NTLMSSP), None, AuthError::NoChallenge)]
#[case::noise(
    NegState::AcceptIncomplete,
    None,
    Some("0011"),
    AuthError::Ntlm(NtlmError::Challenge(Malformed::NotNtlm))
)]
fn refused_challenges(
    #[case] state: NegState,
    #[case] mech: Option<&[u8]>,
    #[case] challenge: Option<&str>,
    #[case] expected: AuthError,
) {
    let mut auth = Authenticator::new(config(Credentials::Anonymous));
    auth.first(&[]).unwrap();
    assert_eq!(auth.next(&challenge_in(state, mech, challenge.map(bytes))), Err(expected));
    assert_eq!(auth.session_key(), None);
}

/// A server that speaks bare NTLM, whether it was asked to or not.
#[rstest]
fn without_spnego(#[values(Wrapping::Raw, Wrapping::Spnego)] wrapping: Wrapping) {
    let mut auth = Authenticator::new(AuthConfig { wrapping, ..config(user("u", "d", "p")) });
    let first = auth.first(&[]).unwrap();
    assert_eq!(first.starts_with(b"NTLMSSP\0\x01"), wrapping == Wrapping::Raw);
    let answer = auth.next(&bytes(CHALLENGE_4_2_4)).unwrap();
    assert!(answer.starts_with(b"NTLMSSP\0\x03\0\0\0"));
    assert_eq!(auth.finish(&[]), Ok(ServerMic::Absent));
}

/// A server that grants nothing: no key exchange, no extended session security, no TargetInfo.
#[test]
fn a_challenge_without_anything() {
    let mut challenge = bytes(CHALLENGE_4_2_4)[..32].to_vec();
    challenge[20..24].copy_from_slice(&(flags::UNICODE | flags::NTLM).to_le_bytes());
    let client = Client::new(user("u", "d", "p"), Options::default(), nonces(), 7);
    let (message, session) = client.authenticate(&challenge).unwrap();
    assert_eq!(server_side(&client, &challenge, &message, "p"), session.exported_session_key());
    assert_ne!(session.exported_session_key(), [0x55; 16]);
    assert_eq!(session.first_signature(Sender::Client, b""), None);

    // There is no mechListMIC then, and a server's cannot be right.
    let mut auth = Authenticator::new(config(user("u", "d", "p")));
    auth.first(&[]).unwrap();
    let answer = auth.next(&challenge_in(NegState::AcceptIncomplete, None, Some(challenge))).unwrap();
    assert_eq!(resp(&answer).mech_list_mic, None);
    assert_eq!(auth.finish(&tokens(1)[4]), Ok(ServerMic::Invalid));
}

/// The whole exchange with the tokens of a captured Samba session, whose password the vectors do not give.
#[rstest]
#[case(include_str!("../vectors/captures/cap210.json"))]
#[case(include_str!("../vectors/captures/cap300.json"))]
#[case(include_str!("../vectors/captures/cap311cmac.json"))]
#[case(include_str!("../vectors/captures/cap311gmac.json"))]
fn samba_tokens(#[case] capture: &str) {
    let capture: serde_json::Value = serde_json::from_str(capture).unwrap();
    let frames: Vec<_> =
        capture["frames"].as_array().unwrap()[..6].iter().map(|f| hex_of(&f["hex"])).collect();
    let mut auth = Authenticator::new(config(user("root", "", "Password01!")));
    auth.first(security_buffer(&frames[1])).unwrap();
    // Samba was spoken to without SPNEGO and answers alike.
    let answer = auth.next(security_buffer(&frames[3])).unwrap();
    assert!(answer.starts_with(b"NTLMSSP\0\x03"));
    assert_eq!(auth.finish(security_buffer(&frames[5])), Ok(ServerMic::Absent));
}

#[test]
fn debug_hides_what_is_secret() {
    let mut auth = Authenticator::new(config(user("Bob", "WORK", "hunter2")));
    auth.first(&[]).unwrap();
    auth.next(&bytes(CHALLENGE_4_2_4)).unwrap();
    let shown = format!("{auth:?} {:?} {:#?}", Session::new([0x55; 16], 0), nonces());
    assert!(shown.contains("Bob"));
    // 0x55 and 0xAA as Debug would print them in an array.
    for secret in ["hunter2", "85, 85", "170, 170"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
