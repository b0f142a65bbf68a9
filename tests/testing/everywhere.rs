//! The same tests on topics in memory, on an embedded cluster and, with the feature `broker`, on Kafka: how they agree.

use std::{sync::Arc, time::Duration};

use evkafka::{
    App, AutoCommitMode, Concurrency, FailurePolicy, LastStep, Metadata, State,
    embedded::Cluster,
    error::ErrorKind,
    handler, router,
    testing::{Backend, Settlement, TestClient},
};

use crate::support::{Calls, OrderCreated, OrderPriced, billing, orders, policy};

/// Runs a test in each place.
macro_rules! everywhere {
    ($($test:ident)+) => {$(
        mod $test {
            #[tokio::test(start_paused = true)]
            async fn in_memory() {
                super::$test(super::Backend::Memory).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_an_embedded_cluster() {
                super::$test(super::Backend::Embedded(super::Arc::new(super::Cluster::start().unwrap()))).await;
            }

            #[cfg(feature = "broker")]
            #[tokio::test(flavor = "multi_thread")]
            async fn on_kafka() {
                super::$test(super::Backend::Kafka { bootstrap_servers: evkafka_tests::kafka::brokers() }).await;
            }
        }
    )+};
}

everywhere! {
    what_nothing_matches_is_skipped_without_decoding_it
    an_event_is_handled_and_what_is_returned_is_sent_with_its_headers
    a_record_that_fails_is_a_dead_letter_with_the_same_headers
    what_is_given_up_is_committed
    the_app_stops_at_a_record_that_it_cannot_handle_and_commits_what_is_before_it
    records_of_one_key_are_handled_in_order
    keys_go_to_the_same_partitions
    a_shutdown_commits_what_was_handled
}

fn order(id: u64) -> OrderCreated {
    OrderCreated { id, cents: 100 }
}

async fn what_nothing_matches_is_skipped_without_decoding_it(backend: Backend) {
    for mode in [AutoCommitMode::PostCommit, AutoCommitMode::PreCommit] {
        let group = format!("{mode:?}");
        let config = orders().auto_commit_mode(mode).group_id(&group);
        let policy = FailurePolicy::new().attempts(1).last_step(LastStep::Skip);
        let config = if mode == AutoCommitMode::PreCommit { config } else { config.failure_policy(policy) };
        let t = TestClient::of(billing(config, &Calls::default())).on(backend.clone()).start();
        let broken = || t.record("orders").partition(0).payload("{ not json");
        for record in [
            broken().event_type("InventoryCounted"),
            broken(),
            broken().event_type([0xff, 0xfe, b'O']),
            broken().event_type(""),
            broken().null_header("Event-Type"),
            broken().header("event-type", "OrderCreated"),
        ] {
            record.await.assert_skipped().assert_attempts(0);
        }
        let handled = t.send(&order(7)).await;
        handled.assert_handled();
        t.idle().await;
        assert_eq!(t.committed(&group, "orders", 0), Some(handled.stories()[0].offset() + 1));
        t.shutdown().await.unwrap();
    }
}

async fn an_event_is_handled_and_what_is_returned_is_sent_with_its_headers(backend: Backend) {
    let t = TestClient::of(billing(orders(), &Calls::default())).on(backend).start();
    t.send(&order(7)).header("traceparent", "00-7").await.assert_handled().assert_attempts(1);
    assert_eq!(t.sent::<OrderPriced>(), [OrderPriced { id: 7, gross: 119 }]);
    let records = t.records("prices");
    let headers: Vec<_> = records[0].as_record().headers().iter().collect();
    let expected: [(&[u8], &[u8]); 3] =
        [(b"Event-Type", b"billing.OrderPriced"), (b"Event-Version", b"2"), (b"traceparent", b"00-7")];
    assert_eq!(headers, expected.map(|(name, value)| (name, Some(value))));
    t.shutdown().await.unwrap();
}

async fn a_record_that_fails_is_a_dead_letter_with_the_same_headers(backend: Backend) {
    let t = TestClient::of(billing(orders().failure_policy(policy()), &Calls::default())).on(backend).start();
    let settled = t.send(&OrderCreated { id: 8, cents: u64::MAX }).header("tenant", "north").await;
    settled.assert_dead_lettered("orders.dead").assert_attempts(3);
    assert_eq!(settled.error(), Some("the handler failed: more money than there is"));
    let letters = t.dead_letters("orders.dead");
    let headers = letters[0].as_record().headers();
    let names: Vec<_> = headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(names[..2], ["Event-Type", "tenant"]);
    assert_eq!(headers.get("dead-letter-attempts"), Some(&b"3"[..]));
    assert_eq!(headers.get("dead-letter-offset"), Some(&b"0"[..]), "{names:?}");
    assert_eq!(t.sent::<OrderPriced>(), []);
    t.shutdown().await.unwrap();
}

async fn what_is_given_up_is_committed(backend: Backend) {
    let config = orders().failure_policy(FailurePolicy::new().attempts(2).last_step(LastStep::Skip));
    let t = TestClient::of(billing(config, &Calls::default())).on(backend).start();
    t.send(&OrderCreated { id: 8, cents: u64::MAX }).await.assert_given_up().assert_attempts(2);
    t.idle().await;
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
    t.shutdown().await.unwrap();
}

async fn the_app_stops_at_a_record_that_it_cannot_handle_and_commits_what_is_before_it(backend: Backend) {
    let config = orders().failure_policy(FailurePolicy::new().attempts(1));
    let t = TestClient::of(billing(config, &Calls::default())).on(backend).start();
    t.send(&order(7)).await.assert_handled();
    let stopped = t.record("orders").event_type("OrderCreated").json("no order").await;
    stopped.assert_stopped().assert_attempts(1);
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
    let error = t.shutdown().await.unwrap_err();
    assert_eq!((error.kind(), error.record().unwrap().offset), (ErrorKind::Record, 1));
}

#[handler(event = "OrderCreated")]
async fn takes_its_time(order: OrderCreated, State(calls): State<Calls>, meta: Metadata) {
    tokio::time::sleep(Duration::from_millis(order.id * 7 % 13)).await;
    calls.note(&meta);
}

async fn records_of_one_key_are_handled_in_order(backend: Backend) {
    let calls = Calls::default();
    let config = orders().concurrency(Concurrency::PerKey { in_flight: 50 });
    let app = App::new("test").state(calls.clone()).consumer("orders", config, router![takes_its_time]);
    let t = TestClient::of(app).on(backend).start();
    for id in 0..100 {
        drop(t.send(&order(id)).key(id % 7).enqueue());
    }
    t.idle().await;
    let offsets: Vec<i64> = calls.all().into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(offsets.len(), 100);
    for key in 0..7 {
        assert!(offsets.iter().filter(|offset| *offset % 7 == key).is_sorted(), "{offsets:?}");
    }
    assert!(!offsets.is_sorted(), "keys are handled concurrently");
    assert_eq!(t.committed("billing", "orders", 0), Some(100));
    t.shutdown().await.unwrap();
}

/// Where Java's partitioner puts them.
async fn keys_go_to_the_same_partitions(backend: Backend) {
    let app = billing(orders(), &Calls::default());
    let t = TestClient::of(app).on(backend).partitions("orders", 4).partitions("prices", 8).start();
    for id in 0..20 {
        t.send(&order(id)).await.assert_handled();
    }
    let placed = t.records("prices").into_iter().map(|record| {
        let record = record.as_record();
        (
            String::from_utf8(record.key().unwrap().to_vec()).unwrap().parse::<u8>().unwrap(),
            record.partition(),
        )
    });
    let mut placed: Vec<_> = placed.collect();
    placed.sort_unstable();
    let partitions: Vec<_> = placed.iter().map(|(_, partition)| *partition).collect();
    assert_eq!(partitions, [4, 7, 0, 7, 1, 6, 6, 3, 3, 3, 6, 0, 6, 7, 7, 6, 5, 4, 0, 7]);
    t.shutdown().await.unwrap();
}

async fn a_shutdown_commits_what_was_handled(backend: Backend) {
    let t = TestClient::of(billing(orders(), &Calls::default())).on(backend).start();
    for id in 0..10 {
        t.send(&order(id)).await.assert_settled(Settlement::Handled);
    }
    t.shutdown().await.unwrap();
    assert_eq!(t.committed("invoices", "orders", 0), Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_cannot_do_says_so() {
    let cluster = Arc::new(Cluster::start().unwrap());
    let app = billing(orders(), &Calls::default());
    let t = TestClient::of(app).on(Backend::Embedded(cluster)).start();
    let said = crate::faults::panic_of(|| t.hold_acknowledgements());
    assert!(said.contains("`hold_acknowledgements` needs topics in memory"), "{said}");
    t.shutdown().await.unwrap();
}
