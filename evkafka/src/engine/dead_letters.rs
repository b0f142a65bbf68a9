//! Where records go that no further attempt is made at.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

use super::coordinator::log;
use crate::{
    native::{RawRecord, produce},
    settle::Backoff,
};

/// Produces dead letters for one consumer.
pub(crate) struct DeadLetters {
    producer: ThreadedProducer<Context>,
}

/// How long to wait before a dead letter that was not acknowledged is sent again.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(200), Duration::from_secs(10));

impl DeadLetters {
    /// A producer on the consumer's own cluster.
    ///
    /// # Errors
    /// If librdkafka does not take the settings.
    pub(crate) fn new(consumer: Arc<str>, settings: &ClientConfig) -> Result<Self, KafkaError> {
        Ok(Self { producer: ThreadedProducer::from_config_and_context(settings, Context { consumer })? })
    }

    /// Sends a record until the broker has acknowledged it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether the record was sent; it may be there twice if it is sent again.
    pub(crate) async fn send(&self, record: RawRecord<'_>) {
        let mut attempt = 0;
        loop {
            let (acknowledged, answer) = oneshot::channel();
            let result = match produce(&self.producer, record, Box::new(acknowledged)) {
                // The context answers each record that was taken.
                Ok(()) => answer.await.unwrap_or(Err(RDKafkaErrorCode::Fail)),
                Err(code) => Err(code),
            };
            let Err(code) = result else { return };
            attempt += 1;
            let wait = BACKOFF.wait(attempt, fastrand::f64());
            tracing::warn!(
                consumer = %self.producer.context().consumer,
                topic = record.topic,
                error = %code,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "a dead letter was not acknowledged and will be sent again; its record waits"
            );
            tokio::time::sleep(wait).await;
        }
    }
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeadLetters")
    }
}

struct Context {
    consumer: Arc<str>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(&self.consumer, level, facility, message);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(consumer = %self.consumer, %error, reason, "the producer of dead letters reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), RDKafkaErrorCode>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let result = match result {
            Ok(message) => {
                tracing::debug!(
                    topic = message.topic(),
                    offset = message.offset(),
                    "a dead letter was acknowledged"
                );
                Ok(())
            }
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        // Nobody waits for it any more if the lane has ended.
        let _ = answer.send(result);
    }
}
