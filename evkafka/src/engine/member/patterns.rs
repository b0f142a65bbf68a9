//! Which topics a consumer's patterns match, for an estimate of how many partitions it may be assigned.

use crate::config::TopicPattern;

/// The patterns among a consumer's topics. One that cannot be judged counts as matching every topic.
#[derive(Debug)]
pub(super) struct Patterns(Vec<TopicPattern>);

impl Patterns {
    pub(super) fn among(topics: &[String]) -> Self {
        Self(topics.iter().filter_map(|topic| TopicPattern::of(topic)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a topic of this name may be matched.
    pub(super) fn may_match(&self, topic: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(topic) != Some(false))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::{ClientConfig, mocking::MockCluster};

    use super::*;
    use crate::{
        client::ClientLog,
        engine::member::probe::{Finding, look},
    };

    fn patterns(topics: &[&str]) -> Patterns {
        Patterns::among(&topics.iter().map(|topic| (*topic).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_no_patterns() {
        assert!(patterns(&["orders", "payments"]).is_empty());
        let both = patterns(&["orders", "^payments-[a-z]+$"]);
        assert!(both.may_match("payments-eu") && !both.may_match("payments-1") && !both.may_match("orders"));
    }

    #[test]
    fn what_is_no_pattern_here_may_match_anything() {
        assert!(patterns(&["^a", "^(", "^b"]).may_match("orders"));
    }

    #[test]
    fn the_partitions_that_patterns_match_are_counted_once() {
        let cluster = MockCluster::new(1).expect("a cluster");
        for (topic, partitions) in [("orders", 2), ("orders-eu", 16), ("orders-us", 8), ("payments", 32)] {
            cluster.create_topic(topic, partitions, 1).expect("a topic");
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let log = ClientLog::new("test".into(), &config);
        let count = |topics: &[&str]| {
            let topics: Vec<_> = topics.iter().map(|topic| (*topic).to_owned()).collect();
            match look(&config, &log, &topics, &[], Duration::from_secs(30), || false) {
                Finding::Ready { topics } => {
                    topics.into_iter().map(|(_, partitions)| partitions).sum::<usize>()
                }
                finding => panic!("{finding:?}"),
            }
        };
        assert_eq!(count(&["orders", "payments"]), 34);
        assert_eq!(count(&["^orders-.*$"]), 24);
        assert_eq!(count(&["orders", "^orders", "^orders-eu"]), 26);
        assert_eq!(count(&["^("]), 58);
    }
}
