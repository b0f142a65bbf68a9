use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::record::Written;

/// What a lane has at the moment, as it has last said.
#[derive(Debug)]
pub(in crate::engine) struct Gauges {
    /// When the record was written whose handler waits where the lane is, in order, or the first of its batch; [`NOBODY`] if there is
    /// none.
    at_work: AtomicI64,
    /// How many records it was called with.
    records_at_work: AtomicU64,
    /// The same of the first record that is open, and of the first that has not begun.
    open: AtomicI64,
    waiting: AtomicI64,
    last_settled: AtomicI64,
    unsettled: AtomicU64,
    queued: AtomicU64,
    /// Pre-commit, what may be committed says nothing of what is settled.
    settled: AtomicI64,
    /// When all that was written was settled, by the system's clock.
    caught_up: AtomicI64,
    end: AtomicI64,
    watermark: AtomicI64,
}

/// What a lane has between two turns.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct UnderWay {
    /// When the first record was written that is open.
    pub(in crate::engine) open: Option<Written>,
    /// When the first record was written that was fetched and has not begun.
    pub(in crate::engine) waiting: Option<Written>,
    /// When the last record was written that was settled.
    pub(in crate::engine) last_settled: Written,
    pub(in crate::engine) unsettled: usize,
    pub(in crate::engine) queued: usize,
}

/// A call on the lane's task that waits, and what the lane has meanwhile.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct WaitingCall {
    /// When the first of its records was written.
    pub(in crate::engine) written: Written,
    /// How many it was called with.
    pub(in crate::engine) records: usize,
    /// When the first record was written that is open.
    pub(in crate::engine) open: Option<Written>,
    /// How many are open.
    pub(in crate::engine) unsettled: usize,
    pub(in crate::engine) queued: usize,
}

/// What is known of a lane at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// When the oldest record was written that is not settled and is at hand.
    pub(super) oldest: Option<Written>,
    /// When the last record was written that was settled.
    pub(super) last_settled: Written,
    pub(super) in_flight: u64,
    pub(super) queued: u64,
}

/// What the brokers have said of the end of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedEnd {
    /// As a reader sees it.
    pub(super) end: i64,
    /// The client's high watermark when it was asked for.
    pub(super) watermark: i64,
}

const NONE: i64 = -1;
/// No record is at work, or at hand. All other times are kept as they are.
const NOBODY: i64 = i64::MIN;

fn millis(written: Written) -> i64 {
    written.millis().unwrap_or(NONE)
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            at_work: AtomicI64::new(NOBODY),
            records_at_work: AtomicU64::new(0),
            open: AtomicI64::new(NOBODY),
            waiting: AtomicI64::new(NOBODY),
            last_settled: AtomicI64::new(NONE),
            unsettled: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            settled: AtomicI64::new(NONE),
            caught_up: AtomicI64::new(NONE),
            end: AtomicI64::new(NONE),
            watermark: AtomicI64::new(NONE),
        }
    }
}

impl Gauges {
    /// A handler waits where the lane is.
    pub(in crate::engine) fn works_on(&self, call: &WaitingCall) {
        // First what is added: the lane is not to seem idle in between.
        self.records_at_work.store(call.records as u64, Relaxed);
        self.at_work.store(call.written.to_bits() as i64, Relaxed);
        self.open.store(call.open.map_or(NOBODY, millis), Relaxed);
        self.unsettled.store(call.unsettled as u64, Relaxed);
        self.queued.store(call.queued as u64, Relaxed);
    }

    /// What the lane has between two turns.
    pub(in crate::engine) fn say(&self, under_way: &UnderWay) {
        self.open.store(under_way.open.map_or(NOBODY, millis), Relaxed);
        self.waiting.store(under_way.waiting.map_or(NOBODY, millis), Relaxed);
        self.last_settled.store(millis(under_way.last_settled), Relaxed);
        self.unsettled.store(under_way.unsettled as u64, Relaxed);
        self.queued.store(under_way.queued as u64, Relaxed);
        self.at_work.store(NOBODY, Relaxed);
    }

    /// Whether records were fetched that are not settled.
    pub(in crate::engine) fn has_any(&self) -> bool {
        let Reading { in_flight, queued, .. } = self.read();
        in_flight > 0 || queued > 0
    }

    pub(super) fn read(&self) -> Reading {
        let at_work = self.at_work.load(Relaxed);
        let records_at_work = if at_work == NOBODY { 0 } else { self.records_at_work.load(Relaxed).max(1) };
        // What is open came before what is at work, and that before what has not begun.
        let at_hand = [self.open.load(Relaxed), at_work, self.waiting.load(Relaxed)];
        Reading {
            oldest: at_hand.into_iter().find(|millis| *millis != NOBODY).map(Written::at),
            last_settled: Written::at(self.last_settled.load(Relaxed)),
            in_flight: self.unsettled.load(Relaxed) + records_at_work,
            queued: self.queued.load(Relaxed),
        }
    }

    /// All records below `offset` are settled. Said where that is not what may be committed.
    pub(in crate::engine) fn settled_below(&self, offset: i64) {
        self.settled.store(offset, Relaxed);
    }

    pub(super) fn settled(&self) -> Option<i64> {
        Some(self.settled.load(Relaxed)).filter(|offset| *offset >= 0)
    }

    /// All that was written was settled at this time.
    pub(super) fn caught_up(&self, millis: i64) {
        self.caught_up.fetch_max(millis, Relaxed);
    }

    pub(super) fn last_caught_up(&self) -> Option<i64> {
        Some(self.caught_up.load(Relaxed)).filter(|millis| *millis >= 0)
    }

    /// The brokers say that the log ends there; the client's `watermark` was this one when they were asked.
    pub(in crate::engine) fn ends_at(&self, end: i64, watermark: Option<i64>) {
        self.watermark.store(watermark.unwrap_or(NONE), Relaxed);
        self.end.store(end, Relaxed);
    }

    pub(super) fn asked_end(&self) -> Option<AskedEnd> {
        let asked = AskedEnd { end: self.end.load(Relaxed), watermark: self.watermark.load(Relaxed) };
        (asked.end >= 0).then_some(asked)
    }
}
