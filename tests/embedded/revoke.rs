//! What becomes of handlers that take long: while the partition stays, and when it goes to another member.

use std::time::Duration;

use evkafka::{
    App, CancellationToken, ConsumerConfig, Metadata, State,
    embedded::{Cluster, Event},
    handler, router,
};

use crate::support::{Call, Ledger, Log, Running, classic_config, cluster, config, event, until_committed};

#[handler(event = "Long")]
async fn long(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    tokio::time::sleep(Duration::from_secs(7)).await;
    ledger.note(&meta, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_takes_longer_than_the_poll_interval_keeps_its_partition() {
    let cluster = cluster(1);
    cluster.send_all([event("Long", 1)]).await.unwrap();
    let ledger = Ledger::default();
    let config = classic_config(&cluster)
        .property("max.poll.interval.ms", 3000)
        .revoke_grace(Duration::from_millis(200))
        .commit_interval(Duration::from_millis(100));
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![long]);
    let app = Running::start(app);
    until_committed(&cluster, 1).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["begun", "done"], "nobody else has begun it meanwhile");
}

/// Notes the end of a handler that is dropped.
struct OnDrop(Ledger, Metadata);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(&self.1, "dropped");
    }
}

#[handler(event = "Stubborn")]
async fn stubborn(token: CancellationToken, State(ledger): State<Ledger>, meta: Metadata) {
    let _on_drop = OnDrop(ledger.clone(), meta.clone());
    ledger.note(&meta, "begun");
    token.cancelled().await;
    ledger.note(&meta, "told");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_whose_partition_is_revoked_is_told_then_dropped_and_only_then_another_member_begins() {
    let cluster = cluster(2);
    let records =
        (0..2).map(|partition| Event::new("orders").partition(partition).event_type("Stubborn").payload("1"));
    cluster.send_all(records).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).revoke_grace(Duration::from_millis(500));
    let start = |name| {
        let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(5)).consumer(
            name,
            config.clone(),
            router![stubborn],
        );
        Running::start(app)
    };
    let first = start("first");
    ledger.until_len(2).await;
    let second = start("second");
    let by_second = |call: &Call| call.consumer == "second";
    ledger.until(|calls| calls.iter().any(by_second)).await;
    let calls = ledger.calls();
    let moved = calls.iter().find(|call| by_second(call)).expect("it has begun").partition;
    let of_moved: Vec<(&str, &str)> = calls
        .iter()
        .filter(|call| call.partition == moved)
        .map(|call| (&*call.consumer, &*call.note))
        .collect();
    assert_eq!(of_moved, [("first", "begun"), ("first", "told"), ("first", "dropped"), ("second", "begun")]);
    let stayed: Vec<&str> =
        calls.iter().filter(|call| call.partition != moved).map(|call| &*call.note).collect();
    assert_eq!(stayed, ["begun"], "the handler of the other partition is left alone");
    second.stop().await.unwrap();
    first.stop().await.unwrap();
}

#[handler(event = "Slow")]
async fn slow(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "slow begun");
    tokio::time::sleep(Duration::from_millis(50)).await;
    ledger.note(&meta, "slow done");
}

/// Ends when it is dropped.
#[handler(event = "Deaf")]
async fn deaf(State(ledger): State<Ledger>, meta: Metadata) {
    let _on_drop = OnDrop(ledger.clone(), meta.clone());
    ledger.note(&meta, "deaf begun");
    std::future::pending::<()>().await;
}

#[handler(event = "Listening")]
async fn listening(token: CancellationToken, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "listening begun");
    token.cancelled().await;
    ledger.note(&meta, "told");
}

/// A cluster on which a member that reads `orders` and `refunds` loses the latter's second partition when another joins that
/// reads no more than `refunds`.
async fn two_topics(of_orders: &str, orders: u64) -> Cluster {
    let cluster = cluster(1);
    cluster.create_topic("refunds", 2).unwrap();
    cluster.send_all((0..orders).map(|id| event(of_orders, id))).await.unwrap();
    cluster.send(Event::new("refunds").partition(1).event_type("Deaf").payload("1")).await.unwrap();
    cluster
}

fn of_topics<const N: usize>(topics: [&str; N], cluster: &Cluster) -> ConsumerConfig {
    ConsumerConfig::new(topics)
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("billing")
        // In the classic protocol the mock cluster is no measure: it refuses the SyncGroup of a member that comes after its leader's,
        // which then joins once more, and commits for as long as members join. Kafka accepts both.
        .property("group.protocol", "consumer")
        .commit_interval(Duration::from_secs(3600))
        .revoke_grace(Duration::from_secs(60))
}

fn start(name: &str, config: ConsumerConfig, ledger: &Ledger, timeout: Duration) -> Running {
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(timeout);
    Running::start(app.consumer(name, config, router![slow, deaf, listening]))
}

/// A member that reads `refunds` only.
fn start_other(name: &str, cluster: &Cluster, ledger: &Ledger) -> Running {
    start(name, of_topics(["refunds"], cluster), ledger, Duration::from_secs(2))
}

fn count(calls: &[Call], note: &str) -> usize {
    calls.iter().filter(|call| call.note == note).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_stopped_during_a_revocation_ends_in_time_and_begins_nothing_more() {
    let (log, ledger) = (Log::capture(), Ledger::default());
    let cluster = two_topics("Slow", 2_000).await;
    let app = start(
        "stopped-while-revoked",
        of_topics(["orders", "refunds"], &cluster),
        &ledger,
        Duration::from_secs(10),
    );
    ledger.until(|calls| count(calls, "deaf begun") == 1 && count(calls, "slow done") >= 3).await;
    let other = start_other("takes-over-from-stopped", &cluster, &ledger);
    log.until_line_with(&["partitions revoked", "stopped-while-revoked"]).await;
    let at_stop = count(&ledger.calls(), "slow begun");
    let ended = app.stop().await;
    assert!(ended.is_ok(), "{ended:?}: {:#?}", log.lines_with(&["stopped-while-revoked"]));
    let at_end = ledger.calls();
    assert_eq!(count(&at_end, "dropped"), 1, "the handler that does not end is dropped");
    let (begun, done) = (count(&at_end, "slow begun"), count(&at_end, "slow done"));
    // One may have begun before the word to stop arrived.
    assert!(
        begun == done && begun <= at_stop + 5,
        "{at_stop} were begun, and then {begun}, of which {done} done"
    );
    until_committed(&cluster, done as i64).await;
    ledger.until(|calls| count(calls, "deaf begun") == 2).await;
    assert_eq!(count(&ledger.calls(), "slow begun"), begun, "nothing is begun after the end");
    other.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_dropped_during_a_revocation_drops_its_handlers_at_once() {
    let (log, ledger) = (Log::capture(), Ledger::default());
    let cluster = two_topics("Slow", 2_000).await;
    let app = start(
        "dropped-while-revoked",
        of_topics(["orders", "refunds"], &cluster),
        &ledger,
        Duration::from_secs(20),
    );
    ledger.until(|calls| count(calls, "deaf begun") == 1 && count(calls, "slow done") >= 3).await;
    let other = start_other("takes-over-from-dropped", &cluster, &ledger);
    log.until_line_with(&["partitions revoked", "dropped-while-revoked"]).await;
    app.kill().await;
    ledger.until(|calls| count(calls, "dropped") == 1).await;
    let begun = count(&ledger.calls(), "slow begun");
    ledger.until(|calls| count(calls, "deaf begun") == 2).await;
    assert_eq!(count(&ledger.calls(), "slow begun"), begun, "nothing is begun after the end");
    other.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_during_a_shutdown_does_not_delay_the_cancellation_of_other_handlers() {
    let (log, ledger) = (Log::capture(), Ledger::default());
    let cluster = two_topics("Listening", 1).await;
    let app = start(
        "revoked-while-stopped",
        of_topics(["orders", "refunds"], &cluster),
        &ledger,
        Duration::from_secs(25),
    );
    ledger.until_len(2).await;
    let revoked = async {
        let other = start_other("takes-over-from-shutdown", &cluster, &ledger);
        log.until_line_with(&["partitions revoked", "revoked-while-stopped"]).await;
        assert_eq!(count(&ledger.calls(), "told"), 0, "the revocation comes first");
        other
    };
    let (ended, other) = tokio::join!(app.stop(), revoked);
    assert!(ended.is_ok(), "{ended:?}: {:#?}", log.lines_with(&["revoked-while-stopped"]));
    let order: Vec<_> =
        ledger.notes().into_iter().filter(|note| ["told", "dropped"].contains(&&**note)).collect();
    assert_eq!(order, ["told", "dropped"], "by the app's plan, whatever becomes of the revoked partition");
    other.kill().await;
}
