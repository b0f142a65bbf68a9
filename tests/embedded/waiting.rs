//! Records that wait: behind a busy key, for their next attempt, or for a handler that takes long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use evkafka::{
    App, AutoCommitMode, Backoff, Concurrency, ConsumerConfig, FailurePolicy, Metadata, State,
    embedded::{Cluster, Event},
    handler, router,
};
use tokio::sync::Semaphore;

use crate::support::{Ledger, Log, Running, cluster, config, event, until_committed};

const BUSY: &str = "busy";

/// Opens for the records of the event type `Long`.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    fn open(&self) {
        self.0.close();
    }
}

#[handler(event = "Long")]
async fn long(id: u64, State(gate): State<Gate>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("long {id}"));
    gate.0.acquire().await.expect_err("it is only ever closed");
}

#[handler(event = "Failing")]
async fn fails(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, format!("failing {id}"));
    if meta.attempt == 1 { Err("not yet".to_owned()) } else { Ok(()) }
}

#[handler(event = "Quick")]
async fn quick(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("quick {id}"));
}

fn keyed(event: Event, key: impl ToString) -> Event {
    event.key(key.to_string())
}

fn start(name: &str, config: ConsumerConfig, gate: &Gate, ledger: &Ledger) -> Running {
    let app = App::new("test").state(gate.clone()).state(ledger.clone());
    Running::start(app.consumer(name, config, router![long, fails, quick]))
}

/// A record of a busy key, `behind` more of the same key, then quick ones of other keys.
async fn send(cluster: &Cluster, behind: u64, quick: u64) {
    cluster.send(keyed(event("Long", 0), BUSY)).await.unwrap();
    cluster.send_all((0..behind).map(|id| keyed(event("Quick", id), BUSY))).await.unwrap();
    cluster.send_all((0..quick).map(|id| keyed(event("Quick", 10_000 + id), id))).await.unwrap();
}

fn count(ledger: &Ledger, what: &str) -> usize {
    ledger.notes().iter().filter(|note| note.starts_with(what)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_other_keys_go_on_however_many_wait_behind_a_busy_key() {
    let cluster = cluster(1);
    send(&cluster, 3000, 100).await;
    let (gate, ledger) = (Gate::closed(), Ledger::default());
    let config = config(&cluster).concurrency(Concurrency::PerKey { in_flight: 10 });
    let app = start("orders", config, &gate, &ledger);
    ledger.until(|calls| calls.len() == 101).await;
    gate.open();
    until_committed(&cluster, 3101).await;
    app.stop().await.unwrap();
    let of_the_busy_key: Vec<_> = ledger.calls().into_iter().filter(|call| call.offset <= 3000).collect();
    assert_eq!(of_the_busy_key.len(), 3001);
    assert!(of_the_busy_key.is_sorted_by_key(|call| call.offset), "and in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_on_however_many_wait_for_their_next_attempt() {
    for concurrency in [Concurrency::PerKey { in_flight: 10 }, Concurrency::Unordered { in_flight: 10 }] {
        let cluster = cluster(1);
        cluster.send_all((0..1000).map(|id| keyed(event("Failing", id), id))).await.unwrap();
        cluster.send_all((0..100).map(|id| keyed(event("Quick", id), 10_000 + id))).await.unwrap();
        let (gate, ledger) = (Gate::closed(), Ledger::default());
        let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(3600)));
        let config = config(&cluster).concurrency(concurrency).failure_policy(policy);
        let app = start("orders", config, &gate, &ledger);
        ledger.until(|calls| calls.len() == 1100).await;
        app.stop().await.unwrap();
        assert_eq!(count(&ledger, "quick"), 100);
    }
}

fn assert_contains_all(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_held_up_because_its_memory_is_full_says_so_and_when_it_goes_on() {
    let (log, cluster) = (Log::capture(), cluster(1));
    send(&cluster, 3000, 10).await;
    let (gate, ledger) = (Gate::closed(), Ledger::default());
    // The share of the memory is 256 KiB.
    let config = config(&cluster).concurrency(Concurrency::PerKey { in_flight: 10 }).prefetch_memory_mib(1);
    let app = start("full-of-waiting", config, &gate, &ledger);
    let line = log.until_line_with(&["full-of-waiting", "held up by a limit"]).await;
    assert_contains_all(
        &line,
        &["WARN", "topic=orders", "partition=0", "offset=0", "prefetch_memory_mib", "seconds=1"],
    );
    assert_eq!(ledger.calls().len(), 1);
    gate.open();
    ledger.until(|calls| calls.len() == 3011).await;
    log.until_line_with(&["full-of-waiting", "no longer held up"]).await;
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_a_busy_key_holds_up_its_partition_which_says_so_and_no_other() {
    let (log, cluster) = (Log::capture(), cluster(2));
    send(&cluster, 100, 10).await;
    let (gate, ledger) = (Gate::closed(), Ledger::default());
    let config = config(&cluster)
        .concurrency(Concurrency::PerKey { in_flight: 10 })
        .auto_commit_mode(AutoCommitMode::PreCommit);
    let app = start("ahead-of-a-busy-key", config, &gate, &ledger);
    ledger.until_len(1).await;
    cluster.send_all((0..50).map(|id| keyed(event("Quick", id).partition(1), id))).await.unwrap();
    ledger.until(|calls| calls.iter().filter(|call| call.partition == 1).count() == 50).await;
    let line = log.until_line_with(&["ahead-of-a-busy-key", "held up by a limit"]).await;
    assert_contains_all(&line, &["WARN", "topic=orders", "partition=0", "offset=0", "in_flight"]);
    gate.open();
    ledger.until(|calls| calls.len() == 161).await;
    app.stop().await.unwrap();
}

#[handler(event = "Counted")]
async fn counted(State(count): State<Arc<AtomicU64>>) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// More unsettled records than fit into the metadata at any distance, and more settled ones behind them than fit in any pattern.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_progress_does_not_fit_into_a_commit_says_so_and_goes_on_later() {
    const LONG: u64 = 400;
    const COUNTED: u64 = 26_000;
    let (log, cluster) = (Log::capture(), cluster(1));
    cluster.send_all((0..LONG).map(|id| keyed(event("Long", id), id))).await.unwrap();
    cluster.send_all((0..COUNTED).map(|id| keyed(event("Counted", id), LONG + id))).await.unwrap();
    let (gate, ledger, count) = (Gate::closed(), Ledger::default(), Arc::new(AtomicU64::new(0)));
    let config = config(&cluster).concurrency(Concurrency::PerKey { in_flight: 500 }).persist_progress(true);
    let app = App::new("test").state(gate.clone()).state(ledger.clone()).state(Arc::clone(&count));
    let app = Running::start(app.consumer("too-much-progress", config, router![long, counted]));
    let line = log.until_line_with(&["too-much-progress", "held up by a limit"]).await;
    assert_contains_all(&line, &["WARN", "topic=orders", "partition=0", "offset=0", "persist_progress"]);
    let handled = LONG + count.load(Ordering::Relaxed);
    assert!((20_000..=24_000).contains(&handled), "{handled} were taken");
    gate.open();
    until_committed(&cluster, (LONG + COUNTED) as i64).await;
    app.stop().await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), COUNTED);
}
