//! What keeps a member out of its group, as real brokers say it.

use std::time::Duration;

use evkafka::{App, ConsumerConfig, handler, router};
use evkafka_tests::kafka;
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};

use crate::support::DEADLINE;

#[handler(fallback)]
async fn rest() {}

/// The error of an app that cannot join its group.
async fn refused(config: ConsumerConfig) -> String {
    let app = App::new("test").consumer("orders", config, router![rest]);
    let ended = tokio::time::timeout(DEADLINE, app.run_until(std::future::pending())).await;
    ended.expect("the app ends").expect_err("it cannot join").to_string()
}

fn config(topic: &str, group: &str) -> ConsumerConfig {
    ConsumerConfig::new([topic]).bootstrap_servers(kafka::brokers()).group_id(group)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_timeout_below_the_brokers_minimum_ends_the_app_and_names_their_limits() {
    let topic = kafka::create_topic(&kafka::brokers(), "session-timeout", 1);
    let config = config(&topic, &kafka::unique("billing"))
        .property("session.timeout.ms", 1000)
        .property("heartbeat.interval.ms", 300);
    let error = refused(config).await;
    assert!(error.contains("`session.timeout.ms` is 1000"), "{error}");
    assert!(error.contains("group.min.session.timeout.ms"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_with_another_assignor_than_the_group_has_is_told_of_it() {
    let topic = kafka::create_topic(&kafka::brokers(), "assignors", 1);
    let group = kafka::unique("billing");
    let other: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka::brokers())
        .set("group.id", &group)
        .set("partition.assignment.strategy", "range")
        .create()
        .expect("a consumer");
    other.subscribe(&[&topic]).expect("it subscribes");
    let (assigned, is_assigned) = tokio::sync::oneshot::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let member = std::thread::spawn(move || {
        let mut assigned = Some(assigned);
        while ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let _ = other.poll(Duration::from_millis(100));
            if other.assignment().is_ok_and(|partitions| partitions.count() > 0)
                && let Some(assigned) = assigned.take()
            {
                let _ = assigned.send(());
            }
        }
    });
    tokio::time::timeout(DEADLINE, is_assigned).await.expect("in time").expect("the other member joins");
    let error = refused(config(&topic, &group)).await;
    drop(end);
    member.join().expect("no panic");
    assert!(error.contains("another member uses a different `partition.assignment.strategy`"), "{error}");
}
