//! Partitions of which no records come although their logs do not end there.
//!
//! librdkafka may stop to read a partition without a word. When a topic is recreated whose leaders had changed before, their epochs count
//! from zero again: it takes what it hears of the new leader for out of date, and repeats fetches for ever that the broker refuses. Only
//! a new client knows nothing of the epochs before.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::engine::assignment::TopicPartition;

/// At how many looks in a row a partition has to be silent. Ten seconds lie between two.
const LOOKS: u32 = 4;

/// How long lies between two clients at least, at first and at most: what a new client does not cure is not to cost a rebalance each time.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST_PATIENCE: Duration = Duration::from_secs(3600);

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
    /// The log that the client's last fetch was told of; `None` if it was refused.
    pub(super) fetched: Option<Range<i64>>,
}

/// A partition of which no records come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silent {
    partition: TopicPartition,
    position: i64,
    end: i64,
}

/// The silent partitions of a member, whichever client it has.
#[derive(Clone, Debug)]
pub(super) struct Silences(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    partitions: HashMap<TopicPartition, Silence>,
    /// From when on another client may be asked for, and how long it is until the one after that.
    next: Option<Instant>,
    patience: Duration,
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
    pub(super) fn new() -> Self {
        let (partitions, found) = (HashMap::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { partitions, next: None, patience: PATIENCE, found })))
    }

    /// The member has another client, or partitions were paused: what was seen so far says nothing of what comes.
    pub(super) fn begin(&self) {
        let State { partitions, found, .. } = &mut *self.state();
        found.clear();
        partitions.values_mut().for_each(|silence| silence.looks = 0);
    }

    /// These have nothing at hand; all others have, or are not read.
    pub(super) fn look(&self, idle: Vec<Idle>, now: Instant) {
        let State { partitions, next, patience, found } = &mut *self.state();
        partitions.retain(|key, silence| silence.was_found || idle.iter().any(|idle| idle.partition == *key));
        let may_find = next.is_none_or(|next| now >= next);
        for idle in idle {
            let Some(end) = idle.end else { continue };
            if idle.is_read_to(end) {
                partitions.remove(&idle.partition);
                continue;
            }
            let Idle { partition, position, beats, .. } = idle;
            let begins = || Silence { position, beats, looks: 0, was_found: false };
            let silence = partitions.entry(partition.clone()).or_insert_with(begins);
            if silence.position != position {
                *silence = begins();
            }
            // A lane that does not look finds nothing.
            if silence.looks == 0 || silence.beats != beats {
                (silence.looks, silence.beats) = (silence.looks + 1, beats);
            }
            if silence.looks >= LOOKS && !silence.was_found && may_find {
                silence.was_found = true;
                found.push(Silent { partition, position, end });
            }
        }
        if may_find && !found.is_empty() {
            *next = Some(now + *patience);
            *patience = (*patience * 2).min(LONGEST_PATIENCE);
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

impl Idle {
    /// Whether there is nothing to come before the end of the log.
    ///
    /// Where a log was cut off in front of its reader, librdkafka goes on at its end; where all of it was deleted, too.
    fn is_read_to(&self, end: i64) -> bool {
        let is_cut_off = |fetched: &Range<i64>| end < self.position && fetched.end == end;
        let is_deleted = |fetched: &Range<i64>| fetched.start >= end;
        let is_fetched_to = |fetched| is_cut_off(fetched) || is_deleted(fetched);
        end == self.position || self.fetched.as_ref().is_some_and(is_fetched_to)
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

    /// A partition whose fetches are refused.
    fn idle(position: i64, beats: u64, end: impl Into<Option<i64>>) -> Idle {
        Idle { partition: ("orders".into(), 0), position, beats, end: end.into(), fetched: None }
    }

    /// The position and the end of those that were found at these looks, and at which.
    fn found(silences: &Silences, looks: impl IntoIterator<Item = Vec<Idle>>) -> Vec<(usize, i64, i64)> {
        let (mut found, begun) = (Vec::new(), Instant::now());
        for (look, idle) in looks.into_iter().enumerate() {
            let Ok(seconds) = u64::try_from(look * 10) else { break };
            silences.look(idle, begun + Duration::from_secs(seconds));
            found.extend(silences.take_found().iter().map(|silent| (look, silent.position, silent.end)));
        }
        found
    }

    fn looks(beats: Range<u64>, at: impl Fn(u64) -> Idle) -> impl Iterator<Item = Vec<Idle>> {
        beats.map(move |beats| vec![at(beats)])
    }

    #[test]
    fn a_partition_is_silent_when_nothing_comes_at_four_looks_whichever_way_its_log_ends() {
        for end in [5, 9] {
            let silent = found(&Silences::new(), looks(0..100, |beats| idle(7, beats, end)));
            assert_eq!(silent, [(3, 7, end)], "once");
        }
    }

    #[test]
    fn what_a_new_client_does_not_cure_is_found_again_when_something_has_come_and_more_and_more_seldom() {
        let silences = Silences::new();
        let position = |beats: u64| i64::try_from(beats / 5).expect("small");
        let all = found(&silences, looks(0..2_000, |beats| idle(position(beats), beats, -1)));
        let at: Vec<usize> = all.iter().map(|(look, ..)| *look).collect();
        assert!(at.len() > 6 && at.len() < 14, "{at:?}");
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 6), "{at:?}");
        assert!(at[at.len() - 1] - at[at.len() - 2] >= 300, "{at:?}");
    }

    #[test]
    fn a_partition_that_others_have_read_meanwhile_is_not_found_again_at_the_same_place() {
        let silences = Silences::new();
        assert_eq!(found(&silences, looks(0..4, |beats| idle(7, beats, 9))).len(), 1);
        silences.begin();
        let away = (0..100).map(|_| Vec::new());
        assert_eq!(found(&silences, away.chain(looks(0..100, |beats| idle(7, beats, 9)))), []);
    }

    #[test]
    fn what_comes_is_read_to_its_end_or_is_at_hand_is_not_silent() {
        for interruption in [vec![idle(7, 0, 7)], Vec::new(), vec![idle(8, 0, 9)]] {
            let three = || looks(0..3, |beats| idle(7, beats, 9));
            assert_eq!(found(&Silences::new(), three().chain([interruption]).chain(three())), []);
        }
    }

    #[test]
    fn a_log_that_is_fetched_to_where_it_was_cut_off_or_deleted_is_not_silent() {
        let cut_off = |beats| Idle { fetched: Some(0..5), ..idle(7, beats, 5) };
        let deleted = |beats| Idle { fetched: Some(9..9), ..idle(7, beats, 9) };
        let not_fetched_to = |beats| Idle { fetched: Some(0..9), ..idle(7, beats, 9) };
        assert_eq!(found(&Silences::new(), looks(0..100, cut_off)), []);
        assert_eq!(found(&Silences::new(), looks(0..100, deleted)), []);
        assert_eq!(found(&Silences::new(), looks(0..100, not_fetched_to)), [(3, 7, 9)]);
    }

    #[test]
    fn a_lane_that_does_not_look_and_a_broker_that_does_not_answer_say_nothing() {
        let silences = Silences::new();
        assert_eq!(found(&silences, looks(0..100, |_| idle(7, 1, 9))), []);
        assert_eq!(found(&silences, looks(0..100, |beats| idle(7, beats, None))), []);
        assert_eq!(found(&silences, looks(2..5, |beats| idle(7, beats, 9))), [(2, 7, 9)]);
    }
}
