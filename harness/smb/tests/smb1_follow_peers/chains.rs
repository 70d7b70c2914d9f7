//! A chain is one message: one number, one signature over all of it ([MS-CIFS] 3.1.4.1).

use super::*;

/// SESSION_SETUP_ANDX and TREE_CONNECT_ANDX in one.
fn logon(header: &Header) -> Vec<u8> {
    let mut chain = ChainBuilder::new(header);
    let setup = SessionSetupRequest::new(answer().credentials()).with_names(false, &["User"]);
    chain.push(&setup).unwrap().push(&TreeConnectRequest::new(false, r"\\s\share", "?????")).unwrap();
    chain.finish()
}

#[rstest]
#[case(None, UNSIGNED)]
#[case(Some(0), Signature::Valid)]
fn a_logon_with_a_tree_connect_behind_it_activates(
    #[case] number: Option<u32>,
    #[case] signature: Signature,
    #[values(true, false)] signs: bool,
) {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let header = peers.header(Command::SESSION_SETUP_ANDX, 1);
    let mut request = logon(&header);
    if let Some(number) = number {
        peers.key.sign(&mut request, number).unwrap();
    }
    let request = peers.bytes(Way::ToServer, &request);
    let mut chain = ChainBuilder::new(&Header { flags: Flags::REPLY, tid: 5, ..header });
    let tree = TreeConnectResponse { names: b"A:\0".to_vec(), ..Default::default() };
    chain.push(&SessionSetupResponse::default()).unwrap().push(&tree).unwrap();
    let mut response = chain.finish();
    if signs {
        peers.key.sign(&mut response, 1).unwrap();
    }
    let response = peers.bytes(Way::ToClient, &response);
    let activation = peers.connection.activated.unwrap();
    assert_eq!((activation.request, activation.response, activation.uid), (request, response, UID));
    assert_eq!(peers.said(request), (Some(0), signature));
    let said = peers.said(response);
    assert!(if signs { said == valid(1) } else { matches!(said, (Some(1), Signature::Invalid { .. })) });
    assert_eq!(peers.echo(2, 2), [valid(2), valid(3)]);
}

/// Opening, reading and closing in one, and the answer to it, signed and not sent yet.
fn open_read_close(peers: &mut Peers, mid: u16, number: u32) -> (usize, Vec<u8>) {
    let header = peers.header(Command::NT_CREATE_ANDX, mid);
    let create = NtCreateRequest::default().with_name(false, "a.txt").unwrap();
    let mut chain = ChainBuilder::new(&header);
    chain.push(&create).unwrap();
    chain.push(&ReadRequest { fid: 0xFFFF, max_count: 5, ..Default::default() }).unwrap();
    chain.push(&CloseRequest { fid: 0xFFFF, ..Default::default() }).unwrap();
    let mut request = chain.finish();
    peers.key.sign(&mut request, number).unwrap();
    let request = peers.bytes(Way::ToServer, &request);
    // WordCount says 42, and there are 50 words: the rest of the chain is found all the same.
    let extended = Some(NtCreateExtended { word_count: 42, ..Default::default() });
    let mut chain = ChainBuilder::new(&Header { flags: Flags::REPLY, ..header });
    chain.push(&NtCreateResponse { extended, ..Default::default() }).unwrap();
    chain.push(&ReadResponse { data: b"hello".to_vec(), ..Default::default() }).unwrap();
    chain.push(&CloseResponse {}).unwrap();
    let mut response = chain.finish();
    peers.key.sign(&mut response, number + 1).unwrap();
    (request, response)
}

#[test]
fn opening_reading_and_closing_in_one_has_one_number() {
    let mut peers = Peers::signing();
    let (request, response) = open_read_close(&mut peers, 2, 2);
    let commands: Vec<_> = blocks(&response).unwrap().iter().map(|block| block.command).collect();
    assert_eq!(commands, [Command::NT_CREATE_ANDX, Command::READ_ANDX, Command::CLOSE]);
    let good = peers.bytes(Way::ToClient, &response);
    assert_eq!([peers.said(request), peers.said(good)], [valid(2), valid(3)]);
    assert_eq!(peers.connection.messages[request].responses, [good]);
    // A byte of the last link is signed as one of the first is.
    let (request, mut response) = open_read_close(&mut peers, 3, 4);
    *response.last_mut().unwrap() ^= 1;
    let bad = peers.bytes(Way::ToClient, &response);
    assert_eq!(peers.said(request), valid(4));
    assert_eq!((peers.said(bad).0, other(peers.said(bad).1)), (Some(5), None));
    assert_eq!(peers.echo(4, 6), [valid(6), valid(7)]);
}

#[test]
fn a_chain_that_failed_at_its_first_link_has_the_same_number() {
    let mut peers = Peers::signing();
    let header = peers.header(Command::NT_CREATE_ANDX, 2);
    let mut chain = ChainBuilder::new(&header);
    chain.push(&NtCreateRequest::default()).unwrap().push(&CloseRequest::default()).unwrap();
    let mut request = chain.finish();
    peers.key.sign(&mut request, 2).unwrap();
    peers.bytes(Way::ToServer, &request);
    let refused = peers.refusal(2, Command::NT_CREATE_ANDX, NtStatus::OBJECT_NAME_NOT_FOUND, Some(3));
    assert_eq!(peers.said(refused), valid(3));
    assert_eq!(peers.echo(3, 4), [valid(4), valid(5)]);
}
