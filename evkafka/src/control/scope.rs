use std::{fmt, sync::Arc};

use crate::engine::PartitionFilter;

/// Which partitions a command is for: those that have all that is given.
///
/// ```
/// use evkafka::control::Scope;
///
/// let everything = Scope::all();
/// let consumer = Scope::consumer("billing");
/// let topic = Scope::consumer("billing").topic("orders");
/// let partition = Scope::consumer("billing").topic("orders").partition(3);
/// assert_eq!(partition.to_string(), "orders[3] of consumer `billing`");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Scope {
    pub(super) consumer: Option<Arc<str>>,
    pub(super) topic: Option<Arc<str>>,
    pub(super) partition: Option<i32>,
}

impl Scope {
    /// All partitions of all consumers.
    pub fn all() -> Self {
        Self::default()
    }

    /// All partitions of the consumer of this name.
    pub fn consumer(name: impl Into<Arc<str>>) -> Self {
        Self { consumer: Some(name.into()), ..Self::default() }
    }

    /// Of these, the partitions of this topic.
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Of these, the partitions of this number.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    pub(super) fn filter(&self) -> PartitionFilter {
        PartitionFilter::new(self.topic.clone(), self.partition)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.topic, self.partition) {
            (Some(topic), Some(partition)) => write!(f, "{topic}[{partition}]")?,
            (Some(topic), None) => write!(f, "all partitions of {topic}")?,
            (None, Some(partition)) => write!(f, "partition {partition} of all topics")?,
            (None, None) => f.write_str("all partitions")?,
        }
        self.consumer.iter().try_for_each(|consumer| write!(f, " of consumer `{consumer}`"))
    }
}
