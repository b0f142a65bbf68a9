use std::{fmt::Write, sync::Arc};

use rdkafka::error::RDKafkaErrorCode;

use super::{Again, Destination, Refused, ReliableProducer, Then, counts::SentCounts, enqueued::Enqueued};
use crate::{
    config::ResolvedProducerConfig,
    event::Encoded,
    metrics::{self, ProducerMetrics},
    native::{Answer, RawHeader, RawRecord, Unawaited},
    record::Headers,
};

/// Where the events of one producer go, and what their records say of them.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// The producer's, in logs and errors.
    pub(crate) name: Arc<str>,
    pub(crate) producer: ReliableProducer,
    pub(crate) form: RecordForm,
    /// Events whose acknowledgement nobody waits for.
    unawaited: Arc<Enqueued>,
    counts: Arc<SentCounts>,
}

/// How an event becomes a record.
#[derive(Clone, Debug)]
pub(crate) struct RecordForm {
    /// Where events are sent that name no topic.
    pub(crate) topic: Option<String>,
    /// The header that names the event's type.
    pub(crate) type_header: String,
    /// The header that has the event's version, if it has one.
    pub(crate) version_header: String,
    /// The headers of a handled record that are passed on to what its handler sends.
    pub(crate) forwarded_headers: Vec<String>,
}

/// The W3C's trace context, and the names that message brokers' frameworks have for what belongs together and what caused it.
const FORWARDED: &[&str] = &["traceparent", "tracestate", "correlation-id", "causation-id"];

/// A header whose value is owned: one that a call adds, or that is forwarded.
pub(crate) type OwnHeader = (Vec<u8>, Option<Vec<u8>>);

/// What a call says of its event that the event itself does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) topic: Option<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Vec<OwnHeader>,
}

/// An event has no topic: neither the call, nor the event, nor its producer names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTopic;

/// The largest number of headers that a record without headers of its own has.
const FEW: usize = 8;

impl Outlet {
    pub(crate) fn new(name: Arc<str>, producer: ReliableProducer, form: RecordForm) -> Self {
        let counts = Arc::<SentCounts>::default();
        let unawaited = Arc::new(Enqueued::new(Arc::clone(&name), Arc::clone(&counts)));
        Self { name, producer, form, unawaited, counts }
    }

    /// It sends events of this name for an app, which counts them.
    pub(super) fn register(&self, event: &'static str) {
        self.counts.register(event);
    }

    /// An event is acknowledged, or refused for good.
    pub(crate) fn count(&self, event: &str, is_sent: bool) {
        self.counts.count(event, is_sent);
    }

    /// Hears of an event of this name, whose acknowledgement nobody waits for.
    pub(crate) fn unawaited(&self, event: &'static str) -> Answer {
        self.unawaited.add();
        Answer::Nobody(Arc::clone(&self.unawaited) as Arc<dyn Unawaited>, event)
    }

    /// The client did not take it.
    pub(super) fn was_not_taken(&self) {
        self.unawaited.remove();
    }

    /// Whether nothing is on its way whose acknowledgement nobody waits for.
    pub(crate) fn is_flushed(&self) -> bool {
        self.unawaited.is_empty()
    }

    /// Waits until nothing is.
    pub(crate) async fn flushed(&self) {
        self.unawaited.flushed().await;
    }
}

impl metrics::Producer for Outlet {
    fn metrics(&self) -> ProducerMetrics {
        ProducerMetrics { name: Arc::clone(&self.name), events: self.counts.read() }
    }
}

impl RecordForm {
    /// As a producer of this configuration sends them.
    pub(crate) fn of(config: &ResolvedProducerConfig) -> Self {
        let forwarded = if config.forward_trace { FORWARDED } else { &[] };
        Self {
            topic: config.topic.clone(),
            type_header: config.event_type_header.clone(),
            version_header: config.event_version_header.clone(),
            forwarded_headers: forwarded.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Where an event goes that names this topic, or none.
    ///
    /// # Errors
    /// If nobody says so.
    pub(crate) fn topic<'r>(
        &'r self,
        events: Option<&'static str>,
        extras: &'r Extras,
    ) -> Result<&'r str, NoTopic> {
        extras.topic.as_deref().or(events).or(self.topic.as_deref()).ok_or(NoTopic)
    }

    /// Calls `with` with the record of an event for this topic.
    pub(crate) fn with_record<T>(
        &self,
        topic: &str,
        event: &Encoded<'_>,
        extras: &Extras,
        with: impl FnOnce(RawRecord<'_>) -> T,
    ) -> T {
        let mut version = String::new();
        let mut few: [RawHeader<'_>; FEW] = [(&[], None); FEW];
        let mut many = Vec::new();
        few[0] = (self.type_header.as_bytes(), Some(event.name.as_bytes()));
        let mut len = 1;
        if let Some(number) = event.version {
            // Writing to a string does not fail.
            let _ = write!(version, "{number}");
            few[1] = (self.version_header.as_bytes(), Some(version.as_bytes()));
            len = 2;
        }
        let own = extras.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        let headers = match few[len..].get_mut(..extras.headers.len()) {
            Some(rest) => {
                rest.iter_mut().zip(own).for_each(|(place, header)| *place = header);
                &few[..len + extras.headers.len()]
            }
            None => {
                many.extend(few[..len].iter().copied().chain(own));
                &many
            }
        };
        with(RawRecord {
            topic,
            partition: extras.partition,
            key: event.key,
            payload: Some(event.payload),
            headers,
            timestamp: extras.timestamp,
        })
    }

    /// Whether anything of a handled record's headers is passed on.
    pub(crate) fn forwards(&self) -> bool {
        !self.forwarded_headers.is_empty()
    }

    /// What of a handled record's headers is passed on to what its handler sends.
    pub(crate) fn forwarded(&self, headers: Headers<'_>) -> Vec<OwnHeader> {
        let forwarded = |name: &String| {
            let value = headers.get(name)?;
            Some((name.as_bytes().to_vec(), Some(value.to_vec())))
        };
        self.forwarded_headers.iter().filter_map(forwarded).collect()
    }
}

impl Destination {
    /// The topic of an event.
    ///
    /// # Errors
    /// If nobody names one.
    pub(crate) fn topic<'r>(&'r self, extras: &'r Extras) -> Result<&'r str, NoTopic> {
        self.outlet.form.topic(self.topic, extras)
    }

    /// Puts an event into the producer's queue; `answer` is told its delivery.
    ///
    /// # Errors
    /// If the producer does not take it; then `answer` is told nothing.
    pub(crate) fn enqueue(
        &self,
        event: &Encoded<'_>,
        extras: &Extras,
        again: &Again,
        answer: Answer,
    ) -> Result<(), RDKafkaErrorCode> {
        let Outlet { producer, form, .. } = &*self.outlet;
        // The start has refused events without one.
        let topic = self.topic(extras).map_err(|NoTopic| RDKafkaErrorCode::InvalidTopic)?;
        form.with_record(topic, event, extras, |record| producer.enqueue(record, again, answer))
    }

    /// What is done about an event with this answer.
    ///
    /// # Errors
    /// If it is refused.
    pub(crate) fn after(
        &self,
        event: &Encoded<'_>,
        extras: &Extras,
        again: &mut Again,
        code: RDKafkaErrorCode,
    ) -> Result<Then, Refused> {
        let Outlet { producer, form, .. } = &*self.outlet;
        match self.topic(extras) {
            Ok(topic) => {
                form.with_record(topic, event, extras, |record| producer.after(&record, again, code))
            }
            Err(NoTopic) => Err(Refused { code, advice: format!("give the event `{}` a topic", event.name) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::OwnedRecord;

    fn form(topic: Option<&str>) -> RecordForm {
        RecordForm {
            topic: topic.map(str::to_owned),
            type_header: "Event-Type".to_owned(),
            version_header: "Event-Version".to_owned(),
            forwarded_headers: vec!["traceparent".to_owned(), "baggage".to_owned()],
        }
    }

    fn headers(extras: &Extras) -> Vec<(String, Option<Vec<u8>>)> {
        let event = Encoded { name: "Paid", version: Some(12), key: None, payload: b"{}" };
        let read = |record: RawRecord<'_>| {
            let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
            record.headers.iter().map(|(name, value)| (text(name), value.map(<[u8]>::to_vec))).collect()
        };
        form(None).with_record("paid", &event, extras, read)
    }

    #[test]
    fn type_and_version_come_first_and_the_headers_of_a_call_in_their_order() {
        for count in [0, 1, FEW - 2, FEW - 1, 3 * FEW] {
            let own: Vec<OwnHeader> =
                (0..count).map(|i| (format!("h{i}").into_bytes(), (i != 1).then(|| vec![i as u8]))).collect();
            let extras = Extras { headers: own.clone(), ..Extras::default() };
            let headers = headers(&extras);
            assert_eq!(headers.len(), 2 + count);
            assert_eq!(headers[0], ("Event-Type".to_owned(), Some(b"Paid".to_vec())));
            assert_eq!(headers[1], ("Event-Version".to_owned(), Some(b"12".to_vec())));
            for (header, own) in headers[2..].iter().zip(own) {
                assert_eq!((header.0.as_bytes(), &header.1), (&*own.0, &own.1));
            }
        }
    }

    #[test]
    fn a_call_goes_before_the_event_and_the_event_before_the_producer() {
        let elsewhere = Extras { topic: Some("elsewhere".to_owned()), ..Extras::default() };
        let none = Extras::default();
        assert_eq!(form(Some("producers")).topic(Some("events"), &elsewhere), Ok("elsewhere"));
        assert_eq!(form(Some("producers")).topic(Some("events"), &none), Ok("events"));
        assert_eq!(form(Some("producers")).topic(None, &none), Ok("producers"));
        assert_eq!(form(None).topic(None, &none), Err(NoTopic));
    }

    #[test]
    fn what_was_there_is_forwarded() {
        let record = OwnedRecord::new("orders", 0, 7).header("traceparent", "00-1").header("other", "x");
        let forwarded = form(None).forwarded(record.as_record().headers());
        assert_eq!(forwarded, [(b"traceparent".to_vec(), Some(b"00-1".to_vec()))]);
    }
}
