//! Apps that cannot start, and what a test gets wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use evkafka::{App, ConsumerConfig, Event, router, testing::TestClient};
use serde::Serialize;

use crate::support::{Calls, OrderCreated, billing, client, on_order_created, orders};

/// What it panics with.
pub(crate) fn panic_of(what: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(what)).expect_err("it panics");
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*panic.downcast_ref::<&str>().expect("text")).to_owned())
}

#[tokio::test]
async fn all_faults_of_an_app_are_told_at_once() {
    let config = ConsumerConfig::new(["orders"]).group_id("").property("fetch.min.byte", 1);
    let app = App::new("test").consumer("orders", config, router![on_order_created]);
    let said = panic_of(|| drop(TestClient::new(app)));
    for part in [
        "group_id",
        "fetch.min.byte",
        "no state of type",
        "no producer sends the event `billing.OrderPriced`",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(!said.contains("bootstrap_servers"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn secrets_that_are_kept_elsewhere_are_not_needed() {
    let config = orders().property("sasl.password.env", "NO_SUCH_VARIABLE");
    let t = TestClient::new(billing(config, &Calls::default()));
    t.send(&OrderCreated { id: 7, cents: 1 }).await.assert_handled();
}

#[derive(Serialize, Event)]
struct Homeless {}

#[tokio::test]
async fn what_nobody_would_read_is_not_sent() {
    let t = client(&Calls::default());
    for (said, part) in [
        (panic_of(|| drop(t.record("oders").enqueue())), "reads the topic `oders`; they read {\"orders\"}"),
        (panic_of(|| drop(t.record("orders").partition(1).enqueue())), "has no partition 1: it has 1"),
        (panic_of(|| drop(t.send(&Homeless {}).enqueue())), "the event has no topic"),
        (panic_of(|| drop(t.records("price"))), "there is no topic `price`"),
        (panic_of(|| _ = t.committed("bills", "orders", 0)), "the consumers are [\"invoices\"]"),
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}
