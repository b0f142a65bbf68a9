//! How much of a partition is unsettled, and how much may be.

use super::stall::Limit;

/// What a record takes while it waits behind its key or for its next attempt, in addition to its key, payload and headers:
/// librdkafka's message and its parsed headers, and what the lane knows of it. 2,000,000 records of some 170 bytes that waited
/// behind their keys took 786 bytes each.
const WAITING_BYTES: u64 = 640;

/// The unsettled records of a partition that have a handler.
#[derive(Debug)]
pub(super) struct Load {
    /// How many may have had their turn and be under way, or wait for a permit.
    most_active: usize,
    /// Of keys, payloads and headers, and of [`WAITING_BYTES`]. The record that exceeds it is still let in.
    most_bytes: u64,
    /// Those that have had their turn.
    begun: usize,
    /// Those that wait behind one of their key.
    behind: usize,
    bytes: u64,
}

impl Load {
    pub(super) fn new(most_active: usize, most_bytes: u64) -> Self {
        Self { most_active, most_bytes, begun: 0, behind: 0, bytes: 0 }
    }

    pub(super) fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// A record of so many bytes is let in, and waits behind its key until it [begins](Self::begin).
    pub(super) fn admit(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.behind += 1;
    }

    /// It is a record's turn.
    pub(super) fn begin(&mut self) {
        self.behind -= 1;
        self.begun += 1;
    }

    /// A record that has begun is settled.
    pub(super) fn settle(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.begun -= 1;
    }

    /// How many records are unsettled.
    pub(super) fn unsettled(&self) -> usize {
        self.begun + self.behind
    }

    /// How many of those wait behind one of their key.
    pub(super) fn behind(&self) -> usize {
        self.behind
    }

    /// How many have had their turn and do not wait for their next attempt, if so many do.
    pub(super) fn active(&self, backing_off: usize) -> usize {
        self.begun.saturating_sub(backing_off)
    }

    /// Whether the memory is used up.
    pub(super) fn fills_memory(&self, backing_off: usize) -> bool {
        let waiting = (self.behind + backing_off) as u64;
        self.bytes.saturating_add(waiting.saturating_mul(WAITING_BYTES)) >= self.most_bytes
    }

    /// What forbids to let in more, if so many of those that have had their turn wait for their next attempt.
    pub(super) fn limit(&self, backing_off: usize) -> Option<Limit> {
        if self.active(backing_off) >= self.most_active {
            Some(Limit::InFlight)
        } else {
            self.fills_memory(backing_off).then_some(Limit::Memory)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_counts_as_memory_and_not_as_in_flight() {
        let mut load = Load::new(10, 1_000_000);
        for _ in 0..9 {
            load.admit(100);
            load.begin();
        }
        (0..1000).for_each(|_| load.admit(100));
        assert_eq!(load.limit(0), None);
        load.begin();
        assert_eq!(load.limit(0), Some(Limit::InFlight));
        assert_eq!(load.limit(1), None, "one of them waits for its next attempt");
        load.settle(100);
        assert_eq!((load.limit(0), load.unsettled(), load.behind()), (None, 1008, 999));
    }

    #[test]
    fn small_records_that_wait_fill_the_memory_too() {
        let mut load = Load::new(10, 1_000_000);
        let mut records = 0;
        while load.limit(0).is_none() {
            load.admit(10);
            records += 1;
        }
        assert_eq!(load.limit(0), Some(Limit::Memory));
        assert!((1000..2000).contains(&records), "{records}");
    }

    #[test]
    fn a_record_that_is_larger_than_the_memory_is_let_in_alone() {
        let mut load = Load::new(10, 1000);
        assert_eq!(load.limit(0), None);
        load.admit(1_000_000);
        load.begin();
        assert_eq!(load.limit(0), Some(Limit::Memory));
        load.settle(1_000_000);
        assert_eq!(load.limit(0), None);
    }
}
