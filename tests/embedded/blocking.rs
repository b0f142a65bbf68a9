//! Plain functions, which may block.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use evkafka::{App, Concurrency, Metadata, State, embedded::Event, handler, router};

use crate::support::{DEADLINE, Ledger, Log, Running, cluster, config, event, outgrows};

/// Holds up whoever waits at it until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let (open, opened) = &*self.0;
        let (open, _) = opened.wait_timeout_while(open.lock().unwrap(), 2 * DEADLINE, |open| !*open).unwrap();
        assert!(*open, "the test opens it");
    }

    fn open(&self) {
        let (open, opened) = &*self.0;
        *open.lock().unwrap() = true;
        opened.notify_all();
    }
}

#[handler(event = "Hangs")]
fn hangs(State(gate): State<Gate>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    gate.wait();
    ledger.note(&meta, "done");
}

#[handler(event = "Quick")]
fn quick(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "quick");
}

#[handler(event = "Async")]
async fn not_blocking(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "async");
}

/// What the documentation of plain functions says.
const THREADS: usize = 512;

fn records(event_type: &'static str, count: usize) -> impl Iterator<Item = Event> {
    (0..count).map(move |_| Event::new("orders").partition(0).event_type(event_type))
}

fn count(ledger: &Ledger, note: &str) -> usize {
    ledger.notes().iter().filter(|found| *found == note).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_function_that_has_not_begun_when_the_app_ends_never_does() {
    let cluster = cluster(1);
    cluster.send_all(records("Hangs", THREADS + 48)).await.unwrap();
    let (ledger, gate) = (Ledger::default(), Gate::default());
    let config = config(&cluster).concurrency(Concurrency::Unordered { in_flight: 600 });
    let app = App::new("test").state(ledger.clone()).state(gate.clone());
    let app = app.shutdown_timeout(Duration::from_secs(2)).consumer("orders", config, router![hangs]);
    let app = Running::start(app);
    ledger.until_len(THREADS).await;
    app.stop().await.unwrap();
    gate.open();
    ledger.until(|calls| calls.iter().filter(|call| call.note == "done").count() >= THREADS).await;
    assert_eq!((count(&ledger, "begun"), count(&ledger, "done")), (THREADS, THREADS));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_functions_that_hang_hold_up_no_other_consumer_and_no_async_handler_of_their_own() {
    let (hanging, other) = (cluster(1), cluster(1));
    hanging.create_topic("others", 1).unwrap();
    hanging.send_all(records("Hangs", THREADS + 88)).await.unwrap();
    let (ledger, gate) = (Ledger::default(), Gate::default());
    let concurrent = config(&hanging).concurrency(Concurrency::Unordered { in_flight: 550 });
    let app = App::new("test").state(ledger.clone()).state(gate.clone());
    let app = app
        .shutdown_timeout(Duration::from_secs(2))
        .consumer("hanging", concurrent, router![hangs, not_blocking])
        .consumer("other", config(&other), router![quick]);
    let app = Running::start(app);
    ledger.until_len(THREADS).await;
    hanging.send_all(records("Async", 1)).await.unwrap();
    other.send_all(records("Quick", 1)).await.unwrap();
    ledger
        .until(|calls| ["quick", "async"].iter().all(|note| calls.iter().any(|call| call.note == *note)))
        .await;
    app.stop().await.unwrap();
    gate.open();
    ledger.until(|calls| calls.iter().filter(|call| call.note == "done").count() >= THREADS).await;
    assert_eq!(count(&ledger, "begun"), THREADS);
}

/// What a consumer is assigned later exceeds its memory, so that its member's client is replaced.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_plain_function_is_at_work_on_waits_for_it_when_the_members_client_is_replaced() {
    let (log, cluster) = (Log::capture(), cluster(2));
    let (ledger, gate) = (Ledger::default(), Gate::default());
    let config = outgrows(&cluster).revoke_grace(Duration::from_millis(100));
    let app = App::new("test").state(ledger.clone()).state(gate.clone());
    let app = Running::start(app.consumer("plain-outgrows", config, router![hangs, quick]));
    cluster.send(event("Hangs", 1)).await.unwrap();
    ledger.until_len(1).await;
    cluster.create_topic("orders-eu", 6).unwrap();
    log.until_line_with(&["plain-outgrows", "left the group"]).await;
    cluster.send(Event::new("orders").partition(1).event_type("Quick")).await.unwrap();
    ledger.until_len(2).await;
    gate.open();
    ledger.until(|calls| calls.iter().filter(|call| call.note == "done").count() >= 2).await;
    app.stop().await.unwrap();
    let of_record: Vec<_> =
        ledger.calls().into_iter().filter(|call| call.partition == 0).map(|call| call.note).collect();
    assert_eq!(of_record, ["begun", "done", "begun", "done"]);
}

#[handler(event = "Hangs")]
async fn hangs_on_a_worker(State(gate): State<Gate>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    gate.wait();
    ledger.note(&meta, "done");
}

/// The replaced client closes when the handler has finished.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_app_that_is_stopped_while_a_members_client_is_replaced_does_not_join_again() {
    let (log, cluster) = (Log::capture(), cluster(2));
    let (ledger, gate) = (Ledger::default(), Gate::default());
    let config = outgrows(&cluster).revoke_grace(Duration::from_millis(100));
    let app = App::new("test").state(ledger.clone()).state(gate.clone());
    let app = app.consumer("stopped-while-replaced", config, router![hangs_on_a_worker]);
    let control = app.control();
    let app = Running::start(app);
    cluster.send(event("Hangs", 1)).await.unwrap();
    ledger.until_len(1).await;
    cluster.create_topic("orders-eu", 6).unwrap();
    log.until_line_with(&["stopped-while-replaced", "a handler outlives its consumer"]).await;
    control.drain().unwrap();
    gate.open();
    app.ends().await.unwrap();
    assert_eq!(log.lines_with(&["stopped-while-replaced", "left the group"]).len(), 1);
}
