use std::fmt;

use opentelemetry::trace::{Span, Tracer};

use super::tracer::AnyTracer;

/// OpenTelemetry traces of an app: [`App::traces`](crate::App::traces), or `traces:` in [`app!`](macro@crate::app).
///
/// - Each attempt at a record is a span `process {topic}` of the kind CONSUMER, in the trace of whoever has sent the record: its header
///   `traceparent` names the span's parent, and a link says so too. A batch has no parent, but a link to each of its records, up to 128.
/// - Each event that a handler sends or returns is a span `send {topic}` of the kind PRODUCER, whose context is in the record's
///   `traceparent` and `tracestate`. Dead letters have those of their record.
/// - The handler runs within its span: those that it makes are children, with OpenTelemetry's own interface as with `tracing-opentelemetry`.
/// - Records that no handler takes have none.
///
/// Without a [`tracer`](Self::tracer), spans go to the global tracer provider that is there when the app starts. A `traceparent` that is
/// malformed counts as none; so does a `tracestate` that is, or one of more than 512 bytes or 32 members. Baggage is not passed on.
///
/// ```
/// use evkafka::{App, ConsumerConfig, Traces, handler, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// let orders = ConsumerConfig::new(["orders"]).group_id("billing");
/// let app = App::new("billing").traces(Traces::new()).consumer("orders", orders, router![on_order_created]);
/// # let _ = app;
/// ```
///
/// # Attributes
/// Those of OpenTelemetry's conventions for messaging and Kafka, and ours under `evkafka.`; they are in `docs/traces.md`. They are added
/// only to spans that are recorded, because most are not: a sampler sees the name of a span, its kind and its parent.
#[derive(Default)]
#[must_use = "an app is traced with `App::traces`"]
pub struct Traces {
    pub(super) tracer: Option<Box<dyn AnyTracer>>,
    pub(super) relation: Relation,
    pub(super) keys: Keys,
}

/// How a span refers to the span that has sent its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Relation {
    #[default]
    ParentAndLink,
    Link,
}

/// Whether spans have the keys of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keys {
    #[default]
    Hidden,
    Shown,
}

impl Traces {
    /// Spans go to the global tracer provider, and are children of the spans that have sent the records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who makes the spans, in place of the global tracer provider. The call of one that is known is quicker, too.
    pub fn tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Span + Send + Sync + 'static,
    {
        self.tracer = Some(Box::new(tracer));
        self
    }

    /// Begins a trace for each attempt, with a link to the span that has sent the record, in place of continuing the sender's trace: where
    /// those would grow too large, or are another team's.
    pub fn links_only(mut self) -> Self {
        self.relation = Relation::Link;
        self
    }

    /// Adds the key of the record (`messaging.kafka.message.key`), where it is text. It may be personal data: without this, no span has it.
    pub fn record_keys(mut self) -> Self {
        self.keys = Keys::Shown;
        self
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces")
            .field("relation", &self.relation)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
