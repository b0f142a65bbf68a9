use std::fmt;

use crate::{
    native::{RawHeader, RawRecord},
    shown::Hidden,
};

/// A record to be sent to a [`Cluster`](super::Cluster).
#[derive(Clone)]
#[must_use = "an event is sent by `Cluster::send`"]
pub struct Event {
    topic: String,
    partition: Option<i32>,
    key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Without values: tests are made of what was real once.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        f.debug_struct("Event")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("key", &Hidden(self.key.as_deref()))
            .field("payload", &Hidden(self.payload.as_deref()))
            .field("headers", &names)
            .finish()
    }
}

impl Event {
    /// An event for this topic: null key, null payload, no headers.
    pub fn new(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), partition: None, key: None, payload: None, headers: Vec::new() }
    }

    /// Adds an `Event-Type` header, which is where consumers look by default.
    pub fn event_type(self, name: impl AsRef<[u8]>) -> Self {
        self.header("Event-Type", name)
    }

    /// Adds a header. Neither name nor value need be UTF-8.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.any_header(name.as_ref(), Some(value.as_ref()))
    }

    /// Adds a header with a null value.
    pub fn null_header(self, name: impl AsRef<[u8]>) -> Self {
        self.any_header(name.as_ref(), None)
    }

    fn any_header(mut self, name: &[u8], value: Option<&[u8]>) -> Self {
        self.headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
        self
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn into_topic(self) -> String {
        self.topic
    }

    pub(super) fn raw_headers(&self) -> Vec<RawHeader<'_>> {
        self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect()
    }

    /// With these headers, which are its own.
    pub(super) fn as_raw<'r>(&'r self, headers: &'r [RawHeader<'r>]) -> RawRecord<'r> {
        RawRecord {
            topic: &self.topic,
            partition: self.partition,
            key: self.key.as_deref(),
            payload: self.payload.as_deref(),
            headers,
            timestamp: None,
        }
    }

    /// Sets the key.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the payload.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Chooses the partition, which otherwise follows from the key or is random.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}
