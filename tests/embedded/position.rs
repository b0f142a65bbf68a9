//! Where a partition is read from, and what is committed of it: after rebalances, errors of a fetch, and retention.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use evkafka::{
    App, AutoCommitMode, CancellationToken, Concurrency, ConsumerConfig, Metadata, OffsetReset, State,
    embedded::{Cluster, Event},
    handler, router,
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use crate::support::{
    Call, DEADLINE, Ledger, Running, classic_config, cluster, committed, config, event, send_to_partition,
    until_committed,
};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// Which partition is being revoked.
type Revoked = mpsc::UnboundedSender<i32>;

/// Under way until the gate is opened. Of the two partitions, nobody knows which one will be revoked: it says so.
#[handler(event = "Busy")]
async fn busy(
    token: CancellationToken,
    State(revoked): State<Revoked>,
    State(gate): State<Arc<Semaphore>>,
    meta: Metadata,
) {
    let is_open = gate.acquire();
    tokio::pin!(is_open);
    tokio::select! {
        () = token.cancelled() => revoked.send(meta.partition).expect("the test is there"),
        _ = &mut is_open => return,
    }
    let _ = is_open.await;
}

fn on_partition(partition: i32, event_type: &str, id: u64) -> Event {
    Event::new("orders").partition(partition).event_type(event_type).payload(id.to_string())
}

async fn until_all_committed(cluster: &Cluster, partitions: usize) {
    let wait = async {
        while cluster.committed("billing", "orders").await.expect("committed offsets").len() < partitions {}
    };
    timeout(DEADLINE, wait).await.expect("each partition has a committed offset");
}

/// A second member joins a group whose first member has a handler under way in each of two partitions; what is written to the
/// partition that stays, while the other is being revoked, is handled. `between` comes before the second member.
///
/// librdkafka resumes a partition that stays from what it takes for the position of the application.
async fn what_is_written_during_a_rebalance(
    config: ConsumerConfig,
    send: impl AsyncFn(i32, &str, u64),
    begun: impl AsyncFnOnce(),
    between: impl FnOnce(),
) {
    let config = config
        .commit_interval(Duration::from_millis(50))
        // A handler is told after it, and has a fifth of it from then on.
        .revoke_grace(Duration::from_millis(500))
        // What is behind a handler that is under way is taken all the same.
        .concurrency(Concurrency::Unordered { in_flight: 10 });
    let (revoked, mut is_revoked) = mpsc::unbounded_channel::<i32>();
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let app = |name: &str| {
        let app = App::new("test")
            .state(ledger.clone())
            .state(Arc::clone(&gate))
            .state(revoked.clone())
            // The mock cluster refuses commits for the seconds that a rebalance of the classic protocol takes, and members leave in one.
            .shutdown_timeout(DEADLINE);
        Running::start(app.consumer(name, config.clone(), router![on_order, busy]))
    };
    let first = app("first");
    begun().await;
    for partition in 0..2 {
        send(partition, "Busy", 0).await;
        send(partition, "OrderCreated", 1).await;
    }
    ledger.until_len(2).await;
    between();
    let second = app("second");
    let revoked = timeout(DEADLINE, is_revoked.recv()).await.expect("a partition is revoked");
    let stays = 1 - revoked.expect("a partition");
    send(stays, "OrderCreated", 2).await;
    gate.add_permits(10);
    let in_what_stays = |calls: &[Call]| calls.iter().filter(|call| call.partition == stays).count();
    ledger.until(|calls| in_what_stays(calls) >= 2).await;
    send(stays, "OrderCreated", 3).await;
    ledger.until(|calls| in_what_stays(calls) >= 3).await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();
    let calls = ledger.calls();
    let notes = calls.iter().filter(|call| call.partition == stays).map(|call| call.note.as_str());
    assert_eq!(notes.collect::<Vec<_>>(), ["1", "2", "3"]);
}

async fn at_the_end_during_a_rebalance(mode: AutoCommitMode) {
    let cluster = cluster(2);
    let config = classic_config(&cluster).auto_offset_reset(OffsetReset::Latest).auto_commit_mode(mode);
    let send = async |partition, event: &str, id| {
        cluster.send(on_partition(partition, event, id)).await.unwrap();
    };
    what_is_written_during_a_rebalance(config, send, async || until_all_committed(&cluster, 2).await, || {})
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_at_the_end_gets_what_is_written_during_a_rebalance() {
    at_the_end_during_a_rebalance(AutoCommitMode::PostCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_pre_commit() {
    at_the_end_during_a_rebalance(AutoCommitMode::PreCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_at_the_end_gets_each_record_while_members_come_and_go() {
    let cluster = cluster(4);
    let config = classic_config(&cluster)
        .auto_offset_reset(OffsetReset::Latest)
        .commit_interval(Duration::from_millis(50));
    let ledger = Ledger::default();
    let app = |name: &str| {
        Running::start(App::new("test").state(ledger.clone()).consumer(
            name,
            config.clone(),
            router![on_order],
        ))
    };
    let first = app("first");
    until_all_committed(&cluster, 4).await;
    let mut sent = 0;
    for round in 0..2 {
        let name = format!("guest-{round}");
        let guest = app(&name);
        let is_there = || ledger.calls().iter().any(|call| call.consumer == name);
        let trickle = async {
            while !is_there() {
                cluster.send(on_partition((sent % 4) as i32, "OrderCreated", sent)).await.unwrap();
                sent += 1;
                // Far enough apart that most of them are the last of their partition for a moment.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, trickle).await.expect("the guest handles something");
        guest.stop().await.unwrap();
    }
    let handled = || ledger.notes().iter().map(|id| id.parse().unwrap()).collect::<BTreeSet<u64>>();
    let all = async {
        while (handled().len() as u64) < sent {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let complete = timeout(DEADLINE, all).await;
    let handled = handled();
    assert!(complete.is_ok(), "lost: {:?}", (0..sent).filter(|id| !handled.contains(id)).collect::<Vec<_>>());
    first.stop().await.unwrap();
}

/// What is there after a first run has handled and committed some records, and retention has deleted more.
struct Retained {
    cluster: Cluster,
    /// The log's start, and its end.
    low: i64,
    high: i64,
}

async fn retained() -> Retained {
    let cluster = cluster(1);
    cluster.send_all((0..3).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(3).await;
    app.stop().await.unwrap();
    // The mock cluster keeps 5 MiB of a partition.
    for id in 3..13 {
        let padded = format!("{id}{}", " ".repeat(900_000));
        cluster
            .send(Event::new("orders").partition(0).event_type("OrderCreated").payload(padded))
            .await
            .unwrap();
    }
    let client: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
    let (low, high) = tokio::task::spawn_blocking(move || client.fetch_watermarks("orders", 0, DEADLINE))
        .await
        .unwrap()
        .unwrap();
    assert!(low > 3 && high == 13, "{low} {high}");
    Retained { cluster, low, high }
}

async fn goes_on_at_the_logs_start(with: impl Fn(ConsumerConfig) -> ConsumerConfig) {
    let Retained { cluster, low, high } = retained().await;
    let ledger = Ledger::default();
    let config = with(config(&cluster));
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    ledger.until_len((high - low) as usize).await;
    app.stop().await.unwrap();
    let mut handled = ledger.offsets();
    handled.sort_unstable();
    assert_eq!(handled, (low..high).collect::<Vec<_>>());
    assert_eq!(committed(&cluster).await, Some(high));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_offset_is_gone_goes_on_at_the_logs_start_though_new_partitions_begin_at_the_end() {
    goes_on_at_the_logs_start(|config| config.auto_offset_reset(OffsetReset::Latest)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_pre_commit_when_the_offset_is_gone() {
    goes_on_at_the_logs_start(|config| {
        config.auto_offset_reset(OffsetReset::Latest).auto_commit_mode(AutoCommitMode::PreCommit)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_persisted_progress_when_the_offset_is_gone() {
    goes_on_at_the_logs_start(|config| {
        config
            .auto_offset_reset(OffsetReset::Latest)
            .concurrency(Concurrency::Unordered { in_flight: 4 })
            .persist_progress(true)
    })
    .await;
}

/// Also when it is started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_to_stop_where_the_offset_is_gone_does_not_commit_another() {
    for persist in [false, true] {
        let Retained { cluster, .. } = retained().await;
        for _ in 0..2 {
            let ledger = Ledger::default();
            let config = config(&cluster)
                .auto_offset_reset(OffsetReset::Error)
                .concurrency(Concurrency::Unordered { in_flight: 4 })
                .persist_progress(persist);
            let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
            let error = Running::start(app).ends().await.expect_err("the offset is gone");
            assert!(format!("{error:?}").contains("orders[0]"), "{error:?}");
            assert_eq!(ledger.offsets(), [] as [i64; 0]);
            assert_eq!(committed(&cluster).await, Some(3));
        }
    }
}

/// Never finishes.
#[handler(event = "OrderCreated")]
async fn sticks(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    std::future::pending::<()>().await;
}

/// What was committed is not there any more, so the next run would not find it either.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_log_starts_is_committed_though_no_record_of_it_is_settled() {
    for persist in [false, true] {
        let Retained { cluster, low, .. } = retained().await;
        let ledger = Ledger::default();
        let config = config(&cluster)
            .commit_interval(Duration::from_millis(50))
            .concurrency(Concurrency::Unordered { in_flight: 4 })
            .persist_progress(persist);
        let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(2));
        let app = Running::start(app.consumer("orders", config, router![sticks]));
        until_committed(&cluster, low).await;
        app.stop().await.unwrap();
        assert_eq!(committed(&cluster).await, Some(low));
    }
}

/// A fetch is refused with an error that passes, which carries the offset that it was for.
async fn a_rebalance_after_a_fetch_that_failed(mode: AutoCommitMode) {
    let mock: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", 2, 1).expect("a topic");
    let servers = mock.bootstrap_servers();
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(&servers)
        .group_id("billing")
        .auto_commit_mode(mode)
        .property("session.timeout.ms", 5000)
        .property("heartbeat.interval.ms", 300);
    let send =
        async |partition, event: &str, id| send_to_partition(&servers, partition, event, id..id + 1).await;
    // What the consumer asks for before the second member has joined.
    let fail = || mock.request_errors(RDKafkaApiKey::Fetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN; 2]);
    what_is_written_during_a_rebalance(config, send, async || {}, fail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_after_a_fetch_that_failed_passes_over_nothing() {
    a_rebalance_after_a_fetch_that_failed(AutoCommitMode::PostCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_after_a_fetch_that_failed_handles_nothing_twice() {
    a_rebalance_after_a_fetch_that_failed(AutoCommitMode::PreCommit).await;
}
