//! Sends records until they are acknowledged or refused for good.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::time::Instant;

use super::{
    again::{Again, Batching, Then},
    raw_producer::RawProducer,
    refusal::advice_for,
};
#[cfg(any(test, feature = "testing"))]
use crate::memory;
use crate::{
    client::{ClientLog, Fault, Sparse},
    logged::logged,
    native::{Answer, RawRecord},
};

/// A producer of records that must arrive: the dead letters of a consumer, or events.
///
/// Many may be under way at a time: they share the producer, its thread and its batches, and a full queue makes them wait.
pub(crate) struct ReliableProducer {
    sends: Sends,
    name: Arc<str>,
    shared: RawProducer,
    /// What the one that sends records by themselves is made of, and that one once it is needed.
    made_of: Option<(ClientLog, ClientConfig)>,
    alone: OnceLock<Option<RawProducer>>,
    /// What is in front of the names of topics.
    #[cfg(feature = "testing")]
    topic_prefix: Option<String>,
    /// What was last logged: of records that wait, and of those that are refused.
    waits: Sparse<RDKafkaErrorCode>,
    refused: Sparse<RDKafkaErrorCode>,
}

/// What a producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    /// For the consumer of its name.
    DeadLetters,
    Events,
}

impl fmt::Debug for ReliableProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReliableProducer").field("producer", &self.shared).finish_non_exhaustive()
    }
}

/// A record was refused, and will be until somebody changes a setting; or it was sent again for as long as somebody waits for it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: RDKafkaErrorCode,
    /// What can be changed.
    pub(crate) advice: String,
}

/// Logs what happened to what is sent: whose it is and where it goes, and what else is given.
macro_rules! line {
    ($level:ident, $names:expr, $($rest:tt)+) => {{
        let Names { consumer, producer, topic, dead_letter_topic } = $names;
        logged(|| {
            tracing::$level!(
                target: "evkafka::producer",
                consumer,
                producer,
                topic,
                dead_letter_topic,
                $($rest)+
            );
        });
    }};
}

impl ReliableProducer {
    /// # Errors
    /// If librdkafka rejects the settings, or there is no thread.
    pub(crate) fn new(log: ClientLog, settings: ClientConfig, sends: Sends) -> Result<Self, KafkaError> {
        let name = Arc::clone(log.name());
        let shared = RawProducer::new(log.clone(), settings.clone())?;
        Ok(Self::of(name, shared, Some((log, settings)), sends))
    }

    /// One that writes to topics in memory.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn in_memory(name: Arc<str>, cluster: memory::Cluster, sends: Sends) -> Self {
        Self::of(name, RawProducer::Memory(cluster, sends), None, sends)
    }

    fn of(
        name: Arc<str>,
        shared: RawProducer,
        made_of: Option<(ClientLog, ClientConfig)>,
        sends: Sends,
    ) -> Self {
        let (waits, refused) = (Sparse::new(), Sparse::new());
        Self {
            sends,
            name,
            shared,
            made_of,
            alone: OnceLock::new(),
            #[cfg(feature = "testing")]
            topic_prefix: None,
            waits,
            refused,
        }
    }

    /// The same, which puts this in front of the names of topics.
    #[cfg(feature = "testing")]
    pub(crate) fn with_topic_prefix(self, prefix: Option<&str>) -> Self {
        Self { topic_prefix: prefix.map(str::to_owned), ..self }
    }

    /// What the brokers call this topic.
    fn called<'t>(&self, topic: &'t str) -> Cow<'t, str> {
        #[cfg(feature = "testing")]
        if let Some(prefix) = &self.topic_prefix {
            return Cow::Owned(format!("{prefix}{topic}"));
        }
        Cow::Borrowed(topic)
    }

    /// Puts a record into the producer's queue; `answer` is told its delivery.
    ///
    /// # Errors
    /// If the producer does not take it; then `answer` is told nothing. [`Retry`](RDKafkaErrorCode::Retry) if it would be written before
    /// one that was sent before and is to be sent again: after the failures that have arrived where `answer` goes, or soon.
    pub(crate) fn enqueue(
        &self,
        record: RawRecord<'_>,
        again: &Again,
        answer: Answer,
    ) -> Result<(), RDKafkaErrorCode> {
        let topic = self.called(record.topic);
        self.producer(again.batching).enqueue(RawRecord { topic: &topic, ..record }, answer)
    }

    /// Waits until there may be room in the queue, for a tenth of a second at most.
    pub(crate) async fn room(&self) {
        self.shared.room().await;
    }

    /// What is done about a record with this answer, which is logged. A producer that met a fatal error is replaced.
    ///
    /// # Errors
    /// If it is refused.
    pub(crate) fn after(
        &self,
        record: &RawRecord<'_>,
        again: &mut Again,
        code: RDKafkaErrorCode,
    ) -> Result<Then, Refused> {
        // In memory there are no batches: what is refused is the record.
        #[cfg(any(test, feature = "testing"))]
        if let RawProducer::Memory(..) = self.shared {
            again.batching = Batching::Alone;
        }
        let code = self.revive(again).unwrap_or(code);
        let advice = || advice_for(record, code);
        let then = again.after(code, Instant::now());
        match then {
            Then::Room if code == RDKafkaErrorCode::QueueFull => self.log_full(record.topic),
            Then::Room | Then::Alone => {}
            Then::After(wait) if Fault::of(code).for_writing().is_refusal() => {
                self.log_refusal(record.topic, code, &advice(), wait);
            }
            Then::After(wait) => self.log_wait(record.topic, code, wait),
            Then::Refused => return Err(Refused { code, advice: advice() }),
        }
        Ok(then)
    }

    /// Replaces the client if it has met a fatal error, and returns that error.
    fn revive(&self, again: &Again) -> Option<RDKafkaErrorCode> {
        self.producer(again.batching).revive()
    }

    fn producer(&self, batching: Batching) -> &RawProducer {
        let alone = || {
            let make = || {
                let (log, mut settings) = self.made_of.clone()?;
                settings.set("batch.num.messages", "1");
                RawProducer::new(log, settings).ok()
            };
            self.alone.get_or_init(make).as_ref()
        };
        match batching {
            Batching::Shared => &self.shared,
            Batching::Alone => alone().unwrap_or(&self.shared),
        }
    }

    fn log_full(&self, topic: &str) {
        let Some(times) = self.waits.hear(RDKafkaErrorCode::QueueFull, Instant::now().into_std()) else {
            return;
        };
        line!(warn, self.names(topic), times, "the producer's queue is full; what is to be sent waits");
    }

    fn log_refusal(&self, topic: &str, code: RDKafkaErrorCode, advice: &str, wait: Duration) {
        let Some(times) = self.refused.hear(code, Instant::now().into_std()) else { return };
        line!(
            error,
            self.names(topic),
            error = %code,
            advice,
            times,
            wait_ms = millis(wait),
            "a record was refused and will be sent again"
        );
    }

    fn log_wait(&self, topic: &str, code: RDKafkaErrorCode, wait: Duration) {
        let Some(times) = self.waits.hear(code, Instant::now().into_std()) else { return };
        line!(
            warn,
            self.names(topic),
            error = %code,
            times,
            wait_ms = millis(wait),
            "a record was not acknowledged and will be sent again"
        );
    }

    /// The names in a log line, by what is sent.
    fn names<'n>(&'n self, topic: &'n str) -> Names<'n> {
        let name = Some(&*self.name);
        match self.sends {
            Sends::DeadLetters => {
                Names { consumer: name, producer: None, topic: None, dead_letter_topic: Some(topic) }
            }
            Sends::Events => {
                Names { consumer: None, producer: name, topic: Some(topic), dead_letter_topic: None }
            }
        }
    }
}

struct Names<'n> {
    consumer: Option<&'n str>,
    producer: Option<&'n str>,
    topic: Option<&'n str>,
    dead_letter_topic: Option<&'n str>,
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use tokio::{sync::oneshot, task::JoinSet};

    use super::*;

    const LETTERS: usize = 1_000;
    const ROUND_TRIP: Duration = Duration::from_millis(100);

    async fn send(letters: &ReliableProducer, letter: RawRecord<'_>) {
        loop {
            let (answer, answered) = oneshot::channel();
            match letters.enqueue(letter, &Again::default(), Answer::One(answer)) {
                Ok(()) => {
                    answered.await.expect("an answer").expect("it is acknowledged");
                    return;
                }
                Err(code) => assert_eq!(code, RDKafkaErrorCode::QueueFull),
            }
            letters.room().await;
        }
    }

    /// How long so many letters take that are under way at the same time, with a broker that is slow to answer.
    async fn send_all(settings: &[(&str, &str)]) -> Duration {
        let mock = MockCluster::new(1).expect("a cluster");
        mock.create_topic("dead", 1, 1).expect("a topic");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", mock.bootstrap_servers()).set("linger.ms", "5");
        config.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let log = ClientLog::new("billing".into(), &config);
        let letters = Arc::new(
            ReliableProducer::new(log, config, Sends::DeadLetters).expect("librdkafka takes the settings"),
        );
        let letter = RawRecord {
            topic: "dead",
            partition: None,
            key: None,
            payload: Some(b"7"),
            headers: &[],
            timestamp: None,
        };
        send(&letters, letter).await;
        mock.broker_round_trip_time(1, ROUND_TRIP).expect("a broker");
        let begun = Instant::now();
        let mut under_way = JoinSet::new();
        for _ in 0..LETTERS {
            let letters = Arc::clone(&letters);
            under_way.spawn(async move { send(&letters, letter).await });
        }
        while let Some(sent) = under_way.join_next().await {
            sent.expect("it is acknowledged");
        }
        begun.elapsed()
    }

    #[tokio::test]
    async fn letters_that_are_under_way_at_the_same_time_share_batches() {
        let took = send_all(&[]).await;
        // One by one it were a thousand round trips, and five batches at a time of one record each two hundred.
        assert!(took < 50 * ROUND_TRIP, "{took:?}");
    }

    #[tokio::test]
    async fn letters_wait_for_room_in_the_queue() {
        let took = send_all(&[("queue.buffering.max.messages", "100")]).await;
        assert!(took < 200 * ROUND_TRIP, "{took:?}");
    }
}
