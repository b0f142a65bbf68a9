//! Rebalances, crashes and shutdowns.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use evkafka::{
    App, AutoCommitMode, CancellationToken, Concurrency, Metadata, State, handler, router,
    testing::{Settlement, TestClient},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore},
};

use crate::support::{Calls, OrderCreated, billing, orders};

/// Handlers wait there until it is opened.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    fn open(&self) {
        self.0.add_permits(1_000_000);
    }
}

#[handler(event = "OrderCreated")]
async fn waits_for_the_gate(State(gate): State<Gate>, State(calls): State<Calls>, meta: Metadata) {
    calls.note(&meta);
    gate.0.acquire().await.expect("it is not closed").forget();
}

fn gated(config: evkafka::ConsumerConfig, calls: &Calls, gate: &Gate) -> App {
    App::new("test").state(gate.clone()).state(calls.clone()).consumer(
        "orders",
        config,
        router![waits_for_the_gate],
    )
}

fn order(id: u64) -> OrderCreated {
    OrderCreated { id, cents: 100 }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_what_was_not_committed_is_handled_again() {
    let calls = Calls::default();
    let t = TestClient::new(billing(orders(), &calls));
    t.send(&order(0)).await.assert_handled();
    t.idle().await;
    t.send(&order(1)).await.assert_handled();
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
    t.crash_and_restart().await;
    t.idle().await;
    assert_eq!(calls.all(), [(0, 1), (1, 1), (1, 1)]);
    assert_eq!(t.committed("billing", "orders", 0), Some(2));
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_what_was_under_way_is_handled_again() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let t = TestClient::new(gated(orders(), &calls, &gate));
    let pending = t.send(&order(0)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pending.so_far().settlement(), None);
    assert_eq!(calls.all(), [(0, 1)]);
    t.crash_and_restart().await;
    gate.open();
    // The story goes on.
    pending.await.assert_handled().assert_attempts(2);
    assert_eq!(calls.all(), [(0, 1), (0, 1)]);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_nothing_is_handled_again_pre_commit() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let t = TestClient::new(gated(orders().auto_commit_mode(AutoCommitMode::PreCommit), &calls, &gate));
    let lost = t.send(&order(0)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(t.committed("billing", "orders", 0), Some(1), "before it is handled");
    t.crash_and_restart().await;
    lost.await.assert_settled(Settlement::Lost);
    gate.open();
    t.send(&order(1)).await.assert_handled();
    t.idle().await;
    assert_eq!(calls.all(), [(0, 1), (1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_the_middle_of_a_batch_of_keys_repeats_only_what_is_not_persisted() {
    let calls = Calls::default();
    let config = orders().concurrency(Concurrency::PerKey { in_flight: 10 }).persist_progress(true);
    let app = App::new("test").state(calls.clone()).consumer("orders", config, router![the_first_waits]);
    let t = TestClient::new(app);
    for id in 0..5 {
        drop(t.send(&order(id)).enqueue());
    }
    // The commit interval is 5 s.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(t.committed("billing", "orders", 0), Some(0));
    t.crash_and_restart().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(calls.all().iter().filter(|(offset, _)| *offset == 0).count(), 2);
    assert_eq!(calls.all().len(), 6, "all but the first are known to be settled");
}

#[handler(event = "OrderCreated")]
async fn the_first_waits(State(calls): State<Calls>, meta: Metadata) {
    calls.note(&meta);
    if meta.offset == 0 {
        pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_lets_handlers_finish_and_commits_what_they_have_handled() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let t = TestClient::new(gated(orders(), &calls, &gate));
    let first = t.send(&order(0)).enqueue();
    let second = t.send(&order(1)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let opens = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.open();
    };
    tokio::join!(t.rebalance(), opens);
    first.await.assert_handled();
    second.await.assert_handled();
    assert_eq!(calls.all(), [(0, 1), (1, 1)]);
    assert!(t.committed("billing", "orders", 0) >= Some(1), "by the revocation");
}

#[handler(event = "OrderCreated")]
fn blocks_until_the_gate_opens(
    order: OrderCreated,
    State(gate): State<Gate>,
    State(notes): State<Notes>,
    meta: Metadata,
) {
    notes.add(order.id, "begun");
    notes.changed.notify_one();
    if meta.partition == 0 {
        let gate = Handle::current().block_on(gate.0.acquire());
        gate.expect("it is not closed").forget();
    }
    notes.add(order.id, "done");
}

/// What handlers have done, in order.
#[derive(Clone, Default)]
struct Notes {
    all: Arc<Mutex<Vec<(u64, &'static str)>>>,
    changed: Arc<Notify>,
}

impl Notes {
    fn add(&self, id: u64, what: &'static str) {
        self.all.lock().expect("no panic").push((id, what));
    }

    fn of(&self, id: u64) -> Vec<&'static str> {
        self.all.lock().expect("no panic").iter().filter(|note| note.0 == id).map(|note| note.1).collect()
    }
}

/// Nobody can interrupt it, and the partition is taken from it nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_plain_function_is_at_work_on_does_not_begin_again_before_it_has_returned() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let app = App::new("test").state(gate.clone()).state(notes.clone()).consumer(
        "orders",
        orders().revoke_grace(Duration::from_millis(10)),
        router![blocks_until_the_gate_opens],
    );
    let t = TestClient::of(app).partitions("orders", 2).start();
    let pending = t.send(&order(0)).partition(0).enqueue();
    notes.changed.notified().await;
    t.rebalance().await;
    t.send(&order(1)).partition(1).await.assert_handled();
    t.rebalance().await;
    t.send(&order(2)).partition(1).await.assert_handled();
    gate.open();
    pending.await.assert_handled();
    assert_eq!(notes.of(0), ["begun", "done", "begun", "done"]);
}

#[handler(event = "OrderCreated")]
async fn ends_when_it_is_cancelled(
    token: CancellationToken,
    State(calls): State<Calls>,
    meta: Metadata,
) -> Result<(), &'static str> {
    calls.note(&meta);
    if calls.all().len() == 1 {
        token.cancelled().await;
        return Err("cancelled");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_cancelled_by_a_rebalance_has_not_failed() {
    let calls = Calls::default();
    let policy = evkafka::FailurePolicy::new().attempts(1).dead_letter("orders.dead");
    let app = App::new("test").state(calls.clone());
    let t = TestClient::new(app.consumer(
        "orders",
        orders().failure_policy(policy),
        router![ends_when_it_is_cancelled],
    ));
    let pending = t.send(&order(0)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    t.rebalance().await;
    pending.await.assert_handled();
    assert_eq!(calls.all(), [(0, 1), (0, 1)]);
    assert_eq!(t.dead_letters("orders.dead").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_and_commits() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let t = TestClient::new(gated(orders(), &calls, &gate));
    let pending = t.send(&order(0)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let opens = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        gate.open();
    };
    let (ended, ()) = tokio::join!(t.shutdown(), opens);
    ended.unwrap();
    pending.await.assert_handled();
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
    t.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_at_a_shutdown_is_dropped_and_not_committed() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let t = TestClient::new(gated(orders(), &calls, &gate));
    let pending = t.send(&order(0)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    t.shutdown().await.unwrap();
    assert_eq!(pending.await.settlement(), None);
    assert_eq!(t.committed("billing", "orders", 0).unwrap_or(0), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_at_a_shutdown_is_lost_pre_commit() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let t = TestClient::new(gated(orders().auto_commit_mode(AutoCommitMode::PreCommit), &calls, &gate));
    let pending = t.send(&order(0)).enqueue();
    tokio::time::sleep(Duration::from_secs(1)).await;
    t.shutdown().await.unwrap();
    pending.await.assert_settled(Settlement::Lost);
    assert_eq!(t.committed("billing", "orders", 0), Some(1));
}

/// Whether it was dropped.
#[derive(Clone, Default)]
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[handler(event = "OrderCreated")]
async fn holds_something(State(dropped): State<Arc<AtomicBool>>) {
    let _held = Dropped(dropped);
    pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_drops_its_handlers() {
    let dropped = Arc::new(AtomicBool::new(false));
    let app =
        App::new("test").state(Arc::clone(&dropped)).consumer("orders", orders(), router![holds_something]);
    let t = TestClient::new(app);
    drop(t.send(&order(0)).enqueue());
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(t);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(dropped.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_was_shut_down_is_started_anew() {
    let calls = Calls::default();
    let t = TestClient::new(billing(orders(), &calls));
    t.send(&order(0)).await.assert_handled();
    t.shutdown().await.unwrap();
    let later = t.send(&order(1)).enqueue();
    t.crash_and_restart().await;
    later.await.assert_handled();
    assert_eq!(calls.all(), [(0, 1), (1, 1)]);
}
