//! What a lane says of itself to whoever looks from outside.

use super::{epoch::Epoch, run::Run};
use crate::{
    engine::{
        attempt::Worker,
        delivery::Delivery,
        numbers::{UnderWay, WaitingCall},
    },
    record::Written,
    route::Routes,
    source::{Entry, Fetched, Queue},
};

impl<R: Routes> Run<R> {
    /// Adds what was counted to what the consumer has.
    pub(super) fn count(&mut self) {
        let (unmatched, untyped) = self.unmatched.not_added();
        self.numbers.skipped(unmatched, untyped);
        self.tools.worker.shared.count(self.numbers.counts(), &mut self.unmatched);
    }

    /// Says what is under way, for whoever looks while the lane waits or works.
    pub(super) fn say_under_way(&mut self) {
        let (open, unsettled) = self.epoch.oldest_and_unsettled();
        let (worker, taken) = (&self.tools.worker, self.delivery.taken(&self.fetched));
        let next = self.fetched.entry(&worker.origin).or_else(|| taken.entry(&worker.origin));
        let waiting = next.and_then(|entry| match entry {
            Entry::Record(record) => Some(record.written()),
            Entry::Error(_) => None,
        });
        let queued = queued(&self.fetched, &self.delivery, &self.queue);
        let last_settled = self.numbers.last_settled();
        worker.control.gauges.say(&UnderWay { open, waiting, last_settled, unsettled, queued });
    }

    /// Records are taken, of which `first` is the first.
    pub(super) fn meet(&mut self, first: Option<i64>) {
        if self.epoch.meet(first)
            && let Some(first) = first
        {
            self.control().gauges.settled_below(first);
        }
    }
}

/// How many records are at hand and have not begun.
pub(super) fn queued(fetched: &Fetched, delivery: &Delivery, queue: &Queue) -> usize {
    fetched.len() + delivery.waiting() + queue.waiting()
}

/// Says that a call waits on the lane's task, which was made with so many records, of which the first was written then.
pub(super) fn say_call_waits(
    worker: &Worker,
    epoch: &mut Epoch,
    written: Written,
    records: usize,
    queued: usize,
) {
    let (open, unsettled) = epoch.oldest_and_unsettled();
    worker.control.gauges.works_on(&WaitingCall { written, records, open, unsettled, queued });
}
