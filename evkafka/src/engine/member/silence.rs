//! Partitions of which no records come although their logs do not end there.
//!
//! librdkafka may stop to read a partition without a word. When a topic is recreated whose leaders had changed before, their epochs count
//! from zero again: it takes what it hears of the new leader for out of date, and repeats fetches for ever that the broker refuses. Only
//! a new client knows nothing of the epochs before.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::engine::assignment::TopicPartition;

/// At how many looks in a row a partition has to be silent. Ten seconds lie between two.
const LOOKS: u32 = 4;

/// A partition that has nothing at hand, at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Idle {
    pub(super) partition: TopicPartition,
    /// The offset of the record that would come next.
    pub(super) position: i64,
    /// Grows if its lane has looked for records meanwhile.
    pub(super) beats: u64,
    /// Where the brokers say that its log ends, if they have answered.
    pub(super) end: Option<i64>,
}

/// A partition of which no records come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silent {
    partition: TopicPartition,
    position: i64,
    end: i64,
}

/// The silent partitions of a member, whichever client it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Silences(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    partitions: HashMap<TopicPartition, Silence>,
    /// What was found and nobody has taken yet.
    found: Vec<Silent>,
}

/// Since when a partition is silent.
#[derive(Debug)]
struct Silence {
    position: i64,
    beats: u64,
    looks: u32,
    /// Whether it was found before. If a new client has no records either, there are none: the end of the log is not that of a record.
    was_found: bool,
}

impl Silences {
    /// These have nothing at hand; all others have, or are not read.
    pub(super) fn look(&self, idle: Vec<Idle>) {
        let State { partitions, found } = &mut *self.state();
        partitions.retain(|key, _| idle.iter().any(|idle| idle.partition == *key));
        for Idle { partition, position, beats, end } in idle {
            let Some(end) = end else { continue };
            if end == position {
                partitions.remove(&partition);
                continue;
            }
            let begins = || Silence { position, beats, looks: 0, was_found: false };
            let silence = partitions.entry(partition.clone()).or_insert_with(begins);
            if silence.position != position {
                *silence = begins();
            }
            // A lane that does not look finds nothing.
            if silence.looks == 0 || silence.beats != beats {
                (silence.looks, silence.beats) = (silence.looks + 1, beats);
            }
            if silence.looks >= LOOKS && !silence.was_found {
                silence.was_found = true;
                found.push(Silent { partition, position, end });
            }
        }
    }

    /// Those that were found to be silent since the last time.
    pub(super) fn take_found(&self) -> Vec<Silent> {
        std::mem::take(&mut self.state().found)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition: (topic, partition), position, end } = self;
        write!(f, "{topic}[{partition}] (next offset {position}, end of the log {end})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(position: i64, beats: u64, end: impl Into<Option<i64>>) -> Idle {
        Idle { partition: ("orders".into(), 0), position, beats, end: end.into() }
    }

    fn found(silences: &Silences) -> Vec<(i64, i64)> {
        silences.take_found().iter().map(|silent| (silent.position, silent.end)).collect()
    }

    #[test]
    fn a_partition_is_silent_when_nothing_comes_at_four_looks_whichever_way_its_log_ends() {
        for end in [5, 9] {
            let silences = Silences::default();
            for beats in 0..3 {
                silences.look(vec![idle(7, beats, end)]);
                assert_eq!(found(&silences), []);
            }
            silences.look(vec![idle(7, 3, end)]);
            assert_eq!(found(&silences), [(7, end)]);
        }
    }

    #[test]
    fn it_is_found_once_until_something_has_come() {
        let silences = Silences::default();
        (0..100).for_each(|beats| silences.look(vec![idle(7, beats, 9)]));
        assert_eq!(found(&silences), [(7, 9)]);
        (100..200).for_each(|beats| silences.look(vec![idle(8, beats, 9)]));
        assert_eq!(found(&silences), [(8, 9)]);
    }

    #[test]
    fn what_comes_is_read_to_its_end_or_is_at_hand_is_not_silent() {
        for interruption in [vec![idle(7, 0, 7)], Vec::new(), vec![idle(8, 0, 9)]] {
            let silences = Silences::default();
            for beats in 0..3 {
                silences.look(vec![idle(7, beats, 9)]);
            }
            silences.look(interruption);
            silences.look(vec![idle(7, 9, 9)]);
            assert_eq!(found(&silences), []);
        }
    }

    #[test]
    fn a_lane_that_does_not_look_and_a_broker_that_does_not_answer_say_nothing() {
        let silences = Silences::default();
        (0..100).for_each(|_| silences.look(vec![idle(7, 1, 9)]));
        (0..100).for_each(|beats| silences.look(vec![idle(7, beats, None)]));
        assert_eq!(found(&silences), []);
        (2..5).for_each(|beats| silences.look(vec![idle(7, beats, 9)]));
        assert_eq!(found(&silences), [(7, 9)]);
    }
}
