//! Sends dead letters: records at which no further attempt is made.

use std::{
    fmt, ptr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    raw_producer::RawProducer,
    refusal::{Patience, advice},
};
use crate::{
    client::{ClientLog, Fault, Sparse, WriteAnswer},
    native::RawRecord,
    settle::Backoff,
};

/// Produces dead letters for one consumer.
pub(crate) struct DeadLetters {
    consumer: Arc<str>,
    producer: RawProducer,
    /// What the one that sends records by themselves is made of, and that one once it is needed.
    made_of: (ClientLog, ClientConfig),
    single: OnceLock<Option<RawProducer>>,
    /// What was last logged: of letters that wait, and of those that are refused.
    waits: Sparse<RDKafkaErrorCode>,
    refused: Sparse<RDKafkaErrorCode>,
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("producer", &self.producer).finish_non_exhaustive()
    }
}

/// How long to wait before a dead letter that was not acknowledged is sent again.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(200), Duration::from_secs(10));

/// A dead letter was refused, and will be until somebody changes a setting.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: RDKafkaErrorCode,
    /// What can be changed.
    pub(crate) advice: String,
}

impl DeadLetters {
    /// A producer on the consumer's own cluster.
    ///
    /// # Errors
    /// If librdkafka rejects the settings.
    pub(crate) fn new(log: ClientLog, settings: ClientConfig) -> Result<Self, KafkaError> {
        let consumer = Arc::clone(log.consumer());
        let producer = RawProducer::new(log.clone(), settings.clone())?;
        Ok(Self {
            producer,
            consumer,
            made_of: (log, settings),
            single: OnceLock::new(),
            waits: Sparse::new(),
            refused: Sparse::new(),
        })
    }

    /// Sends a record until the broker has acknowledged it. Many may be under way at a time: they share the producer, its thread and
    /// its batches, and a full queue makes them wait.
    ///
    /// # Errors
    /// If the broker refuses it for a reason that does not pass by itself.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether the record was sent; it may be there twice if it is sent again.
    pub(crate) async fn send(&self, record: RawRecord<'_>) -> Result<(), Refused> {
        let mut patience = Patience::default();
        let mut attempt = 0;
        let mut producer = &self.producer;
        while let Err(code) = producer.send(record).await {
            if code == RDKafkaErrorCode::QueueFull {
                self.log_full(record.topic);
                producer.room().await;
                continue;
            }
            // A batch that is too large is refused with all its records, however small they are.
            let answer = Fault::of(code).for_writing();
            if answer == WriteAnswer::TooLarge
                && let Some(single) = self.single()
                && !ptr::eq(single, producer)
            {
                producer = single;
                continue;
            }
            let advice = || advice(code, record.topic, record.bytes(), record.key.is_some());
            if !patience.allows_another(code, Instant::now()) {
                return Err(Refused { code, advice: advice() });
            }
            attempt += 1;
            let wait = BACKOFF.wait(attempt, fastrand::f64());
            match answer {
                WriteAnswer::Doubtful | WriteAnswer::TooLarge | WriteAnswer::Final => {
                    self.log_refusal(record.topic, code, &advice(), wait);
                }
                WriteAnswer::Passing | WriteAnswer::Unrelated => self.log_wait(record.topic, code, wait),
            }
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// A producer whose batches have one record each.
    fn single(&self) -> Option<&RawProducer> {
        let make = || {
            let (log, mut settings) = self.made_of.clone();
            settings.set("batch.num.messages", "1");
            RawProducer::new(log, settings).ok()
        };
        self.single.get_or_init(make).as_ref()
    }

    fn log_full(&self, topic: &str) {
        if let Some(times) = self.waits.hear(RDKafkaErrorCode::QueueFull, Instant::now()) {
            let consumer = &self.consumer;
            tracing::warn!(
                target: "evkafka::producer",
                %consumer,
                dead_letter_topic = topic,
                times,
                "the queue of dead letters is full; their records wait"
            );
        }
    }

    fn log_refusal(&self, topic: &str, code: RDKafkaErrorCode, advice: &str, wait: Duration) {
        let Some(times) = self.refused.hear(code, Instant::now()) else { return };
        tracing::error!(
            target: "evkafka::producer",
            consumer = %self.consumer,
            dead_letter_topic = topic,
            error = %code,
            advice,
            times,
            wait_ms = millis(wait),
            "a dead letter was refused and will be sent again; its record waits"
        );
    }

    fn log_wait(&self, topic: &str, code: RDKafkaErrorCode, wait: Duration) {
        let Some(times) = self.waits.hear(code, Instant::now()) else { return };
        tracing::warn!(
            target: "evkafka::producer",
            consumer = %self.consumer,
            dead_letter_topic = topic,
            error = %code,
            times,
            wait_ms = millis(wait),
            "a dead letter was not acknowledged and will be sent again; its record waits"
        );
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use tokio::task::JoinSet;

    use super::*;

    const LETTERS: usize = 1_000;
    const ROUND_TRIP: Duration = Duration::from_millis(100);

    /// How long so many letters take that are under way at the same time, with a broker that is slow to answer.
    async fn send_all(settings: &[(&str, &str)]) -> Duration {
        let mock = MockCluster::new(1).expect("a cluster");
        mock.create_topic("dead", 1, 1).expect("a topic");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", mock.bootstrap_servers()).set("linger.ms", "5");
        config.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let log = ClientLog::new("billing".into(), &config);
        let letters = Arc::new(DeadLetters::new(log, config).expect("librdkafka takes the settings"));
        let letter =
            RawRecord { topic: "dead", partition: None, key: None, payload: Some(b"7"), headers: &[] };
        letters.send(letter).await.expect("it is acknowledged");
        mock.broker_round_trip_time(1, ROUND_TRIP).expect("a broker");
        let begun = Instant::now();
        let mut under_way = JoinSet::new();
        for _ in 0..LETTERS {
            let letters = Arc::clone(&letters);
            under_way.spawn(async move { letters.send(letter).await });
        }
        while let Some(sent) = under_way.join_next().await {
            sent.expect("no panic").expect("it is acknowledged");
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
