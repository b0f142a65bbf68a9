//! What the fuzz targets (`scripts/fuzz`) reach of what is not public.

use std::ops::Range;

use opentelemetry::trace::SpanContext;

pub use crate::native::headers_of;
use crate::{
    record::OwnedRecord,
    settle::{Found, SettledAhead},
    traces,
};

/// The span that has sent a record with these headers.
pub fn sender(traceparent: &[u8], tracestate: &[u8]) -> Option<SpanContext> {
    let record =
        OwnedRecord::new("orders", 0, 0).header("traceparent", traceparent).header("tracestate", tracestate);
    traces::sender(record.as_record().headers())
}

/// The headers of a record that a span has sent.
pub fn headers_of_span(span: &SpanContext) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    traces::headers_of_span(span)
}

/// The records settled above a committed offset, as a commit's metadata has them.
#[derive(Debug, PartialEq, Eq)]
pub struct Ahead(SettledAhead);

/// What was found in a commit's metadata.
#[derive(Debug, PartialEq, Eq)]
pub enum Metadata {
    Progress(Ahead),
    Foreign,
    Broken,
}

impl Ahead {
    /// The runs must be in order, apart from each other, and not empty.
    pub fn new(runs: Vec<Range<i64>>) -> Self {
        Self(SettledAhead::new(runs))
    }

    pub fn contains(&self, offset: i64) -> bool {
        self.0.contains(offset)
    }

    /// How many records it is.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn encode(&self, committed: i64, limit: usize) -> String {
        self.0.encode(committed, limit)
    }

    pub fn decode(committed: i64, metadata: &str) -> Metadata {
        match SettledAhead::decode(committed, metadata) {
            Found::Progress(ahead) => Metadata::Progress(Self(ahead)),
            Found::Foreign => Metadata::Foreign,
            Found::Broken => Metadata::Broken,
        }
    }
}
