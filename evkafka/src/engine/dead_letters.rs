//! Where records go that no further attempt is made at.

use std::{sync::Arc, time::Duration};

use rdkafka::{ClientConfig, error::KafkaError};

use crate::{native::RawRecord, raw_producer::RawProducer, settle::Backoff};

/// Produces dead letters for one consumer.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    consumer: Arc<str>,
    producer: RawProducer,
}

/// How long to wait before a dead letter that was not acknowledged is sent again.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(200), Duration::from_secs(10));

impl DeadLetters {
    /// A producer on the consumer's own cluster.
    ///
    /// # Errors
    /// If librdkafka does not take the settings.
    pub(crate) fn new(consumer: Arc<str>, settings: &ClientConfig) -> Result<Self, KafkaError> {
        Ok(Self { producer: RawProducer::new(Arc::clone(&consumer), settings)?, consumer })
    }

    /// Sends a record until the broker has acknowledged it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether the record was sent; it may be there twice if it is sent again.
    pub(crate) async fn send(&self, record: RawRecord<'_>) {
        let mut attempt = 0;
        while let Err(code) = self.producer.send(record).await {
            attempt += 1;
            let wait = BACKOFF.wait(attempt, fastrand::f64());
            tracing::warn!(
                consumer = %self.consumer,
                topic = record.topic,
                error = %code,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "a dead letter was not acknowledged and will be sent again; its record waits"
            );
            tokio::time::sleep(wait).await;
        }
    }
}
