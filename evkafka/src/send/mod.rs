//! Sending records: dead letters, and the events of the embedded cluster.
//!
//! Nothing in here knows of consumers: it imports `client`, `native` and `settle` only.

mod client;
mod dead_letters;
mod raw_producer;
mod refusal;

#[cfg(feature = "embedded")]
pub(crate) use self::raw_producer::RawProducer;
pub(crate) use self::{
    dead_letters::{DeadLetters, Refused},
    raw_producer::LARGEST_RECORD,
};
