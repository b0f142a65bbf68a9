//! Producing records of any bytes, for dead letters and for the embedded cluster.

use std::{fmt, sync::Arc};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

use crate::{
    engine::ClientLog,
    native::{RawRecord, produce},
};

/// Where a record was written to: partition and offset.
pub(crate) type Delivery = Result<(i32, i64), RDKafkaErrorCode>;

/// A producer whose records are acknowledged one by one.
pub(crate) struct RawProducer {
    producer: ThreadedProducer<Context>,
}

impl RawProducer {
    /// A producer with these settings, which calls itself `name` in the log.
    ///
    /// # Errors
    /// If librdkafka does not take the settings.
    pub(crate) fn new(name: Arc<str>, settings: &ClientConfig) -> Result<Self, KafkaError> {
        let context = Context(ClientLog::new(name, settings));
        Ok(Self { producer: ThreadedProducer::from_config_and_context(settings, context)? })
    }

    /// Puts a record into the producer's queue; what became of it arrives at the receiver.
    ///
    /// # Errors
    /// When the producer does not take it.
    pub(crate) fn enqueue(
        &self,
        record: RawRecord<'_>,
    ) -> Result<oneshot::Receiver<Delivery>, RDKafkaErrorCode> {
        let (answer, answered) = oneshot::channel();
        produce(&self.producer, record, Box::new(answer))?;
        Ok(answered)
    }

    /// Sends a record and waits for the broker's acknowledgement.
    ///
    /// # Errors
    /// When the broker does not acknowledge it.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the record back.
    pub(crate) async fn send(&self, record: RawRecord<'_>) -> Delivery {
        // The context answers each record that was taken.
        self.enqueue(record)?.await.unwrap_or(Err(RDKafkaErrorCode::Fail))
    }
}

impl fmt::Debug for RawProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawProducer")
    }
}

struct Context(ClientLog);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.line(level, facility, message);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = &*self.0.shown(reason);
        tracing::warn!(producer = %self.0.consumer(), %error, reason, "the producer reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Delivery>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let delivery = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        // Nobody waits for it any more if the lane has ended.
        let _ = answer.send(delivery);
    }
}
