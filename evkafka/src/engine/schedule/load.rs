//! How much of a partition is unsettled, and how much may be.

/// What a record takes while it waits behind its key or for its next attempt, in addition to its key, payload and headers:
/// librdkafka's message and its parsed headers, and what the lane knows of it. 2,000,000 records of some 170 bytes that waited
/// behind their keys took 786 bytes each, and 32 more are taken since by what a message's headers and timestamp are.
const WAITING_BYTES: u64 = 672;

/// What keeps a lane from taking more records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Limit {
    /// As much is unsettled as the partition's share of the memory holds.
    Memory,
    /// As many handlers run as may, and records wait for them.
    InFlight,
    /// As many records wait for a thread as may.
    Threads,
    /// What is settled ahead might not fit into a commit's metadata.
    Persisted,
    /// Pre-commit: as many records are committed and not handled as may be.
    CommittedAhead,
    /// As many dead letters are on their way as may be.
    DeadLetters,
    /// As many events are on their way as may be, or their producer has no room.
    Events,
}

/// The unsettled records of a partition that have a handler.
#[derive(Debug)]
pub(super) struct Load {
    /// Of keys, payloads and headers, and of [`WAITING_BYTES`]. The record that exceeds it is still let in.
    most_bytes: u64,
    /// Those that have had their turn.
    begun: usize,
    /// Those that wait behind one of their key.
    behind: usize,
    bytes: u64,
}

impl Load {
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { most_bytes, begun: 0, behind: 0, bytes: 0 }
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

    /// A record that has begun is done with.
    pub(super) fn settle(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.begun -= 1;
    }

    /// A record that waits behind its key is dropped.
    pub(super) fn forget(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.behind -= 1;
    }

    /// How many records have had their turn and are not settled.
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    /// How many records are unsettled.
    pub(super) fn unsettled(&self) -> usize {
        self.begun + self.behind
    }

    /// How many of those wait behind one of their key.
    pub(super) fn behind(&self) -> usize {
        self.behind
    }

    /// Whether the memory is used up, if so many of those that have had their turn wait for their next attempt.
    pub(super) fn fills_memory(&self, backing_off: usize) -> bool {
        let waiting = (self.behind + backing_off) as u64;
        self.bytes.saturating_add(waiting.saturating_mul(WAITING_BYTES)) >= self.most_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_is_settled_or_forgotten() {
        let mut load = Load::new(1_000_000);
        for _ in 0..9 {
            load.admit(100);
            load.begin();
        }
        (0..1000).for_each(|_| load.admit(100));
        load.begin();
        load.settle(100);
        load.forget(100);
        assert_eq!((load.fills_memory(0), load.unsettled(), load.behind()), (false, 1007, 998));
    }

    #[test]
    fn small_records_that_wait_fill_the_memory_too() {
        let mut load = Load::new(1_000_000);
        let mut records = 0;
        while !load.fills_memory(0) {
            load.admit(10);
            records += 1;
        }
        assert!((1000..2000).contains(&records), "{records}");
        let mut retried = Load::new(1_000_000);
        retried.admit(10);
        retried.begin();
        assert!(!retried.fills_memory(1000) && retried.fills_memory(2000), "those in a backoff take as much");
    }

    #[test]
    fn a_record_that_is_larger_than_the_memory_is_let_in_alone() {
        let mut load = Load::new(1000);
        assert!(!load.fills_memory(0));
        load.admit(1_000_000);
        load.begin();
        assert!(load.fills_memory(0));
        load.settle(1_000_000);
        assert!(!load.fills_memory(0));
    }
}
