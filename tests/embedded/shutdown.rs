//! How an app comes to its end.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use evkafka::{
    App, AutoCommitMode, CancellationToken, Concurrency, ConsumerConfig, Metadata, OffsetReset, State,
    embedded::{Cluster, Event},
    error::ErrorKind,
    handler, router,
};

use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use tokio::time::timeout;

use crate::support::{
    DEADLINE, Ledger, Running, cluster, committed, committed_at, config, event, send_to, send_to_partition,
};

#[handler(event = "Slow")]
async fn slow(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("begun {id}"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    ledger.note(&meta, format!("done {id}"));
}

#[handler(event = "Deaf")]
async fn deaf(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    std::future::pending::<()>().await;
}

#[handler(event = "Listening")]
async fn listening(token: CancellationToken, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    token.cancelled().await;
    ledger.note(&meta, "told");
}

/// Blocks the threads of handlers for as long as the other end is there.
type Held = Arc<Mutex<mpsc::Receiver<()>>>;

fn block(held: &Held) {
    // Nothing is ever sent.
    let _ = held.lock().expect("no panic").recv();
}

#[handler(event = "Blocking")]
fn blocking(State(ledger): State<Ledger>, State(held): State<Held>, meta: Metadata) {
    ledger.note(&meta, "begun");
    block(&held);
}

/// Never gives its thread back.
#[handler(event = "Hogging")]
async fn hogging(State(ledger): State<Ledger>, State(held): State<Held>, meta: Metadata) {
    ledger.note(&meta, "begun");
    block(&held);
}

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

async fn shut_down_while(event_type: &str, timeout: Duration) -> (Ledger, Option<i64>, Duration) {
    let cluster = cluster(1);
    cluster.send_all([event(event_type, 1), event(event_type, 2)]).await.unwrap();
    let ledger = Ledger::default();
    let (holds, held) = mpsc::channel::<()>();
    let held: Held = Arc::new(Mutex::new(held));
    let app = App::new("test").state(ledger.clone()).state(held).shutdown_timeout(timeout).consumer(
        "orders",
        config(&cluster),
        router![slow, deaf, listening, blocking],
    );
    let app = Running::start(app);
    ledger.until_len(1).await;
    let begun = Instant::now();
    app.stop().await.unwrap();
    let took = begun.elapsed();
    // Only now may a handler that blocks go on: the shutdown has not waited for it.
    drop(holds);
    (ledger, committed(&cluster).await, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_under_way_comes_to_its_end_and_is_committed() {
    let (ledger, committed, _) = shut_down_while("Slow", Duration::from_secs(20)).await;
    assert_eq!(ledger.notes(), ["begun 1", "done 1"], "and no other is begun");
    assert_eq!(committed, Some(1));
}

/// Stops a pre-commit app when handlers have said so many words; how many records of all partitions they came to the end of, and
/// how many are committed.
async fn stopped_while_slow(
    cluster: &Cluster,
    concurrency: Concurrency,
    timeout: Duration,
    words: usize,
) -> (i64, i64) {
    let ledger = Ledger::default();
    let config = config(cluster).auto_commit_mode(AutoCommitMode::PreCommit).concurrency(concurrency);
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(timeout);
    let app = Running::start(app.consumer("orders", config, router![slow]));
    ledger.until_len(words).await;
    app.stop().await.unwrap();
    let done = ledger.notes().iter().filter(|note| note.starts_with("done")).count();
    assert!(done > 0, "what is under way comes to its end");
    (done as i64, cluster.committed("billing", "orders").await.unwrap().values().sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_commits_no_more_ahead_of_slow_handlers_than_they_can_handle_when_stopped() {
    let cluster = cluster(1);
    cluster.send_all((0..100).map(|id| event("Slow", id))).await.unwrap();
    let timeout = Duration::from_secs(10);
    let (done, committed) = stopped_while_slow(&cluster, Concurrency::PerPartition, timeout, 1).await;
    assert_eq!(committed, done);
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_commits_no_more_ahead_of_slow_handlers_side_by_side_than_they_can_handle_when_stopped() {
    for concurrency in [Concurrency::PerKey { in_flight: 4 }, Concurrency::Unordered { in_flight: 4 }] {
        let cluster = cluster(4);
        let records = (0..2000).map(|id| {
            let event = Event::new("orders").partition(id % 4).event_type("Slow");
            event.key(id.to_string()).payload(id.to_string())
        });
        cluster.send_all(records).await.unwrap();
        let timeout = Duration::from_secs(5);
        let (done, committed) = stopped_while_slow(&cluster, concurrency, timeout, 20).await;
        assert_eq!(committed, done, "{concurrency:?}");
    }
}

/// Notes that it was dropped.
struct NotesItsEnd(Ledger, Metadata);

impl Drop for NotesItsEnd {
    fn drop(&mut self) {
        self.0.note(&self.1, "dropped");
    }
}

#[handler(event = "Endless")]
async fn endless(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    let _end = NotesItsEnd(ledger, meta);
    std::future::pending::<()>().await;
}

/// The offset of the second record is refused for as long as the first is handled, and could be committed after that.
#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_leaves_to_the_next_owner_what_it_wanted_to_commit_and_has_no_time_to_handle() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 1, 1).unwrap();
    let servers = mock.bootstrap_servers();
    send_to(&servers, "Endless", 0..2).await;
    let mut answers = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR];
    answers.resize(1000, RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
    mock.request_errors(RDKafkaApiKey::OffsetCommit, &answers);
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(5)).consumer(
        "orders",
        ConsumerConfig::new(["orders"])
            .bootstrap_servers(&servers)
            .group_id("billing")
            .auto_commit_mode(AutoCommitMode::PreCommit),
        router![endless],
    );
    let app = Running::start(app);
    ledger.until_len(1).await;
    let commits_are_taken_again = async {
        ledger.until_len(2).await;
        mock.clear_request_errors(RDKafkaApiKey::OffsetCommit);
    };
    let (ended, ()) = tokio::join!(app.stop(), commits_are_taken_again);
    ended.unwrap();
    assert_eq!(ledger.notes(), ["begun", "dropped"]);
    assert_eq!(committed_at(&servers).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_end_is_dropped_in_time_and_not_committed() {
    let (ledger, committed, took) = shut_down_while("Deaf", Duration::from_secs(2)).await;
    assert_eq!((ledger.notes(), committed), (vec!["begun".to_owned()], Some(0)));
    assert!(took >= Duration::from_millis(1500), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_listens_is_told_in_time_to_end_in_order() {
    let (ledger, committed, _) = shut_down_while("Listening", Duration::from_secs(2)).await;
    assert_eq!((ledger.notes(), committed), (vec!["begun".to_owned(), "told".to_owned()], Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_function_that_does_not_end_does_not_hold_up_the_shutdown() {
    let (ledger, committed, _) = shut_down_while("Blocking", Duration::from_secs(1)).await;
    assert_eq!((ledger.notes(), committed), (vec!["begun".to_owned()], Some(0)));
}

/// The broker takes its time, and the handler that blocks does not end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn beside_a_handler_that_blocks_its_thread_what_is_settled_is_committed_in_time() {
    let cluster = cluster(2);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let hogging = Event::new("orders").partition(1).event_type("Hogging");
    cluster.send(hogging).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).commit_interval(Duration::from_secs(3600));
    let (_holds, held) = mpsc::channel::<()>();
    let held: Held = Arc::new(Mutex::new(held));
    let app = App::new("test")
        .state(ledger.clone())
        .state(held)
        .shutdown_timeout(Duration::from_secs(5))
        .consumer("orders", config, router![on_order, hogging]);
    let app = Running::start(app);
    ledger.until_len(2).await;
    cluster.round_trip_time(1, Duration::from_millis(100)).unwrap();
    assert!(app.stop().await.is_err(), "a thread is still at work");
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_in_time_that_the_last_offsets_could_not_be_committed() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).commit_interval(Duration::from_secs(3600));
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(2));
    let app = Running::start(app.consumer("orders", config, router![on_order]));
    ledger.until_len(1).await;
    cluster.broker_down(1).unwrap();
    let error = app.stop().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    assert!(error.to_string().contains("the last offsets could not be committed"), "{error}");
}

/// How an app ends whose next commits are answered with these errors; also what is committed then, of three records that were handled.
async fn stopped_when_commits_are_refused_with(
    errors: &[RDKafkaRespErr],
) -> (evkafka::Result<()>, Option<i64>) {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 1, 1).unwrap();
    let servers = mock.bootstrap_servers();
    send_to(&servers, "OrderCreated", 0..3).await;
    let ledger = Ledger::default();
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(&servers)
        .group_id("billing")
        .commit_interval(Duration::from_secs(3600));
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    ledger.until_len(3).await;
    mock.request_errors(RDKafkaApiKey::OffsetCommit, errors);
    let ended = app.stop().await;
    (ended, committed_at(&servers).await)
}

/// As a group of the new protocol does, when others have left and the member has not heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_commit_is_tried_again_when_the_members_epoch_is_stale() {
    let stale = RDKafkaRespErr::RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH;
    let (ended, committed) = stopped_when_commits_are_refused_with(&[stale]).await;
    ended.unwrap();
    assert_eq!(committed, Some(3));
}

/// More often than librdkafka sends a request by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_commit_is_tried_again_when_the_connection_is_lost_or_a_broker_is_late() {
    for error in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
    ] {
        let (ended, committed) = stopped_when_commits_are_refused_with(&[error; 8]).await;
        assert!(ended.is_ok() && committed == Some(3), "{error:?}: {ended:?}, {committed:?} is committed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_after_the_group_has_gone_on_without_the_member_is_none_in_order() {
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    let (ended, committed) = stopped_when_commits_are_refused_with(&[unknown]).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Shutdown);
    assert_eq!(committed, None);
}

/// The handler that listens is told first, and settles its record; the commit of it is refused while the other one is not dropped.
#[tokio::test(flavor = "multi_thread")]
async fn an_eviction_during_the_drain_is_told_if_what_was_handled_is_not_committed() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 2, 1).unwrap();
    let servers = mock.bootstrap_servers();
    send_to(&servers, "Listening", 0..1).await;
    send_to_partition(&servers, 1, "Deaf", 0..1).await;
    let ledger = Ledger::default();
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(&servers)
        .group_id("billing")
        .commit_interval(Duration::from_millis(100));
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(10));
    let app = Running::start(app.consumer("orders", config, router![deaf, listening]));
    ledger.until_len(2).await;
    let start_is_committed = async { while committed_at(&servers).await != Some(0) {} };
    timeout(DEADLINE, start_is_committed).await.expect("where it begins is committed");
    mock.request_errors(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID]);
    let error = app.stop().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    assert!(error.to_string().contains("the last offsets could not be committed"), "{error}");
    assert_eq!(committed_at(&servers).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_consumer_fails_for_good_the_others_drain_and_its_error_is_returned() {
    let (good, bad) = (cluster(1), cluster(1));
    good.send_all((0..10).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test")
        .state(ledger.clone())
        .consumer("good", config(&good), router![on_order])
        .consumer("bad", config(&bad), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(10).await;
    bad.send(Event::new("orders").partition(0).event_type("OrderCreated").payload("broken")).await.unwrap();
    let error = app.ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert_eq!(&*error.record().unwrap().origin.consumer, "bad");
    assert_eq!(committed(&good).await, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_cannot_be_read_any_further_is_told_with_librdkafkas_reason() {
    for concurrency in [Concurrency::PerPartition, Concurrency::Unordered { in_flight: 10 }] {
        // A group that has committed nothing does not know where to begin.
        let cluster = cluster(1);
        let config = config(&cluster).auto_offset_reset(OffsetReset::Error).concurrency(concurrency);
        let app = App::new("test").state(Ledger::default()).consumer("orders", config, router![on_order]);
        let error = Running::start(app).ends().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Kafka);
        let text = error.to_string();
        assert!(text.starts_with("consumer `orders`: orders[0] cannot be read any further"), "{text}");
        assert!(text.contains("no previously committed offset available"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_goes_down_stops_no_other_consumer_and_is_read_again_when_it_is_back() {
    let (up, down) = (cluster(1), cluster(1));
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("up", config(&up), router![on_order]).consumer(
        "down",
        config(&down).property("reconnect.backoff.max.ms", 200),
        router![on_order],
    );
    let app = Running::start(app);
    up.send(event("OrderCreated", 1)).await.unwrap();
    down.send(event("OrderCreated", 2)).await.unwrap();
    ledger.until_len(2).await;
    down.broker_down(1).unwrap();
    up.send_all((10..20).map(|id| event("OrderCreated", id))).await.unwrap();
    ledger.until_len(12).await;
    down.broker_up(1).unwrap();
    down.send(event("OrderCreated", 3)).await.unwrap();
    ledger.until(|calls| calls.iter().any(|call| call.note == "3")).await;
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_stopped_before_it_consumed_ends_well() {
    let cluster = cluster(1);
    let app =
        App::new("test").state(Ledger::default()).consumer("orders", config(&cluster), router![on_order]);
    Running::start(app).stop().await.unwrap();
    assert_eq!(committed(&cluster).await, None);
}

#[tokio::test]
async fn an_app_runs_on_a_runtime_of_one_thread() {
    let cluster = cluster(3);
    cluster
        .send_all((0..300).map(|id| Event::new("orders").event_type("OrderCreated").payload(id.to_string())))
        .await
        .unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(300).await;
    app.stop().await.unwrap();
    assert_eq!(cluster.committed("billing", "orders").await.unwrap().values().sum::<i64>(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn static_members_of_one_consumer_do_not_fence_each_other() {
    let cluster = cluster(4);
    let ledger = Ledger::default();
    let config: ConsumerConfig = config(&cluster).instances(2).group_instance_id("pod-1");
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    cluster
        .send_all((0..400).map(|id| Event::new("orders").event_type("OrderCreated").payload(id.to_string())))
        .await
        .unwrap();
    ledger.until_len(400).await;
    app.stop().await.unwrap();
    let mut ids: Vec<u64> = ledger.notes().iter().map(|note| note.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..400).collect::<Vec<_>>());
}

/// Ready at once at first, so that many are committed together; then it takes its thread for a while, and never waits.
#[handler(event = "SlowsDown")]
async fn slows_down(id: u64, State(ledger): State<Ledger>, State(_): State<Arc<()>>, meta: Metadata) {
    if id >= 1000 {
        ledger.note(&meta, id);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nobody but the lane itself can tell: no handler ever waits for anything, so none is ever dropped.
#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_no_handler_begins_after_the_app_has_ended() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 1 }] {
        let cluster = cluster(1);
        cluster.send_all((0..3000).map(|id| event("SlowsDown", id).key("k"))).await.unwrap();
        let (ledger, in_use) = (Ledger::default(), Arc::new(()));
        let config = config(&cluster).auto_commit_mode(AutoCommitMode::PreCommit).concurrency(concurrency);
        let app = App::new("test").state(ledger.clone()).state(Arc::clone(&in_use));
        let app = app.shutdown_timeout(Duration::from_secs(1));
        let app = Running::start(app.consumer("orders", config, router![slows_down]));
        ledger.until_len(1).await;
        let ended = app.stop().await;
        let begun = ledger.calls().len();
        let until_nothing_is_in_use = async {
            while Arc::strong_count(&in_use) > 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, until_nothing_is_in_use).await.unwrap();
        assert_eq!(ledger.calls().len(), begun, "{concurrency:?}");
        ended.unwrap();
    }
}
