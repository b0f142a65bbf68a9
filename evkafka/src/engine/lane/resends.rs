//! Events and dead letters that were not acknowledged, until they are sent again.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};
use tokio::time::Instant;

use crate::native::Ticket;

/// What waits to be sent again, by key. While an event waits, the later ones of its key wait with it: they are sent together, in the
/// order in which handlers returned them.
#[derive(Default)]
pub(super) struct Resends {
    waiting: FxHashMap<OrderKey, Together>,
    /// None of them is due before that. It is asked for at each event that is sent meanwhile, and they may be many.
    earliest: Option<Instant>,
}

/// What is sent in order: the events of one key, or of none, in one topic. Two that are taken for one wait for each other in vain, and
/// not for long.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct OrderKey(u64);

struct Together {
    at: Instant,
    tickets: Vec<Ticket>,
}

impl OrderKey {
    pub(super) fn new(topic: Option<&str>, key: Option<&[u8]>) -> Self {
        let mut hasher = FxHasher::default();
        (topic, key).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Resends {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether an event of this key waits.
    pub(super) fn has(&self, key: OrderKey) -> bool {
        self.waiting.contains_key(&key)
    }

    /// An event is sent again at that time; with the others of its key, if any wait already.
    pub(super) fn add(&mut self, key: OrderKey, ticket: Ticket, at: Instant) {
        let together = self.waiting.entry(key).or_insert(Together { at, tickets: Vec::new() });
        together.tickets.push(ticket);
        self.earliest = self.earliest.into_iter().chain([together.at]).min();
    }

    /// An event is to be sent after those of its key that wait.
    pub(super) fn join(&mut self, key: OrderKey, ticket: Ticket) {
        self.add(key, ticket, Instant::now());
    }

    /// When to look whether any are to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.earliest
    }

    /// What is to be sent now, in order.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Ticket> {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return Vec::new();
        }
        let due = self.waiting.extract_if(|_, together| together.at <= now);
        let mut tickets: Vec<_> = due.flat_map(|(_, together)| together.tickets).collect();
        tickets.sort_unstable_by_key(Ticket::order);
        self.earliest = self.waiting.values().map(|together| together.at).min();
        tickets
    }

    /// The events of this call are not to be sent any more.
    pub(super) fn forget(&mut self, sending: u64) {
        self.waiting.retain(|_, together| {
            together.tickets.retain(|ticket| ticket.sending != sending);
            !together.tickets.is_empty()
        });
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.earliest = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ticket(sending: u64, event: u32) -> Ticket {
        Ticket { sending, event, destination: 0 }
    }

    fn key(key: &str) -> OrderKey {
        OrderKey::new(Some("prices"), Some(key.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn events_of_one_key_are_due_together_and_in_their_order() {
        let (mut resends, now) = (Resends::default(), Instant::now());
        let at = |millis| now + Duration::from_millis(millis);
        resends.add(key("a"), ticket(2, 0), at(100));
        resends.add(key("a"), ticket(1, 1), at(300));
        resends.add(key("b"), ticket(1, 0), at(200));
        resends.join(key("a"), ticket(3, 0));
        assert_eq!(resends.due(), Some(at(100)));
        assert_eq!(resends.take_due(at(99)), []);
        assert_eq!(resends.take_due(at(100)), [ticket(1, 1), ticket(2, 0), ticket(3, 0)]);
        assert!(!resends.has(key("a")) && resends.has(key("b")));
        assert_eq!(resends.due(), Some(at(200)));
        assert_eq!(resends.take_due(at(200)), [ticket(1, 0)]);
        assert_eq!(resends.due(), None);
        assert!(resends.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_of_which_nothing_waits_any_more_keeps_nothing_waiting() {
        let (mut resends, now) = (Resends::default(), Instant::now());
        resends.add(key("a"), ticket(1, 0), now);
        resends.add(key("a"), ticket(2, 0), now);
        resends.forget(1);
        assert!(resends.has(key("a")));
        resends.forget(2);
        assert!(resends.is_empty());
        assert_eq!(
            (resends.take_due(now), resends.due()),
            (Vec::new(), None),
            "it is looked at once more at most"
        );
    }
}
