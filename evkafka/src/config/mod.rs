//! What a consumer is told before it starts.
//!
//! [`ConsumerConfig`] is written in code or read from whatever serde reads; both ways use the same names.
//! [`validate`](ConsumerConfig::validate) finds every fault of it at once, before anything is connected, and
//! reports them as one [`ConfigError`].

mod choice;
mod concurrency;
mod consumer;
mod defaults;
mod deserialize;
mod duration;
mod elsewhere;
mod fault;
mod known;
mod librdkafka;
mod mechanism;
mod owned;
mod prefetch;
mod property;
mod secret;
mod servers;
mod suggest;
mod validate;
mod value;

pub use choice::{AutoCommitMode, OffsetReset, OnUnavailable};
pub use concurrency::Concurrency;
pub use consumer::ConsumerConfig;
pub use fault::{ConfigError, Fault};
