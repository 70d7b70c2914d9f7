//! The framing on TCP.

#![cfg(test)]

use countersign_smb::nbss::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// What a splitter gives until it waits or fails.
fn drain(splitter: &mut Splitter) -> (Vec<Framed>, Option<NbssError>) {
    let mut messages = Vec::new();
    loop {
        match splitter.next_message() {
            Ok(Some(framed)) => messages.push(framed),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

fn split(stream: &[u8], max: usize) -> (Vec<Framed>, Option<NbssError>, usize, Option<usize>) {
    let mut splitter = Splitter::new(max);
    splitter.push(stream);
    let (messages, error) = drain(&mut splitter);
    (messages, error, splitter.pending(), splitter.announced())
}

#[test]
fn wraps_with_a_24_bit_length() {
    assert_eq!(wrap(b"abc").unwrap(), b"\0\0\0\x03abc");
    assert_eq!(wrap(&vec![7; 0x01_0203]).unwrap()[..5], [0, 1, 2, 3, 7]);
    assert_eq!(wrap(&vec![0; MAX_LEN]).unwrap()[..4], [0, 0xFF, 0xFF, 0xFF]);
    assert_eq!(wrap(&vec![0; MAX_LEN + 1]).unwrap_err(), FrameTooLong { length: 0x100_0000 });
}

#[test]
fn offsets_count_from_the_start_of_the_stream_and_keepalives_are_left_out() {
    let stream =
        [wrap(b"abc").unwrap(), vec![0x85, 0, 0, 0], wrap(b"").unwrap(), wrap(b"de").unwrap()].concat();
    let (messages, error, pending, announced) = split(&stream, 100);
    let framed = |offset, bytes: &[u8]| Framed { offset, bytes: bytes.to_vec() };
    assert_eq!(messages, [framed(4, b"abc"), framed(15, b""), framed(19, b"de")]);
    assert_eq!((error, pending, announced), (None, 0, None));
}

#[test]
fn a_keepalive_with_a_body_is_skipped_whole() {
    let stream = [vec![0x85, 0, 0, 2, 0xFF, 0xFF], wrap(b"x").unwrap()].concat();
    assert_eq!(split(&stream, 100).0, [Framed { offset: 10, bytes: b"x".to_vec() }]);
}

#[test]
fn an_unfinished_message_says_how_much_there_is() {
    let whole = wrap(b"abcdef").unwrap();
    for length in 0..whole.len() {
        let (messages, error, pending, announced) = split(&whole[..length], 100);
        assert_eq!((messages.len(), error, pending), (0, None, length));
        assert_eq!(announced, (length >= 4).then_some(6));
    }
}

#[test]
fn unknown_types_end_the_stream_for_good() {
    let mut splitter = Splitter::new(100);
    splitter.push(&[wrap(b"abc").unwrap(), b"HTTP".to_vec()].concat());
    let error = NbssError::UnknownType { frame_type: b'H', offset: 7 };
    assert_eq!(drain(&mut splitter).0.len(), 1);
    splitter.push(&wrap(b"abc").unwrap());
    assert_eq!(drain(&mut splitter), (Vec::new(), Some(error)));
}

#[test]
fn too_long_is_said_before_anything_is_buffered() {
    assert_eq!(split(b"\0\0\0\x0A0123456789", 10).0.len(), 1);
    for length in 4..12 {
        let (messages, error, pending, _) = split(&b"\0\0\0\x0B0123456789A"[..length], 10);
        assert_eq!((messages.len(), error), (0, Some(NbssError::TooLong { announced: 11, max: 10 })));
        assert_eq!(pending, 4);
    }
    assert_eq!(split(&[0x85, 0xFF, 0, 0], 10).1, Some(NbssError::TooLong { announced: 0xFF_0000, max: 10 }));
}

/// Streams of whole messages, keepalives, and now and then rubbish.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => vec(any::<u8>(), 0..30).prop_map(|message| wrap(&message).unwrap()),
        1 => Just(vec![0x85, 0, 0, 0]),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_chunking_gives_the_same(
        stream in stream(),
        cuts in vec(any::<prop::sample::Index>(), 0..10),
        drain_between: bool,
    ) {
        let whole = split(&stream, 25);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut splitter = Splitter::new(25);
        let mut messages = Vec::new();
        for pair in cuts.windows(2) {
            splitter.push(&stream[pair[0]..pair[1]]);
            if drain_between {
                messages.extend(drain(&mut splitter).0);
            }
        }
        let (rest, error) = drain(&mut splitter);
        messages.extend(rest);
        prop_assert_eq!((&messages, error, splitter.pending(), splitter.announced()), (&whole.0, whole.1, whole.2, whole.3));
        for framed in &messages {
            let at = usize::try_from(framed.offset).unwrap();
            prop_assert_eq!(&stream[at..at + framed.bytes.len()], &framed.bytes[..]);
        }
    }

    #[test]
    fn random_bytes_never_panic(chunks in vec(vec(any::<u8>(), 0..20), 0..20), max in 0usize..0x200_0000) {
        let mut splitter = Splitter::new(max);
        for chunk in chunks {
            splitter.push(&chunk);
            drain(&mut splitter);
        }
    }
}
