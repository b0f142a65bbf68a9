use std::thread;

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

use super::Delivery;
use crate::{
    engine::ClientLog,
    native::{RawRecord, produce},
};

/// One client of librdkafka's.
pub(super) struct Client {
    /// `None` only while it is dropped.
    producer: Option<ThreadedProducer<Context>>,
}

impl Client {
    pub(super) fn new(log: ClientLog, settings: &ClientConfig) -> Result<Self, KafkaError> {
        let producer = ThreadedProducer::from_config_and_context(settings, Context(log))?;
        Ok(Self { producer: Some(producer) })
    }

    pub(super) fn enqueue(
        &self,
        record: RawRecord<'_>,
    ) -> Result<oneshot::Receiver<Delivery>, RDKafkaErrorCode> {
        let (answer, answered) = oneshot::channel();
        produce(self.producer(), record, Box::new(answer))?;
        Ok(answered)
    }

    /// The error after which an idempotent client takes no more records, and its text.
    pub(super) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer().client().fatal_error()
    }

    fn producer(&self) -> &ThreadedProducer<Context> {
        self.producer.as_ref().expect("it is there until it is dropped")
    }
}

/// Destroying a client waits for its threads, which the runtime's must not.
impl Drop for Client {
    fn drop(&mut self) {
        let producer = self.producer.take();
        // Without a thread it is destroyed here.
        let _ = thread::Builder::new().name("evkafka-producer".to_owned()).spawn(move || drop(producer));
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
