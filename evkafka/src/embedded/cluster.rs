use std::{collections::BTreeMap, fmt, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{Event, host::Host};
use crate::{
    client::ClientLog,
    error::{Error, Result},
    send::{LARGEST_RECORD, RawProducer},
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster inside the process. It ends when it is dropped.
pub struct Cluster {
    host: Host,
    bootstrap_servers: String,
    producer: RawProducer,
}

impl Cluster {
    /// Starts a cluster of one broker.
    ///
    /// # Errors
    /// If librdkafka cannot start it: no free port, no thread.
    pub fn start() -> Result<Self> {
        Self::with_brokers(1)
    }

    /// Starts a cluster of several brokers (at least one).
    ///
    /// # Errors
    /// If librdkafka cannot start it.
    pub fn with_brokers(brokers: u8) -> Result<Self> {
        let host = Host::start(i32::from(brokers.max(1)))?;
        let bootstrap_servers = host.with(|mock| Ok(mock.bootstrap_servers()))?;
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", &bootstrap_servers)
            .set("linger.ms", "0")
            .set("message.max.bytes", LARGEST_RECORD);
        let log = ClientLog::new("embedded".into(), &settings);
        let producer = RawProducer::new(log, settings).map_err(Error::other)?;
        Ok(Self { host, bootstrap_servers, producer })
    }

    /// The addresses of the brokers, as `bootstrap_servers` takes them.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// If it exists, or the name is not one.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<()> {
        let name = name.to_owned();
        self.host.with(move |mock| mock.create_topic(&name, i32::from(partitions), 1))
    }

    /// Stops a broker (the first is 1): connections to it break and fail until [`broker_up`](Self::broker_up).
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_down(&self, broker: u8) -> Result<()> {
        self.host.with(move |mock| mock.broker_down(i32::from(broker)))
    }

    /// Starts a broker again.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_up(&self, broker: u8) -> Result<()> {
        self.host.with(move |mock| mock.broker_up(i32::from(broker)))
    }

    /// Delays every answer of a broker.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn round_trip_time(&self, broker: u8, delay: Duration) -> Result<()> {
        self.host.with(move |mock| mock.broker_round_trip_time(i32::from(broker), delay))
    }

    /// Sends an event and waits for the broker's acknowledgement; its partition and offset.
    ///
    /// # Errors
    /// If the broker does not acknowledge it.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the event back.
    pub async fn send(&self, event: Event) -> Result<(i32, i64)> {
        self.producer.send(event.as_raw()).await.map_err(Error::other)
    }

    /// Sends events, in order, without waiting for one before the next; then waits for all acknowledgements.
    ///
    /// # Errors
    /// The first that the broker did not acknowledge.
    pub async fn send_all(&self, events: impl IntoIterator<Item = Event>) -> Result<()> {
        let enqueue = |event: Event| self.producer.enqueue(event.as_raw()).map_err(Error::other);
        let pending: Vec<_> = events.into_iter().map(enqueue).collect::<Result<_>>()?;
        for delivery in pending {
            delivery.await.map_err(Error::other)?.map_err(Error::other)?;
        }
        Ok(())
    }

    /// The offsets that a group has committed of a topic, by partition; partitions without one are left out.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap_servers).set("group.id", group);
        let topic = topic.to_owned();
        let look = move || -> Result<BTreeMap<i32, i64>, KafkaError> {
            let consumer: BaseConsumer = config.create()?;
            let metadata = consumer.fetch_metadata(Some(&topic), TIMEOUT)?;
            let mut wanted = TopicPartitionList::new();
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                wanted.add_partition(&topic, partition.id());
            }
            let committed = consumer.committed_offsets(wanted, TIMEOUT)?;
            let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
            let offsets = committed.elements();
            Ok(offsets.iter().filter_map(|e| Some((e.partition(), offset(e.offset())?))).collect())
        };
        tokio::task::spawn_blocking(look).await.map_err(Error::other)?.map_err(Error::other)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}
