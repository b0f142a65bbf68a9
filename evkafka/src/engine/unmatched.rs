//! Records that no handler takes: nothing is wrong with them, unless a header or a type is misspelt.
//!
//! Each lane knows which types it has met, so that a record costs a hash and no lock. What it meets for the first time it asks the
//! consumer about, which has each type named once.

use std::{
    collections::HashSet,
    hash::BuildHasher,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustc_hash::FxBuildHasher;

use crate::{record::Headers, shown::shown};

/// How many types are named for each consumer. A producer may send any number.
pub(super) const NAMED: usize = 64;
/// How many characters of a header's name are shown.
const HEADER_LIMIT: usize = 64;
/// How many headers of a record are looked at.
const HEADERS: usize = 100;
/// How many records are few enough to say nothing of their majority.
const FEW: u64 = 100;
/// How many times as many records there are when the majority is told of again.
const AGAIN: u64 = 10;

/// What one lane has met.
#[derive(Debug, Default)]
pub(super) struct LaneUnmatched {
    /// The hash of the type that was met last.
    last: u64,
    /// Those of all.
    met: HashSet<u64, FxBuildHasher>,
    /// So many records without a type.
    untyped_in_all: u64,
    /// Not [taken](Self::take) yet.
    unmatched: u64,
    untyped: u64,
}

impl LaneUnmatched {
    /// How many records with a type, and without one, were met since what was met was added to the consumer's.
    pub(super) fn not_added(&self) -> (u64, u64) {
        (self.unmatched, self.untyped)
    }

    /// A record has no handler; whether it is one to look at.
    #[inline]
    pub(super) fn meet(&mut self, event_type: Option<&[u8]>) -> bool {
        let Some(event_type) = event_type else {
            self.untyped += 1;
            self.untyped_in_all += 1;
            return self.untyped_in_all.is_power_of_two();
        };
        self.unmatched += 1;
        let hash = hash(event_type);
        if hash == self.last {
            return false;
        }
        self.meet_another(hash)
    }

    fn meet_another(&mut self, hash: u64) -> bool {
        self.last = hash;
        // One more than are named: that is when to say so.
        self.met.len() <= NAMED && self.met.insert(hash)
    }
}

fn hash(event_type: &[u8]) -> u64 {
    FxBuildHasher.hash_one(event_type)
}

/// Whether a type is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    Named,
    /// So many were that this one, and all others, are not.
    NoMore,
    NotAgain,
}

/// What all lanes of a consumer have met.
#[derive(Debug)]
pub(super) struct Unmatched {
    named: Mutex<HashSet<u64, FxBuildHasher>>,
    similar_header: Mutex<Option<String>>,
    unmatched: AtomicU64,
    untyped: AtomicU64,
    /// At how many records it is looked what most of them are.
    due: AtomicU64,
}

impl Default for Unmatched {
    fn default() -> Self {
        Self {
            named: Mutex::default(),
            similar_header: Mutex::default(),
            unmatched: AtomicU64::new(0),
            untyped: AtomicU64::new(0),
            due: AtomicU64::new(FEW),
        }
    }
}

impl Unmatched {
    /// A lane has met a type for the first time.
    pub(super) fn name(&self, event_type: &[u8]) -> Naming {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() > NAMED || !named.insert(hash(event_type)) {
            Naming::NotAgain
        } else if named.len() > NAMED {
            Naming::NoMore
        } else {
            Naming::Named
        }
    }

    /// A record without a type has these headers, and its type was looked for in those of `wanted`.
    pub(super) fn look_for_similar<'w>(
        &self,
        headers: Headers<'_>,
        wanted: impl Iterator<Item = &'w str> + Clone,
    ) {
        let is_one = |name: &&[u8]| wanted.clone().any(|wanted| is_similar(name, wanted));
        let similar = headers.iter().take(HEADERS).map(|(name, _)| name).find(is_one);
        let similar = similar.map(|name| shown(name, HEADER_LIMIT));
        *self.similar_header.lock().unwrap_or_else(PoisonError::into_inner) = similar;
    }

    pub(super) fn similar_header(&self) -> Option<String> {
        self.similar_header.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what a lane has met. If most of all `settled` records have no handler and it is time to say so, how many have a type and
    /// how many have none.
    pub(super) fn add(&self, lane: &mut LaneUnmatched, settled: u64) -> Option<(u64, u64)> {
        let (unmatched, untyped) = (std::mem::take(&mut lane.unmatched), std::mem::take(&mut lane.untyped));
        if unmatched + untyped == 0 {
            return None;
        }
        let unmatched = self.unmatched.fetch_add(unmatched, Ordering::Relaxed) + unmatched;
        let untyped = self.untyped.fetch_add(untyped, Ordering::Relaxed) + untyped;
        let due = self.due.load(Ordering::Relaxed);
        if settled < due || (unmatched + untyped) * 2 <= settled {
            return None;
        }
        let next = settled.saturating_mul(AGAIN);
        let told = self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
        // Another lane does it otherwise.
        told.is_ok().then_some((unmatched, untyped))
    }
}

/// Whether a header is called as if it were the one that is `wanted`, and is another.
fn is_similar(name: &[u8], wanted: &str) -> bool {
    let letters = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let Some(name) = std::str::from_utf8(name).ok().filter(|name| name.len() <= 200 && *name != wanted)
    else {
        return false;
    };
    let (name, wanted) = (letters(name), letters(wanted));
    // `type`, `x-event-type`, `ce_type`, `__TypeId__`, `eventName`; not `Content-Type`, which most records have.
    let is_of_a_type = (name.contains("type") && !name.contains("content")) || name.contains("event");
    name == wanted || is_of_a_type
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::OwnedRecord;

    #[test]
    fn each_type_is_named_once_and_only_so_many() {
        let (unmatched, mut lanes) =
            (Unmatched::default(), [LaneUnmatched::default(), LaneUnmatched::default()]);
        let mut namings = Vec::new();
        for round in 0..3 {
            for lane in &mut lanes {
                for number in 0..1000 * round {
                    let event_type = format!("Type{}", number % 500);
                    if lane.meet(Some(event_type.as_bytes())) {
                        namings.push(unmatched.name(event_type.as_bytes()));
                    }
                }
            }
        }
        let count = |naming| namings.iter().filter(|other| **other == naming).count();
        assert_eq!((count(Naming::Named), count(Naming::NoMore)), (NAMED, 1));
        assert!(lanes.iter().all(|lane| lane.met.len() <= NAMED + 1), "{lanes:?}");
    }

    #[test]
    fn a_majority_is_told_of_at_growing_distances_and_a_minority_never() {
        let told = |each: u64, of: u64| -> Vec<u64> {
            let (unmatched, mut lane) = (Unmatched::default(), LaneUnmatched::default());
            (1..=20_000)
                .filter(|settled: &u64| {
                    if settled % of < each {
                        lane.meet(Some(b"Type"));
                    }
                    unmatched.add(&mut lane, *settled).is_some()
                })
                .collect()
        };
        assert_eq!(told(1, 1), [100, 1000, 10_000]);
        assert_eq!(told(3, 4), [100, 1000, 10_000]);
        assert!(told(1, 2).is_empty());
    }

    #[test]
    fn a_header_that_was_probably_meant_is_found() {
        let unmatched = Unmatched::default();
        let similar = |names: &[&str]| {
            let record = names
                .iter()
                .fold(OwnedRecord::new("orders", 0, 0), |record, name| record.header(name.as_bytes(), "x"));
            unmatched.look_for_similar(record.as_record().headers(), ["Event-Type"].into_iter());
            unmatched.similar_header()
        };
        for name in ["event-type", "EventType", "type", "ce_type", "__TypeId__", "eventName"] {
            assert_eq!(similar(&["traceparent", "Content-Type", name]).as_deref(), Some(name));
        }
        assert_eq!(similar(&["traceparent", "Content-Type"]), None);
        assert_eq!(similar(&[]), None);
        assert_eq!(similar(&["type\u{1b}[2J\n"]).as_deref(), Some("type\\u{1b}[2J\\n"));
    }
}
