//! Partitions as librdkafka lists them, and as a log line does.

use std::{fmt, sync::Arc};

use super::assignment::TopicPartition;
use crate::native::PartitionList;

/// The partitions of a list, of which those of one topic share its name.
pub(super) fn partitions(list: &PartitionList) -> Vec<TopicPartition> {
    let mut topics: Vec<Arc<str>> = Vec::new();
    list.partitions()
        .map(|(name, partition)| {
            let topic = topics.iter().find(|topic| ***topic == *name).cloned().unwrap_or_else(|| {
                let topic: Arc<str> = name.into();
                topics.push(Arc::clone(&topic));
                topic
            });
            (topic, partition)
        })
        .collect()
}

/// Partitions for a log line: `orders[0] orders[1]`.
pub(super) struct Names<'p>(pub(super) &'p [TopicPartition]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (topic, partition)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{topic}[{partition}]")?;
        }
        Ok(())
    }
}
