use super::{Headers, Origin, Record, Timestamp};

/// A record that owns its bytes: for tests, and for sources other than a Kafka partition.
///
/// [`OwnedContext`](crate::handle::OwnedContext) makes of it what an extractor is given, and `Metadata::from(&record)` what a handler takes.
///
/// ```
/// use evkafka::record::OwnedRecord;
///
/// let record = OwnedRecord::new("orders", 0, 7)
///     .header("Event-Type", "OrderCreated")
///     .payload(r#"{"id": 1}"#);
/// assert_eq!(record.as_record().headers().get("Event-Type"), Some(&b"OrderCreated"[..]));
/// ```
#[derive(Clone, Debug)]
pub struct OwnedRecord {
    origin: Origin,
    offset: i64,
    timestamp: Option<Timestamp>,
    key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl OwnedRecord {
    /// A record with null key, null payload, no headers and no timestamp.
    pub fn new(topic: &str, partition: i32, offset: i64) -> Self {
        Self {
            origin: Origin::new("", topic, partition),
            offset,
            timestamp: None,
            key: None,
            payload: None,
            headers: Vec::new(),
        }
    }

    /// A copy of a record.
    #[cfg(feature = "embedded")]
    pub(crate) fn copy_of(record: &Record<'_>) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let headers = record.headers.iter().map(|(name, value)| (name.to_vec(), owned(value)));
        Self {
            origin: record.origin.clone(),
            offset: record.offset,
            timestamp: record.timestamp,
            key: owned(record.key),
            payload: owned(record.payload),
            headers: headers.collect(),
        }
    }

    /// Names the consumer that is said to have read the record.
    pub fn consumer(mut self, name: &str) -> Self {
        self.origin.consumer = name.into();
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

    /// Adds a header; a name may occur more than once.
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a header whose value is null.
    pub fn null_header(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// Sets the timestamp.
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The view of it that handlers get.
    pub fn as_record(&self) -> Record<'_> {
        Record {
            origin: &self.origin,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            payload: self.payload.as_deref(),
            headers: Headers::from_slice(&self.headers),
        }
    }
}
