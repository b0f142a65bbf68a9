use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use tokio::time::Instant;

use super::{Held, Job, KeyHash, group::Group};
use crate::{engine::attempt::MOST_KEPT, handle::BatchSpec};

/// What is collected for batch handlers, one group for each at most.
#[derive(Default)]
pub(super) struct Collected {
    groups: Vec<Group<Held>>,
    /// The keys in it, with their handlers.
    keys: HashMap<KeyHash, usize, FxBuildHasher>,
    /// What batches before were collected in.
    spare: Vec<Vec<Held>>,
}

/// For how many batches memory is kept.
const MOST_SPARE: usize = 2;

impl Collected {
    /// Whether a record of this key is collected for this handler.
    pub(super) fn has(&self, key: KeyHash, handler: usize) -> bool {
        self.keys.get(&key) == Some(&handler)
    }

    /// Adds a record of a batch handler; the batch, if it is complete. It may have `most_bytes`.
    pub(super) fn add(&mut self, held: Held, spec: BatchSpec, most_bytes: u64) -> Option<Job> {
        let handler = held.handler();
        let index = self.groups.iter().position(|group| group.handler == handler).unwrap_or_else(|| {
            let items = self.spare.pop().unwrap_or_default();
            self.groups.push(Group::new(items, handler, spec, most_bytes, Instant::now()));
            self.groups.len() - 1
        });
        if let Some(key) = held.slot.key {
            self.keys.insert(key, handler);
        }
        let bytes = held.slot.bytes;
        self.groups[index].push(held, bytes);
        self.groups[index].is_full().then(|| self.take(index))
    }

    /// A batch that has waited long enough, or any if that is to be `at_once`.
    pub(super) fn take_due(&mut self, at_once: bool) -> Option<Job> {
        if self.groups.is_empty() {
            return None;
        }
        let now = Instant::now();
        let index = self.groups.iter().position(|group| at_once || group.is_ready(now))?;
        Some(self.take(index))
    }

    fn take(&mut self, index: usize) -> Job {
        let group = self.groups.swap_remove(index);
        for key in group.items.iter().filter_map(|held| held.slot.key) {
            self.keys.remove(&key);
        }
        Job::Many { handler: group.handler, records: group.items }
    }

    /// Takes back what a batch was collected in.
    pub(super) fn take_back(&mut self, empty: Vec<Held>) {
        debug_assert!(empty.is_empty());
        if self.spare.len() < MOST_SPARE && (1..=MOST_KEPT).contains(&empty.capacity()) {
            self.spare.push(empty);
        }
    }

    /// Keeps no memory for batches.
    pub(super) fn shed_memory(&mut self) {
        self.spare.clear();
    }

    /// When the first batch has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.groups.iter().map(|group| group.due).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
