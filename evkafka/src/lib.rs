//! Typed, asynchronous event handlers on Apache Kafka.
//!
//! A service is a list of async functions. Each says which event it takes and what it needs; a record is routed to it by
//! its event type, decoded into the function's own struct, and handled; then its offset is committed.
//!
//! ```no_run
//! use evkafka::{ConsumerConfig, handler};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct OrderCreated {
//!     id: u64,
//! }
//!
//! #[handler(event = "OrderCreated")]
//! async fn on_order_created(order: OrderCreated) -> Result<(), std::io::Error> {
//!     println!("order {}", order.id);
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> evkafka::Result<()> {
//!     let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
//!     evkafka::app! {
//!         title: "billing",
//!         consumers: {
//!             orders: orders => [on_order_created],
//!         },
//!     }
//!     .run()
//!     .await
//! }
//! ```
//!
//! # Where to look
//!
//! - [`#[handler]`](macro@handler): what a handler may take and return; [`handle`]: extractors, and how to write your own.
//! - [`#[derive(Event)]`](macro@Event), [`event`]: what a struct that is sent knows of itself.
//! - [`router!`], [`Router`]: sets of handlers. [`app!`](macro@app), [`App`]: consumers, start and stop.
//! - [`ConsumerConfig`], [`ProducerConfig`]: all settings. [`AutoCommitMode`]: at least once or at most once. [`Concurrency`]: order.
//! - [`Layer`], [`layer`]: what happens around handlers: limits, spans, and your own.
//! - [`FailurePolicy`]: what becomes of a record whose handler fails.
//! - [`App::control`], [`control`]: status, pause, resume, seek and drain while the app runs.
//! - [`App::health`], [`health`]: whether the app is live, ready and started, and why not.
//! - [`App::metrics`], [`metrics`]: counts, durations and lag, as data and as text for Prometheus.
#![cfg_attr(
    feature = "admin",
    doc = "- [`App::admin`], [`admin`]: an HTTP endpoint for metrics, probes and status."
)]
#![cfg_attr(
    feature = "testing",
    doc = "- [`testing`]: an app on topics in memory, for tests without a broker."
)]
#![cfg_attr(feature = "embedded", doc = "- [`embedded`]: a Kafka cluster inside the process, for tests.")]
//!
//! Logs go through [`tracing`](https://docs.rs/tracing): without a subscriber, a handler that fails and is retried shows nothing.
//!
//! # Cargo features
//!
//! - `admin`: the module of this name, an HTTP endpoint for metrics, probes and status.
//! - `testing`: the module of this name, a client that runs an app on topics in memory.
//! - `otel`: OpenTelemetry traces (`Traces`): who caused what, across services; and metrics (`Metrics::register_with`).
//! - `metrics`: metrics for the recorder of the crate of this name (`App::publish_metrics`).
//! - `embedded`: the module of this name, a Kafka cluster inside the process (librdkafka's mock cluster).
//! - `tower`: layers of tower around handlers.
//! - `zstd` (default): zstd compression, which any producer may use.
//! - `tls`, `tls-vendored`: TLS, and SASL SCRAM and OAUTHBEARER, with the system's OpenSSL or a bundled one.
//! - `sasl`, `sasl-vendored`: Kerberos.
//! - `cmake-build`: librdkafka is built with CMake, which has to be installed, and with libcurl.
//! - `dynamic-linking`: the system's librdkafka, 2.12.1 or later.
//!
//! # The way of a record
//!
//! [`record`] → [`decode`] → [`route`] → [`handle`] → [`settle`]. The event's name is looked up first, and the payload is decoded
//! only if a handler matched. A partition's records are taken in batches from a queue of its own and handled in a task on
//! your runtime; while a partition's handler is busy, its queue fills and librdkafka stops fetching it.

//! # What is stable
//!
//! Before 1.0, a version 0.*x* may change what is listed here, and 0.*x*.*y* may not. The interface is what these pages show. Not part of it:
//!
//! - **Hidden items, and `__private`**, which the macros' expansions use; the macros come with the same version of evkafka.
//! - **Other crates.** In signatures there are types of `std` and traits of serde 1 only; handlers run on tokio 1, and logs go through
//!   tracing 0.1. librdkafka is reached through rdkafka, payloads through serde_json, and neither shows: an update of them breaks nobody.
//!   [`CancellationToken`] wraps that of tokio-util, which has no 1.0. With the feature `otel`, signatures have OpenTelemetry's `Tracer` and `Meter`;
//!   with `metrics`, the recorder has to be one of the crate `metrics` 0.24. A new version of either is a change of the interface.
//! - **What is behind `source()`**: a text for people, of a type that has no name here, so that rdkafka's codes are not matched on by way of it.
//!   [`Error::kind`], [`SendError::kind`] and [`DecodeError::kind`] are for programs, and [`settle::Failure::cause`] is the handler's own error.
//! - **The words** of errors and log lines. Levels, targets and the names of fields are in the documentation of the logs.
//!
//! Traits that evkafka implements for you ([`handle::Argument`], [`handle::BatchArgument`], [`handle::HandlerError`]) are sealed; those that
//! the macros implement ([`handle::Handler`], [`handle::IntoOutcome`], [`route::Routes`]) require a trait from `__private`. So they can get new
//! items. The traits that are yours to implement get new ones with a default only: [`Event`], [`Layer`], [`event::ToKey`],
//! [`event::IntoEvents`], [`handle::FromContext`], [`handle::AsyncFromContext`], [`handle::OptionalFromContext`] and
//! [`handle::RecordIndependent`]. ([`Next`] is yours too: a closure.)
//!
//! Enums and structs with public fields are `#[non_exhaustive]`, and have constructors if they are yours to make ([`record::Origin`],
//! [`record::Timestamp`], [`handle::Attempt`]). Exceptions: extractors that are destructured in a handler's arguments (`State(ledger)`), and
//! [`record::TimestampKind`], for which Kafka's format has one bit.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "admin")]
pub mod admin;
mod app;
mod client;
pub mod config;
pub mod control;
pub mod decode;
#[cfg(feature = "embedded")]
pub mod embedded;
mod engine;
pub mod error;
pub mod event;
mod event_type;
pub mod handle;
pub mod health;
pub mod layer;
mod logged;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "tests of lanes use a part of it"))]
mod memory;
pub mod metrics;
mod native;
pub mod record;
pub mod route;
mod send;
pub mod settle;
mod shown;
mod source;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod traces;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "admin")]
#[doc(inline)]
pub use self::admin::Admin;
#[cfg(feature = "otel")]
#[doc(inline)]
pub use self::traces::Traces;
#[doc(inline)]
pub use self::{
    app::App,
    config::{
        AutoCommitMode, Concurrency, ConfigError, ConsumerConfig, EventFormat, EventTypeSource, OffsetReset,
        OnUnavailable, ProducerConfig,
    },
    control::Control,
    decode::DecodeError,
    error::{Error, Result},
    event::Event,
    handle::{
        Outcome,
        extract::{CancellationToken, EventType, Key, Metadata, Raw, State, Text},
    },
    health::Health,
    layer::{Call, Layer, Next},
    metrics::Metrics,
    record::Headers,
    route::Router,
    send::{Delivered, Producer, SendError, SendErrorKind, Sender, Sending},
    settle::{Backoff, FailurePolicy, LastStep},
};
pub use evkafka_macros::{Event, app, handler, router};
