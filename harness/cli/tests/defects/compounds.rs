//! Compounds: every element has a signature of its own, which covers its padding and its NextCommand.

use crate::clean::{Clean, rules};
use crate::support::exchange::Exchange;
use crate::support::{Bench, cause};
use model::Verdict;
use smb::follow::Way;
use smb::wire::{Header, elements};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a server may do wrong to one element.
type Defect = fn(&Exchange, &mut [u8]);

/// Every element of every compound that the server sent: its message, its place there, and its bytes.
fn all(exchange: &Exchange) -> Vec<(usize, u32, Range<usize>)> {
    let sent = exchange.messages.iter().enumerate().filter(|(_, message)| message.way == Way::ToClient);
    sent.flat_map(|(at, message)| {
        let elements = elements(&message.bytes).unwrap();
        let elements = elements.into_iter().map(move |e| (at, e.index, e.offset..e.offset + e.bytes.len()));
        elements.collect::<Vec<_>>()
    })
    .filter(|(at, _, bytes)| bytes.len() < exchange.messages[*at].bytes.len())
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_element_that_is_not_signed_as_it_should_be_is_found_at_its_place() {
    let defects: [(&str, Defect); 4] = [
        ("unsigned", |_, bytes| {
            bytes[16] &= !8;
            bytes[48..64].fill(0);
        }),
        ("a bit of its body", |_, bytes| bytes[66] ^= 1),
        ("signed before NextCommand was set", |x, bytes| {
            let next: [u8; 4] = bytes[Header::NEXT_COMMAND].try_into().unwrap();
            bytes[Header::NEXT_COMMAND].copy_from_slice(&(u32::from_le_bytes(next) ^ 8).to_le_bytes());
            x.key().unwrap().sign(bytes).unwrap();
            bytes[Header::NEXT_COMMAND].copy_from_slice(&next);
        }),
        ("signed without its last bytes", |x, bytes| {
            let signed = bytes.len() - 4;
            x.key().unwrap().sign(&mut bytes[..signed]).unwrap();
        }),
    ];
    let bench = Bench::new().await;
    let clean = Clean::Compounds311.exchange(&bench).await;
    let all = all(&clean);
    // Three and three that are related, and two that are not.
    assert_eq!(all.len(), 8);
    for (at, element, place) in all {
        for (name, defect) in defects {
            let mut faulty = clean.clone();
            faulty.spoil(at, |bytes| defect(&clean, &mut bytes[place.clone()]));
            let judged = faulty.write(&bench).judged();
            assert_eq!(judged.verdict, Verdict::Deviates, "{name} {element}: {}", cause(&judged));
            let expected = BTreeSet::from(["signing/response-signed", "policy/outcome"]);
            assert_eq!(rules(&judged), expected, "{name} {element}: {}", cause(&judged));
            let found: Vec<_> = judged
                .findings
                .iter()
                .filter_map(|finding| finding.at)
                .map(|at| (at.frame, at.element))
                .collect();
            assert_eq!(found, [(Exchange::frame(at), element)], "{name}");
        }
    }
}
