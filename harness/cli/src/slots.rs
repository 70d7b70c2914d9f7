//! Places that cases take, of which there are few: the case with the most behind it has the next one, so that no server is left
//! over at the end with a queue that nothing else runs beside.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// How early a case comes: the number of cases that come after it where it runs.
pub(crate) type Rank = usize;

/// Before everybody else.
pub(crate) const FIRST: Rank = Rank::MAX;

/// A number of slots.
pub(crate) struct Slots(Mutex<State>);

struct State {
    free: usize,
    waiting: BinaryHeap<Waiting>,
    /// How many have waited.
    number: u64,
}

struct Waiting {
    rank: Rank,
    /// Of two with the same rank the one that came first is first.
    number: Reverse<u64>,
    turn: oneshot::Sender<Slot>,
}

/// A slot, given on to the next when it is dropped.
pub(crate) struct Slot(Option<Arc<Slots>>);

impl Slots {
    pub(crate) fn new(free: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free, waiting: BinaryHeap::new(), number: 0 })))
    }

    /// Waits for a slot, ahead of all that wait with a lower rank.
    pub(crate) async fn take(self: &Arc<Self>, rank: Rank) -> Option<Slot> {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some(Slot(Some(Arc::clone(self))));
            }
            let (turn, next) = oneshot::channel();
            state.number += 1;
            let number = Reverse(state.number);
            state.waiting.push(Waiting { rank, number, turn });
            next
        };
        // Nobody throws away the other end: whoever is taken out of the queue is given a slot.
        turn.await.ok()
    }

    fn give_back(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                match state.waiting.pop() {
                    Some(next) => next,
                    None => {
                        state.free += 1;
                        return;
                    }
                }
            };
            match next.turn.send(Slot(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // It waits no longer; the slot is for another, and is not given back a second time.
                Err(mut slot) => slot.0 = None,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.give_back();
        }
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank, self.number).cmp(&(other.rank, other.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join_all, poll_immediate};
    use std::pin::pin;

    #[tokio::test]
    async fn who_has_most_behind_it_is_next_and_of_equals_who_came_first() {
        let slots = Slots::new(1);
        let held = slots.take(0).await.unwrap();
        let order = Mutex::new(Vec::new());
        let waiting = [(3, "a"), (FIRST, "b"), (7, "c"), (3, "d"), (FIRST, "e")].map(async |(rank, name)| {
            let slot = slots.take(rank).await.unwrap();
            order.lock().unwrap().push(name);
            drop(slot);
        });
        let mut waiting = pin!(join_all(waiting));
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(held);
        waiting.await;
        assert_eq!(*order.lock().unwrap(), ["b", "e", "c", "a", "d"]);
    }

    #[tokio::test]
    async fn no_slot_is_lost_or_made_by_who_no_longer_waits() {
        let slots = Slots::new(2);
        let (one, two) = (slots.take(0).await.unwrap(), slots.take(0).await.unwrap());
        let mut gone = Box::pin(slots.take(9));
        assert!(poll_immediate(&mut gone).await.is_none());
        let mut given = Box::pin(slots.take(8));
        assert!(poll_immediate(&mut given).await.is_none());
        drop(gone);
        // For the second, as the first is gone; which then goes, too, with the slot it was given.
        drop(one);
        assert_eq!(slots.state().free, 0);
        drop(given);
        assert_eq!(slots.state().free, 1);
        drop(two);
        assert_eq!(slots.state().free, 2);
        let all = join_all([slots.take(1), slots.take(2)]).await;
        assert!(all.iter().all(Option::is_some) && poll_immediate(pin!(slots.take(FIRST))).await.is_none());
    }
}
