//! What consumers and producers are told before they start.
//!
//! [`ConsumerConfig`] and [`ProducerConfig`] are written in code or read from whatever serde reads; both ways use the same names.
//! `validate` finds every fault at once, before anything is connected, and reports them as one [`ConfigError`].
//!
//! Deserializing a configuration judges what is written, and neither reads anything else nor runs anything. When an app starts,
//! the configuration is resolved: values that are kept in files and environment variables are read, once, and all of it is
//! judged. All clients of the app are made of the result.

mod choice;
mod concurrency;
mod consumer;
mod defaults;
mod deserialize;
mod duration;
mod elsewhere;
mod event_types;
mod fault;
mod known;
mod librdkafka;
mod mechanism;
mod names;
mod owned;
mod pattern;
mod policy;
mod prefetch;
mod producer;
mod properties;
mod property;
mod reader;
mod resolved;
mod secret;
mod servers;
mod side;
mod statistics;
mod suggest;
mod validate;
mod value;

pub use choice::{AutoCommitMode, OffsetReset, OnUnavailable};
pub use concurrency::Concurrency;
pub use consumer::ConsumerConfig;
pub use fault::{ConfigError, Fault};
pub(crate) use names::judge_text;
pub(crate) use pattern::TopicPattern;
pub(crate) use prefetch::Shares;
pub(crate) use producer::ResolvedProducerConfig;
pub use producer::{EventFormat, ProducerConfig};
pub(crate) use properties::Elsewhere;
pub(crate) use resolved::ResolvedConfig;
pub(crate) use secret::Secrets;
pub(crate) use statistics::INTERVAL as STATISTICS_INTERVAL;
pub(crate) use suggest::distance;
pub(crate) use suggest::nearest;

#[doc(inline)]
pub use crate::event_type::EventTypeSource;
