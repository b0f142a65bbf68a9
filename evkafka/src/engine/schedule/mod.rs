//! What runs next: in order, or concurrently with order by key; and what is collected for batch handlers.

mod calls;
mod cell;
mod collected;
mod concurrent;
mod cost;
mod group;
mod in_order;
mod job;
mod key_order;
mod load;
mod permit;
mod ready;
mod tasks;
mod work;

use std::sync::Arc;

use tokio::time::Instant;

#[cfg(test)]
pub(super) use self::cell::Cell;
pub(super) use self::{
    cell::Attempted,
    job::{Held, Job, Slot},
    key_order::KeyHash,
    load::Limit,
    tasks::Lost,
    work::{One, Work},
};
use self::{
    concurrent::{Concurrent, Ordering},
    in_order::InOrder,
};
use super::{
    attempt::{AttemptState, Ended, Permits, Worker},
    numbers::Moment,
    pipeline::{Routed, Rule},
    shared::Shared,
};
use crate::{config::Concurrency, handle::BatchSpec};

/// What all attempts of a lane need.
pub(super) struct Tools<R> {
    pub(super) handlers: Arc<Routed<R>>,
    pub(super) worker: Arc<Worker>,
}

/// What runs next.
pub(super) enum Schedule {
    InOrder(InOrder),
    Concurrent(Box<Concurrent>),
}

/// What a schedule was waited for.
pub(super) enum Event {
    Ended(Result<Finished, Lost>),
    /// There is a permit for the next attempt.
    Permit,
}

impl Schedule {
    /// What the consumer's settings say. At most `work_bytes` of a partition's records may be collected, or be unsettled.
    pub(super) fn of(shared: &Shared, rules: &[Rule], work_bytes: u64) -> Self {
        let concurrent = |ordering, in_flight: u32| {
            let permits = Arc::clone(&shared.permits);
            let is_blocking = rules.iter().map(|rule| rule.is_blocking).collect();
            let in_flight = usize::try_from(in_flight).unwrap_or(usize::MAX);
            Self::Concurrent(Box::new(Concurrent::new(ordering, permits, in_flight, is_blocking, work_bytes)))
        };
        match shared.concurrency {
            Concurrency::PerPartition => Self::InOrder(InOrder::new(work_bytes)),
            Concurrency::PerKey { in_flight } => concurrent(Ordering::ByKey, in_flight),
            Concurrency::Unordered { in_flight } => concurrent(Ordering::None, in_flight),
        }
    }

    /// Drops what has not begun.
    pub(super) fn let_go(&mut self) {
        match self {
            Self::InOrder(in_order) => in_order.let_go(),
            Self::Concurrent(concurrent) => concurrent.let_go(),
        }
    }

    /// Whether nothing is under way, and nothing is collected or waits to begin.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::InOrder(in_order) => in_order.is_idle(),
            Self::Concurrent(concurrent) => concurrent.is_idle(),
        }
    }

    /// Whether handlers are under way.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::InOrder(_) => false,
            Self::Concurrent(concurrent) => concurrent.is_busy(),
        }
    }

    /// Whether the partition's share of the memory is used up, if so many records wait for their next attempt.
    pub(super) fn fills_memory(&self, backing_off: usize) -> bool {
        match self {
            Self::InOrder(_) => false,
            Self::Concurrent(concurrent) => concurrent.fills_memory(backing_off),
        }
    }

    /// When what is collected has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::InOrder(in_order) => in_order.due(),
            Self::Concurrent(concurrent) => concurrent.due(),
        }
    }

    /// An attempt that has ended, if there is one.
    pub(super) fn try_next(&mut self) -> Option<Result<Finished, Lost>> {
        match self {
            Self::InOrder(_) => None,
            Self::Concurrent(concurrent) => concurrent.try_next(),
        }
    }

    /// Waits for an attempt to end, and for a permit if one is needed.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(super) async fn wait(&mut self, next: NextRecord) -> Event {
        match self {
            Self::InOrder(_) => std::future::pending().await,
            Self::Concurrent(concurrent) => concurrent.event(next).await,
        }
    }

    /// Takes back what a batch was collected in.
    pub(super) fn take_back(&mut self, empty: Vec<Held>) {
        match self {
            Self::InOrder(in_order) => in_order.take_back(empty),
            Self::Concurrent(concurrent) => concurrent.take_back(empty),
        }
    }

    /// Keeps no memory for batches.
    pub(super) fn shed_memory(&mut self) {
        match self {
            Self::InOrder(in_order) => in_order.shed_memory(),
            Self::Concurrent(concurrent) => concurrent.shed_memory(),
        }
    }

    /// The permit of an attempt that has ended is for the next.
    pub(super) fn take_permit(&mut self, finished: &mut Finished) {
        match self {
            Self::InOrder(_) => {}
            Self::Concurrent(concurrent) => concurrent.take_permit(finished),
        }
    }

    /// Others may have the permit for the next attempt.
    pub(super) fn give_back_permit(&mut self) {
        match self {
            Self::InOrder(_) => {}
            Self::Concurrent(concurrent) => concurrent.give_back_permit(),
        }
    }

    /// The attempts at a record have ended that had not at once.
    #[inline]
    pub(super) fn done(&mut self, slot: &Slot) {
        match self {
            Self::InOrder(_) => {}
            Self::Concurrent(concurrent) => concurrent.done(slot),
        }
    }

    /// How many records are unsettled, and how many of those wait behind one of their key.
    pub(super) fn unsettled_and_behind(&self) -> (usize, usize) {
        match self {
            Self::InOrder(_) => (0, 0),
            Self::Concurrent(concurrent) => concurrent.unsettled_and_behind(),
        }
    }
}

/// Whether a lane that waits may begin something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextRecord {
    /// What is ready begins, if it gets a permit.
    Begins,
    /// The next record of the partition needs a permit, too.
    NeedsPermit,
    /// Nothing begins, because the partition is paused.
    IsHeld,
}

/// Where a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It begins.
    Begins,
    /// It is collected for its handler.
    IsCollected(BatchSpec),
    /// It waits for one of its key.
    Waits(KeyHash),
    /// It would begin if there were a permit.
    NeedsPermit,
    /// It would begin if fewer waited for a thread.
    NeedsThread,
}

/// A job whose attempts have ended.
pub(super) struct Finished {
    pub(super) job: Job,
    pub(super) ended: Ended,
    /// When the first attempt began, if anybody wants to know.
    pub(super) begun: Option<Instant>,
    /// When the last attempt began, and ended.
    pub(super) call: (Moment, Moment),
    permits: Permits,
}

impl Finished {
    /// A job at which attempts were made that have ended `now`, where the lane is.
    pub(super) fn here(job: Job, ended: Ended, state: AttemptState, now: Moment) -> Self {
        let AttemptState { permits, begun, began } = state;
        Self { job, ended, begun, call: (began, now), permits }
    }

    pub(super) fn new<W: Work>(attempted: Attempted<W>, rest: W::Rest) -> Self {
        let Attempted { work, ended, begun, call, permits } = attempted;
        Self { job: work.into_job(rest), ended, begun, call, permits }
    }
}
