//! The harness tests itself: what it writes arrives, and what it reports is so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use evkafka_tests::kafka::{self, Cluster, Record, TransactionEnd};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

fn consumer(bootstrap: &str, topic: &str, group: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    consumer
}

fn consume(consumer: &BaseConsumer, count: usize) -> Vec<OwnedMessage> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut messages = Vec::new();
    while messages.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records arrived", messages.len());
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => messages.push(message.detach()),
            // librdkafka tells that a node is down, and goes on with the others by itself.
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))) | None => {}
            Some(Err(error)) => panic!("{error}"),
        }
    }
    messages
}

/// Key, payload and headers of a record.
pub(crate) type Letter = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

/// Reads the first records of a topic.
pub(crate) fn read(bootstrap: &str, topic: &str, count: usize) -> Vec<Letter> {
    let messages = consume(&consumer(bootstrap, topic, &kafka::unique("reader")), count);
    let owned = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
    messages
        .iter()
        .map(|message| {
            let headers = headers(message).into_iter().map(owned).collect();
            (message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec), headers)
        })
        .collect()
}

fn headers(message: &OwnedMessage) -> Vec<(&str, Option<&[u8]>)> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    headers.map(|header| (header.key, header.value)).collect()
}

#[test]
fn console_producer_writes_headers_key_and_payload() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "console", 1);
    kafka::console_produce(
        &brokers,
        &topic,
        [
            "event_type:OrderCreated,trace:7f\tcustomer-7\t{\"id\": 1}",
            "<null>\t<null>\tplain",
            "e:D\tgone\t<null>",
        ],
    );

    let records = consume(&consumer(&brokers, &topic, &kafka::unique("console")), 3);
    assert_eq!(
        headers(&records[0]),
        [("event_type", Some(&b"OrderCreated"[..])), ("trace", Some(&b"7f"[..]))],
        "headers in their order"
    );
    assert_eq!(records[0].key(), Some(&b"customer-7"[..]));
    assert_eq!(records[0].payload(), Some(&b"{\"id\": 1}"[..]));
    assert_eq!(headers(&records[1]), []);
    assert_eq!((records[1].key(), records[1].payload()), (None, Some(&b"plain"[..])));
    assert_eq!((records[2].key(), records[2].payload()), (Some(&b"gone"[..]), None));
}

#[test]
#[should_panic(expected = "the console producer failed")]
fn console_producer_reports_a_topic_that_is_missing() {
    kafka::console_produce(&kafka::brokers(), "no-such-topic", ["a:b\tkey\tpayload"]);
}

#[test]
fn produce_writes_every_record_once_and_in_order() {
    let brokers = kafka::external_brokers();
    let topic = kafka::create_topic(&brokers, "produce", 2);
    let count = 100_000;
    let written = kafka::produce(
        &brokers,
        &topic,
        (0..count).map(|i| {
            Record::new(i.to_string())
                .key("k")
                .header("n", vec![0xff, 0])
                .null_header("empty")
                .partition(i % 2)
        }),
    );
    assert_eq!(written, count as usize);

    let records = consume(&consumer(&brokers, &topic, &kafka::unique("produce")), written);
    assert_eq!(headers(&records[0]), [("n", Some(&[0xff, 0][..])), ("empty", None)]);
    assert_eq!(records[0].key(), Some(&b"k"[..]));
    for partition in 0..2 {
        let payloads = records.iter().filter(|record| record.partition() == partition).map(|record| {
            let text = str::from_utf8(record.payload().expect("none is null")).expect("is text");
            text.parse::<i32>().expect("is a number")
        });
        assert!(payloads.eq((0..count).filter(|i| i % 2 == partition)), "partition {partition} in its order");
    }
}

/// A cluster acknowledges the end of a transaction before the partitions know of it.
#[test]
fn a_transaction_has_ended_in_the_log_when_it_was_produced() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "transactions", 1);
    for transactions in 1..=10 {
        kafka::produce_in_transaction(&brokers, &topic, [Record::new("x")], TransactionEnd::Abort);
        // A record and a marker.
        assert_eq!(kafka::end_offset(&brokers, &topic, 0), 2 * transactions);
    }
}

#[tokio::test]
async fn committed_offsets_reads_what_a_consumer_commits() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "commit", 3);
    let group = kafka::unique("commit");
    assert_eq!(kafka::committed_offsets(&brokers, &group), BTreeMap::new(), "nobody knows the group");

    kafka::produce(&brokers, &topic, (0..30).map(|i| Record::new("x").partition(i % 3)));
    let consumer = consumer(&brokers, &topic, &group);
    consume(&consumer, 30);
    for (partition, offset) in [(0, 4), (2, 10)] {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&topic, partition, Offset::Offset(offset)).unwrap();
        consumer.commit(&offsets, CommitMode::Sync).unwrap();
    }
    let expected = BTreeMap::from([((topic.clone(), 0), 4), ((topic.clone(), 2), 10)]);
    assert_eq!(kafka::committed_offsets(&brokers, &group), expected, "while the group has a member");
    drop(consumer);
    assert_eq!(kafka::committed_offsets(&brokers, &group), expected, "and when it has none");
}

#[test]
fn committed_offsets_is_empty_for_a_group_that_has_committed_nothing() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "idle", 1);
    let group = kafka::unique("idle");
    kafka::produce(&brokers, &topic, [Record::new("x")]);
    let consumer = consumer(&brokers, &topic, &group);
    consume(&consumer, 1);
    assert_eq!(kafka::committed_offsets(&brokers, &group), BTreeMap::new(), "while it has a member");
    drop(consumer);
    assert_eq!(kafka::committed_offsets(&brokers, &group), BTreeMap::new(), "and when it has none");
}

#[test]
fn a_cluster_of_three_serves_while_a_node_is_down_and_takes_it_back() {
    let cluster = Cluster::start("harness", 3);
    let topic = kafka::create_topic(cluster.bootstrap(), "restart", 3);
    let batch = || (0..30).map(|i| Record::new(i.to_string()).partition(i % 3));
    kafka::produce(cluster.bootstrap(), &topic, batch());
    cluster.kill_node(1);
    kafka::produce(cluster.bootstrap(), &topic, batch());
    cluster.start_node(1);
    cluster.stop_node(2);
    kafka::produce(cluster.bootstrap(), &topic, batch());

    let group = kafka::unique("restart");
    let records = consume(&consumer(cluster.bootstrap(), &topic, &group), 90);
    for i in 0..30 {
        let copies =
            records.iter().filter(|record| record.payload() == Some(i.to_string().as_bytes())).count();
        assert_eq!(copies, 3, "record {i} of each batch");
    }
}
