//! Seeks that librdkafka has acknowledged and goes against later, which it does where brokers are slow to answer.

use std::time::Duration;

use evkafka::{App, AutoCommitMode, Metadata, OffsetReset, State, handler, router};

use crate::support::{Ledger, Running, cluster, committed, config, event, until_committed};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// Long enough that librdkafka has asked for the start of the log when it is told where to begin, and not so long that it has an answer.
const ROUND_TRIP: Duration = Duration::from_millis(300);
/// Each of them takes a broker's round trip; librdkafka goes against the seek after four.
const ROUNDS: u64 = 12;

/// A group begins at the end of a log of five records; `sends` says whether records come while librdkafka makes up its mind.
async fn begins_at_the_end(mode: AutoCommitMode, sends: impl Fn(u64) -> bool) {
    let cluster = cluster(1);
    cluster.send_all((0..5).map(|id| event("OrderCreated", id))).await.unwrap();
    cluster.round_trip_time(1, ROUND_TRIP).unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).auto_offset_reset(OffsetReset::Latest).auto_commit_mode(mode);
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    until_committed(&cluster, 5).await;
    let mut sent = 0;
    for round in 1..=ROUNDS {
        if sends(round) {
            cluster.send(event("OrderCreated", 5 + sent)).await.unwrap();
            sent += 1;
        } else {
            assert_eq!(committed(&cluster).await, Some(5));
        }
    }
    ledger.until_len(sent as usize).await;
    cluster.round_trip_time(1, Duration::ZERO).unwrap();
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets(), (5..5 + sent as i64).collect::<Vec<_>>());
    assert_eq!(committed(&cluster).await, Some(5 + sent as i64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_at_the_end_stays_there_where_brokers_are_slow() {
    begins_at_the_end(AutoCommitMode::PostCommit, |round| round == ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_when_records_come_meanwhile() {
    begins_at_the_end(AutoCommitMode::PostCommit, |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_pre_commit_when_records_come_meanwhile() {
    begins_at_the_end(AutoCommitMode::PreCommit, |_| true).await;
}
