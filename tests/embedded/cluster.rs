//! The embedded cluster itself, as tests of services use it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::TcpStream,
    time::Instant,
};

use evkafka::{
    App, ConsumerConfig, FailurePolicy, Metadata, State,
    embedded::{Cluster, Event},
    handler, router,
};

use crate::support::{Ledger, Running};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

#[handler(event = "Broken")]
async fn on_broken() -> Result<(), &'static str> {
    Err("it is broken")
}

fn orders(ids: std::ops::Range<u64>) -> impl Iterator<Item = Event> {
    ids.map(|id| Event::new("orders").key(id.to_string()).event_type("OrderCreated").payload(id.to_string()))
}

fn with_orders(partitions: u16) -> Cluster {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("orders", partitions).unwrap();
    cluster
}

/// `EVKAFKA_TEST_RUNS=100 cargo test -p evkafka-tests --test embedded cluster::shapes -- --nocapture` shows that they hold.
mod shapes {
    use super::*;

    fn runs() -> usize {
        env::var("EVKAFKA_TEST_RUNS").map_or(1, |runs| runs.parse().expect("a number of runs"))
    }

    async fn repeat(shape: impl AsyncFn(&Cluster, &Ledger)) {
        let mut times = Vec::new();
        for _ in 0..runs() {
            let (cluster, ledger, begun) = (with_orders(4), Ledger::default(), Instant::now());
            shape(&cluster, &ledger).await;
            times.push(begun.elapsed());
            let handled: BTreeSet<String> = ledger.notes().into_iter().collect();
            assert_eq!(handled.len(), 100);
            let committed = cluster.committed("billing", "orders").await.unwrap();
            assert_eq!(committed.values().sum::<i64>(), 100, "{committed:?}");
        }
        times.sort_unstable();
        #[expect(clippy::print_stderr, reason = "for whoever asks for many runs")]
        let () = eprintln!(
            "{} runs: shortest {:?}, median {:?}, longest {:?}",
            times.len(),
            times[0],
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }

    fn app(name: &str, config: ConsumerConfig, ledger: &Ledger) -> Running {
        Running::start(App::new("test").state(ledger.clone()).consumer(name, config, router![on_order]))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_member_handles_and_commits_all() {
        repeat(async |cluster, ledger| {
            let only = app("only", cluster.config(["orders"], "billing"), ledger);
            cluster.send_all(orders(0..100)).await.unwrap();
            cluster.until_caught_up("billing", "orders").await.unwrap();
            only.stop().await.unwrap();
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_instances_of_a_consumer_handle_and_commit_all() {
        repeat(async |cluster, ledger| {
            let config = cluster.config(["orders"], "billing").instances(2);
            let both = app("both", config, ledger);
            cluster.send_all(orders(0..100)).await.unwrap();
            cluster.until_caught_up("billing", "orders").await.unwrap();
            both.stop().await.unwrap();
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_consumers_in_a_group_handle_and_commit_all() {
        repeat(async |cluster, ledger| {
            let config = cluster.config(["orders"], "billing");
            let first = app("first", config.clone(), ledger);
            cluster.send_all(orders(0..50)).await.unwrap();
            let second = app("second", config, ledger);
            cluster.send_all(orders(50..100)).await.unwrap();
            cluster.until_caught_up("billing", "orders").await.unwrap();
            first.stop().await.unwrap();
            second.stop().await.unwrap();
        })
        .await;
    }

    /// The second is there before the first goes, so that partitions move twice.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_member_takes_over_from_another() {
        repeat(async |cluster, ledger| {
            let config = cluster.config(["orders"], "billing");
            let first = app("first", config.clone(), ledger);
            cluster.send_all(orders(0..50)).await.unwrap();
            ledger.until_len(50).await;
            let second = app("second", config, ledger);
            let by_second = || ledger.calls().iter().any(|call| call.consumer == "second");
            let mut sent = 50;
            while !by_second() && sent < 90 {
                cluster.send_all(orders(sent..sent + 1)).await.unwrap();
                sent += 1;
                ledger.until_len(sent as usize).await;
            }
            first.stop().await.unwrap();
            cluster.send_all(orders(sent..100)).await.unwrap();
            cluster.until_caught_up("billing", "orders").await.unwrap();
            assert!(by_second());
            second.stop().await.unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_unknown_topic_is_an_error_that_names_the_topics_and_creates_none() {
    let cluster = with_orders(2);
    cluster.create_topic("refunds", 1).unwrap();
    let expected = "unknown topic `oders`; did you mean `orders`? The topics are `orders`, `refunds`";
    let error = cluster.send(Event::new("oders")).await.unwrap_err();
    assert_eq!(error.to_string(), expected);
    let error = cluster.send_all([Event::new("orders"), Event::new("oders")]).await.unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(cluster.committed("billing", "oders").await.unwrap_err().to_string(), expected);
    assert_eq!(cluster.records("oders").await.unwrap_err().to_string(), expected);
    assert_eq!(cluster.until_caught_up("billing", "oders").await.unwrap_err().to_string(), expected);
    assert_eq!(cluster.records("orders").await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_unknown_partition_is_an_error() {
    let cluster = with_orders(2);
    for partition in [-1, 2] {
        let error = cluster.send(Event::new("orders").partition(partition)).await.unwrap_err();
        let expected = format!("topic `orders` has no partition {partition}: it has 2, counted from 0");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_topic_is_created_as_kafka_would() {
    let cluster = with_orders(1);
    let refusal = |name: &str, partitions| cluster.create_topic(name, partitions).unwrap_err().to_string();
    assert_eq!(refusal("orders", 1), "topic `orders` exists already");
    assert_eq!(refusal("payments", 0), "topic `payments` needs at least 1 partition, not 0");
    for name in ["", ".", "..", "a b", &"x".repeat(250), &"x".repeat(40_000)] {
        assert!(refusal(name, 1).contains("is not a topic name"), "{name}");
    }
    cluster.create_topic(&"x".repeat(249), 1).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_the_producer_has_room_for_are_sent() {
    let cluster = with_orders(4);
    cluster.send_all((0..150_000).map(|_| Event::new("orders").event_type("Other"))).await.unwrap();
    let app = App::new("test").state(Ledger::default());
    let config = cluster.config(["orders"], "billing");
    let app = Running::start(app.consumer("orders", config, router![on_order]));
    cluster.until_caught_up("billing", "orders").await.unwrap();
    app.stop().await.unwrap();
    assert_eq!(cluster.committed("billing", "orders").await.unwrap().values().sum::<i64>(), 150_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_read_with_keys_headers_and_payloads() {
    let cluster = with_orders(3);
    assert!(cluster.records("orders").await.unwrap().is_empty());
    let event = |partition| Event::new("orders").partition(partition);
    let first = event(2).key("k").payload("one").header([0xff], [0]).header("a", "1").null_header("a");
    cluster.send_all([first, event(0), event(2).payload("two")]).await.unwrap();
    // Twice: reading leaves nothing behind.
    for _ in 0..2 {
        let records = cluster.records("orders").await.unwrap();
        let at = records.iter().map(|record| (record.as_record().partition(), record.as_record().offset()));
        assert_eq!(at.collect::<Vec<_>>(), [(0, 0), (2, 0), (2, 1)]);
        let first = records[1].as_record();
        assert_eq!(
            (first.topic(), first.key(), first.payload()),
            ("orders", Some(&b"k"[..]), Some(&b"one"[..]))
        );
        let headers: Vec<_> = first.headers().iter().collect();
        assert_eq!(headers, [(&[0xff][..], Some(&[0][..])), (b"a", Some(b"1")), (b"a", None)]);
        assert_eq!((records[0].as_record().key(), records[0].as_record().payload()), (None, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_read_when_they_are_there() {
    let cluster = with_orders(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let policy = FailurePolicy::new().attempts(1).dead_letter("orders.dead");
    let config = cluster.config(["orders"], "billing").failure_policy(policy);
    let app = App::new("test").consumer("orders", config, router![on_broken]);
    let app = Running::start(app);
    cluster.send(Event::new("orders").event_type("Broken").payload("7")).await.unwrap();
    let letters = cluster.until_records("orders.dead", 1).await.unwrap();
    cluster.until_committed("billing", "orders", 0, 1).await.unwrap();
    app.stop().await.unwrap();
    let letter = letters[0].as_record();
    assert_eq!(letter.payload(), Some(&b"7"[..]));
    assert_eq!(letter.headers().get("Event-Type"), Some(&b"Broken"[..]));
    assert_eq!(letter.headers().get("dead-letter-topic"), Some(&b"orders"[..]));
    assert_eq!(cluster.committed("billing", "orders").await.unwrap(), BTreeMap::from([(0, 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_a_client_made_is_known() {
    let cluster = with_orders(1);
    crate::support::send_to(cluster.bootstrap_servers(), "OrderCreated", 0..1).await;
    assert_eq!(cluster.records("orders").await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_down_serves_at_the_same_address_again() {
    let cluster = with_orders(1);
    for _ in 0..3 {
        cluster.broker_down(1).unwrap();
        // It is down already.
        cluster.broker_down(1).unwrap();
        assert!(TcpStream::connect(cluster.bootstrap_servers()).is_err());
        cluster.broker_up(1).unwrap();
        assert!(TcpStream::connect(cluster.bootstrap_servers()).is_ok());
    }
    assert!(cluster.broker_down(2).is_err(), "there is one broker");
    cluster.send_all(orders(0..1)).await.unwrap();
}
