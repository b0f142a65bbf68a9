//! Events that services send: returned, with a `Sender`, and without an app.

use std::time::{Duration, Instant};

use evkafka::{
    App, CancellationToken, ConsumerConfig, Event, FailurePolicy, LastStep, Metadata, Outcome, Producer,
    ProducerConfig, SendError, SendErrorKind, Sender, State, embedded::Cluster, error::ErrorKind,
    event::Events, handler, record::OwnedRecord, router,
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::support::{DEADLINE, Ledger, Running, cluster, committed, event, until_committed};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(name = "billing.OrderPriced", version = 2, topic = "prices", key = id)]
struct OrderPriced {
    id: u64,
    gross: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(topic = "audit")]
struct Audited<'a> {
    what: &'a str,
}

#[handler(event = "OrderCreated")]
async fn prices(id: u64) -> Result<OrderPriced, &'static str> {
    if id == 13 { Err("no price") } else { Ok(OrderPriced { id, gross: 119 }) }
}

#[handler(event = "OrderCreated")]
async fn audits(
    id: u64,
    audit: Sender<Audited<'static>>,
    prices: Sender<OrderPriced>,
) -> Result<(), SendError> {
    audit.send(&Audited { what: "created" }).no_key().header("who", "test").await?;
    prices.send(&OrderPriced { id, gross: 0 }).enqueue().await
}

#[handler(event = "OrderCreated")]
fn prices_on_a_thread(id: u64) -> Option<(OrderPriced, Vec<Audited<'static>>)> {
    (id != 2).then(|| (OrderPriced { id, gross: 1 }, vec![Audited { what: "a" }, Audited { what: "b" }]))
}

#[handler(event = "OrderCreated", batch(max = 100, within = "20ms"))]
async fn prices_a_batch(ids: Vec<u64>) -> Vec<OrderPriced> {
    ids.into_iter().map(|id| OrderPriced { id, gross: 5 }).collect()
}

fn config(cluster: &Cluster) -> ConsumerConfig {
    cluster.config(["orders"], "billing")
}

fn out(cluster: &Cluster) -> ProducerConfig {
    ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers())
}

fn with_topics() -> Cluster {
    let cluster = cluster(2);
    cluster.create_topic("prices", 3).unwrap();
    cluster.create_topic("audit", 1).unwrap();
    cluster
}

fn header<'r>(record: &'r OwnedRecord, name: &str) -> Option<&'r str> {
    record.as_record().headers().get(name).map(|value| std::str::from_utf8(value).unwrap())
}

async fn priced(cluster: &Cluster) -> Vec<u64> {
    let decode = |record: &OwnedRecord| {
        let priced: OrderPriced = serde_json::from_slice(record.as_record().payload().unwrap()).unwrap();
        assert_eq!(record.as_record().key(), Some(priced.id.to_string().as_bytes()));
        assert_eq!(header(record, "Event-Type"), Some("billing.OrderPriced"));
        assert_eq!(header(record, "Event-Version"), Some("2"));
        priced.id
    };
    let mut ids: Vec<u64> = cluster.records("prices").await.unwrap().iter().map(decode).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_handlers_return_is_there_when_their_offsets_are_committed() {
    for which in 0..3 {
        let cluster = with_topics();
        cluster.send_all((0..100).map(|id| event("OrderCreated", id + 20))).await.unwrap();
        let app = App::new("test").producer("out", out(&cluster), Events::any());
        let config = config(&cluster);
        let running = Running::start(match which {
            0 => app.consumer("orders", config, router![prices]),
            1 => app.consumer("orders", config, router![prices_on_a_thread]),
            _ => app.consumer("orders", config, router![prices_a_batch]),
        });
        until_committed(&cluster, 100).await;
        assert_eq!(priced(&cluster).await, (20..120).collect::<Vec<_>>());
        running.stop().await.unwrap();
        assert_eq!(priced(&cluster).await.len(), 100, "nothing was sent twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_sends_with_the_headers_of_its_record_and_of_the_call() {
    let cluster = with_topics();
    let traced =
        event("OrderCreated", 7).header("traceparent", "00-abc-def-01").header("correlation-id", "c1");
    cluster.send(traced.header("tenant", "north")).await.unwrap();
    let app = App::new("test")
        .consumer("orders", config(&cluster), router![audits])
        .producer("prices", out(&cluster), Events::of::<OrderPriced>())
        .producer("audit", out(&cluster).forward_trace(false), Events::of::<Audited<'_>>());
    let running = Running::start(app);
    until_committed(&cluster, 1).await;
    running.stop().await.unwrap();
    let audit = cluster.records("audit").await.unwrap();
    let [audited] = &audit[..] else { panic!("{audit:?}") };
    assert_eq!(header(audited, "Event-Type"), Some("Audited"));
    assert_eq!((header(audited, "who"), header(audited, "traceparent")), (Some("test"), None));
    assert_eq!(audited.as_record().key(), None);
    // It was enqueued, and waited for before the app ended.
    let prices = cluster.records("prices").await.unwrap();
    let [priced] = &prices[..] else { panic!("{prices:?}") };
    assert_eq!(header(priced, "traceparent"), Some("00-abc-def-01"));
    assert_eq!((header(priced, "correlation-id"), header(priced, "tenant")), (Some("c1"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_needs_no_app() {
    let cluster = with_topics();
    let producer = Producer::new("shop", &out(&cluster).topic("orders")).unwrap();
    let event = OrderPriced { id: 7, gross: 1 };
    let first = producer.send(&event).await.unwrap();
    let second = producer.send(&event).key("another").partition(first.partition).await.unwrap();
    assert_eq!((second.partition, second.offset), (first.partition, 1));
    let at = std::time::UNIX_EPOCH + Duration::from_millis(1234);
    for _ in 0..1000 {
        producer.send(&event).topic("audit").timestamp(at).enqueue().await.unwrap();
    }
    assert!(producer.flush(DEADLINE).await);
    let records = cluster.records("audit").await.unwrap();
    assert_eq!(records.len(), 1000);
    assert!(records.iter().all(|record| record.as_record().timestamp().unwrap().millis == 1234));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_an_error_that_names_event_topic_and_remedy() {
    #[derive(Serialize, Event)]
    struct Homeless;
    let cluster = with_topics();
    let producer =
        Producer::new("shop", &out(&cluster).property("topic.metadata.propagation.max.ms", 100)).unwrap();
    let error = producer.send(&Homeless).await.unwrap_err();
    assert_eq!((error.kind(), error.event(), error.is_final()), (SendErrorKind::NoTopic, "Homeless", true));
    let error = producer.send(&Homeless).topic("a\0b").await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Refused, "{error}");
    let error = producer.send(&Homeless).topic("prices").partition(7).await.unwrap_err();
    assert_eq!((error.kind(), error.topic()), (SendErrorKind::Refused, Some("prices")), "{error}");
    let nobody =
        ProducerConfig::new().bootstrap_servers("127.0.0.1:1").delivery_timeout(Duration::from_millis(200));
    let producer = Producer::new("nobody", &nobody.linger(Duration::ZERO)).unwrap();
    let error = producer.send(&Homeless).topic("prices").await.unwrap_err();
    assert_eq!((error.kind(), error.is_final()), (SendErrorKind::Unacknowledged, false), "{error}");
    assert!(
        error.to_string().starts_with("the event `Homeless` was not sent to the topic `prices`: "),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn awaited_events_are_answered_in_time_where_no_broker_is_and_the_queue_is_full() {
    const LIMIT: Duration = Duration::from_secs(1);
    // Nobody listens at this port.
    let out = ProducerConfig::new().bootstrap_servers("127.0.0.1:1").delivery_timeout(LIMIT);
    let producer = Producer::new("nobody", &out.property("queue.buffering.max.messages", 1)).unwrap();
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    for id in 0..50 {
        let producer = producer.clone();
        calls.spawn(async move { producer.send(&OrderPriced { id, gross: 1 }).await });
    }
    for sent in calls.join_all().await {
        assert_eq!(sent.unwrap_err().kind(), SendErrorKind::Unacknowledged);
    }
    // One after the other it would be fifty times the limit at least.
    assert!(begun.elapsed() < 25 * LIMIT, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_sends_nothing_and_a_refusal_is_the_policys_last_step() {
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    cluster.create_topic("prices", 1).unwrap();
    cluster.send_all([event("OrderCreated", 13), event("OrderCreated", 1)]).await.unwrap();
    let policy = FailurePolicy::new().attempts(2).dead_letter("orders.dead");
    let small = out(&cluster).property("message.max.bytes", 1000);
    let app = App::new("test")
        .consumer("orders", config(&cluster).failure_policy(policy), router![prices].merge(router![large]))
        .producer("out", small, Events::any());
    cluster.send(event("Large", 2)).await.unwrap();
    let running = Running::start(app);
    until_committed(&cluster, 3).await;
    running.stop().await.unwrap();
    assert_eq!(priced(&cluster).await, [1]);
    let dead = cluster.records("orders.dead").await.unwrap();
    let errors: Vec<_> = dead.iter().map(|record| header(record, "dead-letter-error").unwrap()).collect();
    let [failed, refused] = &errors[..] else { panic!("{errors:?}") };
    assert!(failed.contains("no price"), "{failed}");
    assert!(refused.contains("`Huge`") && refused.contains("`prices`"), "{refused}");
}

#[derive(Serialize, Event)]
#[event(topic = "prices")]
struct Huge {
    text: String,
}

#[handler(event = "Large")]
async fn large() -> Huge {
    Huge { text: "x".repeat(2000) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_events_have_no_way_out_does_not_start() {
    #[derive(Serialize, Event)]
    struct Homeless;
    #[handler(event = "OrderCreated")]
    async fn homeless() -> Homeless {
        Homeless
    }
    let cluster = with_topics();
    let app = App::new("test").consumer("orders", config(&cluster), router![audits]);
    let error = Running::start(app).ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = format!("{error:?}");
    for part in
        ["no producer sends the event `Audited`", "`billing.OrderPriced`", "sending::audits", "producers: {"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let app = App::new("test")
        .consumer("orders", config(&cluster), router![homeless])
        .producer("a", out(&cluster), Events::any())
        .producer("a", out(&cluster), Events::of::<Huge>().and::<Huge>())
        .producer("b", ProducerConfig::new(), Events::any());
    let text = format!("{:?}", app.check().unwrap_err());
    for part in [
        "2 producers are called `a`",
        "`Huge` is listed twice",
        "`a` and `b` list no events",
        "producer `b`: `bootstrap_servers`",
        "the event `Homeless`, which `",
        "has no topic",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[handler(event = "OrderCreated")]
async fn prices_at_the_end(
    id: u64,
    State(ledger): State<Ledger>,
    token: CancellationToken,
    meta: Metadata,
) -> OrderPriced {
    ledger.note(&meta, id);
    token.cancelled().await;
    OrderPriced { id, gross: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_returned_during_a_shutdown_is_sent_or_its_record_is_handled_again() {
    let cluster = with_topics();
    cluster.send(event("OrderCreated", 7)).await.unwrap();
    let ledger = Ledger::default();
    let app = || {
        App::new("test")
            .state(ledger.clone())
            .consumer("orders", config(&cluster), router![prices_at_the_end])
            .producer("out", out(&cluster), Events::any())
            .shutdown_timeout(Duration::from_secs(2))
    };
    let running = Running::start(app());
    ledger.until_len(1).await;
    running.stop().await.unwrap();
    let (sent, committed) = (priced(&cluster).await.len(), committed(&cluster).await.unwrap_or_default());
    assert!(sent == 1 || committed == 0, "{sent} sent, and {committed} committed");
}

#[handler(event = "OrderCreated")]
async fn skips(id: u64) -> Outcome {
    if id == 0 { Outcome::Done } else { Outcome::Skip }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_read_by_another_consumer_of_the_same_app() {
    #[handler(event = "billing.OrderPriced")]
    async fn on_price(price: OrderPriced, State(ledger): State<Ledger>, meta: Metadata) {
        ledger.note(&meta, price.id);
    }
    let cluster = with_topics();
    cluster.send_all((0..10).map(|id| event("OrderCreated", id + 20))).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().last_step(LastStep::Stop);
    let app = evkafka::app! {
        title: "test",
        state: ledger.clone(),
        consumers: {
            orders: config(&cluster).failure_policy(policy) => [prices],
            others: cluster.config(["orders"], "others") => [skips],
            prices: cluster.config(["prices"], "prices") => [on_price],
        },
        producers: {
            prices: out(&cluster) => [OrderPriced],
            rest: out(&cluster),
        },
    };
    let running = Running::start(app);
    ledger.until_len(10).await;
    running.stop().await.unwrap();
    let mut read: Vec<u64> = ledger.notes().iter().map(|note| note.parse().unwrap()).collect();
    read.sort_unstable();
    assert_eq!(read, (20..30).collect::<Vec<_>>());
}
