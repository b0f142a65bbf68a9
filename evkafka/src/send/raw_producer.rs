//! Producing records of any bytes, for dead letters and for the embedded cluster.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
};
#[cfg(feature = "embedded")]
use tokio::sync::oneshot;
use tokio::time::timeout;

#[cfg(any(test, feature = "testing"))]
use super::Sends;
use super::client::Client;
#[cfg(any(test, feature = "testing"))]
use crate::memory;
use crate::{
    client::ClientLog,
    logged::logged,
    native::{Answer, RawRecord},
};

/// The most that librdkafka takes for `message.max.bytes`. Its default is less than a consumer receives, and than brokers accept,
/// whose limit is for compressed batches; theirs is the one that counts.
pub(crate) const LARGEST_RECORD: &str = "1000000000";

/// How long a full queue is waited for before it is looked at again.
const LOOKS_AGAIN: Duration = Duration::from_millis(100);

/// A producer whose records are acknowledged one by one.
///
/// An idempotent client that has met a fatal error takes no more records; it is replaced.
pub(crate) enum RawProducer {
    Kafka(Box<Replaceable>),
    #[cfg(any(test, feature = "testing"))]
    Memory(memory::Cluster, Sends),
}

/// A client, and what its replacement is made of.
pub(crate) struct Replaceable {
    log: ClientLog,
    settings: ClientConfig,
    /// Where clients see that nobody waits for what they have under way. It is dropped before the client, which then says no more.
    owner: Arc<()>,
    client: RwLock<Arc<Client>>,
}

impl RawProducer {
    /// A producer with these settings.
    ///
    /// # Errors
    /// If librdkafka rejects the settings, or there is no thread to poll it.
    pub(crate) fn new(log: ClientLog, settings: ClientConfig) -> Result<Self, KafkaError> {
        let owner = Arc::new(());
        let client = Client::new(log.clone(), &settings, Arc::downgrade(&owner), Vec::new())?;
        let client = RwLock::new(Arc::new(client));
        Ok(Self::Kafka(Box::new(Replaceable { log, settings, client, owner })))
    }

    /// Puts a record into the producer's queue; `answer` is told its delivery.
    ///
    /// # Errors
    /// If the producer does not take it; then `answer` is told nothing.
    #[inline]
    pub(crate) fn enqueue(&self, record: RawRecord<'_>, answer: Answer) -> Result<(), RDKafkaErrorCode> {
        match self {
            Self::Kafka(kafka) => kafka.usable().enqueue(record, answer),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(cluster, sends) => cluster.produce(record, *sends, answer),
        }
    }

    /// Sends a record and waits for the broker's acknowledgement.
    ///
    /// # Errors
    /// If the broker does not acknowledge it. If the client has met a fatal error, the next record goes to a new one.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the record back.
    #[cfg(feature = "embedded")]
    pub(crate) async fn send(&self, record: RawRecord<'_>) -> crate::native::Delivery {
        let (answer, answered) = oneshot::channel();
        let delivery = match self.enqueue(record, Answer::One(answer)) {
            Ok(()) => answered.await.unwrap_or(Err(RDKafkaErrorCode::BrokerDestroy)),
            Err(code) => Err(code),
        };
        delivery.map_err(|code| self.revive().unwrap_or(code))
    }

    /// Waits until there may be room in the producer's queue, for a tenth of a second at most.
    pub(crate) async fn room(&self) {
        match self {
            Self::Kafka(kafka) => {
                // Not the client: whoever waits may not be polled for long, and a client that is replaced ends when nobody has it.
                let room = kafka.current().room();
                let _ = timeout(LOOKS_AGAIN, room.notified()).await;
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(..) => tokio::time::sleep(LOOKS_AGAIN).await,
        }
    }

    /// Replaces the client if it takes no more records, and returns the fatal error that it has met, if it has.
    pub(super) fn revive(&self) -> Option<RDKafkaErrorCode> {
        match self {
            Self::Kafka(kafka) => kafka.revive(),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(..) => None,
        }
    }
}

impl Replaceable {
    fn revive(&self) -> Option<RDKafkaErrorCode> {
        let failed = self.client();
        let (code, reason) = failed.fatal_error()?;
        let mut current = self.client.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &failed) {
            logged(|| {
                tracing::error!(
                    target: "evkafka::producer",
                    consumer = self.log.consumer(),
                    producer = self.log.producer(),
                    error = %code,
                    reason = crate::error::one_line(&self.log.shown(&reason)),
                    "the producer's Kafka client cannot go on and is replaced"
                );
            });
            let owner = Arc::downgrade(&self.owner);
            match Client::new(self.log.clone(), &self.settings, owner, failed.endings()) {
                Ok(client) => *current = Arc::new(client),
                // The next record finds the fatal error again.
                Err(error) => {
                    let error = self.log.cause(error);
                    logged(|| {
                        tracing::error!(
                            target: "evkafka::producer",
                            consumer = self.log.consumer(),
                            producer = self.log.producer(),
                            %error,
                            "the producer cannot be replaced"
                        );
                    });
                }
            }
        }
        // That one record was not acknowledged in time says nothing of others.
        Some(code).filter(|code| *code != RDKafkaErrorCode::MessageTimedOut)
    }

    /// One that takes records, as far as is known here. It is not replaced before this is dropped.
    #[inline]
    fn usable(&self) -> RwLockReadGuard<'_, Arc<Client>> {
        let client = self.current();
        if !client.is_outdated() {
            return client;
        }
        drop(client);
        let _ = self.revive();
        self.current()
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.current())
    }

    #[inline]
    fn current(&self) -> RwLockReadGuard<'_, Arc<Client>> {
        self.client.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RawProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka(kafka) => {
                f.debug_struct("RawProducer").field("name", kafka.log.name()).finish_non_exhaustive()
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(..) => f.write_str("RawProducer in memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        logged::Panics,
        native::{Delivery, Inbox, Ticket},
    };

    fn producer(bootstrap: &str) -> RawProducer {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", bootstrap).set("linger.ms", "0");
        let log = ClientLog::new("orders".into(), &settings);
        RawProducer::new(log, settings).expect("librdkafka takes the settings")
    }

    fn enqueue(producer: &RawProducer) -> oneshot::Receiver<Delivery> {
        let (answer, answered) = oneshot::channel();
        producer.enqueue(RawRecord::ORDER, Answer::One(answer)).expect("the producer takes it");
        answered
    }

    /// What is on its way may be acknowledged.
    fn outdate(producer: &RawProducer) -> Arc<Client> {
        outdate_by(producer, RDKafkaErrorCode::MessageTimedOut)
    }

    fn outdate_by(producer: &RawProducer, code: RDKafkaErrorCode) -> Arc<Client> {
        let RawProducer::Kafka(kafka) = producer else { panic!("it is a producer to Kafka") };
        let client = kafka.client();
        client.outdate(code);
        client
    }

    #[tokio::test]
    async fn a_client_that_is_outdated_finishes_what_it_has_and_another_takes_what_comes() {
        let mock = MockCluster::new(1).expect("a cluster");
        mock.create_topic("orders", 1, 1).expect("a topic");
        let producer = producer(&mock.bootstrap_servers());
        mock.broker_round_trip_time(1, Duration::from_millis(200)).expect("a broker");
        let before = enqueue(&producer);
        let old = outdate(&producer);
        let after = enqueue(&producer);
        assert_eq!(producer.revive(), None, "no other record is to be refused for it");
        let RawProducer::Kafka(kafka) = &producer else { panic!("it is a producer to Kafka") };
        assert!(!Arc::ptr_eq(&old, &kafka.client()));
        drop(old);
        let delivered = [before.await, after.await].map(|delivery| delivery.expect("an answer"));
        let mut offsets = delivered.map(|delivery| delivery.expect("it is acknowledged").1);
        offsets.sort_unstable();
        assert_eq!(offsets, [0, 1]);
    }

    #[tokio::test]
    async fn a_client_that_is_outdated_is_not_waited_for_when_its_producer_is_gone() {
        // Nobody listens at this port.
        let producer = producer("127.0.0.1:1");
        let record = enqueue(&producer);
        drop(outdate(&producer));
        drop(producer);
        assert_eq!(record.await, Ok(Err(RDKafkaErrorCode::PurgeQueue)));
    }

    #[test]
    fn a_client_is_replaced_although_the_subscriber_panics() {
        let producer = producer("127.0.0.1:1");
        let old = outdate(&producer);
        let (subscriber, panics) = Panics::new();
        let replaced = tracing::subscriber::with_default(subscriber, || producer.revive());
        assert_eq!((replaced, panics.try_iter().count()), (None, 1));
        let RawProducer::Kafka(kafka) = &producer else { panic!("it is a producer to Kafka") };
        assert!(!Arc::ptr_eq(&old, &kafka.client()));
    }

    #[tokio::test]
    async fn who_waits_for_room_and_is_not_polled_keeps_no_client_from_its_end() {
        // Nobody listens at this port.
        let producer = producer("127.0.0.1:1");
        let mut waits = std::pin::pin!(producer.room());
        let waker = std::task::Waker::noop();
        assert!(waits.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        for replaced in 1..6 {
            outdate_by(&producer, RDKafkaErrorCode::InvalidProducerEpoch);
            assert_eq!(producer.revive(), Some(RDKafkaErrorCode::InvalidProducerEpoch));
            let takes_another = async {
                let answer = || Answer::One(oneshot::channel().0);
                while producer.enqueue(RawRecord::ORDER, answer()).is_err() {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(60), takes_another).await.expect("the old client is over");
            let RawProducer::Kafka(kafka) = &producer else { panic!("it is a producer to Kafka") };
            let waits_for = kafka.client().endings();
            assert!(waits_for.len() <= 1, "{waits_for:?} after {replaced}");
        }
    }

    #[tokio::test]
    async fn a_client_takes_nothing_before_it_is_known_what_the_one_before_it_has_lost() {
        // Nobody listens at this port.
        let producer = producer("127.0.0.1:1");
        let inbox = Arc::new(Inbox::new(Arc::default()));
        let send = |event| {
            let ticket = Ticket { sending: 1, event, destination: 0 };
            producer.enqueue(RawRecord::ORDER, Answer::Inbox(Arc::clone(&inbox), ticket))
        };
        send(0).expect("the producer takes it");
        let old = outdate_by(&producer, RDKafkaErrorCode::InvalidProducerEpoch);
        assert_eq!(send(1), Err(RDKafkaErrorCode::Retry), "the old client may still be written to");
        drop(old);
        let takes_another = async {
            let answer = || Answer::One(oneshot::channel().0);
            while let Err(code) = producer.enqueue(RawRecord::ORDER, answer()) {
                assert_eq!(code, RDKafkaErrorCode::Retry);
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), takes_another).await.expect("the old client is over");
        assert_eq!(send(1), Err(RDKafkaErrorCode::Retry), "its sender does not know yet of the first");
        let mut arrived = Vec::new();
        inbox.take(&mut arrived);
        assert!(matches!(arrived[..], [(Ticket { event: 0, .. }, Err(RDKafkaErrorCode::PurgeQueue))]));
        assert_eq!(send(1), Err(RDKafkaErrorCode::Retry), "nor now");
        inbox.hear_failure();
        assert_eq!(send(1), Ok(()));
    }
}
