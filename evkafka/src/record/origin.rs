use std::{fmt, sync::Arc};

/// Where records come from: one partition, read by one consumer of the app.
///
/// All records of a partition share one `Origin`, so that a record costs no string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The consumer's name in the app.
    pub consumer: Arc<str>,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl Origin {
    /// An origin from its parts.
    pub fn new(consumer: impl Into<Arc<str>>, topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { consumer: consumer.into(), topic: topic.into(), partition }
    }
}

/// `topic[partition]`, as Kafka's own tools write it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}
