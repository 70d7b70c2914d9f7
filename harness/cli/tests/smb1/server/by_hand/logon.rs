//! Negotiation, logons, and when signing becomes active.

use super::super::{Policy, SHARE};
use super::{ASKS, Client, INSISTS, mistaken, policy, status, stranger, user};
use model::{GuestMapping, NtStatus, Signing};
use rstest::rstest;
use smb::auth::Wrapping;
use smb::ntlm::Credentials;
use smb::smb1::{
    Action, BSRSPYL, EchoRequest, Flags2, Header, NegotiateRefusal, NegotiateRequest, NegotiateResponse,
    SecurityMode, SessionSetupResponse, TreeConnectRequest, parse,
};

#[rstest]
#[case(Signing::Disabled, 0x03)]
#[case(Signing::Enabled, 0x07)]
#[case(Signing::Required, 0x0F)]
fn negotiates(#[case] signing: Signing, #[case] mode: u8) {
    let extended = Client::of(policy(signing)).negotiate();
    assert_eq!((extended.security_mode, extended.is_extended()), (SecurityMode(mode), true));
    let plain = Client::without_extended_security(policy(signing)).negotiate();
    assert_eq!((plain.security_mode, plain.is_extended()), (SecurityMode(mode), false));
    let cannot = Client::of(Policy { extended: false, ..policy(signing) }).negotiate();
    assert!(cannot.challenge().is_some());
}

#[test]
fn negotiates_one_dialect_once() {
    let mut client = Client::of(policy(Signing::Enabled));
    let none = client.asks(&NegotiateRequest::new(&[NegotiateRequest::SMB_2_002, b"LANMAN1.0"]));
    assert_eq!(parse::<NegotiateRefusal>(&none).unwrap().1.dialect_index, 0xFFFF);
    let several =
        [NegotiateRequest::NT_LM_0_12, NegotiateRequest::SMB_2_002, NegotiateRequest::SMB_2_WILDCARD];
    let smb1 = client.asks(&NegotiateRequest::new(&several));
    assert_eq!(parse::<NegotiateResponse>(&smb1).unwrap().1.dialect_index, 0);
    assert_eq!(status(&client.asks(&NegotiateRequest::new(&several))), NtStatus::INVALID_SMB);
}

/// [MS-SMB] 3.3.5.3: the three conditions, each alone.
#[rstest]
#[case(Signing::Disabled, Flags2(0), false)]
#[case(Signing::Disabled, ASKS, false)]
#[case(Signing::Disabled, INSISTS, true)]
#[case(Signing::Enabled, Flags2(0), false)]
#[case(Signing::Enabled, ASKS, true)]
#[case(Signing::Required, Flags2(0), true)]
fn activates(
    #[case] signing: Signing,
    #[case] asks: Flags2,
    #[case] active: bool,
    #[values(true, false)] extended: bool,
) {
    let mut client = if extended {
        Client::of(policy(signing))
    } else {
        Client::without_extended_security(policy(signing))
    };
    let (last, key) = client.log_on(user(), asks);
    let header = Header::parse(&last).unwrap();
    assert_eq!(header.status, NtStatus::SUCCESS);
    assert_eq!(key.verify(&last, 1).is_ok(), active);
    if !active {
        // What came is sent back ([MS-CIFS] 3.3.4.1), and so are the flags (3.3.4.1.1).
        assert_eq!((header.signature, header.flags2), (BSRSPYL, client.header.flags2 | asks));
    }
    assert_eq!(parse::<SessionSetupResponse>(&last).unwrap().1.action, Action(0));
    client.goes_on_in(&last);
    client.signs = active.then_some((key, 2));
    client.mount();
    let echo = client.asks(&EchoRequest { echo_count: 1, data: b"x".to_vec() });
    assert_eq!(Header::parse(&echo).unwrap().signature == [0; 8], !active);
}

#[test]
fn takes_ntlm_without_spnego() {
    let mut client = Client::of(policy(Signing::Required));
    client.negotiate();
    let (last, key) = client.log_on_by_tokens(user(), ASKS, Wrapping::Raw);
    key.verify(&last, 1).unwrap();
}

#[rstest]
fn guests_are_never_signed(
    #[values(GuestMapping::Never, GuestMapping::BadUser, GuestMapping::BadPassword)] guest: GuestMapping,
    #[values(true, false)] extended: bool,
    #[values(true, false)] known: bool,
) {
    let policy = Policy { guest, ..policy(Signing::Required) };
    let mut client = if extended { Client::of(policy) } else { Client::without_extended_security(policy) };
    let credentials = if known { mistaken() } else { stranger() };
    let (last, _) = client.log_on(credentials, ASKS | INSISTS);
    let admitted = guest == GuestMapping::BadPassword || guest == GuestMapping::BadUser && !known;
    assert_eq!(Header::parse(&last).unwrap().signature, BSRSPYL);
    if !admitted {
        assert_eq!(status(&last), NtStatus::LOGON_FAILURE);
        return;
    }
    assert_eq!(parse::<SessionSetupResponse>(&last).unwrap().1.action, Action::GUEST);
    client.goes_on_in(&last);
    let denied = client.asks(&TreeConnectRequest::new(true, &format!(r"\\server\{SHARE}"), "A:"));
    assert_eq!(status(&denied), NtStatus::ACCESS_DENIED);
    let mounted = client.asks(&TreeConnectRequest::new(true, r"\\server\guest", "A:"));
    let header = Header::parse(&mounted).unwrap();
    assert_eq!((header.status, header.signature), (NtStatus::SUCCESS, [0; 8]));
}

#[rstest]
fn nobody_is_never_signed(#[values(true, false)] extended: bool) {
    let policy = policy(Signing::Required);
    let mut client = if extended { Client::of(policy) } else { Client::without_extended_security(policy) };
    let (last, _) = client.log_on(Credentials::Anonymous, ASKS);
    assert_eq!(Header::parse(&last).unwrap().signature, BSRSPYL);
    client.goes_on_in(&last);
    let mounted = client.asks(&TreeConnectRequest::new(true, r"\\server\IPC$", "IPC"));
    assert_eq!(status(&mounted), NtStatus::SUCCESS);
}
