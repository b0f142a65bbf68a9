//! What the programs share that measure traces.

use std::hint::black_box;

use opentelemetry::{
    Context,
    trace::{
        Span, SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer,
    },
};
use opentelemetry_sdk::trace::{Sampler, SdkTracer};

/// The `traceparent` of a sender whose span was not sampled.
pub const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// Samples what senders have sampled, and what has no sender.
pub fn of_parents() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::AlwaysOn))
}

/// What [`UNSAMPLED`] says, without reading it.
pub fn unsampled_sender() -> Context {
    let (trace, span) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(black_box(trace)),
        SpanId::from(black_box(span)),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    ))
}

/// Does something in a span that is not sampled, with the least that OpenTelemetry can be asked for. No header is read.
#[inline(always)]
pub fn in_unsampled_span(tracer: &SdkTracer, parent: Context, within: impl FnOnce()) {
    let name = SpanBuilder::from_name("process orders").with_kind(SpanKind::Consumer);
    let span = tracer.build_with_context(name, &parent);
    // What is inside has to know that it is not sampled. The parent's context says so too.
    let context = if parent.has_active_span() {
        parent
    } else {
        parent.with_remote_span_context(span.span_context().clone())
    };
    drop(span);
    let _entered = context.attach();
    within();
}
