//! Concurrency, batches and plain functions.

use std::{thread, time::Duration};

use evkafka::{
    App, AutoCommitMode, Concurrency, ConsumerConfig, Metadata, State, handler, router, testing::TestClient,
};

use crate::support::{Calls, OrderCreated, orders};

fn ways() -> impl Iterator<Item = ConsumerConfig> {
    let concurrency = [
        Concurrency::PerPartition,
        Concurrency::PerKey { in_flight: 5 },
        Concurrency::Unordered { in_flight: 5 },
    ];
    concurrency.into_iter().flat_map(|concurrency| {
        let modes = [AutoCommitMode::PostCommit, AutoCommitMode::PreCommit];
        modes.map(|mode| orders().concurrency(concurrency).auto_commit_mode(mode))
    })
}

#[handler(event = "OrderCreated")]
async fn takes_its_time(order: OrderCreated, State(calls): State<Calls>, meta: Metadata) {
    tokio::time::sleep(Duration::from_secs(order.id % 7)).await;
    calls.note(&meta);
}

#[handler(event = "OrderCreated", batch(max = 10, within = "1s"))]
async fn takes_many(all: Vec<OrderCreated>, State(calls): State<Calls>, meta: Vec<Metadata>) {
    assert_eq!(all.len(), meta.len());
    meta.iter().for_each(|meta| calls.note(meta));
}

#[handler(event = "OrderCreated")]
fn blocks(State(calls): State<Calls>, meta: Metadata) {
    thread::sleep(Duration::from_millis(1));
    calls.note(&meta);
}

#[tokio::test(start_paused = true)]
async fn all_is_handled_once_and_committed_whatever_the_way() {
    for config in ways() {
        let (one, many, plain) = (Calls::default(), Calls::default(), Calls::default());
        let app = |calls: &Calls| App::new("test").state(calls.clone());
        for (app, calls) in [
            (app(&one).consumer("orders", config.clone(), router![takes_its_time]), &one),
            (app(&many).consumer("orders", config.clone(), router![takes_many]), &many),
            (app(&plain).consumer("orders", config.clone(), router![blocks]), &plain),
        ] {
            let t = TestClient::of(app).partitions("orders", 2).start();
            for id in 0..50 {
                drop(t.send(&OrderCreated { id, cents: 1 }).enqueue());
            }
            t.idle().await;
            assert_eq!(calls.all().len(), 50, "{config:?}");
            let committed = |partition| t.committed("billing", "orders", partition).unwrap_or(0);
            assert_eq!(committed(0) + committed(1), 50, "{config:?}");
            t.shutdown().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_settled_record_by_record_without_waiting_for_it_to_fill() {
    let app = App::new("test").state(Calls::default()).consumer("orders", orders(), router![takes_many]);
    let t = TestClient::new(app);
    let begun = tokio::time::Instant::now();
    t.send(&OrderCreated { id: 7, cents: 1 }).await.assert_handled();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// The clock would go on by days while the function sleeps, if it did not stand still.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_stands_still_while_a_plain_function_runs() {
    let app = App::new("test").state(Calls::default()).consumer("orders", orders(), router![blocks]);
    let t = TestClient::new(app);
    let begun = tokio::time::Instant::now();
    t.send(&OrderCreated { id: 7, cents: 1 }).await.assert_handled();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
