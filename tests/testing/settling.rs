//! How records are settled.

use std::time::{Duration, Instant};

use evkafka::{
    App, Backoff, ConsumerConfig, LastStep, handler, router,
    testing::{Settlement, TestClient},
};

use crate::support::{Calls, OrderCreated, OrderPriced, billing, client, orders, policy};

#[tokio::test(start_paused = true)]
async fn an_event_is_handled_and_what_its_handler_returns_is_sent() {
    let calls = Calls::default();
    let t = client(&calls);
    let settled = t.send(&OrderCreated { id: 7, cents: 100 }).await;
    settled.assert_handled().assert_attempts(1);
    assert!(settled.handler().unwrap().ends_with("::on_order_created"));
    assert_eq!((settled.error(), settled.settlement()), (None, Some(Settlement::Handled)));
    assert_eq!(t.sent::<OrderPriced>(), [OrderPriced { id: 7, gross: 119 }]);
    let prices = t.records("prices");
    assert_eq!(prices[0].as_record().key(), Some(&b"7"[..]));
    assert_eq!(prices[0].as_record().headers().get("Event-Version"), Some(&b"2"[..]));
    assert_eq!(t.sent::<OrderCreated>(), [], "that was the test");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_is_tried_again_and_sent_to_the_dead_letter_topic() {
    let calls = Calls::default();
    let t = client(&calls);
    let settled = t.send(&OrderCreated { id: 8, cents: u64::MAX }).header("tenant", "north").await;
    settled.assert_dead_lettered("orders.dead").assert_attempts(3);
    assert_eq!(settled.error(), Some("the handler failed: more money than there is"));
    assert_eq!(calls.all(), [(0, 1), (0, 2), (0, 3)]);
    let letters = t.dead_letters("orders.dead");
    assert_eq!(letters.len(), 1);
    let letter = letters[0].as_record();
    assert_eq!(letter.headers().get("tenant"), Some(&b"north"[..]));
    assert_eq!(letter.headers().get("dead-letter-attempts"), Some(&b"3"[..]));
    assert_eq!(t.sent::<OrderPriced>(), []);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_handler_is_skipped_and_so_is_what_a_handler_skips() {
    let t = client(&Calls::default());
    let settled = t.record("orders").event_type("OrderPayed").payload("{ not json").await;
    settled.assert_skipped().assert_attempts(0);
    assert_eq!(settled.handler(), None);
    t.record("orders").payload("7").await.assert_skipped();
    t.record("orders").event_type([0xff, 0xfe]).await.assert_skipped();
    let settled = t.record("orders").event_type("OrderCancelled").await;
    settled.assert_skipped().assert_attempts(1);
    assert!(settled.handler().unwrap().ends_with("::on_order_cancelled"));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_decode_is_not_tried_again() {
    let calls = Calls::default();
    let t = client(&calls);
    let event = || t.record("orders").event_type("OrderCreated");
    let settled = event().json(serde_json::json!({ "id": "seven" })).await;
    settled.assert_dead_lettered("orders.dead").assert_attempts(1);
    assert!(settled.error().unwrap().contains("the record could not be decoded"));
    event().tombstone().key(7).await.assert_dead_lettered("orders.dead");
    assert_eq!(calls.all(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_passed_over() {
    let config = orders().failure_policy(policy().last_step(LastStep::Skip).attempts(2));
    let t = TestClient::new(billing(config, &Calls::default()));
    t.send(&OrderCreated { id: 8, cents: u64::MAX }).await.assert_given_up().assert_attempts(2);
    t.idle().await;
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_app_stops_at_what_its_policy_stops_at() {
    let config = orders().failure_policy(evkafka::FailurePolicy::new().attempts(1));
    let t = TestClient::new(billing(config, &Calls::default()));
    t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
    assert_eq!(t.error(), None);
    t.send(&OrderCreated { id: 8, cents: u64::MAX }).await.assert_stopped();
    assert!(t.error().unwrap().contains("more money than there is"));
    // It is over: nobody reads what comes now.
    let unread = t.send(&OrderCreated { id: 9, cents: 100 }).await;
    assert_eq!(unread.settlement(), None);
    t.idle().await;
    assert_eq!(t.committed("billing", "orders", 0), Some(1), "it is not committed");
    let error = t.shutdown().await.unwrap_err();
    assert_eq!(error.kind(), evkafka::error::ErrorKind::Record);
    assert_eq!(error.record().unwrap().offset, 1);
}

#[tokio::test(start_paused = true)]
async fn a_backoff_of_an_hour_passes_at_once() {
    let backoff = Backoff::constant(Duration::from_secs(3600)).jitter(0.0);
    let t = TestClient::new(billing(orders().failure_policy(policy().backoff(backoff)), &Calls::default()));
    let (begun, by_tokio) = (Instant::now(), tokio::time::Instant::now());
    t.send(&OrderCreated { id: 8, cents: u64::MAX }).await.assert_dead_lettered("orders.dead");
    assert!(by_tokio.elapsed() >= Duration::from_secs(7200));
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_known_by_group_and_by_consumer() {
    let t = TestClient::of(billing(orders(), &Calls::default())).partitions("orders", 4).start();
    for id in 0..20 {
        t.send(&OrderCreated { id, cents: 100 }).await.assert_handled();
    }
    t.idle().await;
    let committed = |name| {
        (0..4).map(|partition| t.committed(name, "orders", partition).unwrap_or(0)).collect::<Vec<_>>()
    };
    assert_eq!(committed("billing").into_iter().sum::<i64>(), 20);
    assert_eq!(committed("billing"), committed("invoices"));
    assert_eq!(t.sent::<OrderPriced>().len(), 20);
}

#[handler(event = "OrderCreated")]
async fn fails() -> Result<(), &'static str> {
    Err("not today")
}

#[tokio::test(start_paused = true)]
async fn each_consumer_of_a_topic_has_a_story_of_its_own() {
    let letters = orders().group_id("audit").failure_policy(policy().attempts(1));
    let app = billing(orders(), &Calls::default()).consumer("audit", letters, router![fails]);
    let t = TestClient::new(app);
    let settled = t.send(&OrderCreated { id: 7, cents: 100 }).await;
    settled.by("invoices").assert_handled();
    settled.by("audit").assert_dead_lettered("orders.dead");
    assert_eq!(settled.stories().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_a_pattern_matches_is_created_by_its_first_record() {
    let app = |reset| {
        let config = ConsumerConfig::new(["^orders-.*"]).group_id("billing").auto_offset_reset(reset);
        App::new("test").consumer("orders", config, router![fails])
    };
    for reset in [evkafka::OffsetReset::Earliest, evkafka::OffsetReset::Latest] {
        let t = TestClient::new(app(reset));
        t.record("orders-eu").event_type("OrderPaid").await.assert_skipped();
        t.record("orders-us").event_type("OrderPaid").await.assert_skipped();
        t.idle().await;
        assert_eq!(t.committed("orders", "orders-us", 0), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_may_pass_as_ever() {
    let backoff = Backoff::constant(Duration::from_millis(5));
    let t = TestClient::new(billing(orders().failure_policy(policy().backoff(backoff)), &Calls::default()));
    t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
    t.send(&OrderCreated { id: 8, cents: u64::MAX }).await.assert_dead_lettered("orders.dead");
    t.idle().await;
    assert_eq!(t.committed("billing", "orders", 0), Some(2));
    t.shutdown().await.unwrap();
}
