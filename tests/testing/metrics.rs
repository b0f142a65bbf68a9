//! The numbers of an app in a test.

use std::time::Duration;

use evkafka::{
    metrics::{ConsumerMetrics, EventMetrics, Metrics},
    settle::FailureKind,
    testing::{Refusal, TestClient},
};

use crate::support::{Calls, OrderCreated, billing, orders, policy};

fn start() -> (TestClient, Metrics) {
    let app = billing(orders().failure_policy(policy()), &Calls::default());
    let metrics = app.metrics();
    assert_eq!(metrics.prometheus(), "", "it does not run yet");
    (TestClient::new(app), metrics)
}

fn consumer(metrics: &Metrics) -> ConsumerMetrics {
    let mut consumers = metrics.snapshot().consumers;
    assert_eq!(consumers.len(), 1);
    consumers.remove(0)
}

fn event(metrics: &Metrics, name: &str) -> EventMetrics {
    let topics = consumer(metrics).topics;
    let event = topics.into_iter().flat_map(|topic| topic.events).find(|event| &*event.event == name);
    event.expect("an event of this name")
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_records_and_events_is_counted() {
    let (t, metrics) = start();
    t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
    t.send(&OrderCreated { id: 8, cents: u64::MAX }).await.assert_dead_lettered("orders.dead");
    t.idle().await;
    let created = event(&metrics, "OrderCreated");
    assert_eq!((created.received, created.handled, created.dead_lettered), (2, 1, 1));
    assert_eq!((created.retried, created.duration.count()), (2, 4));
    let failed: Vec<_> = created.failed.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(failed, [(FailureKind::Error, 3)]);
    let consumer = consumer(&metrics);
    assert_eq!((&*consumer.name, &*consumer.group), ("invoices", "billing"));
    assert_eq!((consumer.assigned(), consumer.paused(), consumer.rebalances.assigned), (1, 0, 1));
    let partition = &consumer.partitions[0];
    assert_eq!((partition.lag, partition.lag_duration), (Some(0), Some(Duration::ZERO)));
    assert_eq!(partition.committed_offset, Some(2));
    let producers = metrics.snapshot().producers;
    assert_eq!((&*producers[0].name, &*producers[0].events[0].event), ("prices", "billing.OrderPriced"));
    assert_eq!((producers[0].events[0].sent, producers[0].events[0].failed), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn events_that_are_refused_are_counted_as_such() {
    let (t, metrics) = start();
    t.refuse_all_sends("prices", Refusal::InvalidRecord);
    t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_dead_lettered("orders.dead");
    let sent = metrics.snapshot().producers[0].events[0].clone();
    assert_eq!((sent.sent, sent.failed), (0, 1));
    let failed = event(&metrics, "OrderCreated").failed;
    assert!(failed.contains(&(FailureKind::Unsent, 1)), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn counts_stay_when_partitions_are_revoked_and_given_back() {
    let (t, metrics) = start();
    t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
    t.rebalance().await;
    t.send(&OrderCreated { id: 8, cents: 100 }).await.assert_handled();
    t.idle().await;
    assert_eq!(event(&metrics, "OrderCreated").handled, 2);
    let consumer = consumer(&metrics);
    assert_eq!((consumer.rebalances.assigned, consumer.rebalances.revoked), (2, 1));
    assert_eq!(consumer.partitions.len(), 1);
}
