//! Records of one partition concurrently: in order for each key, or in no order.

use std::{sync::Arc, task::Context};

use tokio::{sync::Semaphore, time::Instant};

use super::{
    Event, Finished, Held, Job, KeyHash, NextRecord, Place, Slot, Tools,
    calls::Calls,
    cell::Attempted,
    collected::Collected,
    key_order::KeyOrder,
    load::Load,
    ready::Ready,
    tasks::Lost,
    work::{Many, One},
};
use crate::{
    engine::numbers::Moment,
    handle::BatchSpec,
    record::Record,
    route::{Matched, Routes},
    source::Message,
};

/// Which records wait for others.
pub(super) enum Ordering {
    /// Those of a key for each other.
    ByKey,
    None,
}

pub(in crate::engine) struct Concurrent {
    ordering: Ordering,
    order: KeyOrder<Held>,
    collected: Collected,
    ready: Ready,
    /// How many records may be begun before plain functions have to wait.
    most_waiting_for_thread: usize,
    calls: Calls,
    load: Load,
}

impl Concurrent {
    /// At most so many bytes may be unsettled.
    pub(super) fn new(
        ordering: Ordering,
        permits: Arc<Semaphore>,
        in_flight: usize,
        is_blocking: Vec<bool>,
        most_bytes: u64,
    ) -> Self {
        Self {
            ordering,
            order: KeyOrder::new(),
            collected: Collected::default(),
            most_waiting_for_thread: in_flight.saturating_mul(4).saturating_add(256),
            calls: Calls::new(permits, is_blocking.len()),
            ready: Ready::new(is_blocking),
            load: Load::new(most_bytes),
        }
    }

    /// Where a record of this [round](crate::engine::delivery::Delivery::round) goes, and what it takes up.
    #[inline]
    pub(in crate::engine) fn place(
        &mut self,
        record: &Record<'_>,
        matched: Matched,
        batch: Option<BatchSpec>,
        round: u64,
    ) -> (Place, Slot) {
        let key = match self.ordering {
            Ordering::ByKey => record.key().map(KeyHash::of),
            Ordering::None => None,
        };
        let place = self.find_place(matched.handler(), batch, key);
        let bytes = match place {
            // How many are under way is limited, and to count the headers of each would be felt.
            Place::Begins => record.bytes_without_headers(),
            _ => record.bytes(),
        };
        (place, Slot { offset: record.offset(), key, bytes, round, written: record.written() })
    }

    #[inline]
    fn find_place(&mut self, handler: usize, batch: Option<BatchSpec>, key: Option<KeyHash>) -> Place {
        if let Some(key) = key
            && self.order.is_busy(key)
            && !self.joins_its_key(handler, key)
        {
            return Place::Waits(key);
        }
        match batch {
            Some(spec) => Place::IsCollected(spec),
            None if self.ready.is_blocking(handler) => {
                if self.load.begun() < self.most_waiting_for_thread {
                    Place::Begins
                } else {
                    Place::NeedsThread
                }
            }
            None if self.calls.have_permit() => Place::Begins,
            None => Place::NeedsPermit,
        }
    }

    /// Whether the record before it of the same key is collected for the same handler, and nothing waits behind that one: both
    /// may go into one batch.
    fn joins_its_key(&self, handler: usize, key: KeyHash) -> bool {
        self.collected.has(key, handler) && !self.order.has_waiting(key)
    }

    /// The record waits for one of its key.
    pub(in crate::engine) fn wait(&mut self, key: KeyHash, held: Held) {
        self.load.admit(held.slot.bytes);
        self.order.wait(key, held);
    }

    /// Collects a record of a batch handler.
    pub(in crate::engine) fn collect(&mut self, held: Held, spec: BatchSpec) {
        self.load.admit(held.slot.bytes);
        self.load.begin();
        if let Some(key) = held.slot.key {
            self.order.begin(key);
        }
        self.add_to_batch(held, spec);
    }

    fn add_to_batch(&mut self, held: Held, spec: BatchSpec) {
        if let Some(complete) = self.collected.add(held, spec, self.load.most_bytes()) {
            self.ready.push(complete);
        }
    }

    /// What is collected and has waited long enough, or all of it, waits for nothing but a permit.
    pub(in crate::engine) fn make_due_ready(&mut self, at_once: bool) {
        while let Some(due) = self.collected.take_due(at_once) {
            self.ready.push(due);
        }
    }

    /// Begins a record, which [may](Place::Begins), and returns it if it has ended at once.
    #[inline]
    pub(in crate::engine) fn begin<R: Routes>(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        message: Message,
        (matched, slot): (Matched, Slot),
        begins: Moment,
    ) -> Option<Attempted<One>> {
        let one = One::new(message, matched);
        let attempted = self.calls.begin(cx, tools, one, (matched, slot), begins);
        if attempted.is_none() {
            self.load.admit(slot.bytes);
            self.load.begin();
            if let Some(key) = slot.key {
                self.order.begin(key);
            }
        }
        attempted.map(|(attempted, _)| attempted)
    }

    /// Whether something waits for nothing but a permit or a thread.
    pub(in crate::engine) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Begins what waits for a permit, if there is one, and returns it if it has ended at once.
    pub(in crate::engine) fn begin_ready<R: Routes>(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        begins: Moment,
    ) -> Option<Option<Finished>> {
        let job = match self.ready.pop_for_thread() {
            Some(job) => job,
            None if self.ready.needs_permit() && self.calls.have_permit() => self.ready.pop_for_permit()?,
            None => return None,
        };
        Some(match job {
            Job::One(Held { message, matched, slot }) => {
                let one = One::new(message, matched);
                let attempted = self.calls.begin(cx, tools, one, (matched, slot), begins);
                attempted.map(|(attempted, rest)| Finished::new(attempted, rest))
            }
            Job::Many { handler, records } => {
                let attempted = self.calls.begin(cx, tools, Many::new(handler, records), (), begins);
                attempted.map(|(attempted, ())| Finished::new(attempted, ()))
            }
        })
    }

    /// The permit of an attempt that has ended is for the next.
    pub(in crate::engine) fn take_permit(&mut self, finished: &mut Finished) {
        self.calls.take_permit(&mut finished.permits);
    }

    /// An attempt that has ended, if there is one.
    pub(in crate::engine) fn try_next(&mut self) -> Option<Result<Finished, Lost>> {
        self.calls.try_next()
    }

    /// Waits for an attempt to end, and for a permit if the next record needs one.
    ///
    /// # Cancel safety
    /// It can be called again. The wait for a permit keeps its place, until no permit is needed.
    pub(in crate::engine) async fn event(&mut self, next: NextRecord) -> Event {
        let needs_permit = match next {
            NextRecord::Begins => self.ready.needs_permit(),
            NextRecord::NeedsPermit => true,
            NextRecord::IsHeld => false,
        };
        self.calls.event(needs_permit).await
    }

    /// The attempts at a record that had not ended at once have.
    pub(in crate::engine) fn done(&mut self, slot: &Slot) {
        self.load.settle(slot.bytes);
    }

    /// What is behind a key's record may begin.
    pub(in crate::engine) fn release(&mut self, key: KeyHash, batch_of: impl Fn(usize) -> Option<BatchSpec>) {
        let Some(next) = self.order.release(key) else { return };
        self.load.begin();
        let handler = next.handler();
        let Some(spec) = batch_of(handler) else {
            self.ready.push(Job::One(next));
            return;
        };
        self.add_to_batch(next, spec);
        // All of its key that is for the same handler goes with it.
        while self.collected.has(key, handler)
            && let Some(next) = self.order.join(key, |next| next.handler() == handler)
        {
            self.load.begin();
            self.add_to_batch(next, spec);
        }
    }

    /// Others may have the permit that is kept for the next attempt.
    pub(in crate::engine) fn give_back_permit(&mut self) {
        self.calls.give_back_permit();
    }

    /// Drops what has not begun.
    pub(in crate::engine) fn let_go(&mut self) {
        self.calls.wait_no_longer();
        let load = &mut self.load;
        self.order.forget_waiting(|held| load.forget(held.slot.bytes));
        self.make_due_ready(true);
        let ready = self.ready.drain().flat_map(Job::into_records);
        for held in ready {
            self.load.settle(held.slot.bytes);
            if let Some(key) = held.slot.key {
                self.order.release(key);
            }
        }
    }

    /// Takes back what a batch was collected in.
    pub(in crate::engine) fn take_back(&mut self, empty: Vec<Held>) {
        self.collected.take_back(empty);
    }

    /// Keeps no memory for batches.
    pub(in crate::engine) fn shed_memory(&mut self) {
        self.collected.shed_memory();
    }

    /// When the first group has waited long enough.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        self.collected.due()
    }

    /// Whether nothing is under way, and nothing waits to begin.
    pub(in crate::engine) fn is_idle(&self) -> bool {
        !self.calls.are_under_way() && self.ready.is_empty() && self.collected.is_empty()
    }

    /// Whether handlers are under way.
    pub(in crate::engine) fn is_busy(&self) -> bool {
        self.calls.are_under_way()
    }

    pub(in crate::engine) fn fills_memory(&self, backing_off: usize) -> bool {
        self.load.fills_memory(backing_off)
    }

    /// How many records are unsettled, and how many of those wait behind one of their key.
    pub(in crate::engine) fn unsettled_and_behind(&self) -> (usize, usize) {
        (self.load.unsettled(), self.load.behind())
    }
}
