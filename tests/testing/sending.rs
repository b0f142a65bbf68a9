//! What the app sends, and what becomes of it.

use std::time::Duration;

use evkafka::{
    App, ProducerConfig, SendError, Sender, handler, router,
    testing::{Refusal, TestClient},
};

use tokio::time::Instant;

use crate::support::{Calls, OrderCreated, OrderPriced, billing, client, orders, policy};

fn order(id: u64) -> OrderCreated {
    OrderCreated { id, cents: 100 }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_is_waited_for() {
    let t = client(&Calls::default());
    t.refuse_sends("prices", 3, Refusal::NotEnoughReplicas);
    t.send(&order(7)).await.assert_handled().assert_attempts(1);
    assert_eq!(t.sent::<OrderPriced>().len(), 1);
    t.refuse_sends("prices", 2, Refusal::TimedOut);
    t.send(&order(8)).await.assert_handled();
    assert_eq!(t.sent::<OrderPriced>().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_does_not_pass_is_a_failure_of_the_record() {
    for refusal in [Refusal::InvalidRecord, Refusal::NotAuthorized, Refusal::UnknownTopic, Refusal::TooLarge]
    {
        let t = client(&Calls::default());
        t.refuse_all_sends("prices", refusal);
        let settled = t.send(&order(7)).await;
        settled.assert_dead_lettered("orders.dead");
        assert!(settled.error().unwrap().contains("billing.OrderPriced"), "{settled}");
        t.accept_sends("prices");
        t.send(&order(8)).await.assert_handled();
        assert_eq!(t.sent::<OrderPriced>(), [OrderPriced { id: 8, gross: 119 }]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_app_stops_at_a_dead_letter_that_is_refused() {
    let t = client(&Calls::default());
    t.refuse_all_sends("orders.dead", Refusal::TooLarge);
    t.send(&OrderCreated { id: 7, cents: u64::MAX }).await.assert_stopped();
    let error = t.shutdown().await.unwrap_err();
    assert!(error.to_string().contains("`orders.dead` does not take the record"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_record_is_settled_only_when_what_its_handler_returned_is_acknowledged() {
    let t = client(&Calls::default());
    t.hold_acknowledgements();
    let pending = t.send(&order(7)).enqueue();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(pending.so_far().settlement(), None);
    assert_eq!(t.committed("billing", "orders", 0).unwrap_or(0), 0);
    assert_eq!(t.sent::<OrderPriced>().len(), 1, "it is written");
    t.acknowledge();
    pending.await.assert_handled();
    t.idle().await;
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_not_acknowledged_is_sent_again_after_a_crash() {
    let calls = Calls::default();
    let t = client(&calls);
    t.hold_acknowledgements();
    let pending = t.send(&order(7)).enqueue();
    tokio::time::sleep(Duration::from_secs(60)).await;
    t.crash_and_restart().await;
    pending.await.assert_handled();
    assert_eq!(calls.all(), [(0, 1), (0, 1)]);
    assert_eq!(t.sent::<OrderPriced>().len(), 2);
}

#[handler(event = "OrderCreated")]
async fn sends_two(order: OrderCreated, prices: Sender<OrderPriced>) -> Result<(), SendError> {
    prices.send(&OrderPriced { id: order.id, gross: 1 }).await?;
    prices.send(&OrderPriced { id: order.id, gross: 2 }).header("second", "yes").enqueue().await
}

#[tokio::test(start_paused = true)]
async fn a_sender_sends_and_what_it_enqueues_is_waited_for_when_idle() {
    let app = App::new("test")
        .consumer("orders", orders().failure_policy(policy()), router![sends_two])
        .producer("prices", ProducerConfig::new(), evkafka::event::Events::any());
    let t = TestClient::new(app);
    t.send(&order(7)).header("traceparent", "00-1").await.assert_handled();
    assert_eq!(t.sent::<OrderPriced>().iter().map(|priced| priced.gross).collect::<Vec<_>>(), [1, 2]);
    let records = t.records("prices");
    assert_eq!(records[1].as_record().headers().get("second"), Some(&b"yes"[..]));
    assert_eq!(records[1].as_record().headers().get("traceparent"), Some(&b"00-1"[..]));
    t.idle().await;
    t.refuse_all_sends("prices", Refusal::InvalidRecord);
    t.send(&order(8)).await.assert_dead_lettered("orders.dead").assert_attempts(3);
}

#[handler(event = "billing.OrderPriced")]
async fn on_order_priced(_priced: OrderPriced) {}

#[tokio::test(start_paused = true)]
async fn what_one_consumer_sends_another_reads_before_the_app_is_idle() {
    let prices = evkafka::ConsumerConfig::new(["prices"]).group_id("ledger");
    let t = TestClient::new(billing(orders(), &Calls::default()).consumer(
        "ledger",
        prices,
        router![on_order_priced],
    ));
    for id in 0..10 {
        t.send(&order(id)).await.by("invoices").assert_handled();
    }
    t.idle().await;
    assert_eq!(t.committed("ledger", "prices", 0), Some(10));
}

#[handler(event = "OrderCreated")]
async fn sends_one(order: OrderCreated, prices: Sender<OrderPriced>) -> Result<(), SendError> {
    prices.send(&OrderPriced { id: order.id, gross: 1 }).await.map(drop)
}

fn sending_one(prices: ProducerConfig) -> TestClient {
    let policy = policy().attempts(1);
    let app = App::new("test").consumer("orders", orders().failure_policy(policy), router![sends_one]);
    TestClient::new(app.producer("prices", prices, evkafka::event::Events::any()))
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_handler_awaits_is_sent_again_for_as_long_as_its_delivery_may_take() {
    let t = sending_one(ProducerConfig::new().delivery_timeout(Duration::from_secs(60)));
    t.refuse_sends("prices", 3, Refusal::NotEnoughReplicas);
    t.send(&order(7)).await.assert_handled().assert_attempts(1);
    assert_eq!(t.sent::<OrderPriced>().len(), 1);
    t.refuse_all_sends("prices", Refusal::TimedOut);
    let begun = Instant::now();
    let settled = t.send(&order(8)).await;
    settled.assert_dead_lettered("orders.dead");
    let took = begun.elapsed();
    assert!((Duration::from_secs(60)..Duration::from_secs(61)).contains(&took), "{took:?}");
    assert!(settled.error().unwrap().contains("was not sent to the topic `prices`"), "{settled}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_an_event_that_is_sent_again_no_longer_than_for_its_handler() {
    let t = sending_one(ProducerConfig::new().delivery_timeout(Duration::from_secs(1_000_000)));
    t.refuse_all_sends("prices", Refusal::NotEnoughReplicas);
    let pending = t.send(&order(7)).enqueue();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(pending.so_far().settlement(), None);
    let begun = Instant::now();
    t.shutdown().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(100), "{:?}", begun.elapsed());
}
