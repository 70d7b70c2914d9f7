//! Several sessions on a connection: the key of the first signs for all ([MS-CIFS] 3.2.1.2), and whoever signs with
//! another's is found out.

use super::*;

const OTHER: u16 = UID + 1;

/// Credentials, and what they sign with under this session key: with extended security the response to the challenge is
/// no part of it ([MS-SMB] 3.3.5.3).
fn credentials(user: &str, extended: bool, session_key: &[u8]) -> (SetupCredentials, MacKey) {
    let who = (user, "WG", &Password::new("Password"));
    let answer = NtlmV2::answer(who, &CHALLENGE, &[0xAA; 8], 42, &[0; 4]);
    if extended {
        let security_blob = b"a token of somebody".to_vec();
        (SetupCredentials::Extended { security_blob }, MacKey::new(session_key, &[]))
    } else {
        let key = MacKey::new(session_key, &answer.nt_response);
        (answer.credentials(), key)
    }
}

impl Peers {
    /// Logs a second session on, as number 2 and 3, the response signed with this key; returns its index.
    fn second(&mut self, credentials: SetupCredentials, signs: &MacKey) -> usize {
        let request = SessionSetupRequest::new(credentials).with_names(false, &["Other", "WG"]);
        let header = Header { uid: 0, ..self.header(Command::SESSION_SETUP_ANDX, 5) };
        self.send(Way::ToServer, &header, &request, Some(2));
        let header = Header { flags: Flags::REPLY, uid: OTHER, ..header };
        let mut response = message(&header, &SessionSetupResponse::default()).unwrap();
        signs.sign(&mut response, 3).unwrap();
        self.bytes(Way::ToClient, &response)
    }

    /// What is said of a message that is signed with this key instead.
    fn with(&mut self, key: &MacKey, send: impl FnOnce(&mut Self) -> usize) -> (Signature, Option<u16>) {
        let own = std::mem::replace(&mut self.key, key.clone());
        let index = send(self);
        self.key = own;
        (self.connection.messages[index].signature, self.connection.signed_with(index))
    }
}

#[rstest]
fn a_signature_with_the_key_of_the_second_session_is_told(
    #[values(false, true)] first_extended: bool,
    #[values(false, true)] second_extended: bool,
) {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let (first, own) = credentials("User", first_extended, &answer().session_key());
    peers.key = own.clone();
    let setup = peers.set_up(first, Action(0), Some(1));
    let (second, key) = credentials("Other", second_extended, &[8; 16]);
    let second = peers.second(second, &own);
    assert_eq!([peers.said(setup), peers.said(second)], [valid(1), valid(3)]);
    assert_eq!(peers.connection.sessions[&OTHER].extended_security, second_extended);
    assert!(peers.connection.sessions[&UID].signs && !peers.connection.sessions[&OTHER].signs);
    let [request, response] = peers.echo(6, 4);
    assert_eq!([request, response], [valid(4), valid(5)]);
    let right = peers.connection.messages.len();
    assert!((0..=right).all(|index| peers.connection.signed_with(index).is_none()), "nothing is wrong yet");

    // Of the server, each time to a request of its own.
    let mut sent = 6..;
    let mut echo = |peers: &mut Peers, key: &MacKey, off: Option<u32>| {
        let mid = sent.next().unwrap();
        let number = 6 + 2 * u32::from(mid - 6);
        let request = peers.request(mid, &EchoRequest::default(), Command::ECHO, Some(number));
        assert_eq!(peers.said(request), valid(number));
        let number = off.map(|off| number + 1 + off);
        peers.with(key, |peers| peers.response(mid, &EchoResponse::default(), Command::ECHO, number))
    };
    let (signature, uid) = echo(&mut peers, &key, Some(0));
    assert_eq!((other(signature), uid), (None, Some(OTHER)));
    assert_eq!(echo(&mut peers, &key, Some(2)).1, None, "as another number");
    assert_eq!(echo(&mut peers, &MacKey::new(&[8; 16], b"?"), Some(0)).1, None, "with another response");
    assert_eq!(echo(&mut peers, &own, Some(0)), (Signature::Valid, None));
    assert_eq!(echo(&mut peers, &own, None).1, None, "unsigned");
    let nothing =
        peers.with(&key, |peers| peers.response(77, &EchoResponse::default(), Command::ECHO, Some(7)));
    assert_eq!(nothing, (Signature::NoSequence, None));
    // Of the client.
    let (signature, uid) =
        peers.with(&key, |peers| peers.request(8, &EchoRequest::default(), Command::ECHO, Some(16)));
    assert_eq!((other(signature), uid), (None, Some(OTHER)));
}

#[rstest]
fn a_second_logon_that_is_signed_with_its_own_key_is_told(#[values(false, true)] extended: bool) {
    let mut peers = Peers::signing();
    let (second, key) = credentials("Other", extended, &[8; 16]);
    let response = peers.second(second, &key);
    assert_eq!((peers.said(response).0, other(peers.said(response).1)), (Some(3), None));
    assert_eq!(peers.connection.signed_with(response), Some(OTHER));
}

#[test]
fn the_other_session_is_told_also_where_the_key_that_signs_is_not_known() {
    let mut peers = Peers::new();
    peers.connection = Connection::new(BTreeMap::from([(OTHER, vec![8; 16])]));
    peers.negotiate(ENABLED);
    peers.set_up(answer().credentials(), Action(0), Some(1));
    let (second, key) = credentials("Other", false, &[8; 16]);
    let own = peers.key.clone();
    let second = peers.second(second, &own);
    assert_eq!(
        (peers.said(second), peers.connection.signed_with(second)),
        ((Some(3), Signature::NoKey), None)
    );
    let echo = |peers: &mut Peers| peers.request(6, &EchoRequest::default(), Command::ECHO, Some(4));
    assert_eq!(peers.with(&key, echo), (Signature::NoKey, Some(OTHER)));
}

#[test]
fn a_guest_before_the_first_user_is_another_session() {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let (guest, key) = credentials("Nobody you know", false, &[8; 16]);
    let header = peers.header(Command::SESSION_SETUP_ANDX, 9);
    let request = SessionSetupRequest::new(guest).with_names(false, &["Nobody you know", "WG"]);
    peers.send(Way::ToServer, &header, &request, None);
    let header = Header { flags: Flags::REPLY, uid: OTHER, ..header };
    let action = Action::GUEST;
    peers.send(Way::ToClient, &header, &SessionSetupResponse { action, ..Default::default() }, None);
    peers.set_up(answer().credentials(), Action(0), Some(1));
    let echo = |peers: &mut Peers| peers.request(6, &EchoRequest::default(), Command::ECHO, Some(2));
    let (signature, uid) = peers.with(&key, echo);
    assert_eq!((other(signature), uid), (None, Some(OTHER)));
}

/// The UID is the same then, and the session is not.
#[test]
fn a_session_that_has_the_uid_of_the_one_that_signs_is_another() {
    let mut peers = Peers::signing();
    peers.request(2, &LogoffRequest::default(), Command::LOGOFF_ANDX, Some(2));
    peers.response(2, &LogoffResponse::default(), Command::LOGOFF_ANDX, Some(3));
    let (again, key) = credentials("Other", true, &answer().session_key());
    let request = SessionSetupRequest::new(again).with_names(false, &["Other"]);
    peers.request(3, &request, Command::SESSION_SETUP_ANDX, Some(4));
    let setup = peers.response(3, &SessionSetupResponse::default(), Command::SESSION_SETUP_ANDX, Some(5));
    assert_eq!((peers.said(setup), peers.connection.signed_with(setup)), (valid(5), None));
    let echo = |peers: &mut Peers| peers.request(4, &EchoRequest::default(), Command::ECHO, Some(6));
    let (signature, uid) = peers.with(&key, echo);
    assert_eq!((other(signature), uid), (None, Some(UID)));
}
