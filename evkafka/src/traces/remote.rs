//! The context of a span, in a record's headers and out of them.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::{
    trace_parent::{self, RANDOM, SAMPLED, TraceParent},
    trace_state,
};
use crate::{record::Headers, send::OwnHeader};

/// The span that has sent a record, if its headers say so.
pub(crate) fn sender(headers: Headers<'_>) -> Option<SpanContext> {
    let TraceParent { trace_id, span_id, flags } = TraceParent::parse(headers.get(trace_parent::NAME)?)?;
    let state = headers.get(trace_state::NAME).and_then(trace_state::checked);
    let state = state.and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
    Some(SpanContext::new(
        TraceId::from(trace_id),
        SpanId::from(span_id),
        TraceFlags::new(flags),
        true,
        state,
    ))
}

/// The headers that name a span as the sender of a record.
pub(crate) fn headers(span: &SpanContext) -> Vec<OwnHeader> {
    if !span.is_valid() {
        return Vec::new();
    }
    let parent = TraceParent {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        flags: span.trace_flags().to_u8() & (SAMPLED | RANDOM),
    };
    let mut headers = vec![(trace_parent::NAME.into(), Some(parent.to_header().into()))];
    let state = span.trace_state().header();
    if !state.is_empty() {
        headers.push((trace_state::NAME.into(), Some(state.into_bytes())));
    }
    headers
}
