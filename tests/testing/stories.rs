//! What a failing assertion prints.

use std::{fmt::Debug, sync::Arc, time::Duration};

use evkafka::{Backoff, testing::TestClient};

use crate::{
    faults::panic_of,
    support::{Calls, OrderCreated, billing, orders, policy},
};

fn client() -> TestClient {
    let backoff = Backoff::constant(Duration::from_secs(60)).jitter(0.0);
    TestClient::new(billing(orders().failure_policy(policy().backoff(backoff)), &Calls::default()))
}

/// What a task panics with.
async fn panic_in<T: Debug>(task: tokio::task::JoinHandle<T>) -> String {
    let panic = task.await.expect_err("it panics").into_panic();
    panic.downcast_ref::<String>().expect("text").clone()
}

fn lines(said: &str) -> Vec<&str> {
    said.lines().map(str::trim).collect()
}

#[tokio::test(start_paused = true)]
async fn an_assertion_that_fails_tells_the_story_of_the_record() {
    let t = client();
    let settled = t.send(&OrderCreated { id: 8, cents: u64::MAX }).await;
    let said = panic_of(|| _ = settled.assert_handled());
    let expected = [
        "the record was expected to be handled, but was dead-lettered (attempts: 3)",
        "orders[0] offset 0, read by the consumer `invoices`:",
        r#"record: key 8, headers [Event-Type], payload {"id":8,"cents":18446744073709551615}"#,
        "+0.000s: read: event type `OrderCreated`, for `testing::support::on_order_created`",
        "+0.000s: attempt 1 begins",
        "+0.000s: attempt 1 failed: the handler failed: more money than there is; the next in 60s",
        "+60.000s: attempt 2 begins",
        "+60.000s: attempt 2 failed: the handler failed: more money than there is; the next in 60s",
        "+120.000s: attempt 3 begins",
        "+120.000s: attempt 3 failed: the handler failed: more money than there is; its dead letter is in `orders.dead`",
        "+120.000s: dead-lettered",
        "not committed: the group is at offset 0",
    ];
    // tokio's timers are exact to a millisecond.
    assert_eq!(lines(&said.replace(".001s", ".000s").replace(".002s", ".000s")), expected);
    t.idle().await;
    let said = panic_of(|| _ = t.settled("orders", 0, 0).assert_attempts(2));
    assert!(
        said.starts_with("the record was expected to be tried 2 times, but was dead-lettered (attempts: 3)"),
        "{said}"
    );
    assert!(said.ends_with("committed: offset 1"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_story_says_why_nothing_matched() {
    let t = client();
    let settled = t.record("orders").event_type("OrderPayed").key("7\n").payload("x".repeat(300)).await;
    let said = panic_of(|| _ = settled.assert_handled());
    let record = format!(r"record: key 7\n, headers [Event-Type], payload {}…", "x".repeat(200));
    let expected = [
        "the record was expected to be handled, but was skipped (attempts: 0)",
        "orders[0] offset 0, read by the consumer `invoices`:",
        &record,
        "+0.000s: read: event type `OrderPayed`, for which there is no handler; there are handlers for `OrderCreated`, \
         `OrderCancelled`",
        "+0.000s: skipped",
        "not committed: the group has committed nothing of the partition",
    ];
    assert_eq!(lines(&said), expected);
}

#[tokio::test(start_paused = true)]
async fn the_story_says_why_the_app_has_stopped() {
    let config = orders().failure_policy(evkafka::FailurePolicy::new().attempts(1));
    let t = TestClient::new(billing(config, &Calls::default()));
    let settled = t.send(&OrderCreated { id: 8, cents: u64::MAX }).await;
    let said = panic_of(|| _ = settled.assert_handled());
    assert!(said.contains("but was not settled: the app stopped at it (attempts: 1)"), "{said}");
    assert!(
        said.contains("the app has stopped: consumer `invoices` stopped at orders[0] offset 0"),
        "{said}"
    );
    let unread = t.send(&OrderCreated { id: 9, cents: 1 }).await;
    let said = panic_of(|| _ = unread.assert_handled());
    assert!(said.contains("but was not settled (attempts: 0)") && said.contains("it was not read"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_is_never_settled_ends_with_its_story_too() {
    let app = billing(orders(), &Calls::default());
    let t = Arc::new(TestClient::of(app).patience(Duration::from_millis(240)).start());
    t.hold_acknowledgements();
    let waits = Arc::clone(&t);
    let sends = tokio::spawn(async move { waits.send(&OrderCreated { id: 7, cents: 100 }).await });
    let said = panic_in(sends).await;
    assert!(said.starts_with("the record was expected to be settled within"), "{said}");
    assert!(said.ends_with("attempt 1 begins\n  not committed: the group is at offset 0"), "{said}");
    let said = panic_in(tokio::spawn(async move { t.idle().await })).await;
    assert!(
        said.starts_with("the app was expected to become idle within") && said.contains("attempt 1 begins"),
        "{said}"
    );
}
