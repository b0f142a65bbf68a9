//! Offsets that go back while a partition is assigned, as those of a topic that is deleted and made anew.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use evkafka::{App, AutoCommitMode, Concurrency, ConsumerConfig, Metadata, State, handler, router};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::support::{DEADLINE, Ledger, Running, committed_at, send_to, send_to_partition};

type Mock = MockCluster<'static, DefaultProducerContext>;

const RECORDS: u64 = 20;

/// Lets as many handlers come to their end as it has permits.
type Gate = Arc<Semaphore>;

async fn pass(gate: &Gate) {
    gate.acquire().await.expect("it is not closed").forget();
}

#[handler(event = "OrderCreated")]
async fn one(id: u64, State(ledger): State<Ledger>, State(gate): State<Gate>, meta: Metadata) {
    pass(&gate).await;
    ledger.note(&meta, id);
}

/// So slow that no more is committed ahead than what is allowed whatever the handlers' pace. Of quick ones, all would be, and the
/// test would have to look at the right moment.
#[handler(event = "OrderCreated")]
async fn slow(id: u64, State(ledger): State<Ledger>, State(gate): State<Gate>, meta: Metadata) {
    pass(&gate).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    ledger.note(&meta, id);
}

#[handler(event = "OrderCreated", batch(max = 5, within = "20ms"))]
async fn many(ids: Vec<u64>, State(ledger): State<Ledger>, State(gate): State<Gate>, metas: Vec<Metadata>) {
    for (id, meta) in ids.iter().zip(&metas) {
        pass(&gate).await;
        ledger.note(meta, id);
    }
}

/// Never done with number 3.
#[handler(event = "OrderCreated")]
async fn sticks(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    if id == 3 {
        std::future::pending::<()>().await;
    }
}

async fn with_records(count: u64) -> Mock {
    let mock = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", 1, 1).expect("a topic");
    send_to(&mock.bootstrap_servers(), "OrderCreated", 0..count).await;
    mock
}

/// Where the reader stands is no offset any more: it goes on from the earliest, which is 0.
fn go_back(mock: &Mock) {
    mock.request_errors(RDKafkaApiKey::Fetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE]);
}

fn config(servers: &str) -> ConsumerConfig {
    ConsumerConfig::new(["orders"])
        .bootstrap_servers(servers)
        .group_id("billing")
        .commit_interval(Duration::from_millis(20))
        // librdkafka's own mock cluster drops a member whose session timeout passes in the first three seconds.
        .property("session.timeout.ms", 5000)
        .property("heartbeat.interval.ms", 300)
}

fn start(config: ConsumerConfig, in_batches: bool, ledger: &Ledger, gate: &Gate) -> Running {
    let app = App::new("test").state(ledger.clone()).state(Arc::clone(gate)).shutdown_timeout(DEADLINE);
    Running::start(if in_batches {
        app.consumer("orders", config, router![many])
    } else {
        app.consumer("orders", config, router![one])
    })
}

async fn until_committed(servers: &str, what: impl Fn(i64) -> bool) {
    let wait = async { while !committed_at(servers).await.is_some_and(&what) {} };
    if timeout(DEADLINE, wait).await.is_err() {
        panic!("{:?} is committed after {DEADLINE:?}", committed_at(servers).await);
    }
}

/// What the broker had committed of before would have a restart pass over records that nobody has handled.
///
/// Of what is settled before the crash, `at_least` can be committed.
async fn post_commit(with: impl Fn(ConsumerConfig) -> ConsumerConfig, in_batches: bool, at_least: i64) {
    let mock = with_records(RECORDS).await;
    let servers = mock.bootstrap_servers();
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(RECORDS as usize)));
    let first = start(with(config(&servers)), in_batches, &ledger, &gate);
    until_committed(&servers, |offset| offset == RECORDS as i64).await;
    go_back(&mock);
    until_committed(&servers, |offset| offset == 0).await;
    gate.add_permits(10);
    ledger.until_len(RECORDS as usize + 10).await;
    until_committed(&servers, |offset| (at_least..=10).contains(&offset)).await;
    first.kill().await;
    let (second_ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(2 * RECORDS as usize)));
    let second = start(with(config(&servers)), in_batches, &second_ledger, &gate);
    until_committed(&servers, |offset| offset == RECORDS as i64).await;
    second.stop().await.unwrap();
    let handled: BTreeSet<i64> =
        ledger.offsets().into_iter().skip(RECORDS as usize).chain(second_ledger.offsets()).collect();
    assert_eq!(handled.len() as u64, RECORDS, "{handled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_commits_the_lower_offset_and_a_crash_loses_nothing() {
    post_commit(|config| config, false, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_batches() {
    post_commit(|config| config, true, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_side_by_side() {
    // The first of them may be the last that a thread gets to.
    post_commit(|config| config.concurrency(Concurrency::PerKey { in_flight: 4 }), false, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_batches_side_by_side() {
    // Ten records that are settled may be parts of four batches that are not.
    post_commit(|config| config.concurrency(Concurrency::Unordered { in_flight: 4 }), true, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_persisted_progress() {
    let persisting = |config: ConsumerConfig| {
        config.concurrency(Concurrency::Unordered { in_flight: 4 }).persist_progress(true)
    };
    post_commit(persisting, false, 0).await;
}

/// The gate is closed when the offsets go back: what is committed then is what is about to be handled, and no more.
async fn pre_commit(app: impl FnOnce(App, ConsumerConfig) -> App, records: u64, ahead: i64) {
    let mock = with_records(records).await;
    let servers = mock.bootstrap_servers();
    let (ledger, gate): (_, Gate) = (Ledger::default(), Arc::new(Semaphore::new(records as usize)));
    let all = App::new("test").state(ledger.clone()).state(Arc::clone(&gate)).shutdown_timeout(DEADLINE);
    let config = config(&servers).auto_commit_mode(AutoCommitMode::PreCommit);
    let app = Running::start(app(all, config));
    ledger.until_len(records as usize).await;
    until_committed(&servers, |offset| offset == records as i64).await;
    go_back(&mock);
    until_committed(&servers, |offset| (1..=ahead).contains(&offset)).await;
    assert_eq!(ledger.calls().len(), records as usize);
    gate.add_permits(records as usize);
    ledger.until_len(2 * records as usize).await;
    app.stop().await.unwrap();
    assert_eq!(committed_at(&servers).await, Some(records as i64));
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_commits_anew_before_it_handles() {
    pre_commit(|app, config| app.consumer("orders", config, router![slow]), 20, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_commits_anew_before_it_handles_side_by_side() {
    let side_by_side = |app: App, config: ConsumerConfig| {
        app.consumer("orders", config.concurrency(Concurrency::Unordered { in_flight: 4 }), router![slow])
    };
    // Twice what runs at a time.
    pre_commit(side_by_side, 40, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_ahead_by_an_earlier_owner_is_handled_when_offsets_have_gone_back() {
    let mock = with_records(RECORDS).await;
    let servers = mock.bootstrap_servers();
    let app = |ledger: &Ledger| {
        let config = config(&servers)
            .concurrency(Concurrency::PerKey { in_flight: 10 })
            .persist_progress(true)
            .revoke_grace(Duration::from_millis(100));
        let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(2));
        Running::start(app.consumer("orders", config, router![sticks]))
    };
    let ledger = Ledger::default();
    let first = app(&ledger);
    ledger.until_len(RECORDS as usize).await;
    first.stop().await.unwrap();
    assert_eq!(committed_at(&servers).await, Some(3));
    go_back(&mock);
    let ledger = Ledger::default();
    let second = app(&ledger);
    ledger.until_len(RECORDS as usize).await;
    second.stop().await.unwrap();
    let handled: BTreeSet<i64> = ledger.offsets().into_iter().collect();
    assert_eq!(handled.len() as u64, RECORDS, "{handled:?}");
}

/// A lane that is new cannot tell that offsets have gone back, and says where it begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_begins_below_what_is_committed_commits_it() {
    let mock = with_records(RECORDS).await;
    let servers = mock.bootstrap_servers();
    let (ledger, gate): (_, Gate) = (Ledger::default(), Arc::new(Semaphore::new(RECORDS as usize)));
    let first = start(config(&servers), false, &ledger, &gate);
    until_committed(&servers, |offset| offset == RECORDS as i64).await;
    first.stop().await.unwrap();
    // The gate is closed.
    let second = start(config(&servers), false, &ledger, &gate);
    let lower = async || {
        go_back(&mock);
        while committed_at(&servers).await != Some(0) {}
    };
    // The first client may still be fetching, and be the one that is told.
    let mut tries = 0..DEADLINE.as_secs();
    while timeout(Duration::from_secs(1), lower()).await.is_err() {
        tries.next().expect("the offset is committed in time");
    }
    second.kill().await;
}

/// Passes the gate with number 10, and without it with all others.
#[handler(event = "OrderCreated")]
async fn tenth_waits(id: u64, State(ledger): State<Ledger>, State(gate): State<Gate>, meta: Metadata) {
    if id == 10 {
        pass(&gate).await;
    }
    ledger.note(&meta, id);
}

/// Record 10 is at work when the offsets go back, and all others are settled.
async fn held_up(persist: bool) -> (Mock, Ledger, Gate, Running) {
    let mock = with_records(RECORDS).await;
    let servers = mock.bootstrap_servers();
    let (ledger, gate): (_, Gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let app = start_side_by_side(&servers, persist, &ledger, &gate);
    ledger.until_len(RECORDS as usize - 1).await;
    until_committed(&servers, |offset| offset == 10).await;
    go_back(&mock);
    until_committed(&servers, |offset| offset == 0).await;
    (mock, ledger, gate, app)
}

fn start_side_by_side(servers: &str, persist: bool, ledger: &Ledger, gate: &Gate) -> Running {
    let config =
        config(servers).concurrency(Concurrency::Unordered { in_flight: 4 }).persist_progress(persist);
    let app = App::new("test")
        .state(ledger.clone())
        .state(Arc::clone(gate))
        .shutdown_timeout(Duration::from_secs(2));
    Running::start(app.consumer("orders", config, router![tenth_waits]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_then_waits_for_what_was_at_work() {
    let (mock, ledger, gate, app) = held_up(false).await;
    assert_eq!(ledger.calls().len() as u64, RECORDS - 1, "nothing begins meanwhile");
    gate.add_permits(2);
    ledger.until_len(2 * RECORDS as usize).await;
    until_committed(&mock.bootstrap_servers(), |offset| offset == RECORDS as i64).await;
    app.stop().await.unwrap();
}

async fn a_crash_while_something_is_at_work(persist: bool) {
    let (mock, _, _, app) = held_up(persist).await;
    app.kill().await;
    let (ledger, gate): (_, Gate) = (Ledger::default(), Arc::new(Semaphore::new(1)));
    let second = start_side_by_side(&mock.bootstrap_servers(), persist, &ledger, &gate);
    ledger.until_len(RECORDS as usize).await;
    second.stop().await.unwrap();
    let handled: BTreeSet<i64> = ledger.offsets().into_iter().collect();
    assert_eq!(handled.len() as u64, RECORDS, "{handled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_something_is_at_work_loses_nothing() {
    a_crash_while_something_is_at_work(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_what_was_settled_ahead() {
    a_crash_while_something_is_at_work(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_while_something_is_at_work_leaves_the_lower_offset() {
    let (mock, _, _, app) = held_up(false).await;
    app.stop().await.unwrap();
    assert_eq!(committed_at(&mock.bootstrap_servers()).await, Some(0));
}

/// Slow enough that librdkafka's queue is not taken at once.
#[handler(event = "OrderCreated")]
async fn steady(id: u64, State(ledger): State<Ledger>, State(gate): State<Gate>, meta: Metadata) {
    pass(&gate).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    ledger.note(&meta, id);
}

/// At each rebalance librdkafka fetches anew from where it thinks that the application is.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_passes_over_nothing() {
    const EACH: usize = 600;
    let mock = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", 2, 1).expect("a topic");
    let servers = mock.bootstrap_servers();
    for partition in 0..2 {
        send_to_partition(&servers, partition, "OrderCreated", 0..EACH as u64).await;
    }
    let start = |ledger: &Ledger, gate: &Gate| {
        let config = config(&servers).revoke_grace(Duration::from_millis(100));
        let app = App::new("test").state(ledger.clone()).state(Arc::clone(gate));
        Running::start(app.shutdown_timeout(DEADLINE).consumer("orders", config, router![steady]))
    };
    let (ledger, gate): (_, Gate) = (Ledger::default(), Arc::new(Semaphore::new(2 * EACH)));
    let first = start(&ledger, &gate);
    ledger.until_len(2 * EACH).await;
    until_committed(&servers, |offset| offset == EACH as i64).await;
    go_back(&mock);
    until_committed(&servers, |offset| offset == 0).await;
    let (second_ledger, open): (_, Gate) = (Ledger::default(), Arc::new(Semaphore::new(10 * EACH)));
    let second = start(&second_ledger, &open);
    // One of the two partitions stays where it is.
    second_ledger.until_len(1).await;
    gate.add_permits(10 * EACH);
    let handled = || -> BTreeSet<(i32, i64)> {
        let calls = ledger.calls().into_iter().skip(2 * EACH).chain(second_ledger.calls());
        calls.map(|call| (call.partition, call.offset)).collect()
    };
    let all = async {
        while handled().len() < 2 * EACH {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(DEADLINE, all).await.is_ok(), "{} of {}", handled().len(), 2 * EACH);
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

/// Takes what was collected, long before it is full or has waited.
#[handler(event = "OrderCreated", batch(max = 1000, within = "60m"))]
async fn patient(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    ids.iter().zip(&metas).for_each(|(id, meta)| ledger.note(meta, id));
}

async fn what_is_collected(concurrency: Concurrency) {
    let mock = with_records(RECORDS).await;
    let servers = mock.bootstrap_servers();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(2));
    let config = config(&servers).concurrency(concurrency);
    let app = Running::start(app.consumer("orders", config, router![patient]));
    // Each fetch brings one record, and all are collected when one is refused.
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    let fine = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    let mut answers = vec![fine; 2 * RECORDS as usize];
    answers.push(refused);
    mock.request_errors(RDKafkaApiKey::Fetch, &answers);
    ledger.until_len(RECORDS as usize).await;
    until_committed(&servers, |offset| offset == 0).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets(), (0..RECORDS as i64).collect::<Vec<_>>(), "the others are still collected");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_collected_is_handled_then() {
    what_is_collected(Concurrency::PerPartition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_collected_side_by_side_is_handled_then() {
    what_is_collected(Concurrency::Unordered { in_flight: 4 }).await;
}
