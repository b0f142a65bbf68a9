//! Events that somebody awaits, and that are sent again meanwhile.

use std::time::Duration;

use evkafka::{
    App, ConsumerConfig, Event, Metadata, Producer, ProducerConfig, SendError, SendErrorKind, State,
    event::Events, handler, router,
};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey::Produce, RDKafkaRespErr},
};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::timeout};

use crate::support::{DEADLINE, Ledger, Log, Running, send_to};

#[derive(Serialize, Event)]
#[event(topic = "prices", key = id)]
struct OrderPriced {
    id: u64,
}

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A cluster whose answers can be chosen.
fn mock() -> Mock {
    let mock = MockCluster::new(1).expect("a cluster");
    mock.create_topic("prices", 1, 1).expect("a topic");
    mock
}

fn config(mock: &Mock) -> ProducerConfig {
    ProducerConfig::new().bootstrap_servers(mock.bootstrap_servers())
}

/// Each record has a request of its own.
fn one_by_one(mock: &Mock) -> ProducerConfig {
    config(mock).linger(Duration::ZERO).property("batch.num.messages", 1)
}

/// All records share one request.
fn together(mock: &Mock) -> ProducerConfig {
    config(mock).linger(Duration::from_millis(100))
}

/// Awaits so many events at the same time. How many are acknowledged, each with an offset of its own.
async fn acknowledged(producer: &Producer, events: u64) -> Result<usize, SendError> {
    let mut sending = JoinSet::new();
    for id in 0..events {
        let producer = producer.clone();
        sending.spawn(async move { producer.send(&OrderPriced { id }).await });
    }
    let delivered: Result<Vec<_>, _> = sending.join_all().await.into_iter().collect();
    let mut offsets: Vec<_> = delivered?.iter().map(|delivered| delivered.offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    Ok(offsets.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_again_that_librdkafka_takes_for_written_because_a_later_one_was() {
    let mock = mock();
    let producer = Producer::new("shop", &one_by_one(&mock)).unwrap();
    // The second is under way when the first is refused.
    mock.broker_round_trip_time(1, Duration::from_millis(200)).unwrap();
    mock.request_errors(Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION]);
    assert_eq!(acknowledged(&producer, 2).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_sent_again_after_one_of_them_met_a_fatal_error() {
    let mock = mock();
    let producer = Producer::new("shop", &one_by_one(&mock)).unwrap();
    mock.broker_round_trip_time(1, Duration::from_millis(50)).unwrap();
    mock.request_errors(Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    assert_eq!(acknowledged(&producer, 20).await.unwrap(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_sent_by_themselves_if_another_one_had_their_batch_refused() {
    let mock = mock();
    let producer = Producer::new("shop", &together(&mock)).unwrap();
    mock.request_errors(Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD]);
    assert_eq!(acknowledged(&producer, 10).await.unwrap(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_epoch_brokers_refuse_is_replaced_once() {
    let log = Log::capture();
    let mock = mock();
    let producer = Producer::new("the-one-of-an-old-epoch", &together(&mock)).unwrap();
    mock.request_errors(Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH]);
    assert_eq!(acknowledged(&producer, 10).await.unwrap(), 10);
    let lines = log.lines_with(&["the-one-of-an-old-epoch", "is replaced"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_awaited_event_is_answered_in_time_where_its_broker_does_not_answer() {
    let mock = mock();
    let config = config(&mock).delivery_timeout(Duration::from_secs(5));
    let producer = Producer::new("shop", &config).unwrap();
    assert_eq!(acknowledged(&producer, 1).await.unwrap(), 1);
    mock.broker_round_trip_time(1, 10 * DEADLINE).unwrap();
    let error = timeout(DEADLINE, acknowledged(&producer, 10)).await.expect("an answer").unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Unacknowledged, "{error}");
}

/// All are of one key.
#[derive(Serialize, Deserialize, Event)]
#[event(topic = "prices", key = key)]
struct Numbered {
    key: u8,
    number: i64,
}

#[handler(event = "OrderCreated")]
async fn three_numbers(id: u64) -> Vec<Numbered> {
    let first = 3 * i64::try_from(id).expect("a small number");
    (first..first + 3).map(|number| Numbered { key: 0, number }).collect()
}

#[handler]
async fn note_number(numbered: Numbered, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, numbered.number);
}

/// The numbers in the topic are all there, and none came before a lower one was written: what was sent again came again from there on.
fn are_all_in_order(numbers: &[i64], count: i64) -> bool {
    let mut highest = -1;
    numbers.iter().all(|number| {
        let follows = *number <= highest + 1;
        highest = highest.max(*number);
        follows
    }) && highest == count - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn returned_events_of_a_key_stay_in_order_when_their_client_is_replaced() {
    const RECORDS: u64 = 300;
    let log = Log::capture();
    let mock = mock();
    mock.create_topic("orders", 1, 1).unwrap();
    send_to(&mock.bootstrap_servers(), "OrderCreated", 0..RECORDS).await;
    // An event at a time: brokers refuse those that the client has sent, or is about to send, after one that was refused, but these do not.
    let out = config(&mock).linger(Duration::ZERO);
    let out = out.properties([("queue.buffering.max.messages", 1)]);
    let mut answers = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR; 50];
    for fatal in (6..50).step_by(11) {
        answers[fatal] = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    mock.request_errors(Produce, &answers);
    let ledger = Ledger::default();
    let consumer = |topic: &str| {
        ConsumerConfig::new([topic]).bootstrap_servers(mock.bootstrap_servers()).group_id(topic)
    };
    let app = App::new("test")
        .state(ledger.clone())
        .consumer("orders", consumer("orders"), router![three_numbers])
        .consumer("prices", consumer("prices"), router![note_number])
        .producer("the-one-that-is-replaced", out, Events::any());
    let app = Running::start(app);
    let count = 3 * i64::try_from(RECORDS).unwrap();
    ledger.until(|calls| calls.iter().any(|call| call.note == (count - 1).to_string())).await;
    app.stop().await.unwrap();
    let numbers: Vec<i64> = ledger.notes().iter().map(|note| note.parse().unwrap()).collect();
    assert!(are_all_in_order(&numbers, count), "{numbers:?}");
    let replaced = log.lines_with(&["the-one-that-is-replaced", "is replaced"]);
    assert!(replaced.len() > 1, "{replaced:#?}");
}
