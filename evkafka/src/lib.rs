//! Typed event handlers on Apache Kafka.

pub mod config;
pub mod decode;
pub mod handle;
pub mod record;
pub mod route;

pub mod app;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[doc(inline)]
pub use self::{
    app::App,
    config::{AutoCommitMode, ConfigError, ConsumerConfig, OffsetReset, OnUnavailable},
    decode::DecodeError,
    handle::{
        Outcome,
        extract::{CancellationToken, EventType, Key, Metadata, Raw, State, Text},
    },
    record::Headers,
    route::Router,
};
pub use evkafka_macros::{app, handler, router};
