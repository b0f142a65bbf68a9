use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{engine::lane::BATCH, settle::Throughput};

/// How much work is committed ahead of its being done, where handlers are quick. A commit takes some milliseconds, and the work
/// has to take a good deal longer to hide it.
const TARGET: Duration = Duration::from_millis(40);
/// Hides a commit at some 100,000 records per second and partition.
const MOST: usize = 16_384;

/// Pre-commit: how much of a lane may be committed ahead of its being handled. That is what is lost when the process dies, and
/// when there is no time for it at a shutdown or a revoke.
///
/// Where handlers are quick, it is what they get done in [`TARGET`]. Where they are slow, it is what the consumer's
/// permits allow, of which all lanes together have enough for what is handled at a time and as much again: so that something can be committed
/// meanwhile.
pub(super) struct CommitsAhead {
    permits: Arc<Semaphore>,
    /// For what is committed next.
    reserved: Option<OwnedSemaphorePermit>,
    /// Of what has a handler.
    handled: Throughput,
    /// Of all, with what is skipped.
    settled: Throughput,
}

impl CommitsAhead {
    pub(super) fn new(permits: Arc<Semaphore>) -> Self {
        let now = Instant::now();
        let throughput = || Throughput::new(TARGET, MOST, now);
        Self { permits, reserved: None, handled: throughput(), settled: throughput() }
    }

    pub(super) fn handled(&mut self) {
        self.handled.add(1);
        self.settled.add(1);
    }

    pub(super) fn skipped(&mut self) {
        self.settled.add(1);
    }

    /// How many records may be taken, to look at what handler each has.
    pub(super) fn room_to_take(&mut self) -> usize {
        self.settled.records(Instant::now()).max(BATCH)
    }

    /// How many of `waiting` records that have a handler may be committed now, besides those that are `unsettled`. Reserves permits
    /// for them, as far as there are any.
    pub(super) fn room_to_commit(&mut self, waiting: usize, unsettled: usize) -> usize {
        let in_time = self.handled.records(Instant::now()).saturating_sub(unsettled);
        let has = self.reserved.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = waiting.saturating_sub(has).min(self.permits.available_permits());
        // Another lane may have been quicker; the next look tells.
        if let Some(more) = u32::try_from(wanted)
            .ok()
            .filter(|wanted| *wanted > 0)
            .and_then(|wanted| Arc::clone(&self.permits).try_acquire_many_owned(wanted).ok())
        {
            self.reserve(more);
        }
        in_time.max(self.reserved.as_ref().map_or(0, OwnedSemaphorePermit::num_permits))
    }

    /// Waits for a permit; to be [reserved](Self::reserve).
    ///
    /// # Cancel safety
    /// Dropped, it has taken none.
    pub(super) fn permit(&self) -> impl Future<Output = OwnedSemaphorePermit> + use<> {
        let permits = Arc::clone(&self.permits);
        async move { permits.acquire_owned().await.expect("the semaphore is never closed") }
    }

    pub(super) fn reserve(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.reserved {
            Some(reserved) => reserved.merge(permit),
            None => self.reserved = Some(permit),
        }
    }

    /// For a record that is committed; `None` for one that is committed because handlers are quick.
    pub(super) fn take_permit(&mut self) -> Option<OwnedSemaphorePermit> {
        self.reserved.as_mut()?.split(1)
    }

    /// Gives back what is reserved: nothing is committed now.
    pub(super) fn give_back(&mut self) {
        self.reserved = None;
    }
}
