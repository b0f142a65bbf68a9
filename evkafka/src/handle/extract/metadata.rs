use std::{convert::Infallible, sync::Arc};

use crate::{
    handle::{Context, FromContext},
    record::{OwnedRecord, Timestamp},
};

/// Where a record came from, and when.
///
/// A unit test that calls a handler's function builds it by hand:
///
/// ```
/// use evkafka::{Metadata, handler, record::OwnedRecord};
///
/// #[handler(event = "OrderPaid")]
/// async fn on_order_paid(meta: Metadata) -> Result<(), String> {
///     if meta.attempt < 3 { Err(format!("not yet, at offset {}", meta.offset)) } else { Ok(()) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let meta = Metadata::new("orders", 0, 7);
/// assert!(on_order_paid(meta.clone()).await.is_err());
/// assert!(on_order_paid(meta.with_attempt(3)).await.is_ok());
///
/// let record = OwnedRecord::new("orders", 0, 8).consumer("billing");
/// assert_eq!(Metadata::from(&record), Metadata::new("orders", 0, 8).with_consumer("billing"));
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The name of the consumer that read it, as the app calls it.
    pub consumer: Arc<str>,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// When the record was written; `None` if it carries no time.
    pub timestamp: Option<Timestamp>,
    /// Which attempt at this record it is: 1 for the first.
    pub attempt: u32,
    /// The version of the event, if the consumer's [`event_version`](crate::ConsumerConfig::event_version) found one.
    pub event_version: Option<u32>,
}

impl Metadata {
    /// The first attempt at the record at this place: without a timestamp, of a consumer without a name.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32, offset: i64) -> Self {
        Self {
            consumer: "".into(),
            topic: topic.into(),
            partition,
            offset,
            timestamp: None,
            attempt: 1,
            event_version: None,
        }
    }

    /// The same, read by the consumer of this name.
    pub fn with_consumer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.consumer = name.into();
        self
    }

    /// The same, written at this time.
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The same with an event of this version.
    pub fn with_event_version(mut self, version: u32) -> Self {
        self.event_version = Some(version);
        self
    }

    /// The same at another attempt: 1 is the first.
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }
}

/// What the handler of this record is given at its first attempt.
impl From<&OwnedRecord> for Metadata {
    fn from(record: &OwnedRecord) -> Self {
        let record = record.as_record();
        let origin = record.origin();
        Self {
            consumer: Arc::clone(&origin.consumer),
            topic: Arc::clone(&origin.topic),
            partition: origin.partition,
            offset: record.offset(),
            timestamp: record.timestamp(),
            attempt: 1,
            event_version: None,
        }
    }
}

impl<'r> FromContext<'r> for Metadata {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        let record = context.record();
        let origin = record.origin();
        Ok(Metadata {
            consumer: Arc::clone(&origin.consumer),
            topic: Arc::clone(&origin.topic),
            partition: origin.partition,
            offset: record.offset(),
            timestamp: record.timestamp(),
            attempt: context.attempt(),
            event_version: context.event_version(),
        })
    }
}
