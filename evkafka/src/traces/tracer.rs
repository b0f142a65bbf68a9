use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use opentelemetry::{
    Context, InstrumentationScope, global,
    trace::{Span, SpanBuilder, SpanContext, SpanKind, TraceContextExt, Tracer},
};

use super::{
    Traces,
    settings::{Keys, Relation},
};
use crate::logged::logged;

/// How an app, or a producer without one, is traced, if it is. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Tracing(pub(super) Option<Arc<Settings>>);

/// What was set, with a tracer.
pub(super) struct Settings {
    tracer: Box<dyn AnyTracer>,
    pub(super) relation: Relation,
    pub(super) keys: Keys,
}

/// A tracer, whatever its spans are.
pub(super) trait AnyTracer: Send + Sync {
    /// Begins a span, which is described only if it is recorded.
    fn begin(&self, what: What, parent: Context, describe: Describe<'_>) -> Begun;
}

/// What is known of a span before it is known whether it is recorded.
pub(super) struct What {
    pub(super) name: Cow<'static, str>,
    pub(super) kind: SpanKind,
}

/// Describes a span, given its parent. It is still the caller's alone: once it is in a context, each attribute takes a lock.
pub(super) type Describe<'a> = &'a dyn Fn(&mut dyn global::ObjectSafeSpan, &SpanContext);

/// A span that has begun.
pub(super) struct Begun {
    /// What it surrounds.
    pub(super) context: Context,
    pub(super) fate: Recording,
}

/// Whether anybody will see a span. As wide as what it is stored next to: a byte of a value that has just been written and is moved as a
/// whole makes the processor wait, which is felt for each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Recording {
    Yes,
    No,
}

impl<T> AnyTracer for T
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Span + Send + Sync + 'static,
{
    fn begin(&self, what: What, parent: Context, describe: Describe<'_>) -> Begun {
        let span = SpanBuilder { span_kind: Some(what.kind), ..SpanBuilder::from_name(what.name) };
        let span = self.build_with_context(span, &parent);
        if span.is_recording() {
            return Begun::recorded(span, &parent, describe);
        }
        // What is inside of it has to know that it is not sampled, and the number of the trace. Where the parent says that, it will do.
        let own = span.span_context();
        let context = if says(&parent, own) { parent } else { parent.with_remote_span_context(own.clone()) };
        Begun { context, fate: Recording::No }
    }
}

impl Begun {
    #[cold]
    fn recorded<S>(mut span: S, parent: &Context, describe: Describe<'_>) -> Self
    where
        S: Span + Send + Sync + 'static,
    {
        describe(&mut span, parent.span().span_context());
        Self { context: parent.with_span(span), fate: Recording::Yes }
    }
}

/// Begins, describes or ends a span. Tracers, samplers and span processors are the user's: one that panics loses its span, not what the
/// span is about.
#[inline]
pub(super) fn guarded(trace: impl FnOnce()) {
    // Unwind safety: what a panic breaks in a tracer is the tracer's to guard.
    if catch_unwind(AssertUnwindSafe(trace)).is_err() {
        logged(|| tracing::error!(target: "evkafka::record", "the tracer panicked: a span is lost"));
    }
}

/// Whether a context says of the trace what a span that is not recorded would.
#[inline]
fn says(parent: &Context, own: &SpanContext) -> bool {
    let span = parent.span();
    let parents = span.span_context();
    let is_unsampled_too =
        parents.is_valid() && !parents.is_sampled() && parents.trace_id() == own.trace_id();
    parents == own || is_unsampled_too
}

impl Tracing {
    pub(crate) fn of(traces: Option<Traces>) -> Self {
        Self(traces.map(|Traces { tracer, relation, keys }| {
            let tracer = tracer.unwrap_or_else(|| Box::new(global_tracer()));
            Arc::new(Settings { tracer, relation, keys })
        }))
    }
}

fn global_tracer() -> global::BoxedTracer {
    let scope = InstrumentationScope::builder("evkafka").with_version(env!("CARGO_PKG_VERSION"));
    global::tracer_with_scope(scope.build())
}

impl Settings {
    #[inline]
    pub(super) fn begin(&self, what: What, parent: Context, describe: Describe<'_>) -> Begun {
        self.tracer.begin(what, parent, describe)
    }
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracing").field(&self.0.is_some()).finish()
    }
}
