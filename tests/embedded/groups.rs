//! Members that come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use evkafka::{
    App, AutoCommitMode, ConsumerConfig, Metadata, State,
    embedded::{Cluster, Event},
    handler, router,
};

use tokio::time::timeout;

use crate::support::{Call, DEADLINE, Ledger, Running, classic_config, cluster};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    tokio::time::sleep(Duration::from_millis(1)).await;
    ledger.note(&meta, id);
}

fn events(ids: std::ops::Range<u64>) -> impl Iterator<Item = Event> {
    ids.map(|id| Event::new("orders").event_type("OrderCreated").payload(id.to_string()))
}

fn app(name: &str, config: ConsumerConfig, ledger: &Ledger) -> Running {
    Running::start(App::new("test").state(ledger.clone()).consumer(name, config, router![on_order]))
}

fn ids(calls: &[Call]) -> BTreeSet<u64> {
    calls.iter().map(|call| call.note.parse().unwrap()).collect()
}

async fn a_second_member_comes_and_goes(cluster: &Cluster, config: ConsumerConfig) -> Ledger {
    let ledger = Ledger::default();
    let config = config.commit_interval(Duration::from_millis(100));
    let first = app("first", config.clone(), &ledger);
    cluster.send_all(events(0..500)).await.unwrap();
    ledger.until(|calls| ids(calls).len() >= 200).await;
    let second = app("second", config, &ledger);
    cluster.send_all(events(500..1000)).await.unwrap();
    let mut sent = 1000;
    // The second member is there once it has handled something.
    while !ledger.calls().iter().any(|call| call.consumer == "second") {
        cluster.send_all(events(sent..sent + 50)).await.unwrap();
        sent += 50;
        ledger.until(|calls| ids(calls).len() as u64 >= sent - 400).await;
    }
    second.stop().await.unwrap();
    cluster.send_all(events(sent..sent + 500)).await.unwrap();
    sent += 500;
    ledger.until(|calls| ids(calls).len() as u64 == sent).await;
    // The embedded cluster refuses the commit at a revoke, so that what was handled before comes again: all records have
    // been seen, and some of them are not settled yet.
    let all_committed = async {
        while cluster.committed("billing", "orders").await.unwrap().values().sum::<i64>() as u64 != sent {}
    };
    timeout(DEADLINE, all_committed).await.expect("all are committed");
    first.stop().await.unwrap();
    assert_eq!(cluster.committed("billing", "orders").await.unwrap().values().sum::<i64>() as u64, sent);
    ledger
}

fn assert_each_once_and_in_order(ledger: &Ledger) {
    let mut by_partition: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for call in ledger.calls() {
        by_partition.entry(call.partition).or_default().push(call.offset);
    }
    for (partition, offsets) in by_partition {
        assert!(offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]), "partition {partition}: {offsets:?}");
    }
}

/// No record is handled before all that are in front of it in its partition.
fn assert_none_passed_over(ledger: &Ledger) {
    let mut furthest: BTreeMap<i32, i64> = BTreeMap::new();
    for call in ledger.calls() {
        let next = furthest.entry(call.partition).or_default();
        assert!(call.offset <= *next, "{call:?} is beyond a record that was not handled");
        *next = (*next).max(call.offset + 1);
    }
}

// The mock cluster refuses commits from the moment that somebody wants to join, where Kafka takes them until the members have
// joined again. So what was revoked at such a moment is handled again here; that it is not with Kafka is for the tests on a real
// broker.

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_passed_over_while_a_member_comes_and_goes_cooperatively() {
    let cluster = cluster(4);
    let ledger = a_second_member_comes_and_goes(&cluster, classic_config(&cluster)).await;
    assert_none_passed_over(&ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_passed_over_while_a_member_comes_and_goes_eagerly() {
    let cluster = cluster(4);
    let config = classic_config(&cluster).property("partition.assignment.strategy", "range");
    let ledger = a_second_member_comes_and_goes(&cluster, config).await;
    assert_none_passed_over(&ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_handles_each_record_once_while_a_member_comes_and_goes() {
    let cluster = cluster(4);
    let config = classic_config(&cluster).auto_commit_mode(AutoCommitMode::PreCommit);
    let ledger = a_second_member_comes_and_goes(&cluster, config).await;
    assert_each_once_and_in_order(&ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_share_the_partitions() {
    let cluster = cluster(4);
    let ledger = Ledger::default();
    let app = app("orders", classic_config(&cluster).instances(3), &ledger);
    cluster.send_all(events(0..400)).await.unwrap();
    ledger.until(|calls| ids(calls).len() == 400).await;
    app.stop().await.unwrap();
    assert_each_once_and_in_order(&ledger);
}

/// The mock cluster waits for more members at first, and would drop the first of them meanwhile, without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_with_a_short_session_timeout_comes_to_its_start() {
    let cluster = cluster(1);
    cluster.send_all(events(0..1)).await.unwrap();
    let ledger = Ledger::default();
    let config = classic_config(&cluster).property("session.timeout.ms", 2000);
    let app = app("only", config, &ledger);
    ledger.until_len(1).await;
    app.stop().await.unwrap();
}
