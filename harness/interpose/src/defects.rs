//! The registry of defects, and what does them on one connection.

mod negotiate;
mod repair;
mod setup;
mod signing;
mod smb1;
mod wire;

use crate::smb1::{self as one, Smb1};
use crate::smb2::{self as two, Learned, Smb2};
use crate::{Account, Defect, Output};
use smb::follow::Way;
use smb::smb1::{Command, Header};
use smb::wire::Protocol;
use std::sync::LazyLock;

/// What a defect or a repair does, and where.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// To answers of SMB2.
    Reply(fn(&mut two::Reply<'_>) -> bool),
    /// To requests of SMB2.
    Request(fn(&mut two::Request<'_>) -> bool),
    /// To both.
    Both(fn(&mut two::Request<'_>) -> bool, fn(&mut two::Reply<'_>) -> bool),
    /// To what a server of SMB2 sends unasked.
    Notification(fn(&mut two::Notification<'_>) -> bool),
    /// To SMB1.
    Smb1(one::Edits),
}

/// Every defect, by its group: NEGOTIATE, SESSION_SETUP, signatures, what a message is, what the server lets pass, SMB1.
#[must_use]
pub fn defects() -> &'static [Defect] {
    static ALL: LazyLock<Vec<Defect>> = LazyLock::new(|| {
        let groups = [
            negotiate::defects(),
            setup::defects(),
            signing::defects(),
            wire::defects(),
            repair::defects(),
            smb1::defects(),
        ];
        groups.into_iter().flatten().collect()
    });
    &ALL
}

/// One connection to a server that is another one than it seems; where nothing is done, one that is followed.
pub(crate) struct Faulty {
    smb1: Smb1,
    smb2: Smb2,
}

impl Faulty {
    pub(crate) fn new(account: &Account, act: Option<Act>) -> Self {
        let (mut smb1, mut smb2) = (one::Edits::default(), two::Edits::default());
        match act {
            None => {}
            Some(Act::Reply(reply)) => smb2.reply = Some(reply),
            Some(Act::Request(request)) => smb2.request = Some(request),
            Some(Act::Both(request, reply)) => {
                (smb2.request, smb2.reply) = (Some(request), Some(reply));
            }
            Some(Act::Notification(notification)) => smb2.notification = Some(notification),
            Some(Act::Smb1(edits)) => smb1 = edits,
        }
        Self { smb1: Smb1::new(account, smb1), smb2: Smb2::new(account, smb2) }
    }

    /// Takes a message. What is neither SMB1 nor SMB2 goes on as it is.
    pub(crate) fn message(&mut self, way: Way, bytes: Vec<u8>) -> Output {
        match Protocol::of(&bytes) {
            Protocol::Smb2 => self.smb2.message(way, bytes),
            Protocol::Smb1 => {
                let negotiates = Header::parse(&bytes).is_ok_and(|h| h.command == Command::NEGOTIATE);
                if way == Way::ToServer && negotiates {
                    self.smb2.multi_protocol();
                }
                self.smb1.message(way, bytes)
            }
            _ => Output { send: vec![(way, bytes)], ends: false },
        }
    }

    /// What it did and learned since the last time.
    pub(crate) fn take_learned(&mut self) -> Learned {
        let (one, two) = (std::mem::take(&mut self.smb1.learned), std::mem::take(&mut self.smb2.learned));
        Learned {
            keys: one.keys.into_iter().chain(two.keys).collect(),
            applied: one.applied + two.applied,
            problem: one.problem.or(two.problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Hand;
    use crate::{attacks, repairs};

    /// Exchanges of the account that the tests have, as they crossed.
    const EXCHANGES: [&str; 5] = [
        include_str!("../tests/exchanges/2.1.txt"),
        include_str!("../tests/exchanges/3.0.txt"),
        include_str!("../tests/exchanges/3.1.1.txt"),
        include_str!("../tests/exchanges/nt1.txt"),
        include_str!("../tests/exchanges/nt1-plain.txt"),
    ];

    fn messages(exchange: &str) -> Vec<(Way, Vec<u8>)> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        exchange
            .lines()
            .map(|line| {
                let way = if line.starts_with('>') { Way::ToServer } else { Way::ToClient };
                (way, line.as_bytes()[1..].chunks(2).map(byte).collect())
            })
            .collect()
    }

    fn account() -> Account {
        let (user, domain) = ("tester".to_owned(), "WORKGROUP".to_owned());
        Account { user, domain, password: "of no account".into() }
    }

    /// Numbers without a pattern, the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % limit.max(1)
        }
    }

    /// Nothing that either side sends makes a defect or an attack panic, and what goes on stays of a size.
    #[test]
    fn broken_messages_are_harmless() {
        let mut numbers = Numbers(7);
        for exchange in EXCHANGES {
            let whole = messages(exchange);
            assert!(whole.len() > 20);
            for round in 0..12 {
                let feeds: Vec<(Way, Vec<u8>)> = whole
                    .iter()
                    .map(|(way, bytes)| {
                        let mut bytes = bytes.clone();
                        // The first round breaks nothing, so that every defect comes to where it does something.
                        if round > 0 && numbers.below(3) == 0 {
                            let at = numbers.below(bytes.len());
                            match numbers.below(4) {
                                0 => bytes.truncate(at),
                                1 => bytes.truncate(64.min(bytes.len())),
                                2 => bytes.fill(0xFF),
                                _ => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte ^= 0xFF),
                            }
                        }
                        (*way, bytes)
                    })
                    .collect();
                let repairs = repairs().iter().map(|repair| (repair.id, repair.act));
                for (id, act) in defects().iter().map(|defect| (defect.id, defect.act)).chain(repairs) {
                    let mut faulty = Faulty::new(&account(), Some(act));
                    for (way, bytes) in feeds.clone() {
                        let came = bytes.len();
                        let went: usize = faulty.message(way, bytes).send.iter().map(|(_, b)| b.len()).sum();
                        assert!(went <= 2 * came + 1024, "{id}");
                    }
                }
                for attack in attacks() {
                    let mut hand = Hand::new(attack);
                    for (way, bytes) in feeds.clone() {
                        hand.message(way, bytes);
                    }
                }
            }
        }
    }

    /// Without a defect, whatever comes goes on as it came, byte for byte.
    #[test]
    fn who_follows_changes_nothing() {
        for exchange in EXCHANGES {
            let mut watching = Faulty::new(&account(), None);
            for (way, bytes) in messages(exchange) {
                let output = watching.message(way, bytes.clone());
                assert!(!output.ends);
                assert_eq!(output.send, [(way, bytes)]);
            }
            assert!(!watching.take_learned().keys.is_empty());
        }
    }
}
