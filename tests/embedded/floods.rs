//! What an app says of a problem that lasts: that it began, now and then that it lasts, and that it is over.

use std::time::Duration;

use evkafka::{App, ConsumerConfig, FailurePolicy, OnUnavailable, handler, router};
use tokio::time::sleep;

use crate::support::{Log, Running, cluster, config, event, until_committed};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64) -> Result<(), String> {
    if id % 10 == 1 { Err("the ledger is closed".to_owned()) } else { Ok(()) }
}

/// The lines that a consumer has led to, at the levels that are usual.
fn lines_of(consumer: &str) -> Vec<String> {
    let lines = Log::capture().lines_with(&[consumer]).into_iter();
    lines.filter(|line| !line.contains(" DEBUG ") && !line.contains(" TRACE ")).collect()
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

/// Each has a member and a producer that look for brokers.
fn sends_letters(config: ConsumerConfig) -> ConsumerConfig {
    config.failure_policy(FailurePolicy::new().attempts(1).dead_letter("orders.dead"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_is_told_of_now_and_then() {
    let log = Log::capture();
    let config = sends_letters(
        ConsumerConfig::new(["orders"])
            .bootstrap_servers("127.0.0.1:1")
            .group_id("billing")
            .on_unreachable(OnUnavailable::Wait)
            .connect_timeout(Duration::from_millis(100)),
    );
    let app = App::new("test").consumer("finds-no-broker", config, router![on_order]);
    let app = Running::start(app);
    log.until_line_with(&["not ready to consume", "finds-no-broker"]).await;
    // Not for something to happen, but for as much as may.
    sleep(Duration::from_secs(20)).await;
    app.stop().await.unwrap();
    let lines = lines_of("finds-no-broker");
    let (waits, fails) =
        (count(&lines, "not ready to consume"), count(&lines, "the producer reports an error"));
    assert!((2..=6).contains(&waits), "{lines:#?}");
    assert!((1..=3).contains(&fails), "{lines:#?}");
    assert!(lines.len() <= waits + fails + 2, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_goes_away_and_comes_back_is_told_of_once_each() {
    let log = Log::capture();
    let cluster = cluster(2);
    cluster.create_topic("orders.dead", 1).unwrap();
    cluster.send_all((0..10).map(|id| event("OrderCreated", id))).await.unwrap();
    let config = sends_letters(config(&cluster)).commit_interval(Duration::from_millis(200));
    let app = App::new("test").consumer("loses-its-broker", config, router![on_order]);
    let app = Running::start(app);
    until_committed(&cluster, 10).await;
    cluster.broker_down(1).unwrap();
    log.until_line_with(&["the Kafka client reports an error", "loses-its-broker"]).await;
    log.until_line_with(&["the producer reports an error", "loses-its-broker"]).await;
    sleep(Duration::from_secs(5)).await;
    cluster.broker_up(1).unwrap();
    // What is handled and sent shows the clients that it is over.
    let sends = async {
        for id in 10.. {
            cluster.send(event("OrderCreated", id)).await.unwrap();
            sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = sends => {}
        _ = log.until_line_with(&["the Kafka client no longer reports this error", "loses-its-broker"]) => {}
    }
    let sends = async {
        for id in 0.. {
            cluster.send(event("OrderCreated", 10 * id + 1)).await.unwrap();
            sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = sends => {}
        _ = log.until_line_with(&["the producer no longer reports this error", "loses-its-broker"]) => {}
    }
    app.stop().await.unwrap();
    let lines = lines_of("loses-its-broker");
    // The letters that were sent meanwhile have a line each.
    let lines: Vec<_> =
        lines.into_iter().filter(|line| !line.contains("sent to the dead-letter topic")).collect();
    for part in ["the Kafka client reports an error", "the producer reports an error"] {
        // Not more than two sorts of errors, each of which may last for more than ten seconds.
        assert!((1..=4).contains(&count(&lines, part)), "{lines:#?}");
    }
    assert!(lines.len() <= 20, "{lines:#?}");
}
