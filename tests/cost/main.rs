//! What the engine takes for a record, over and above decoding and the handler.

mod counting;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use evkafka::{__private::testing::BareEngine, ConsumerConfig, handler, record::OwnedRecord, router};
use serde::Deserialize;

use counting::of_this_thread;

#[derive(Deserialize)]
struct Order<'a> {
    id: u64,
    sku: &'a str,
}

#[handler(event = "OrderCreated")]
async fn on_order_created(order: Order<'_>) {
    std::hint::black_box((order.id, order.sku.len()));
}

#[handler(event = "OrderAudited")]
async fn on_order_audited(order: Order<'_>) {
    std::hint::black_box((Box::new(order.id), order.sku.len()));
}

fn record(event: &str) -> OwnedRecord {
    OwnedRecord::new("orders", 0, 7)
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("Event-Type", event)
        .payload(r#"{"id": 7, "sku": "sku-00042"}"#)
}

/// What a record costs, and whether it was handled. The engine must be done at the first poll.
fn allocations(record: &OwnedRecord) -> (u64, bool) {
    let engine =
        BareEngine::new(router![on_order_created, on_order_audited], &ConsumerConfig::new(["orders"]));
    let settle = || {
        let mut settle = pin!(engine.settle(record));
        match settle.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(handled) => handled,
            Poll::Pending => panic!("a handler that is ready at once must not make the engine wait"),
        }
    };
    // The first time a thread's generator of random numbers is seeded.
    settle();
    let before = of_this_thread();
    let handled = settle();
    (of_this_thread() - before, handled)
}

#[test]
fn a_record_that_is_skipped_costs_no_allocation() {
    assert_eq!(allocations(&record("InventoryCounted")), (0, false));
}

#[test]
fn a_record_whose_handler_is_ready_at_once_costs_no_allocation() {
    assert_eq!(allocations(&record("OrderCreated")), (0, true));
}

#[test]
fn an_allocation_of_the_handlers_own_is_seen() {
    assert_eq!(allocations(&record("OrderAudited")), (1, true));
}
