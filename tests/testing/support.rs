//! Events, handlers and apps that the tests share.

use std::sync::{Arc, Mutex};

use evkafka::{
    App, ConsumerConfig, Event, FailurePolicy, Metadata, Outcome, ProducerConfig, State, handler, router,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(topic = "orders", key = id)]
pub(crate) struct OrderCreated {
    pub(crate) id: u64,
    pub(crate) cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(name = "billing.OrderPriced", version = 2, topic = "prices", key = id)]
pub(crate) struct OrderPriced {
    pub(crate) id: u64,
    pub(crate) gross: u64,
}

/// The offsets and attempts of the calls of a handler, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<(i64, u32)>>>);

impl Calls {
    pub(crate) fn note(&self, meta: &Metadata) {
        self.0.lock().expect("no panic").push((meta.offset, meta.attempt));
    }

    pub(crate) fn all(&self) -> Vec<(i64, u32)> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Prices an order; what costs nothing is no concern of its, and what costs too much is an error.
#[handler(event = "OrderCreated")]
pub(crate) async fn on_order_created(
    order: OrderCreated,
    State(calls): State<Calls>,
    meta: Metadata,
) -> Result<Option<OrderPriced>, &'static str> {
    calls.note(&meta);
    if order.cents == 0 {
        return Ok(None);
    }
    let gross = order.cents.checked_mul(119).ok_or("more money than there is")? / 100;
    Ok(Some(OrderPriced { id: order.id, gross }))
}

#[handler(event = "OrderCancelled")]
pub(crate) async fn on_order_cancelled() -> Outcome {
    Outcome::Skip
}

/// Reads `orders`, for a group that is not called as the consumer.
pub(crate) fn orders() -> ConsumerConfig {
    ConsumerConfig::new(["orders"]).bootstrap_servers("kafka-1:9092").group_id("billing")
}

pub(crate) fn policy() -> FailurePolicy {
    FailurePolicy::new().attempts(3).dead_letter("orders.dead")
}

pub(crate) fn billing(config: ConsumerConfig, calls: &Calls) -> App {
    evkafka::app! {
        title: "billing",
        state: calls.clone(),
        consumers: { invoices: config => router![on_order_created, on_order_cancelled] },
        producers: { prices: ProducerConfig::new().bootstrap_servers("kafka-2:9092") => [OrderPriced] },
    }
}

/// The same, started, with the policy above.
pub(crate) fn client(calls: &Calls) -> evkafka::testing::TestClient {
    evkafka::testing::TestClient::new(billing(orders().failure_policy(policy()), calls))
}
