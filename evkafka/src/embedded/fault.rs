//! What goes wrong on an embedded cluster, in words.

use std::{fmt, time::Duration};

use rdkafka::error::RDKafkaErrorCode;

use crate::{config::distance, error::one_line};

/// Why a [`Cluster`](super::Cluster) did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("unknown topic {}{}", Quoted(topic), known(topic, topics))]
    UnknownTopic { topic: String, topics: Vec<String> },
    #[error("topic {} has no partition {partition}: it has {partitions}, counted from 0", Quoted(topic))]
    UnknownPartition { topic: String, partition: i32, partitions: usize },
    #[error("topic {} exists already", Quoted(topic))]
    TopicExists { topic: String },
    #[error(
        "{} is not a topic name: a name has 1 to {LONGEST_NAME} characters of a-z, A-Z, 0-9, `.`, `_` and `-`, and is neither \
         `.` nor `..`",
        Quoted(name)
    )]
    BadName { name: String },
    #[error("topic {} needs at least 1 partition, not 0", Quoted(topic))]
    NoPartitions { topic: String },
    #[error("{what}: {code}")]
    Refused { what: String, code: RDKafkaErrorCode },
    #[error("{what} within {waited:?}: {found}")]
    Late { what: String, waited: Duration, found: String },
    #[error("the embedded cluster has ended")]
    Gone,
}

/// As in Kafka.
const LONGEST_NAME: usize = 249;

/// Kafka's rules for the name of a topic.
pub(super) fn is_topic_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=LONGEST_NAME).contains(&name.len()) && !matches!(name, "." | "..") && name.chars().all(is_allowed)
}

/// What there is in place of an unknown topic.
fn known(topic: &str, topics: &[String]) -> String {
    let list = topics.iter().map(|topic| Quoted(topic).to_string()).collect::<Vec<_>>().join(", ");
    match closest(topic, topics) {
        Some(closest) => format!("; did you mean {}? The topics are {list}", Quoted(closest)),
        None if topics.is_empty() => "; the cluster has no topics: create one with `create_topic`".to_owned(),
        None => format!("; the topics are {list}: create others with `create_topic`"),
    }
}

/// The topic whose name is nearest, if at most a third of the name was mistyped.
fn closest<'t>(name: &str, topics: &'t [String]) -> Option<&'t str> {
    let characters = |name: &str| name.to_lowercase().chars().take(LONGEST_NAME).collect::<Vec<_>>();
    let name = characters(name);
    let near = topics.iter().map(|topic| (distance(&name, &characters(topic)), topic.as_str()));
    let near = near.filter(|(distance, _)| *distance <= name.len().div_ceil(3));
    near.min_by_key(|(distance, _)| *distance).map(|(_, topic)| topic)
}

/// A name between back quotes, on one line, however long it is.
struct Quoted<'n>(&'n str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(LONGEST_NAME).collect();
        write!(f, "`{}`", one_line(&shown))?;
        match self.0.chars().count() {
            count if count > LONGEST_NAME => write!(f, "… ({count} characters)"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(topic: &str, topics: &[&str]) -> String {
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        Fault::UnknownTopic { topic: topic.to_owned(), topics }.to_string()
    }

    #[test]
    fn an_unknown_topic_is_reported_with_the_closest_match() {
        assert_eq!(
            unknown("oders", &["orders", "refunds"]),
            "unknown topic `oders`; did you mean `orders`? The topics are `orders`, `refunds`"
        );
        assert_eq!(
            unknown("payments", &["orders"]),
            "unknown topic `payments`; the topics are `orders`: create others with `create_topic`"
        );
        assert_eq!(
            unknown("orders", &[]),
            "unknown topic `orders`; the cluster has no topics: create one with `create_topic`"
        );
    }

    #[test]
    fn a_topic_name_is_one_that_kafka_takes() {
        for name in ["a", "A.b_c-9", "...", &"a".repeat(249)] {
            assert!(is_topic_name(name), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "ä", "a\0", &"a".repeat(250)] {
            assert!(!is_topic_name(name), "{name}");
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        let text = Fault::BadName { name: "x".repeat(40_000) }.to_string();
        assert!(text.len() < 500 && text.contains("(40000 characters)"), "{text}");
    }
}
