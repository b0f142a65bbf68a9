//! Writes the records.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ThreadedProducer},
};

use crate::{Options, events};

pub(crate) fn produce(options: &Options) {
    let (brokers, topic) = (options.text("brokers"), options.text("topic"));
    let (records, partitions) = (options.number("records", 2_000_000), options.number("partitions", 8));
    create(brokers, topic, i32::try_from(partitions).expect("a number of partitions"));
    let producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", "lz4")
        .set("linger.ms", "50")
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "500000")
        .create()
        .expect("a producer");
    let send = |partition: u64, event: &str, key: &[u8], payload: &[u8]| {
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some(event) });
        let mut record = BaseRecord::to(topic)
            .partition(i32::try_from(partition).expect("a partition"))
            .key(key)
            .payload(payload)
            .headers(headers);
        while let Err((error, back)) = producer.send(record) {
            assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
            std::thread::sleep(Duration::from_millis(5));
            record = back;
        }
    };
    let marks = || (0..partitions).for_each(|partition| send(partition, "Mark", b"", b""));
    marks();
    for n in 0..records {
        let (event, payload) = events::record(n);
        send(n % partitions, event, format!("key-{}", n % 1000).as_bytes(), &payload);
    }
    marks();
    producer.flush(Duration::from_secs(120)).expect("all acknowledged");
    println!("{records} records in {partitions} partitions of `{topic}`");
}

fn create(brokers: &str, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("an admin client");
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let results = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).expect("an answer");
    for result in results {
        result.expect("the topic is created");
    }
}
