//! One record after the other. Some are collected for batch handlers: a batch is a run of records of one handler, which a record for
//! another handler ends, so that the partition's order is kept. What nobody handles does not end it.

use tokio::time::Instant;

use super::{Held, Job, group::Group};
use crate::handle::BatchSpec;

pub(in crate::engine) struct InOrder {
    group: Option<Group<Held>>,
    most_bytes: u64,
}

impl InOrder {
    /// A batch may have so many bytes.
    pub(in crate::engine) fn new(most_bytes: u64) -> Self {
        Self { group: None, most_bytes }
    }

    /// What is collected, if a record of this handler must not begin before it is handled.
    #[inline]
    pub(in crate::engine) fn take_before(&mut self, handler: usize) -> Option<Job> {
        self.group.take_if(|group| group.handler != handler).map(job)
    }

    /// Collects a record of a batch handler; the batch, if it is complete.
    pub(in crate::engine) fn collect(&mut self, held: Held, spec: BatchSpec) -> Option<Job> {
        let most_bytes = self.most_bytes;
        let group =
            self.group.get_or_insert_with(|| Group::new(held.handler(), spec, most_bytes, Instant::now()));
        let bytes = held.slot.bytes;
        group.push(held, bytes);
        self.group.take_if(|group| group.is_full()).map(job)
    }

    /// What has waited long enough, or all that is collected.
    pub(in crate::engine) fn take_due(&mut self, at_once: bool) -> Option<Job> {
        self.group.take_if(|group| at_once || group.is_ready(Instant::now())).map(job)
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

fn job(group: Group<Held>) -> Job {
    Job::Many { handler: group.handler, records: group.items }
}
