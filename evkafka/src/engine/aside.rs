use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::assignment::TopicPartition;
use crate::settle::Backoff;

/// Partitions whose commits are refused, as those of a topic that was deleted. Each is committed by itself, so that the others are
/// not kept from hearing that theirs were taken.
#[derive(Debug, Default)]
pub(super) struct Aside(HashMap<TopicPartition, Refused>);

#[derive(Debug)]
struct Refused {
    times: u32,
    again_at: Instant,
}

/// It rarely passes by itself, and librdkafka tries for half a second before it says so, in which no other commit is sent.
fn backoff() -> Backoff {
    Backoff::exponential(Duration::from_secs(2), Duration::from_secs(60))
}

impl Aside {
    pub(super) fn contains(&self, partition: &TopicPartition) -> bool {
        self.0.contains_key(partition)
    }

    /// Its commit was refused, once more perhaps.
    pub(super) fn put(&mut self, partition: TopicPartition, now: Instant, random: f64) {
        let refused = self.0.entry(partition).or_insert(Refused { times: 0, again_at: now });
        refused.times = refused.times.saturating_add(1);
        refused.again_at = now + backoff().wait(refused.times, random);
    }

    /// There is nothing to commit of it any more.
    pub(super) fn take_back(&mut self, partition: &TopicPartition) {
        self.0.remove(partition);
    }

    /// Those that are to be tried again.
    pub(super) fn due(&self, now: Instant) -> Vec<TopicPartition> {
        let due = self.0.iter().filter(|(_, refused)| refused.again_at <= now);
        due.map(|(partition, _)| partition.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_tried_again_after_a_wait_that_grows() {
        let (mut aside, now) = (Aside::default(), Instant::now());
        let partition: TopicPartition = ("orders".into(), 0);
        aside.put(partition.clone(), now, 0.5);
        assert!(aside.contains(&partition));
        assert_eq!(aside.due(now), []);
        let first = backoff().wait(1, 0.5);
        assert_eq!(aside.due(now + first).len(), 1);
        aside.put(partition.clone(), now, 0.5);
        assert_eq!(aside.due(now + first), []);
        assert_eq!(aside.due(now + backoff().wait(2, 0.5)).len(), 1);
        aside.take_back(&partition);
        assert!(!aside.contains(&partition));
    }
}
