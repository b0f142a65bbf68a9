use rdkafka::message::{Header, OwnedHeaders};

/// A record to be sent to a [`Cluster`](super::Cluster).
#[derive(Clone, Debug)]
#[must_use = "an event is sent by `Cluster::send`"]
pub struct Event {
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) headers: Option<OwnedHeaders>,
}

impl Event {
    /// An event for this topic: null key, null payload, no headers.
    pub fn new(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), partition: None, key: None, payload: None, headers: None }
    }

    /// Adds an `Event-Type` header, which is where consumers look by default.
    pub fn event_type(self, name: impl AsRef<[u8]>) -> Self {
        self.header("Event-Type", name)
    }

    /// Adds a header.
    ///
    /// # Panics
    /// If the name contains a NUL.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.any_header(name, Some(value.as_ref()))
    }

    /// Adds a header with a null value.
    ///
    /// # Panics
    /// If the name contains a NUL.
    pub fn null_header(self, name: &str) -> Self {
        self.any_header(name, None)
    }

    fn any_header(mut self, key: &str, value: Option<&[u8]>) -> Self {
        self.headers = Some(self.headers.unwrap_or_default().insert(Header { key, value }));
        self
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
