//! One record after the other. Some are collected for batch handlers: a batch is a run of records of one handler, which a record for
//! another handler ends, so that the partition's order is kept. What nobody handles does not end it.

use tokio::time::Instant;

use super::{Held, Job, group::Group};
use crate::{engine::attempt::MOST_KEPT, handle::BatchSpec};

pub(in crate::engine) struct InOrder {
    group: Option<Group<Held>>,
    /// That of the last batch, whose memory the next has: where records of several handlers take turns, batches are small.
    spare: Vec<Held>,
    most_bytes: u64,
}

impl InOrder {
    /// A batch may have so many bytes.
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { group: None, spare: Vec::new(), most_bytes }
    }

    /// What is collected, if a record of this handler must not begin before it is handled.
    #[inline]
    pub(in crate::engine) fn take_before(&mut self, handler: usize) -> Option<Job> {
        self.group.take_if(|group| group.handler != handler).map(batch)
    }

    /// Collects a record of a batch handler; the batch, if it is complete.
    pub(in crate::engine) fn collect(&mut self, held: Held, spec: BatchSpec) -> Option<Job> {
        let group = self.group.get_or_insert_with(|| {
            let spare = std::mem::take(&mut self.spare);
            Group::new(spare, held.handler(), spec, self.most_bytes, Instant::now())
        });
        let bytes = held.slot.bytes;
        group.push(held, bytes);
        self.group.take_if(|group| group.is_full()).map(batch)
    }

    /// What has waited long enough, or all that is collected.
    pub(in crate::engine) fn take_due(&mut self, at_once: bool) -> Option<Job> {
        self.group.take_if(|group| at_once || group.is_ready(Instant::now())).map(batch)
    }

    /// How many bytes a batch may have.
    pub(in crate::engine) fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// Takes back what a batch was collected in.
    pub(in crate::engine) fn take_back(&mut self, empty: Vec<Held>) {
        debug_assert!(empty.is_empty());
        if (1..=MOST_KEPT).contains(&empty.capacity()) {
            self.spare = empty;
        }
    }

    /// Keeps no memory for batches.
    pub(in crate::engine) fn shed_memory(&mut self) {
        self.spare = Vec::new();
    }

    /// When what is collected has waited long enough.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        self.group.as_ref().map(|group| group.due)
    }

    /// Drops what is collected.
    pub(in crate::engine) fn let_go(&mut self) {
        self.group = None;
    }

    pub(in crate::engine) fn is_idle(&self) -> bool {
        self.group.is_none()
    }
}

fn batch(group: Group<Held>) -> Job {
    Job::Many { handler: group.handler, records: group.items }
}
