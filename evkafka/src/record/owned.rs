use std::fmt;

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
#[derive(Clone)]
pub struct OwnedRecord {
    origin: Origin,
    offset: i64,
    timestamp: Option<Timestamp>,
    key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// As that of a [`Record`]: without values.
impl fmt::Debug for OwnedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedRecord").field(&self.as_record()).finish()
    }
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

    /// The same record of another topic.
    #[cfg(all(feature = "embedded", feature = "testing"))]
    pub(crate) fn in_topic(mut self, topic: &str) -> Self {
        self.origin.topic = topic.into();
        self
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Key, Raw, Text,
        handle::{FromContext, OwnedContext},
    };

    #[test]
    fn no_debug_form_shows_the_value_of_a_key_a_payload_or_a_header() {
        let record =
            OwnedRecord::new("orders", 3, 7).key("Jane").payload("Jane Doe").header("name", "Jane D.");
        let owned = OwnedContext::new(record.clone());
        let context = owned.as_context();
        let (raw, text) = (Raw::from_context(&context).unwrap(), Text::from_context(&context).unwrap());
        let key = Key::from_context(&context).unwrap();
        let shown = [
            format!("{record:?}"),
            format!("{:?}", record.as_record()),
            format!("{:?}", record.as_record().headers()),
            format!("{owned:?}"),
            format!("{context:?}"),
            format!("{raw:?} {text:?} {key:?}"),
        ];
        for shown in &shown {
            // In letters or as a list of bytes.
            assert!(!shown.contains("Jane") && !shown.contains("74, 97"), "{shown}");
        }
        assert!(shown[1].contains("key: 4 bytes, payload: 8 bytes, headers: [\"name\"]"), "{}", shown[1]);
        assert_eq!(shown[5], "Raw(8 bytes) Text(8 bytes) Key(4 bytes)");
        assert_eq!((raw.0, text.0, key.0), (&b"Jane Doe"[..], "Jane Doe", Some(&b"Jane"[..])));
    }
}
