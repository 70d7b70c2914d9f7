//! The client in every configuration, checked as a server would check it.

use crate::exchange::*;
use crate::vectors::bytes;
use countersign_smb::auth::AuthConfig;
use countersign_smb::ntlm::crypto::{self, Sender};
use countersign_smb::ntlm::message::{AvId, Challenge, MIC, TargetInfo};
use countersign_smb::ntlm::{Client, Credentials, Mic, Nonces, Options, flags};
use rstest::rstest;

/// What a server finds in an AUTHENTICATE_MESSAGE for a user with this password: the session key it comes to.
pub(crate) fn server_side(
    client: &Client,
    challenge: &[u8],
    authenticate: &[u8],
    password: &str,
) -> [u8; 16] {
    let parsed = Challenge::parse(challenge).unwrap();
    let text = |at| {
        let units = field(authenticate, at).chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
    };
    let password_key = crypto::ntowf_v2(password, &text(USER), &text(DOMAIN));
    let (proof, temp) = field(authenticate, NT).split_first_chunk().unwrap();
    assert_eq!(crypto::nt_proof_str(&password_key, &parsed.server_challenge, temp), *proof);
    let base = crypto::session_base_key(&password_key, proof);
    let exported = if flags_of(authenticate) & flags::KEY_EXCH == 0 {
        assert!(field(authenticate, SESSION_KEY).is_empty());
        base
    } else {
        crypto::rc4k(&base, field(authenticate, SESSION_KEY).try_into().unwrap())
    };
    let info = TargetInfo::parse(&temp[28..]).unwrap();
    if info.flags() & 2 != 0 {
        let mut without_mic = authenticate.to_vec();
        without_mic[MIC].fill(0);
        let mic = crypto::mic(&exported, client.negotiate(), challenge, &without_mic);
        assert_eq!(mic, authenticate[MIC]);
    }
    exported
}

#[rstest]
fn every_configuration(
    #[values(false, true)] key_exchange: bool,
    #[values(Mic::WhenTimestamped, Mic::Always, Mic::Never)] mic: Mic,
    #[values(false, true)] timestamp: bool,
    #[values(None, Some("cifs/server"))] target_name: Option<&str>,
    #[values(None, Some([6, 1, 0xB1, 0x1D, 0, 0, 0, 15]))] version: Option<[u8; 8]>,
) {
    let challenge = challenges()[usize::from(timestamp)].clone();
    let options = Options {
        key_exchange,
        mic,
        version,
        workstation: "here".into(),
        target_name: target_name.map(str::to_owned),
    };
    let client = Client::new(user("Bob", "WORK", "s3cret"), options, nonces(), 0x01D0_AECB_DAF5_0000);
    let (message, session) = client.authenticate(&challenge).unwrap();

    assert_eq!(server_side(&client, &challenge, &message, "s3cret"), session.exported_session_key());
    assert_eq!(session.exported_session_key() == [0x55; 16], key_exchange);
    assert_eq!(flags_of(&message), session.flags());
    assert_eq!(flags_of(&message) & flags::KEY_EXCH != 0, key_exchange);
    assert_eq!(flags_of(&message) & flags::VERSION != 0, version.is_some());
    assert_eq!(message[64..72], version.unwrap_or_default());
    for flag in [flags::UNICODE, flags::SIGN, flags::EXTENDED_SESSIONSECURITY, flags::KEY_128, flags::KEY_56]
    {
        assert_ne!(flags_of(&message) & flag, 0, "{flag:#x}");
    }
    assert_eq!(flags_of(&message) & (flags::SEAL | flags::ANONYMOUS), 0);
    assert_eq!(field(&message, WORKSTATION), crypto::utf16le("here"));
    assert_eq!(field(&message, LM) == [0; 24], timestamp);

    let temp = &field(&message, NT)[16..];
    let parsed = Challenge::parse(&challenge).unwrap();
    let time = parsed.target_info.timestamp().unwrap_or(0x01D0_AECB_DAF5_0000);
    assert_eq!(temp[8..16], time.to_le_bytes());
    let info = TargetInfo::parse(&temp[28..]).unwrap();
    let has_mic = mic == Mic::Always || mic == Mic::WhenTimestamped && timestamp;
    assert_eq!(info.flags() & 2 != 0, has_mic);
    // The field is there with zeros, too; the payload begins behind it.
    let payload = if mic == Mic::Never { MIC.start } else { MIC.end };
    assert_eq!(message[DOMAIN + 4], payload as u8);
    if mic != Mic::Never {
        assert_eq!(message[MIC] == [0; 16], !has_mic);
    }
    assert_eq!(info.get(AvId::TARGET_NAME).map(<[u8]>::to_vec), target_name.map(crypto::utf16le));
    assert_eq!(info.get(AvId::CHANNEL_BINDINGS), target_name.map(|_| &[0; 16][..]));
    for id in (1..6).map(AvId) {
        assert_eq!(info.get(id), parsed.target_info.get(id));
    }
}

/// [MS-NLMP] 3.2.5.1.2: no user, no NT response, one zero byte, and the key of zeros underneath.
#[rstest]
fn anonymous(
    #[values(false, true)] key_exchange: bool,
    #[values(Mic::WhenTimestamped, Mic::Always)] mic: Mic,
) {
    for challenge in challenges() {
        let options = Options { key_exchange, mic, ..Options::default() };
        let client = Client::new(Credentials::Anonymous, options, nonces(), 0);
        let (message, session) = client.authenticate(&challenge).unwrap();
        assert_ne!(flags_of(&message) & 0x800, 0);
        assert_eq!(field(&message, USER), b"");
        assert_eq!(field(&message, DOMAIN), b"");
        assert_eq!(field(&message, NT), b"");
        assert_eq!(field(&message, LM), [0]);
        if key_exchange {
            let encrypted = field(&message, SESSION_KEY).try_into().unwrap();
            assert_eq!(crypto::rc4k(&[0; 16], &encrypted), [0x55; 16]);
            assert_eq!(session.exported_session_key(), [0x55; 16]);
        } else {
            assert_eq!(field(&message, SESSION_KEY), b"");
            assert_eq!(session.exported_session_key(), [0; 16]);
        }
    }
}

/// What is asked for in the NEGOTIATE_MESSAGE, and that nothing but the anonymous bit depends on who logs on.
#[rstest]
#[case(true, None, 0xE088_8215)]
#[case(false, None, 0xA088_8215)]
#[case(true, Some([6, 1, 0, 0, 0, 0, 0, 15]), 0xE288_8215)]
fn negotiate_message(#[case] key_exchange: bool, #[case] version: Option<[u8; 8]>, #[case] flags: u32) {
    let options = Options { key_exchange, version, ..Options::default() };
    for credentials in [user("u", "d", "p"), Credentials::Anonymous] {
        let client = Client::new(credentials, options.clone(), nonces(), 0);
        let message = client.negotiate();
        assert_eq!(message.len(), 40);
        assert_eq!(message[..12], *b"NTLMSSP\0\x01\0\0\0");
        assert_eq!(message[12..16], flags.to_le_bytes());
        assert_eq!(message[32..], version.unwrap_or_default());
    }
}

/// impacket's smbserver (0.13.1) ignores the offset of the session key: it reads the payload in sequence, from behind a
/// Version and a MIC field that it believes in if and only if NTLMSSP_NEGOTIATE_VERSION is set.
#[rstest]
fn the_defaults_suit_a_sequential_reader(#[values(0, 1)] which: usize) {
    for credentials in [user("Bob", "WORK", "p"), Credentials::Anonymous] {
        let client = Client::new(credentials, Options::default(), nonces(), 0);
        let (message, _) = client.authenticate(&challenges()[which]).unwrap();
        assert_ne!(flags_of(&message) & flags::VERSION, 0);
        let len = |at: usize| usize::from(u16::from_le_bytes([message[at], message[at + 1]]));
        let before: usize = [DOMAIN, USER, WORKSTATION, LM, NT].map(len).iter().sum();
        assert_eq!(&message[64 + 8 + 16 + before..], field(&message, SESSION_KEY));
    }
}

/// A server that grants KEY_EXCH without SIGN, and goes by KEY_EXCH alone.
#[test]
fn a_challenge_without_sign() {
    let mut challenge = bytes(CHALLENGE_4_2_4);
    challenge[20] &= !0x10;
    let client = Client::new(user("u", "d", "p"), Options::default(), nonces(), 0);
    let (message, session) = client.authenticate(&challenge).unwrap();
    assert_eq!(server_side(&client, &challenge, &message, "p"), [0x55; 16]);
    assert!(session.first_signature(Sender::Client, b"").is_some());
}

/// Pairs nobody knows go back as they came, in order, and the flags keep the bits the server set.
#[test]
fn unknown_av_pairs_survive() {
    let info = "0200020041000a0f0300010203010002004200060004000100000000000000";
    let mut pairs = TargetInfo::parse(&bytes(info)).unwrap();
    assert_eq!(pairs.encode().unwrap(), bytes(info));
    assert_eq!(pairs.get(AvId(0x0F0A)), Some(&[1, 2, 3][..]));
    assert_eq!(pairs.flags(), 1);

    let mut challenge = bytes(CHALLENGE_4_2_4)[..56].to_vec();
    let len = (info.len() / 2) as u8;
    challenge[40..48].copy_from_slice(&[len, 0, len, 0, 56, 0, 0, 0]);
    challenge.extend(bytes(info));
    let options = Options { mic: Mic::Always, target_name: Some("cifs/x".into()), ..Options::default() };
    let client = Client::new(user("u", "d", "p"), options, nonces(), 0);
    let (message, _) = client.authenticate(&challenge).unwrap();
    pairs.set(AvId::FLAGS, vec![3, 0, 0, 0]);
    pairs.set(AvId::CHANNEL_BINDINGS, vec![0; 16]);
    pairs.set(AvId::TARGET_NAME, crypto::utf16le("cifs/x"));
    let sent = &field(&message, NT)[16 + 28..];
    assert_eq!(sent, [pairs.encode().unwrap(), vec![0; 4]].concat());
}

#[test]
fn names_that_do_not_fit() {
    let long = "x".repeat(40_000);
    let client = Client::new(user(&long, "", "p"), Options::default(), nonces(), 0);
    let error = client.authenticate(&bytes(CHALLENGE_4_2_4)).unwrap_err();
    assert_eq!(error.to_string(), "AUTHENTICATE_MESSAGE: UserName has 80000 bytes, more than 65535");
}

#[test]
fn random_values_differ() {
    let (a, b) = (Nonces::random().unwrap(), Nonces::random().unwrap());
    assert_ne!(a.client_challenge, b.client_challenge);
    assert_ne!(a.session_key, b.session_key);
    let config = AuthConfig::random(Credentials::Anonymous, 0).unwrap();
    assert_ne!(config.nonces.session_key, [0; 16]);
}
