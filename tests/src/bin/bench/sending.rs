//! Sending: events of one type to a topic of its own, and what handlers return for the records that they handle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use evkafka::{App, Event, Producer, ProducerConfig, event::Events, handler, router};
use rdkafka::{
    ClientConfig, ClientContext, Message,
    consumer::{CommitMode, Consumer},
    message::{DeliveryResult, Header, OwnedHeaders, ToBytes},
    producer::{
        BaseRecord, FutureProducer, FutureRecord, Producer as _, ProducerContext, ThreadedProducer,
        future_producer::Delivery,
    },
};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    events::{self, Order, Payment},
    framework,
    loops::{self, Tuning, event_type},
    produce,
    totals::{self, Run, Sums},
};

/// What is sent: an order, as it is in the topics that are consumed.
#[derive(Serialize, Event)]
#[event(name = "OrderCreated", key = id)]
struct Sent {
    id: u64,
    customer: String,
    currency: String,
    cents: u64,
}

/// Returned for each order and each payment.
#[derive(Serialize, Event)]
#[event(key = id)]
struct Forwarded {
    id: u64,
    cents: u64,
}

fn event(n: u64) -> Sent {
    let Order { id, customer, currency, .. } = events::order(n);
    Sent { id, customer, currency, cents: n % 90_000 }
}

/// The same for all.
const SETTINGS: &[(&str, &str)] = &[
    ("queue.buffering.max.messages", "100000"),
    ("compression.type", "lz4"),
    ("batch.num.messages", "10000"),
];
const LINGER: Duration = Duration::from_millis(5);

fn settings(brokers: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", LINGER.as_millis().to_string());
    settings.extend(SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    settings
}

fn ours(brokers: &str, topic: &str) -> ProducerConfig {
    ProducerConfig::new()
        .bootstrap_servers(brokers)
        .topic(topic)
        .linger(LINGER)
        .properties(SETTINGS.iter().copied())
}

/// Counts the deliveries.
#[derive(Default)]
struct Counted(AtomicU64);

#[derive(Clone)]
struct Context(Arc<Counted>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, delivery: &DeliveryResult<'_>, (): ()) {
        assert!(delivery.is_ok(), "{delivery:?}");
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits while the queue is full, as a loop would.
fn send_threaded<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
    producer: &ThreadedProducer<Context>,
    record: BaseRecord<'_, K, P>,
) {
    let mut record = record;
    while let Err((error, refused)) = producer.send(record) {
        assert_eq!(error.rdkafka_error_code(), Some(rdkafka::types::RDKafkaErrorCode::QueueFull));
        std::thread::sleep(Duration::from_millis(1));
        record = refused;
    }
}

/// Sends so many events to a topic that is made for it.
pub(crate) fn send(variant: &str, brokers: &str, topic: &str, records: u64, partitions: u64) -> Run {
    let topic = format!("{topic}-{variant}-{}", std::process::id());
    produce::create(brokers, &topic, i32::try_from(partitions).expect("a number of partitions"));
    let elapsed = match variant {
        "send-evkafka" => runtime().block_on(enqueue(brokers, &topic, records)),
        "send-awaited" => runtime().block_on(awaited(brokers, &topic, records)),
        "send-loop" => threaded(brokers, &topic, records),
        "send-future" => runtime().block_on(futures(brokers, &topic, records)),
        other => panic!("no variant is called {other}"),
    };
    Run::ending_now(Sums { records, ..Sums::default() }, elapsed)
}

fn runtime() -> tokio::runtime::Runtime {
    framework::runtime()
}

async fn enqueue(brokers: &str, topic: &str, records: u64) -> Duration {
    let producer = Producer::new("bench", &ours(brokers, topic)).expect("a producer");
    producer.send(&event(0)).await.expect("acknowledged");
    let begun = Instant::now();
    for n in 0..records {
        producer.send(&event(n)).enqueue().await.expect("taken");
    }
    assert!(producer.flush(Duration::from_secs(600)).await);
    begun.elapsed()
}

/// A thousand at a time, each awaited.
async fn awaited(brokers: &str, topic: &str, records: u64) -> Duration {
    let producer = Producer::new("bench", &ours(brokers, topic)).expect("a producer");
    producer.send(&event(0)).await.expect("acknowledged");
    let begun = Instant::now();
    let mut in_flight = JoinSet::new();
    for n in 0..records {
        if in_flight.len() == 1000 {
            in_flight.join_next().await.expect("one").expect("no panic");
        }
        let producer = producer.clone();
        in_flight.spawn(async move { producer.send(&event(n)).await.map(drop).expect("acknowledged") });
    }
    while let Some(sent) = in_flight.join_next().await {
        sent.expect("no panic");
    }
    begun.elapsed()
}

fn threaded(brokers: &str, topic: &str, records: u64) -> Duration {
    let counted = Arc::new(Counted::default());
    let producer: ThreadedProducer<Context> =
        settings(brokers).create_with_context(Context(Arc::clone(&counted))).expect("a producer");
    let send = |n: u64| {
        let payload = serde_json::to_vec(&event(n)).expect("plain data");
        let key = n.to_string();
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some("OrderCreated") });
        send_threaded(&producer, BaseRecord::to(topic).key(&key).payload(&payload).headers(headers));
    };
    send(0);
    producer.flush(Duration::from_secs(60)).expect("acknowledged");
    let begun = Instant::now();
    (0..records).for_each(send);
    producer.flush(Duration::from_secs(600)).expect("acknowledged");
    assert_eq!(counted.0.load(Ordering::Relaxed), records + 1);
    begun.elapsed()
}

/// A thousand in flight.
async fn futures(brokers: &str, topic: &str, records: u64) -> Duration {
    let producer: FutureProducer = settings(brokers).create().expect("a producer");
    let topic: Arc<str> = topic.into();
    let send = |n: u64| {
        let (producer, topic) = (producer.clone(), Arc::clone(&topic));
        async move {
            let payload = serde_json::to_vec(&event(n)).expect("plain data");
            let key = n.to_string();
            let headers =
                OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some("OrderCreated") });
            let record = FutureRecord::to(&topic).key(&key).payload(&payload).headers(headers);
            let _: Delivery = producer.send(record, Duration::from_secs(60)).await.expect("acknowledged");
        }
    };
    send(0).await;
    let begun = Instant::now();
    let mut in_flight = JoinSet::new();
    for n in 0..records {
        if in_flight.len() == 1000 {
            in_flight.join_next().await.expect("one").expect("no panic");
        }
        in_flight.spawn(send(n));
    }
    while let Some(sent) = in_flight.join_next().await {
        sent.expect("no panic");
    }
    begun.elapsed()
}

#[handler(event = "OrderCreated")]
async fn forwards_order(order: Order) -> Forwarded {
    framework::count_order(&order);
    Forwarded { id: order.id, cents: order.lines.iter().map(|line| line.cents).sum() }
}

#[handler(event = "PaymentReceived")]
async fn forwards_payment(payment: Payment) -> Forwarded {
    framework::count_payment(&payment);
    Forwarded { id: payment.order, cents: payment.cents }
}

/// Consumes the records and sends an event for each that is handled. It ends with the last commit.
pub(crate) fn forward(variant: &str, brokers: &str, topic: &str, records: u64, partitions: u64) -> Run {
    let out = format!("{topic}-{variant}-{}", std::process::id());
    produce::create(brokers, &out, i32::try_from(partitions).expect("a number of partitions"));
    match variant {
        "forward" => forward_with_evkafka(brokers, topic, &out, records),
        "forward-defaults" => forward_with_defaults(brokers, topic, &out, records),
        "forward-loop" => forward_by_hand(brokers, topic, &out, records + 2 * partitions),
        other => panic!("no variant is called {other}"),
    }
}

fn forward_with_evkafka(brokers: &str, topic: &str, out: &str, records: u64) -> Run {
    run_forwarding(brokers, topic, ours(brokers, out), records)
}

fn forward_with_defaults(brokers: &str, topic: &str, out: &str, records: u64) -> Run {
    let producer = ProducerConfig::new().bootstrap_servers(brokers).topic(out);
    run_forwarding(brokers, topic, producer, records)
}

fn run_forwarding(brokers: &str, topic: &str, producer: ProducerConfig, records: u64) -> Run {
    let app = App::new("bench")
        .consumer("bench", framework::config(brokers, topic), router![forwards_order, forwards_payment])
        .producer("out", producer, Events::any());
    let expected = records * 8 / 10;
    let done = async move {
        while totals::counted() < expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    runtime().block_on(app.run_until(done)).expect("the app runs");
    let ended = Instant::now();
    let (run, first) = totals::finish_with_first();
    Run { elapsed: ended - first, ..run }
}

/// At least once: what is sent is flushed before offsets are committed.
fn forward_by_hand(brokers: &str, topic: &str, out: &str, records: u64) -> Run {
    let consumer = loops::consumer(brokers, topic, Tuning::Manual);
    let counted = Arc::new(Counted::default());
    let producer: ThreadedProducer<Context> =
        settings(brokers).create_with_context(Context(counted)).expect("a producer");
    let (mut seen, mut sums, mut first) = (0, Sums::default(), None);
    let mut committed = Instant::now();
    let send = |forwarded: &Forwarded| {
        let payload = serde_json::to_vec(forwarded).expect("plain data");
        let key = forwarded.id.to_string();
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some("Forwarded") });
        send_threaded(&producer, BaseRecord::to(out).key(&key).payload(&payload).headers(headers));
    };
    while seen < records {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("a record");
        first.get_or_insert_with(Instant::now);
        match event_type(&message) {
            Some(b"OrderCreated") => {
                let order: Order =
                    serde_json::from_slice(message.payload().expect("a payload")).expect("an order");
                sums.add(framework::sums_of_order(&order));
                send(&Forwarded { id: order.id, cents: order.lines.iter().map(|line| line.cents).sum() });
            }
            Some(b"PaymentReceived") => {
                let payment: Payment =
                    serde_json::from_slice(message.payload().expect("a payload")).expect("a payment");
                sums.add(framework::sums_of_payment(&payment));
                send(&Forwarded { id: payment.order, cents: payment.cents });
            }
            _ => {}
        }
        consumer.store_offset_from_message(&message).expect("stored");
        seen += 1;
        if committed.elapsed() > Duration::from_secs(5) {
            producer.flush(Duration::from_secs(60)).expect("acknowledged");
            consumer.commit_consumer_state(CommitMode::Async).expect("committed");
            committed = Instant::now();
        }
    }
    producer.flush(Duration::from_secs(60)).expect("acknowledged");
    consumer.commit_consumer_state(CommitMode::Sync).expect("committed");
    Run::ending_now(sums, first.expect("there are records").elapsed())
}
