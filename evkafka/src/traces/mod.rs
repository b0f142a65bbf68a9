//! OpenTelemetry traces: a span for each attempt at a record, and for each event that is sent ([`Traces`]).
//!
//! With the feature `otel` only. What the rest of the crate calls is there without it too, and then does nothing (`off.rs`).

#[cfg(feature = "otel")]
mod attributes;
#[cfg(feature = "otel")]
mod name;
#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod process;
#[cfg(feature = "otel")]
mod remote;
#[cfg(feature = "otel")]
mod send;
#[cfg(feature = "otel")]
mod settings;
#[cfg(feature = "otel")]
mod trace_parent;
#[cfg(feature = "otel")]
mod trace_state;
#[cfg(feature = "otel")]
mod tracer;

#[cfg(not(feature = "otel"))]
pub(crate) use self::off::{
    Cause, LaneTracer, OutletTracer, ProcessSpan, SendSpan, SendSpans, Surroundings, Tracing,
};
#[cfg(fuzzing)]
pub(crate) use self::remote::{headers as headers_of_span, sender};
#[cfg(feature = "otel")]
pub use self::settings::Traces;
#[cfg(feature = "otel")]
pub(crate) use self::{
    process::{Cause, LaneTracer, ProcessSpan, Surroundings},
    send::{OutletTracer, SendSpan, SendSpans},
    tracer::Tracing,
};
