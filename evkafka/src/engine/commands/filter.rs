use std::sync::Arc;

use crate::engine::assignment::TopicPartition;

/// Which of a consumer's partitions a command is for: those that have what is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PartitionFilter {
    topic: Option<Arc<str>>,
    partition: Option<i32>,
}

impl PartitionFilter {
    /// Those of this topic (of all topics, if none is given) with this number (with any, if none is given).
    pub(crate) fn new(topic: Option<Arc<str>>, partition: Option<i32>) -> Self {
        Self { topic, partition }
    }

    pub(crate) fn topic(&self) -> Option<&Arc<str>> {
        self.topic.as_ref()
    }

    pub(crate) fn partition(&self) -> Option<i32> {
        self.partition
    }

    pub(super) fn has(&self, (topic, partition): &TopicPartition) -> bool {
        self.topic.as_ref().is_none_or(|only| only == topic)
            && self.partition.is_none_or(|only| only == *partition)
    }

    /// Whether all partitions that `other` has are among those that this one has.
    pub(super) fn contains(&self, other: &Self) -> bool {
        self.topic.as_ref().is_none_or(|only| other.topic.as_ref() == Some(only))
            && self.partition.is_none_or(|only| other.partition == Some(only))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_contains_those_that_are_as_narrow() {
        let all = PartitionFilter::default();
        let topic = PartitionFilter::new(Some("orders".into()), None);
        let number = PartitionFilter::new(None, Some(3));
        let one = PartitionFilter::new(Some("orders".into()), Some(3));
        let filters = [&all, &topic, &number, &one];
        let contained =
            filters.map(|filter| filters.iter().map(|other| filter.contains(other)).collect::<Vec<_>>());
        assert_eq!(
            contained,
            [
                [true, true, true, true],
                [false, true, false, true],
                [false, false, true, true],
                [false, false, false, true]
            ]
        );
        assert_eq!(filters.map(|filter| filter.has(&("orders".into(), 3))), [true; 4]);
        assert_eq!(filters.map(|filter| filter.has(&("orders".into(), 4))), [true, true, false, false]);
        assert_eq!(filters.map(|filter| filter.has(&("payments".into(), 3))), [true, false, true, false]);
    }
}
