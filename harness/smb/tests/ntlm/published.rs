//! Every published value, function by function, and two published logons recomputed from their packets.

use crate::channels::{channel, key};
use crate::exchange::*;
use crate::vectors::{array, bytes, hex_of};
use countersign_smb::ntlm::crypto::{self, Sender};
use countersign_smb::ntlm::message::{Authenticate, Challenge, MIC, Negotiate};
use countersign_smb::ntlm::{Client, Mic, Options, Session, flags};
use countersign_smb::spnego::{NTLMSSP, mech_type_list};
use rstest::rstest;

/// The list of mechanisms with NTLM alone.
const NTLM_ONLY: &str = "300c060a2b06010401823702020a";

#[test]
fn functions_of_4_2_4() {
    let server_challenge = array("0123456789abcdef");
    let key = crypto::ntowf_v2("Password", "User", "Domain");
    assert_eq!(crypto::ntowf_v1("Password"), array("a4f49c406510bdcab6824ee7c30fd852"));
    assert_eq!(key, array("0c868a403bfd7a93a3001ef22ef02e3f"));
    assert_eq!(crypto::ntowf_v2("Password", "uSER", "Domain"), key);
    assert_ne!(crypto::ntowf_v2("Password", "User", "DOMAIN"), key);

    let info = Challenge::parse(&bytes(CHALLENGE_4_2_4)).unwrap().target_info.encode().unwrap();
    let temp = crypto::temp(0, &[0xAA; 8], &info);
    let proof = crypto::nt_proof_str(&key, &server_challenge, &temp);
    assert_eq!(proof, array("68cd0ab851e51c96aabc927bebef6a1c"));
    let base = crypto::session_base_key(&key, &proof);
    assert_eq!(base, array("8de40ccadbc14a82f15cb0ad0de95ca3"));
    assert_eq!(
        crypto::lm_v2_response(&key, &server_challenge, &[0xAA; 8]),
        array("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa")
    );
    let encrypted = array("c5dad2544fc9799094ce1ce90bc9d03e");
    assert_eq!(crypto::rc4k(&base, &[0x55; 16]), encrypted);
    assert_eq!(crypto::rc4k(&base, &encrypted), [0x55; 16]);
}

#[test]
fn signatures_of_4_2_4_4() {
    let seal = crypto::seal_key(&[0x55; 16], FLAGS_4_2_4, Sender::Client);
    let sign = crypto::sign_key(&[0x55; 16], Sender::Client);
    assert_eq!(seal, array("59f600973cc4960a25480a7c196e4c58"));
    assert_eq!(sign, array("4788dc861b4782f35d43fd98fe1a2d39"));
    let plaintext = crypto::utf16le("Plaintext");
    let checksum = crypto::signature_checksum(&sign, 0, &plaintext);
    assert_eq!(checksum, array("70352851f2564309"));
    // Sealing encrypts the message first and the checksum with what follows in the same state.
    let both: [u8; 26] = [plaintext, checksum.to_vec()].concat().try_into().unwrap();
    let both = crypto::rc4(&seal, both);
    assert_eq!(both[..18], bytes("54e50165bf1936dc996020c1811b0f06fb5f"));
    let encrypted: [u8; 8] = both[18..].try_into().unwrap();
    assert_eq!(crypto::message_signature(encrypted, 0), array("010000007fb38ec5c55d497600000000"));
}

/// 4.2.3.4: the same with NTLMv1's session key, no key exchange and neither 128 nor 56 bits: 40.
#[test]
fn signatures_of_4_2_3_4() {
    let flags = 0x820A_8233;
    let exported = array("eb93429a8bd952f8b89c55b87f475edc");
    let sign = crypto::sign_key(&exported, Sender::Client);
    assert_eq!(sign, array("60e799be5c72fc92922ae8ebe961fb8d"));
    let seal = crypto::seal_key(&exported, flags, Sender::Client);
    assert_eq!(seal, array("04dd7f014d8504d265a25cc86a3a7c06"));
    let plaintext = crypto::utf16le("Plaintext");
    assert_eq!(
        crypto::rc4(&seal, <[u8; 18]>::try_from(plaintext.clone()).unwrap())[..],
        bytes("a02372f6530273f3aa1eb90190ce5200c99d")
    );
    let expected = array("01000000ff2aeb52f681793a00000000");
    assert_eq!(crypto::message_signature(crypto::signature_checksum(&sign, 0, &plaintext), 0), expected);
    // Without a key exchange the checksum is not encrypted.
    assert_eq!(Session::new(exported, flags).first_signature(Sender::Client, &plaintext), Some(expected));
}

/// SMBLibrary's NTLMSigningTests.
#[test]
fn mech_list_mic_of_smblibrary() {
    let session = Session::new(array("BEC733F623B12B98D421FFCDD542E3A2"), FLAGS_4_2_4);
    let mic = session.first_signature(Sender::Client, &bytes(NTLM_ONLY));
    assert_eq!(mic, Some(array("01000000a1a67b8035c176d300000000")));
    assert_ne!(session.first_signature(Sender::Server, &bytes(NTLM_ONLY)), mic);
    assert_eq!(mech_type_list(&[NTLMSSP]), bytes(NTLM_ONLY));
}

#[test]
fn no_signature_without_extended_session_security() {
    let session = Session::new([1; 16], FLAGS_4_2_4 & !flags::EXTENDED_SESSIONSECURITY);
    assert_eq!(session.first_signature(Sender::Client, b"x"), None);
}

/// The message of 4.2.4.3, byte for byte; its flags are not those that the challenge grants, so they are given.
#[test]
fn authenticate_message_of_4_2_4_3() {
    let published = bytes(AUTHENTICATE_4_2_4);
    let message = Authenticate {
        flags: 0xE288_8235,
        version: Some(array("0501280a0000000f")),
        has_mic: false,
        lm_response: &bytes("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"),
        nt_response: field(&published, 20),
        domain: "Domain",
        user: "User",
        workstation: "COMPUTER",
        session_key: &bytes("c5dad2544fc9799094ce1ce90bc9d03e"),
    };
    assert_eq!(message.encode().unwrap(), published);
}

/// The client with the inputs of 4.2: everything but flags and version is the published message.
#[test]
fn client_of_4_2_4() {
    let options = Options { mic: Mic::Never, workstation: "COMPUTER".into(), ..Options::default() };
    let client = Client::new(user("User", "Domain", "Password"), options, nonces(), 0);
    let (mut message, session) = client.authenticate(&bytes(CHALLENGE_4_2_4)).unwrap();
    assert_eq!(session.exported_session_key(), [0x55; 16]);
    let published = bytes(AUTHENTICATE_4_2_4);
    message[60..72].copy_from_slice(&published[60..72]);
    assert_eq!(message, published);
}

#[rstest]
fn a_windows_logon_recomputed(#[values(1, 2)] number: usize) {
    let [_, first, challenge, second, last] = tokens(number);
    let exported = key(&channel(number), "session");
    let negotiate = init(&first).mech_token.unwrap();
    let challenge = resp(&challenge).response_token.unwrap();
    let second = resp(&second);
    let authenticate = second.response_token.unwrap();
    assert_eq!(crypto::utf16le("administrator"), field(&authenticate, USER));
    assert_eq!(crypto::utf16le("SUT311"), field(&authenticate, DOMAIN));

    let password_key = crypto::ntowf_v2("Password01!", "administrator", "SUT311");
    assert_eq!(crypto::ntowf_v1("Password01!"), array("7C4FE5EADA682714A036E39378362BAB"));
    assert_eq!(password_key, array("AEE3959B44A815F1EB28C9511B4F533B"));

    let parsed = Challenge::parse(&challenge).unwrap();
    let (proof, temp) = field(&authenticate, NT).split_first_chunk().unwrap();
    assert_eq!(crypto::nt_proof_str(&password_key, &parsed.server_challenge, temp), *proof);
    let base = crypto::session_base_key(&password_key, proof);
    let encrypted = field(&authenticate, SESSION_KEY).try_into().unwrap();
    assert_eq!(crypto::rc4k(&base, &encrypted), exported);
    if number == 1 {
        assert_eq!(*proof, array("63078EB639FE03E20A231C3AE3BF2308"));
        assert_eq!(base, array("B4CF22566926B1C069ACD80E4D73C814"));
        assert_eq!(encrypted, array("3B9BDFF38F5EE8F9663F11A0F4C03A78"));
        assert_eq!(authenticate[MIC], bytes("ECAC77A5F385A8BF9C38C706EEEDDCD3"));
    }
    let mut without_mic = authenticate.clone();
    without_mic[MIC].fill(0);
    assert_eq!(crypto::mic(&exported, &negotiate, &challenge, &without_mic), authenticate[MIC]);

    let session = Session::new(exported, flags_of(&authenticate));
    let list = mech_type_list(&init(&first).mech_types);
    let mic = |sender| session.first_signature(sender, &list).map(|mic| mic.to_vec());
    assert_eq!(mic(Sender::Client), second.mech_list_mic);
    assert_eq!(mic(Sender::Server), resp(&last).mech_list_mic);
    assert!(resp(&last).mech_list_mic.is_some());

    // Our encoder lays it out as Windows does.
    let again = Authenticate {
        flags: flags_of(&authenticate),
        version: authenticate[64..72].try_into().ok(),
        has_mic: true,
        lm_response: field(&authenticate, LM),
        nt_response: field(&authenticate, NT),
        domain: "SUT311",
        user: "administrator",
        workstation: "DRIVER311",
        session_key: field(&authenticate, SESSION_KEY),
    };
    assert_eq!(again.encode().unwrap(), without_mic);
    let again = Negotiate { flags: 0xE208_8297, version: Some(array("060380250000000F")) };
    let mut again = again.encode();
    // Windows sets no offsets in it.
    again[16..32].fill(0);
    assert_eq!(again, negotiate);
}

/// What Windows sent reads and comes out the same.
#[rstest]
fn windows_tokens_round_trip(#[values(1, 2)] number: usize) {
    let [hint, first, challenge, second, last] = tokens(number);
    assert_eq!(init(&first).encode(), first);
    for token in [challenge, second, last] {
        assert_eq!(resp(&token).encode(), token);
    }
    let hint = init(&hint);
    assert_eq!(hint.mech_types.len(), 2);
    assert_eq!(hint.mech_types[1], NTLMSSP);
    assert!(hint.mech_token.is_some_and(|token| token.starts_with(b"NEGOEXTS")));
}

/// The client of the captures proves that it is root with this password: both sides' key comes out of its message.
#[rstest]
#[case(include_str!("../vectors/captures/cap210.json"))]
#[case(include_str!("../vectors/captures/cap300.json"))]
#[case(include_str!("../vectors/captures/cap311cmac.json"))]
#[case(include_str!("../vectors/captures/cap311gmac.json"))]
fn the_session_key_of_a_capture(#[case] capture: &str) {
    let capture: serde_json::Value = serde_json::from_str(capture).unwrap();
    let frames: Vec<_> =
        capture["frames"].as_array().unwrap()[..6].iter().map(|f| hex_of(&f["hex"])).collect();
    let [negotiate, challenge, authenticate] =
        [2, 3, 4].map(|index| security_buffer(&frames[index]).to_vec());
    let password_key = crypto::ntowf_v2("Password01!", "root", "");
    let (proof, temp) = field(&authenticate, NT).split_first_chunk().unwrap();
    let server_challenge = Challenge::parse(&challenge).unwrap().server_challenge;
    assert_eq!(crypto::nt_proof_str(&password_key, &server_challenge, temp), *proof);
    let base = crypto::session_base_key(&password_key, proof);
    let exported = crypto::rc4k(&base, field(&authenticate, SESSION_KEY).try_into().unwrap());
    assert_eq!(exported[..], hex_of(&capture["session_key"]));
    let mut without_mic = authenticate.clone();
    without_mic[MIC].fill(0);
    assert_eq!(crypto::mic(&exported, &negotiate, &challenge, &without_mic), authenticate[MIC]);
}
