use std::{convert::Infallible, sync::Arc};

use crate::{
    handle::{Context, FromContext},
    record::Timestamp,
};

/// Where a record came from, and when.
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
        })
    }
}
