//! Published derivations of keys, and the preauthentication hash of a published session step by step.

#![expect(clippy::expect_used, reason = "helpers of tests fail like tests")]

#[path = "vectors/channels.rs"]
mod channels;
mod vectors;

use channels::{channel, frame, key};
use countersign_smb::kdf::{session_key, signing_key, sp800_108};
use countersign_smb::preauth::PreauthHash;
use model::Dialect;
use rstest::rstest;
use vectors::{array, bytes, hex_of};

/// The keys of SMB 3.0 other than the signing key, which the crate has no use for.
const ENCRYPTION_30: (&[u8], &[u8]) = (b"SMB2AESCCM\0", b"ServerIn \0");
const DECRYPTION_30: (&[u8], &[u8]) = (b"SMB2AESCCM\0", b"ServerOut\0");
const APPLICATION_30: (&[u8], &[u8]) = (b"SMB2APP\0", b"SmbRpc\0");
const SIGNING_30: (&[u8], &[u8]) = (b"SMB2AESCMAC\0", b"SmbSign\0");

/// "msblog" is Microsoft's "the anatomy of signing and cryptographic keys", "msblog-ccm" its "Encryption in SMB 3.0".
#[rstest]
#[case::msblog_signing(SIGNING_30, "7CD451825D0450D235424E44BA6E78CC", "0B7E9C5CAC36C0F6EA9AB275298CEDCE")]
#[case::msblog_encryption(
    ENCRYPTION_30,
    "7CD451825D0450D235424E44BA6E78CC",
    "FAD27796665B313EBB578F388632B4F7"
)]
#[case::msblog_decryption(
    DECRYPTION_30,
    "7CD451825D0450D235424E44BA6E78CC",
    "B0F0427F7CEB416D1D9DCC0CD4F99447"
)]
#[case::msblog_application(
    APPLICATION_30,
    "7CD451825D0450D235424E44BA6E78CC",
    "BB23A4575AA26C721AF525AF15A87B4F"
)]
#[case::msblog_channel(SIGNING_30, "4E01A2B313BCF660CC250BEF021AEDE6", "BA1A17DBBFEC349BCA105563D598952F")]
#[case::smbj_signing(SIGNING_30, "09921D4431B171B977370BF8910900F9", "8F5A6907BCE9EC89B8F89E560D4E2E18")]
#[case::smbj_encryption(
    ENCRYPTION_30,
    "09921D4431B171B977370BF8910900F9",
    "858E8CBA1F7068969E825B2B538830C4"
)]
#[case::smbj_decryption(
    DECRYPTION_30,
    "09921D4431B171B977370BF8910900F9",
    "DF91D31EF09A01FD4D2A093C42DEEF46"
)]
#[case::go_smb2_signing(SIGNING_30, "726d4c454e63516446695457664e5042", "6d151b6134d879c86ef4bff1c0b4566f")]
#[case::msblog_ccm_encryption(
    ENCRYPTION_30,
    "B4546771B515F766A86735532DD6C4F0",
    "261B72350558F2E9DCF613070383EDBF"
)]
#[case::msblog_ccm_decryption(
    DECRYPTION_30,
    "B4546771B515F766A86735532DD6C4F0",
    "8FE2B57EC34D2DB5B1A9727F526BBDB5"
)]
fn smb_30(#[case] (label, context): (&[u8], &[u8]), #[case] session: &str, #[case] derived: &str) {
    let session = array(session);
    assert_eq!(sp800_108(&session, label, context), array(derived));
    if (label, context) == SIGNING_30 {
        for dialect in [Dialect::Smb30, Dialect::Smb302] {
            assert_eq!(signing_key(dialect, &session, &[0x55; 64]), array(derived), "the hash plays no part");
        }
    }
}

/// kdf_test.go of go-smb2: key, label and context that are not 16 bytes and have no NUL.
#[test]
fn go_smb2_kdf() {
    assert_eq!(sp800_108(b"foo", b"bar", b"baz"), array("CA3928A6664E3CFDC87EEF2DFF7C78AC"));
}

/// A key that is longer than a block of SHA-256 is hashed first, as HMAC says.
#[test]
fn long_keys_are_hashed() {
    use sha2::{Digest, Sha256};
    let long = [0x5A; 65];
    assert_eq!(sp800_108(&long, b"l", b"c"), sp800_108(&Sha256::digest(long), b"l", b"c"));
    assert_ne!(sp800_108(&long, b"l", b"c"), sp800_108(&long[..64], b"l", b"c"));
}

const SMB_RS: (&str, &str) = (
    "DA90B1DF805C349F8886BA029EA45CB6",
    "479578B18723056A4C3E6F732F36F19CCCDD516F49566BA043CE596A134227D964EF0AA6A6271AFE4FE64B4D8CB2E6A19511EDBBF6D77DCEF033DAED8C7181B2",
);
const MSBLOG_GCM: (&str, &str) = (
    "419FDDF34C1E001909D362AE7FB6AF79",
    "B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDBA7DB256BA2EA30E977F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770",
);

/// The tests of smb-rs, and Microsoft's "SMB 3.1.1 encryption in Windows 10".
#[rstest]
#[case::smb_rs(SMB_RS, b"SMBSigningKey\0", "6DACCEDE5B4E3608AD6EA54733CA3163")]
#[case::msblog_c2s(MSBLOG_GCM, b"SMBC2SCipherKey\0", "A2F5E80E5D59103034F32E52F698E5EC")]
#[case::msblog_s2c(MSBLOG_GCM, b"SMBS2CCipherKey\0", "748C50868C90F302962A5C35F5F9A8BF")]
fn smb_311(#[case] (session, preauth): (&str, &str), #[case] label: &[u8], #[case] derived: &str) {
    let (session, preauth) = (array(session), array(preauth));
    assert_eq!(sp800_108(&session, label, &preauth), array(derived));
    if label == b"SMBSigningKey\0" {
        assert_eq!(signing_key(Dialect::Smb311, &session, &preauth), array(derived));
    }
}

/// The exchange hashed so far, for every message but the last response.
fn chain(number: usize) -> PreauthHash {
    let channel = channel(number);
    let mut hash = PreauthHash::default();
    assert_eq!(hash.value(), &[0; 64]);
    for index in 0..5 {
        hash.update(&frame(&channel, index));
        let published = hex_of(&channel["frames"][index]["chain"]);
        assert_eq!(hash.value()[..], published, "channel {number}, {}", channel["frames"][index]["name"]);
    }
    hash
}

#[rstest]
fn every_step_of_the_preauth_hash(#[values(1, 2)] number: usize) {
    chain(number);
}

#[rstest]
#[case::signing(b"SMBSigningKey\0", "signing")]
#[case::c2s(b"SMBC2SCipherKey\0", "c2s")]
#[case::s2c(b"SMBS2CCipherKey\0", "s2c")]
#[case::application(b"SMBAppKey\0", "application")]
fn keys_of_the_session(#[case] label: &[u8], #[case] name: &str) {
    let channel = channel(1);
    assert_eq!(sp800_108(&key(&channel, "session"), label, chain(1).value()), key(&channel, name));
}

#[rstest]
fn signing_keys_of_both_channels(#[values(1, 2)] number: usize) {
    let channel = channel(number);
    let derived = signing_key(Dialect::Smb311, &key(&channel, "session"), chain(number).value());
    assert_eq!(derived, key(&channel, "signing"));
}

/// What the specification prints in 3.2.5.3.3 for a bound channel: neither the strings of 3.0 nor the session's hash.
#[test]
fn a_channel_does_not_use_what_3_2_5_3_3_prints() {
    let channel = channel(2);
    let session = key(&channel, "session");
    assert_ne!(signing_key(Dialect::Smb30, &session, chain(2).value()), key(&channel, "signing"));
    assert_ne!(signing_key(Dialect::Smb311, &session, chain(1).value()), key(&channel, "signing"));
}

/// The last response is not part of the hash it is signed under.
#[test]
fn the_last_response_is_not_hashed() {
    let channel = channel(1);
    let mut hash = chain(1);
    hash.update(&frame(&channel, 5));
    assert_ne!(
        signing_key(Dialect::Smb311, &key(&channel, "session"), hash.value()),
        key(&channel, "signing")
    );
}

/// A clone goes its own way: each session has its own chain from its connection's value on.
#[test]
fn a_clone_is_independent() {
    let mut connection = PreauthHash::default();
    connection.update(b"negotiate");
    let mut session = connection.clone();
    session.update(b"session setup");
    assert_ne!(session, connection);
    connection.update(b"session setup");
    assert_eq!(session, connection);
}

/// With L = 256, as 3.1.4.2 has it for AES-256, none of the published keys would come out.
#[test]
fn l_is_not_256() {
    fn with_l(l: u32, key: &[u8; 16], label: &[u8], context: &[u8]) -> Vec<u8> {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        for part in [&1_u32.to_be_bytes()[..], label, &[0], context, &l.to_be_bytes()] {
            mac.update(part);
        }
        mac.finalize().into_bytes()[..16].to_vec()
    }
    let session = array("7CD451825D0450D235424E44BA6E78CC");
    let published = bytes("0B7E9C5CAC36C0F6EA9AB275298CEDCE");
    assert_eq!(with_l(128, &session, SIGNING_30.0, SIGNING_30.1), published);
    assert_ne!(with_l(256, &session, SIGNING_30.0, SIGNING_30.1), published);

    let channel = channel(1);
    let (session, hash) = (key(&channel, "session"), chain(1));
    assert_eq!(with_l(128, &session, b"SMBSigningKey\0", hash.value()), key(&channel, "signing"));
    assert_ne!(with_l(256, &session, b"SMBSigningKey\0", hash.value()), key(&channel, "signing"));
}

/// The NUL of the label counts, and so does the one after it.
#[test]
fn the_label_has_its_nul() {
    let session: [u8; 16] = array("7CD451825D0450D235424E44BA6E78CC");
    let published: [u8; 16] = array("0B7E9C5CAC36C0F6EA9AB275298CEDCE");
    assert_ne!(sp800_108(&session, b"SMB2AESCMAC", b"SmbSign\0"), published);
    assert_ne!(sp800_108(&session, b"SMB2AESCMAC\0", b"SmbSign"), published);
}

#[rstest]
fn smb_2_signs_with_the_session_key(
    #[values(Dialect::Nt1, Dialect::Smb202, Dialect::Smb21)] dialect: Dialect,
) {
    assert_eq!(signing_key(dialect, &[9; 16], &[7; 64]), [9; 16]);
}

/// Kerberos with AES-256 gives 32 bytes, DES gave 8, an anonymous logon may give none.
#[rstest]
#[case("", "00000000000000000000000000000000")]
#[case("0102030405060708", "01020304050607080000000000000000")]
#[case("000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f")]
#[case(
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "000102030405060708090a0b0c0d0e0f"
)]
fn session_keys_have_16_bytes(#[case] gss: &str, #[case] expected: &str) {
    assert_eq!(session_key(&bytes(gss)), array(expected));
}
