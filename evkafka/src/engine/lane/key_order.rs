use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::BuildHasher,
};

use rustc_hash::FxBuildHasher;

/// Items that wait because an earlier one of the same key is being worked on. A busy key holds up nothing but itself.
///
/// Keys are told apart by a hash of 64 bits: two keys of the same hash wait for each other, which costs a little time and
/// breaks no order.
#[derive(Debug)]
pub(super) struct KeyOrder<T> {
    /// The keys that are being worked on, with what waits behind each.
    busy: HashMap<KeyHash, VecDeque<T>, FxBuildHasher>,
}

/// Stands for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(FxBuildHasher.hash_one(key))
    }
}

impl<T> KeyOrder<T> {
    pub(super) fn new() -> Self {
        Self { busy: HashMap::default() }
    }

    /// Gives the item back if it is its key's turn; otherwise it waits.
    pub(super) fn admit(&mut self, key: KeyHash, item: T) -> Option<T> {
        match self.busy.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(VecDeque::new());
                Some(item)
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().push_back(item);
                None
            }
        }
    }

    /// Whether an item waits behind the one of this key.
    pub(super) fn has_waiting(&self, key: KeyHash) -> bool {
        self.busy.get(&key).is_some_and(|waiting| !waiting.is_empty())
    }

    /// The key's item is done; the next one, if any waits.
    pub(super) fn release(&mut self, key: KeyHash) -> Option<T> {
        let Entry::Occupied(mut entry) = self.busy.entry(key) else { return None };
        let next = entry.get_mut().pop_front();
        if next.is_none() {
            entry.remove();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Items of a few keys come in and are released in any order; whatever the order, each key's items run one at a
        /// time and in the order in which they came, and none is left behind.
        #[test]
        fn each_keys_items_run_one_at_a_time_and_in_order(
            keys in prop::collection::vec(0u8..5, 0..100),
            releases in prop::collection::vec(any::<prop::sample::Index>(), 0..50),
        ) {
            let mut order = KeyOrder::new();
            let mut running: Vec<(u8, usize)> = Vec::new();
            let mut ran: HashMap<u8, Vec<usize>> = HashMap::new();
            let mut releases = releases.into_iter();
            let release = |order: &mut KeyOrder<(u8, usize)>, running: &mut Vec<(u8, usize)>, ran: &mut HashMap<u8, Vec<usize>>, at: usize| {
                let (key, item) = running.swap_remove(at);
                ran.entry(key).or_default().push(item);
                running.extend(order.release(KeyHash::of(&[key])));
            };
            for (item, key) in keys.iter().copied().enumerate() {
                running.extend(order.admit(KeyHash::of(&[key]), (key, item)));
                let mut busy: Vec<u8> = running.iter().map(|(key, _)| *key).collect();
                busy.sort_unstable();
                prop_assert!(busy.windows(2).all(|pair| pair[0] != pair[1]), "two of one key at a time");
                if !running.is_empty() && let Some(which) = releases.next() {
                    let at = which.index(running.len());
                    release(&mut order, &mut running, &mut ran, at);
                }
            }
            while !running.is_empty() {
                release(&mut order, &mut running, &mut ran, 0);
            }
            prop_assert_eq!(ran.values().map(Vec::len).sum::<usize>(), keys.len());
            prop_assert!(ran.values().all(|items| items.is_sorted()));
            prop_assert!(order.busy.is_empty());
        }
    }
}
