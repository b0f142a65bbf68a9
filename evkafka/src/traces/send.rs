use std::{fmt::Display, sync::Arc};

use opentelemetry::{
    Context,
    global::ObjectSafeSpan,
    trace::{SpanContext, SpanKind, Status, TraceContextExt},
};

use super::{
    attributes::{self as names, number, text},
    process::Cause,
    remote,
    tracer::{Begun, Recording, Settings, Tracing, What, guarded},
};
use crate::{
    event::{Encoded, Outgoing},
    native::Delivery,
    send::{Destination, OwnHeader, RecordForm, SendError, SendErrorKind},
};

/// Makes the spans of the events that a producer sends, if there are any.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutletTracer(Tracing);

/// An event on its way: from the call until it is acknowledged. The span ends when this is dropped.
#[derive(Default)]
pub(crate) struct SendSpan(Option<Box<Sent>>);

struct Sent {
    begun: Begun,
    headers: Vec<OwnHeader>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is not known yet.
    Open,
    Told,
}

/// The events that one call of a handler has returned, by their places.
#[derive(Default)]
pub(crate) struct SendSpans(Vec<(u32, SendSpan)>);

impl OutletTracer {
    pub(crate) fn new(tracing: &Tracing) -> Self {
        Self(tracing.clone())
    }

    /// How records are sent: spans say which trace they belong to, in place of headers that are passed on.
    pub(crate) fn form(&self, form: RecordForm) -> RecordForm {
        if self.0.0.is_some() { form.without_trace() } else { form }
    }

    /// An event is about to be sent, by the code that calls this.
    #[inline]
    pub(crate) fn begin(&self, form: &RecordForm, topic: &str, producer: &Arc<str>, event: &str) -> SendSpan {
        let Some(settings) = &self.0.0 else { return SendSpan(None) };
        begin(settings, form, topic, producer, event, Context::current())
    }

    fn begin_in(&self, parent: &Context, of: &Destination, topic: &str, event: &Encoded<'_>) -> SendSpan {
        let Some(settings) = &self.0.0 else { return SendSpan(None) };
        begin(settings, &of.outlet.form, topic, &of.outlet.name, event.name.as_str(), parent.clone())
    }
}

fn begin(
    settings: &Settings,
    form: &RecordForm,
    topic: &str,
    producer: &Arc<str>,
    event: &str,
    parent: Context,
) -> SendSpan {
    let what = What { name: format!("send {topic}").into(), kind: SpanKind::Producer };
    let describe = |span: &mut dyn ObjectSafeSpan, _: &SpanContext| {
        span.set_attribute(text(names::SYSTEM, "kafka"));
        span.set_attribute(text(names::OPERATION, "send"));
        span.set_attribute(text(names::OPERATION_TYPE, "send"));
        span.set_attribute(text(names::DESTINATION, topic.to_owned()));
        span.set_attribute(text(names::PRODUCER, Arc::clone(producer)));
        span.set_attribute(text(names::EVENT, event.to_owned()));
    };
    let mut span = SendSpan(None);
    guarded(|| {
        let begun = settings.begin(what, parent, &describe);
        let headers =
            if form.forwards() { remote::headers(begun.context.span().span_context()) } else { Vec::new() };
        span = SendSpan(Some(Box::new(Sent { begun, headers, outcome: Outcome::Open })));
    });
    span
}

impl SendSpan {
    /// What the record says of it.
    pub(crate) fn headers(&self) -> &[OwnHeader] {
        self.0.as_ref().map_or(&[], |sent| &sent.headers)
    }

    /// The producer has it, and nobody waits for the acknowledgement.
    pub(crate) fn enqueued(mut self) {
        self.tell(|_| {});
    }

    pub(crate) fn acknowledged(&mut self, partition: i32, offset: i64) {
        self.tell(|span| {
            span.span().set_attributes([
                text(names::PARTITION, partition.to_string()),
                number(names::OFFSET, offset),
            ]);
        });
    }

    pub(crate) fn failed(&mut self, error: &SendError) {
        self.fail(
            match error.kind() {
                SendErrorKind::Encoding => "encoding",
                SendErrorKind::NoTopic => "no_topic",
                SendErrorKind::Refused => "refused",
                SendErrorKind::Unacknowledged => "unacknowledged",
            },
            error,
        );
    }

    fn fail(&mut self, kind: &'static str, error: impl Display) {
        self.tell(|span| {
            span.span().set_attribute(text(names::ERROR_TYPE, kind));
            span.span().set_status(Status::error(error.to_string()));
        });
    }

    fn tell(&mut self, describe: impl FnOnce(&Context)) {
        let Some(sent) = &mut self.0 else { return };
        if sent.outcome == Outcome::Open && sent.begun.fate == Recording::Yes {
            guarded(|| {
                describe(&sent.begun.context);
                sent.begun.context.span().end();
            });
        }
        sent.outcome = Outcome::Told;
    }
}

/// Nobody waits any more.
impl Drop for SendSpan {
    fn drop(&mut self) {
        self.fail("unacknowledged", "nobody waited until it was acknowledged");
    }
}

impl SendSpans {
    /// A handler has returned events; where each goes is for `destination` to say.
    pub(crate) fn begin<'o>(
        outgoing: &'o Outgoing,
        destination: impl Fn(&Encoded<'o>) -> Option<&'o Destination>,
    ) -> Self {
        let Cause(Some(parent)) = outgoing.cause() else { return Self::default() };
        let spans = outgoing.iter().filter_map(|(place, event)| {
            let destination = destination(&event)?;
            let topic = destination.topic_of_returned()?;
            Some((place, destination.outlet.tracer.begin_in(parent, destination, topic, &event)))
        });
        Self(spans.collect())
    }

    pub(crate) fn headers(&self, place: u32) -> &[OwnHeader] {
        self.0
            .binary_search_by_key(&place, |(place, _)| *place)
            .map_or(&[], |index| self.0[index].1.headers())
    }

    pub(crate) fn answered(&mut self, place: u32, delivery: Delivery) {
        if let (Some(span), Ok((partition, offset))) = (self.at(place), delivery) {
            span.acknowledged(partition, offset);
        }
    }

    pub(crate) fn failed(&mut self, place: u32, error: &SendError) {
        if let Some(span) = self.at(place) {
            span.failed(error);
        }
    }

    fn at(&mut self, place: u32) -> Option<&mut SendSpan> {
        let index = self.0.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(&mut self.0[index].1)
    }
}
