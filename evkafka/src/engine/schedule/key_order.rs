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
pub(in crate::engine) struct KeyHash(u64);

impl KeyHash {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(FxBuildHasher.hash_one(key))
    }
}

impl<T> KeyOrder<T> {
    pub(super) fn new() -> Self {
        Self { busy: HashMap::default() }
    }

    /// Whether an earlier item of this key is being worked on.
    #[inline]
    pub(super) fn is_busy(&self, key: KeyHash) -> bool {
        self.busy.contains_key(&key)
    }

    /// The key's item is being worked on from now on, if it is not already.
    pub(super) fn begin(&mut self, key: KeyHash) {
        self.busy.entry(key).or_default();
    }

    /// The item waits until those before it are done.
    pub(super) fn wait(&mut self, key: KeyHash, item: T) {
        self.busy.entry(key).or_default().push_back(item);
    }

    /// Whether an item waits behind the one of this key.
    pub(super) fn has_waiting(&self, key: KeyHash) -> bool {
        self.busy.get(&key).is_some_and(|waiting| !waiting.is_empty())
    }

    /// The key's item is done: the next one, if any waits, is being worked on from now on.
    pub(super) fn release(&mut self, key: KeyHash) -> Option<T> {
        let Entry::Occupied(mut entry) = self.busy.entry(key) else { return None };
        let next = entry.get_mut().pop_front();
        if next.is_none() {
            entry.remove();
        }
        next
    }

    /// The item behind the one that is being worked on, if `may_join` it.
    pub(super) fn join(&mut self, key: KeyHash, may_join: impl FnOnce(&T) -> bool) -> Option<T> {
        let waiting = self.busy.get_mut(&key)?;
        waiting.front().is_some_and(may_join).then(|| waiting.pop_front())?
    }

    /// Forgets what waits.
    pub(super) fn forget_waiting(&mut self, mut forgotten: impl FnMut(&T)) {
        for waiting in self.busy.values_mut() {
            waiting.drain(..).for_each(|item| forgotten(&item));
        }
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
                let hash = KeyHash::of(&[key]);
                if order.is_busy(hash) {
                    order.wait(hash, (key, item));
                } else {
                    order.begin(hash);
                    running.push((key, item));
                }
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
