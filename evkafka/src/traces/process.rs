use std::{mem::take, sync::Arc, task::Poll};

use opentelemetry::{
    Context, ContextGuard, KeyValue,
    global::ObjectSafeSpan,
    trace::{SpanContext, SpanKind, Status, TraceContextExt},
};

use super::{
    attributes::{self as names, number, text},
    name::Name,
    remote,
    settings::{Keys, Relation},
    tracer::{Begun, Recording, Settings, Tracing, What, guarded},
};
use crate::{
    error::Chain,
    handle::{self, Attempt, Outcome},
    record::Origin,
    settle::{Failure, FailureKind, Verdict},
};

/// As many links as OpenTelemetry's SDK keeps by default.
const MOST_LINKS: usize = 128;

/// Makes the spans of the attempts at a partition's records, if there are any.
pub(crate) struct LaneTracer(Option<Box<Lane>>);

struct Lane {
    settings: Arc<Settings>,
    name: Name,
    /// What all spans have, in values that are shared.
    common: Vec<KeyValue>,
}

/// The span of an attempt. It ends when this is dropped.
#[derive(Default)]
pub(crate) struct ProcessSpan(Option<Begun>);

/// The span in which events were returned.
#[derive(Clone, Default)]
pub(crate) struct Cause(pub(super) Option<Box<Context>>);

/// What code runs in, for code that goes on elsewhere.
pub(crate) struct Surroundings(Context);

impl LaneTracer {
    pub(crate) fn new(tracing: &Tracing, origin: &Origin, group: &str) -> Self {
        Self(tracing.0.as_ref().map(|settings| {
            let common = vec![
                text(names::SYSTEM, "kafka"),
                text(names::OPERATION, "process"),
                text(names::OPERATION_TYPE, "process"),
                text(names::DESTINATION, Arc::clone(&origin.topic)),
                text(names::PARTITION, Arc::<str>::from(origin.partition.to_string())),
                text(names::GROUP, Arc::<str>::from(group)),
                text(names::CONSUMER, Arc::clone(&origin.consumer)),
            ];
            let name = Name::of(&origin.topic);
            Box::new(Lane { settings: Arc::clone(settings), name, common })
        }))
    }

    /// An attempt begins. Its span is written where it stays: to move it would be felt, with traces and without.
    #[inline]
    pub(crate) fn begin(&self, context: &handle::Context<'_>, span: &mut ProcessSpan) {
        if let Some(lane) = &self.0 {
            lane.begin(context, span);
        }
    }
}

impl Lane {
    fn begin(&self, context: &handle::Context<'_>, span: &mut ProcessSpan) {
        guarded(|| span.0 = Some(self.begun(context)));
    }

    #[inline]
    fn begun(&self, context: &handle::Context<'_>) -> Begun {
        let parent = match self.settings.relation {
            Relation::ParentAndLink => sender(context),
            Relation::Link => None,
        };
        let parent =
            parent.map_or_else(Context::new, |sender| Context::new().with_remote_span_context(sender));
        let what = What { name: self.name.to_cow(), kind: SpanKind::Consumer };
        self.settings.begin(what, parent, &|span, parent| self.describe(span, parent, context))
    }

    #[cold]
    fn describe(&self, span: &mut dyn ObjectSafeSpan, parent: &SpanContext, context: &handle::Context<'_>) {
        let record = &context.record;
        for attribute in &self.common {
            span.set_attribute(attribute.clone());
        }
        span.set_attribute(number(names::ATTEMPT, context.attempt));
        if let Some(event) = context.event_name() {
            span.set_attribute(text(names::EVENT, event));
        }
        if context.batch.is_empty() {
            span.set_attribute(number(names::OFFSET, record.offset()));
            if record.payload().is_none() {
                span.set_attribute(KeyValue::new(names::TOMBSTONE, true));
            }
            let key = record.key().filter(|_| self.settings.keys == Keys::Shown);
            if let Some(key) = key.and_then(|key| str::from_utf8(key).ok()) {
                span.set_attribute(text(names::KEY, key.to_owned()));
            }
        } else {
            span.set_attribute(number(names::MESSAGES, context.batch.len()));
        }
        let sender = if parent.is_valid() { Some(parent.clone()) } else { sender(context) };
        if let Some(sender) = sender {
            span.add_link(sender, Vec::new());
        }
        let senders = context.batch.iter().filter_map(|one| {
            let record = &one.record;
            Some((remote::sender(record.headers())?, record.offset()))
        });
        for (sender, offset) in senders.take(MOST_LINKS) {
            span.add_link(sender, vec![number(names::OFFSET, offset)]);
        }
    }
}

/// The span that has sent a record that is called for alone.
#[inline]
fn sender(context: &handle::Context<'_>) -> Option<SpanContext> {
    if context.batch.is_empty() { remote::sender(context.record.headers()) } else { None }
}

impl ProcessSpan {
    /// Polls an attempt in the span.
    #[inline]
    pub(crate) fn poll(&mut self, attempt: impl FnOnce() -> Poll<Attempt>) -> Poll<Attempt> {
        let Some(begun) = &mut self.0 else { return attempt() };
        match begun.fate {
            Recording::Yes => {
                let _entered = begun.context.clone().attach();
                attempt()
            }
            // Nearly all records are done at once and not sampled: they are spared a copy.
            Recording::No => {
                let _entered = take(&mut begun.context).attach();
                let polled = attempt();
                if !matches!(polled, Poll::Ready(Attempt::Returned(Outcome::Done))) {
                    begun.context = Context::current();
                }
                polled
            }
        }
    }

    /// Events are returned in it.
    #[inline]
    pub(crate) fn cause(&self) -> Cause {
        Cause(self.0.as_ref().map(|begun| Box::new(begun.context.clone())))
    }

    /// The handler was dropped, or its record is left for another reason.
    #[inline]
    pub(crate) fn unfinished(self) {
        if let Some(span) = self.recorded() {
            guarded(|| span.span().set_attribute(text(names::OUTCOME, "dropped")));
        }
    }

    /// The records of a batch did not all give its handler's argument.
    pub(crate) fn undecodable(self, records: usize) {
        if let Some(span) = self.recorded() {
            guarded(|| {
                fail(span, FailureKind::Undecodable, format!("{records} records could not be decoded"))
            });
        }
    }

    /// What was said of the attempt.
    #[inline]
    pub(crate) fn judged(self, verdict: &Verdict) {
        if let Some(span) = self.recorded() {
            guarded(|| judged(span, verdict));
        }
    }

    #[inline]
    fn recorded(&self) -> Option<&Context> {
        self.0.as_ref().filter(|begun| begun.fate == Recording::Yes).map(|begun| &begun.context)
    }
}

/// However it is left. Spawned tasks may have the context still, so that dropping it is no end.
impl Drop for ProcessSpan {
    #[inline]
    fn drop(&mut self) {
        if let Some(span) = self.recorded() {
            guarded(|| span.span().end());
        }
    }
}

#[cold]
fn judged(span: &Context, verdict: &Verdict) {
    match verdict {
        Verdict::Done => {}
        Verdict::Skip => span.span().set_attribute(text(names::OUTCOME, "skipped")),
        Verdict::Retry(_, failure)
        | Verdict::GiveUp(failure)
        | Verdict::DeadLetter(_, failure)
        | Verdict::Stop(failure)
        | Verdict::Release(failure) => tell_failure(span, failure),
    }
}

fn tell_failure(span: &Context, failure: &Failure) {
    match failure.kind() {
        FailureKind::Postponed => span.span().set_attribute(text(names::OUTCOME, "postponed")),
        FailureKind::Released => span.span().set_attribute(text(names::OUTCOME, "released")),
        kind => fail(span, kind, Chain(failure.cause()).to_string()),
    }
}

fn fail(span: &Context, kind: FailureKind, description: String) {
    let span = span.span();
    span.set_attribute(text(names::OUTCOME, "failed"));
    if let Some(error) = names::error_type(kind) {
        span.set_attribute(text(names::ERROR_TYPE, error));
    }
    span.set_status(Status::error(description));
}

impl Surroundings {
    /// Those of whoever calls this.
    #[inline]
    pub(crate) fn here() -> Self {
        Self(Context::current())
    }

    /// Has the code that runs until the guard is dropped run in them.
    pub(crate) fn enter(self) -> ContextGuard {
        self.0.attach()
    }
}
