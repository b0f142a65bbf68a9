//! What a restart does not help, in a process of its own: its endpoint says that it is live all the time.

use evkafka::embedded::Cluster;
#[cfg(unix)]
use evkafka_tests::process::Signal;

use super::{
    STALL,
    process::{Service, Watch, event},
    until,
};
use crate::support::{DEADLINE, cluster};

/// Starts one that is taken for stuck as soon as it may be: no attempt's time limit is waited for.
fn start(cluster: &Cluster, options: &[(&str, &str)]) -> Service {
    Service::start(cluster, &[options, &[("attempts-never-time-out", "yes")]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_a_poison_record_and_more_members_than_partitions_do_not_fail_live() {
    let cluster = cluster(2);
    let pause = (STALL * 5 / 2).as_millis().to_string();
    let paused = start(&cluster, &[("group", "paused"), ("pauses-itself-ms", &pause)]);
    let poison = [("attempts", "1000000"), ("backoff-ms", "3600000"), ("fails-at", "13")];
    let poisoned = start(&cluster, &[&[("group", "poisoned")], &poison[..]].concat());
    let crowded = [("group", "crowded"), ("instances", "3")];
    let crowded = [start(&cluster, &crowded), start(&cluster, &crowded)];
    let services = [&paused, &poisoned, &crowded[0], &crowded[1]];
    for service in services {
        until(service.address, "/readyz", 200).await;
    }
    let watch = Watch::start(services);
    cluster
        .send_all([event("OrderCreated", 0, 13), event("OrderCreated", 1, 1)])
        .await
        .expect("they are sent");
    let partitions = |status: &serde_json::Value, phase: &str| {
        let members = status["consumers"][0]["members"].as_array().into_iter().flatten();
        let of_member =
            |member: &serde_json::Value| member["partitions"].as_array().cloned().unwrap_or_default();
        members.flat_map(of_member).filter(|partition| partition["phase"] == phase).count()
    };
    paused.until_status("its partitions are not paused", |status| partitions(status, "paused") == 2).await;
    poisoned.until_written("end 1 0 1").await;
    poisoned
        .until_status("the failure is not told", |status| {
            status["consumers"][0]["failures"][0]["offset"] == 0
        })
        .await;
    // While they are as they are, more arrives.
    cluster
        .send_all([event("OrderCreated", 0, 14), event("OrderCreated", 1, 2)])
        .await
        .expect("they are sent");
    poisoned.until_written("end 1 1 2").await;
    watch.outlasts_stall().await;
    assert_eq!(partitions(&poisoned.status(), "running"), 2, "{}", poisoned.status());
    assert_eq!(poisoned.ledger().iter().filter(|line| line.starts_with("begin 0 ")).count(), 1, "it waits");
    let assigned = crowded.each_ref().map(|service| partitions(&service.status(), "running"));
    assert_eq!(assigned.iter().sum::<usize>(), 2, "{assigned:?}: six members share two partitions");
    for line in ["end 0 1 14", "end 1 1 2"] {
        paused.until_written(line).await;
    }
    watch.was_live_all_the_time();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_does_not_fail_live() {
    let cluster = cluster(2);
    cluster.create_topic("letters", 1).expect("a topic");
    let fails = [("fails-at", "13"), ("attempts", "2"), ("backoff-ms", "1000"), ("dead-letters", "letters")];
    let service = start(&cluster, &[&fails[..], &[("commit-interval-ms", "1000")]].concat());
    until(service.address, "/readyz", 200).await;
    let watch = Watch::start([&service]);
    cluster
        .send_all([event("OrderCreated", 0, 13), event("OrderCreated", 1, 1)])
        .await
        .expect("they are sent");
    service.until_written("begin 0 0 13").await;
    service.until_written("end 1 0 1").await;
    // Neither the dead letter nor the commit will be acknowledged, nor is a heartbeat.
    cluster.broker_down(1).expect("there is one");
    watch.outlasts_stall().await;
    let letters = service.metric("evkafka_records_settled_total{", "evkafka_outcome=\"dead_lettered\"");
    assert_eq!(letters, Some(0.0), "the dead letter waits");
    cluster.broker_up(1).expect("there is one");
    cluster.until_records("letters", 1).await.expect("the dead letter arrives");
    cluster.send(event("OrderCreated", 0, 2)).await.expect("it is sent");
    service.until_written("end 0 1 2").await;
    watch.was_live_all_the_time();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_storm_does_not_fail_live() {
    const ROUNDS: usize = 8;
    let cluster = cluster(8);
    let service = start(&cluster, &[]);
    until(service.address, "/readyz", 200).await;
    let watch = Watch::start([&service]);
    let begun = std::time::Instant::now();
    let mut round = 0;
    while round < ROUNDS || begun.elapsed() < STALL * 2 {
        let others = [start(&cluster, &[]), start(&cluster, &[])];
        let orders = (0..8).map(|partition| event("OrderCreated", partition, 1));
        cluster.send_all(orders).await.expect("they are sent");
        for mut other in others {
            until(other.address, "/readyz", 200).await;
            other.process.signal(Signal::Term);
            assert!(other.process.wait(DEADLINE).success());
        }
        round += 1;
    }
    cluster.until_caught_up("billing", "orders").await.expect("nothing is held up");
    watch.was_live_all_the_time();
    let revoked = service.metric("evkafka_rebalances_total{", "evkafka_change=\"revoked\"");
    assert!(revoked.is_some_and(|times| times >= 2.0), "{revoked:?}: not a storm");
}
