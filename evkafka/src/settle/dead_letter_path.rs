use std::fmt;

use crate::record::Record;

/// The topics that a record has been in since it was last written by anything but a failure policy, the one that it is read from
/// last.
///
/// # How a loop is recognised
/// A dead letter says which way it came: the header [`HEADER`] has the path of its record, and then the topic that it is sent to.
/// If a record is read from the topic that its header ends with, nobody but failure policies has sent it, and the path goes on; if
/// not, somebody has sent it again, and the path begins with the topic that it is read from.
///
/// A record must not be sent to a topic of its path. A loop comes back to a topic sooner or later, so none goes round twice. A
/// record that a person sends to its first topic again may fail and be sent to the same dead-letter topic each time.
#[derive(Debug)]
pub(crate) struct DeadLetterPath<'r> {
    topics: Vec<&'r [u8]>,
}

/// The name of the header.
pub(super) const HEADER: &str = "dead-letter-path";

/// The most topics of a path. No chain of consumers needs as many.
const LONGEST: usize = 16;

/// The longest name of a topic.
const LONGEST_NAME: usize = 249;

impl<'r> DeadLetterPath<'r> {
    pub(crate) fn of(record: &Record<'r>) -> Self {
        Self::new(record.topic().as_bytes(), record.headers().get(HEADER))
    }

    fn new(topic: &'r [u8], header: Option<&'r [u8]>) -> Self {
        // What is longer was not written here.
        let header = header.filter(|header| header.len() <= LONGEST * (LONGEST_NAME + 1));
        let topics: Vec<_> =
            header.map_or_else(Vec::new, |header| header.split(|byte| *byte == b',').collect());
        let goes_on = topics.last() == Some(&topic) && topics.len() <= LONGEST;
        Self { topics: if goes_on { topics } else { vec![topic] } }
    }

    /// The header's value for a dead letter to `topic`; `None` if that would begin a loop.
    pub(crate) fn to(&self, topic: &str) -> Option<Vec<u8>> {
        let is_new = !self.topics.contains(&topic.as_bytes()) && self.topics.len() < LONGEST;
        is_new.then(|| [&self.topics[..], &[topic.as_bytes()]].concat().join(&b','))
    }
}

/// The topics with arrows, for people.
impl fmt::Display for DeadLetterPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, topic) in self.topics.iter().enumerate() {
            let arrow = if index == 0 { "" } else { " → " };
            write!(f, "{arrow}`{}`", String::from_utf8_lossy(topic).escape_debug())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn path<'r>(topic: &'r str, header: &'r str) -> DeadLetterPath<'r> {
        DeadLetterPath::new(topic.as_bytes(), Some(header.as_bytes()))
    }

    #[test]
    fn a_first_dead_letter_goes_anywhere_but_back() {
        let path = DeadLetterPath::new(b"orders", None);
        assert_eq!(path.to("orders.dead").unwrap(), b"orders,orders.dead");
        assert_eq!(path.to("orders"), None);
    }

    #[test]
    fn a_dead_letter_goes_on_to_a_further_topic_and_never_back() {
        let path = path("b", "a,b");
        assert_eq!(path.to("c").unwrap(), b"a,b,c");
        assert_eq!(path.to("a"), None);
        assert_eq!(path.to("b"), None);
        assert_eq!(path.to_string(), "`a` → `b`");
    }

    #[test]
    fn a_dead_letter_that_somebody_sends_again_begins_anew() {
        assert_eq!(path("orders", "orders,orders.dead").to("orders.dead").unwrap(), b"orders,orders.dead");
        assert_eq!(path("a", "a,b,c").to("c").unwrap(), b"a,c");
    }

    #[test]
    fn what_was_not_written_here_is_no_path() {
        let long = "t,".repeat(LONGEST * (LONGEST_NAME + 1)) + "orders";
        for header in ["", ",", "orders,", long.as_str(), &("t,".repeat(LONGEST) + "orders")] {
            assert_eq!(path("orders", header).to("t").unwrap(), b"orders,t", "{header}");
        }
    }

    /// Where each topic's consumer sends its dead letters.
    type Targets = Vec<Option<usize>>;

    const NAMES: [&str; 6] = ["t0", "t1", "t2", "t3", "t4", "t5"];

    /// Sends a record from topic to topic until a consumer has none for it, or stops; where it lies then, its header, and whether
    /// it was stopped.
    fn follow(
        targets: &Targets,
        mut topic: usize,
        mut header: Option<Vec<u8>>,
    ) -> (usize, Option<Vec<u8>>, bool) {
        for _ in 0..=NAMES.len() {
            let Some(target) = targets[topic] else { return (topic, header, false) };
            let path = DeadLetterPath::new(NAMES[topic].as_bytes(), header.as_deref());
            let Some(next) = path.to(NAMES[target]) else { return (topic, header, true) };
            (topic, header) = (target, Some(next));
        }
        panic!("a loop went round twice");
    }

    fn comes_back(targets: &Targets, mut topic: usize) -> bool {
        let mut seen = HashSet::new();
        while seen.insert(topic) {
            let Some(target) = targets[topic] else { return false };
            topic = target;
        }
        true
    }

    proptest! {
        /// People may send a dead letter to any topic, with its headers, as often as they like.
        #[test]
        fn a_record_is_stopped_exactly_if_it_would_go_round(
            targets in prop::collection::vec(prop::option::of(0..NAMES.len()), NAMES.len()),
            sent_to in prop::collection::vec(0..NAMES.len(), 1..8),
        ) {
            let mut header = None;
            for topic in sent_to {
                let (_, left, stopped) = follow(&targets, topic, header);
                prop_assert_eq!(stopped, comes_back(&targets, topic));
                header = left;
            }
        }
    }
}
