//! Typed event handlers on Apache Kafka.

mod app;
pub mod config;
pub mod decode;
#[cfg(feature = "embedded")]
pub mod embedded;
mod engine;
pub mod error;
pub mod handle;
mod native;
pub mod record;
pub mod route;
pub mod settle;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[doc(inline)]
pub use self::{
    app::App,
    config::{AutoCommitMode, Concurrency, ConfigError, ConsumerConfig, OffsetReset, OnUnavailable},
    decode::DecodeError,
    error::{Error, Result},
    handle::{
        Outcome,
        extract::{CancellationToken, EventType, Key, Metadata, Raw, State, Text},
    },
    record::Headers,
    route::Router,
    settle::{Backoff, FailurePolicy, LastStep},
};
pub use evkafka_macros::{app, handler, router};
