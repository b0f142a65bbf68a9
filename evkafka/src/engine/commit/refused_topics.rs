//! Topics whose commits are refused, as those of one that was deleted, and how the others are kept from suffering for it.
//!
//! Commits are sent in rounds: all topics together first, but for those that are known to be refused. If the answer is that one of
//! the partitions is refused, librdkafka writes so into all of them, and each topic is sent alone; so are those that were refused
//! before, when they are due. What is refused alone is set aside until it is due again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::time::Instant;

use crate::{client::Fault, engine::assignment::TopicPartition, native::CommitReply, settle::Backoff};

/// The topics that are set aside.
#[derive(Debug, Default)]
pub(super) struct RefusedTopics(HashMap<Arc<str>, Refused>);

#[derive(Debug)]
struct Refused {
    times: u32,
    due: Instant,
}

/// It rarely passes by itself, and librdkafka tries for half a second before it says so, in which no other commit is sent.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(10));

impl RefusedTopics {
    /// Its commit was refused, once more perhaps.
    pub(super) fn put(&mut self, topic: Arc<str>, now: Instant, random: f64) {
        let refused = self.0.entry(topic).or_insert(Refused { times: 0, due: now });
        refused.times = refused.times.saturating_add(1);
        refused.due = now + BACKOFF.wait(refused.times, random);
    }

    /// There is nothing to commit of it any more.
    pub(super) fn take_back(&mut self, topic: &str) {
        self.0.remove(topic);
    }

    /// What is assigned has changed: what was refused before says nothing.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// When the next is to be tried again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|refused| refused.due).min()
    }

    /// Those that are to be tried again.
    pub(super) fn due(&self, now: Instant) -> Vec<Arc<str>> {
        let due = self.0.iter().filter(|(_, refused)| refused.due <= now);
        due.map(|(topic, _)| Arc::clone(topic)).collect()
    }

    /// Whether a partition is in what the round sends now.
    pub(super) fn is_sent(&self, round: &Round, (topic, _): &TopicPartition) -> bool {
        match &round.alone {
            Some(alone) => alone == topic,
            None => !self.0.contains_key(topic),
        }
    }
}

/// A round of commits.
#[derive(Debug)]
pub(super) struct Round {
    /// What is sent now: one topic alone, or all together.
    alone: Option<Arc<str>>,
    /// What is to be sent alone after that.
    open: Vec<Arc<str>>,
}

/// What came of a commit of a round.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    Accepted,
    /// Nothing is known before each topic was sent alone.
    Unknown,
    /// The topic's commit is refused.
    Refused(Arc<str>, RDKafkaErrorCode),
    /// It failed, and not because of a topic.
    Failed(RDKafkaErrorCode),
}

impl Round {
    /// A round that begins with all topics together; those that were refused before and are `due` follow.
    pub(super) fn new(due: Vec<Arc<str>>) -> Self {
        Self { alone: None, open: due }
    }

    /// The topic that is sent alone now.
    pub(super) fn alone(&self) -> Option<&Arc<str>> {
        self.alone.as_ref()
    }

    /// Goes on to the next topic that is to be sent alone.
    pub(super) fn next(&mut self) -> Option<Arc<str>> {
        self.alone = Some(self.open.pop()?);
        self.alone.clone()
    }

    /// What the answer to what was sent, of these `topics`, comes to.
    pub(super) fn judge(&mut self, topics: impl FnOnce() -> Vec<Arc<str>>, reply: &CommitReply) -> Came {
        let Err(code) = reply.first_error() else { return Came::Accepted };
        let is_of_one_partition =
            reply.result.is_err_and(|code| Fault::of(code).for_commit().is_of_one_partition());
        match (is_of_one_partition, &self.alone) {
            (false, _) => Came::Failed(code),
            (true, Some(topic)) => Came::Refused(Arc::clone(topic), code),
            (true, None) => {
                self.open.extend(topics());
                Came::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_tried_again_after_a_wait_that_grows() {
        let (mut refused, now) = (RefusedTopics::default(), Instant::now());
        assert_eq!(refused.next_due(), None);
        refused.put("orders".into(), now, 0.5);
        assert!(refused.due(now).is_empty());
        let first = now + BACKOFF.wait(1, 0.5);
        assert_eq!(refused.next_due(), Some(first));
        assert_eq!(refused.due(first).len(), 1);
        refused.put("orders".into(), now, 0.5);
        assert!(refused.due(first).is_empty());
        assert_eq!(refused.due(now + BACKOFF.wait(2, 0.5)).len(), 1);
        refused.take_back("orders");
        assert_eq!(refused.next_due(), None);
    }

    fn entry(topic: &str, partition: i32) -> TopicPartition {
        (topic.into(), partition)
    }

    #[test]
    fn each_topic_of_a_commit_that_is_refused_for_one_of_them_is_sent_alone_and_nothing_twice() {
        let code = RDKafkaErrorCode::UnknownTopicOrPartition;
        let topics = || vec!["orders".into(), "gone".into()];
        let mut round = Round::new(vec!["refused".into()]);
        assert_eq!(round.judge(topics, &CommitReply::refused(code)), Came::Unknown);
        let mut sent = Vec::new();
        while let Some(topic) = round.next() {
            let result = if &*topic == "gone" { Err(code) } else { Ok(()) };
            let reply = CommitReply { result, refused: Vec::new() };
            sent.push((topic, round.judge(|| unreachable!("it is known whose it is"), &reply)));
        }
        sent.sort_unstable_by_key(|(topic, _)| Arc::clone(topic));
        let gone = Came::Refused("gone".into(), code);
        assert_eq!(
            sent,
            [("gone".into(), gone), ("orders".into(), Came::Accepted), ("refused".into(), Came::Accepted)]
        );
    }

    #[test]
    fn what_is_wrong_with_the_group_is_no_topics_fault() {
        let code = RDKafkaErrorCode::NotCoordinator;
        let mut round = Round::new(Vec::new());
        assert_eq!(round.judge(Vec::new, &CommitReply::refused(code)), Came::Failed(code));
        assert!(round.next().is_none());
    }

    #[test]
    fn a_part_has_the_partitions_of_its_topic_or_of_all_that_are_not_refused() {
        let mut refused = RefusedTopics::default();
        refused.put("gone".into(), Instant::now(), 0.5);
        let (orders, gone) = (entry("orders", 3), entry("gone", 0));
        let together = Round::new(Vec::new());
        assert!(refused.is_sent(&together, &orders) && !refused.is_sent(&together, &gone));
        let mut alone = Round::new(vec!["gone".into()]);
        assert!(alone.next().is_some());
        assert!(!refused.is_sent(&alone, &orders) && refused.is_sent(&alone, &gone));
    }
}
