use std::{sync::Arc, time::Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::{
    Again, Destination, NoTopic, RecordForm, Refused, ReliableProducer, Stamp, Then,
    counts::{SentCount, SentCounts},
    enqueued::Enqueued,
};
use crate::{
    client::{Reported, Statistics},
    event::Encoded,
    metrics::{self, ProducerMetrics},
    native::{Answer, RawHeader, RawRecord, Unawaited},
    traces::{OutletTracer, Tracing},
};

/// Where the events of one producer go, and what their records say of them.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// The producer's, in logs and errors.
    pub(crate) name: Arc<str>,
    pub(crate) producer: ReliableProducer,
    pub(crate) form: RecordForm,
    pub(crate) tracer: OutletTracer,
    /// Events whose acknowledgement nobody waits for.
    unawaited: Arc<Enqueued>,
    counts: Arc<SentCounts>,
    statistics: Arc<Statistics>,
}

/// A header whose value is owned: one that a call adds, or that is forwarded.
pub(crate) type OwnHeader = (Vec<u8>, Option<Vec<u8>>);

/// What a call says of its event that the event itself does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) topic: Option<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Vec<OwnHeader>,
    /// Where the event is to have an id: which, and when it was made.
    pub(crate) stamp: Option<Stamp>,
}

impl Extras {
    /// The record of an event of which this is said, and that is encoded so.
    pub(super) fn record<'r>(
        &self,
        topic: &'r str,
        key: Option<&'r [u8]>,
        headers: &'r [RawHeader<'r>],
        payload: &'r [u8],
    ) -> RawRecord<'r> {
        RawRecord {
            topic,
            partition: self.partition,
            key,
            payload: Some(payload),
            headers,
            timestamp: self.timestamp,
        }
    }
}

impl Outlet {
    pub(crate) fn new(
        name: Arc<str>,
        producer: ReliableProducer,
        form: RecordForm,
        tracing: &Tracing,
    ) -> Self {
        let counts = Arc::<SentCounts>::default();
        let unawaited = Arc::new(Enqueued::new(Arc::clone(&name), Arc::clone(&counts)));
        let tracer = OutletTracer::new(tracing);
        Self {
            name,
            producer,
            form: tracer.form(form),
            tracer,
            unawaited,
            counts,
            statistics: Arc::default(),
        }
    }

    /// The same, whose client reports here.
    pub(super) fn with_statistics(self, statistics: Arc<Statistics>) -> Self {
        Self { statistics, ..self }
    }

    /// It sends events of this name for an app, which counts them.
    pub(super) fn register(&self, event: &'static str) -> Arc<SentCount> {
        self.counts.register(event)
    }

    /// An event is acknowledged, or refused for good.
    pub(super) fn count(&self, event: &'static str, is_sent: bool) {
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

/// What the numbers of a producer are read from, for as long as somebody may ask: not the client.
pub(crate) struct Counted {
    name: Arc<str>,
    counts: Arc<SentCounts>,
    statistics: Arc<Statistics>,
}

impl Outlet {
    pub(super) fn counted(&self) -> Arc<Counted> {
        Arc::new(Counted {
            name: Arc::clone(&self.name),
            counts: Arc::clone(&self.counts),
            statistics: Arc::clone(&self.statistics),
        })
    }
}

impl metrics::Producer for Counted {
    fn metrics(&self) -> ProducerMetrics {
        let Reported { brokers, queued, .. } = self.statistics.read(Instant::now());
        ProducerMetrics { name: Arc::clone(&self.name), events: self.counts.read(), brokers, queued }
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

    /// That of an event that a handler returns.
    #[cfg(feature = "otel")]
    pub(crate) fn topic_of_returned(&self) -> Option<&str> {
        self.topic.or(self.outlet.form.topic.as_deref())
    }

    /// Puts an event into the producer's queue; `answer` is told its delivery.
    ///
    /// # Errors
    /// If the producer does not take it; then `answer` is told nothing.
    pub(crate) fn enqueue(
        &self,
        event: &Encoded<'_>,
        extras: &Extras,
        traced: &[OwnHeader],
        again: &Again,
        answer: Answer,
    ) -> Result<(), RDKafkaErrorCode> {
        let Outlet { producer, form, .. } = &*self.outlet;
        // The start has refused events without one.
        let topic = self.topic(extras).map_err(|NoTopic| RDKafkaErrorCode::InvalidTopic)?;
        form.with_record(topic, event, extras, traced, |record| producer.enqueue(record, again, answer))
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
                form.with_record(topic, event, extras, &[], |record| producer.after(&record, again, code))
            }
            Err(NoTopic) => {
                Err(Refused { code, advice: format!("give the event `{}` a topic", event.name.as_str()) })
            }
        }
    }
}
