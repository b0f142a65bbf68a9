//! Writes the records.

use std::time::Duration;

use evkafka_tests::options::Options;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders, ToBytes},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use crate::events;

pub(crate) fn produce(options: &Options) {
    let (brokers, topic) = (options.text("brokers"), options.text("topic"));
    let (records, partitions) =
        (options.number("records").unwrap_or(2_000_000), options.number("partitions").unwrap_or(8));
    let keys = options.number("keys").unwrap_or(1000);
    let has_types_in_payloads = options.get("types").is_some_and(|place| place == "payload");
    create(brokers, topic, i32::try_from(partitions).expect("a number of partitions"));
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", "lz4")
        .set("linger.ms", "50")
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "500000")
        .create()
        .expect("a producer");
    let send = |partition: u64, event: &str, key: &[u8], payload: &[u8]| {
        let typed = has_types_in_payloads.then(|| events::typed(event, payload));
        let payload = typed.as_deref().unwrap_or(payload);
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some(event) });
        let record = BaseRecord::to(topic)
            .partition(i32::try_from(partition).expect("a partition"))
            .key(key)
            .payload(payload)
            .headers(headers);
        send_when_there_is_room(&producer, record);
    };
    let marks = || (0..partitions).for_each(|partition| send(partition, "Mark", b"", b""));
    marks();
    for n in 0..records {
        let (event, payload) = events::record(n);
        send(n % partitions, event, format!("key-{}", n % keys).as_bytes(), &payload);
    }
    marks();
    producer.flush(Duration::from_secs(120)).expect("all acknowledged");
    println!("{records} records in {partitions} partitions of `{topic}`");
}

/// A topic of records of so many bytes, uncompressed or so that they shrink about fiftyfold; how many bytes its payloads are.
pub(crate) fn large(
    brokers: &str,
    topic: &str,
    partitions: i32,
    bytes: u64,
    record_bytes: usize,
    compressed: bool,
) -> u64 {
    create(brokers, topic, partitions);
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", if compressed { "gzip" } else { "none" })
        .set("linger.ms", "50")
        .set("queue.buffering.max.kbytes", "100000")
        .create()
        .expect("a producer");
    let (mut payload, mut random) = (vec![b'x'; record_bytes], fastrand::Rng::with_seed(1));
    let records = bytes / payload.len() as u64;
    for n in 0..records {
        if compressed {
            let random_bytes = record_bytes.div_ceil(100);
            random.fill(&mut payload[..random_bytes]);
        }
        let partition = (n % u64::from(partitions.unsigned_abs())) as i32;
        let record = BaseRecord::<(), _>::to(topic).partition(partition).payload(&payload);
        send_when_there_is_room(&producer, record);
    }
    producer.flush(Duration::from_secs(300)).expect("all acknowledged");
    records * payload.len() as u64
}

fn send_when_there_is_room<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
    producer: &ThreadedProducer<DefaultProducerContext>,
    mut record: BaseRecord<'_, K, P>,
) {
    while let Err((error, back)) = producer.send(record) {
        assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
        std::thread::sleep(Duration::from_millis(5));
        record = back;
    }
}

pub(crate) fn create(brokers: &str, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("an admin client");
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let results = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).expect("an answer");
    for result in results {
        result.expect("the topic is created");
    }
}
