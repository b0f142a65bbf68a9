//! `kill -9`, and a broker that goes away.

use std::collections::BTreeSet;

use evkafka_tests::{kafka, process::Signal};

use crate::{
    faults::{full, report},
    support::{DEADLINE, Scene, begun_again, handled, terminate},
};

/// Before each kill so many are written.
const WAVE: u64 = 4_000;

/// How many kills.
fn kills() -> u64 {
    if full() { 50 } else { 3 }
}

#[test]
fn post_commit_loses_nothing_to_kill_9_and_repeats_only_what_was_not_committed() {
    let scene = Scene::new("post", 4);
    let (mut uncommitted, orders) = (0, kills() * WAVE);
    for round in 0..kills() {
        scene.produce(round * WAVE..(round + 1) * WAVE);
        let so_far = handled(&scene.ledger()).len();
        let mut process = scene.service(&[("handler-ms", "1"), ("commit-interval-ms", "200")]);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 700);
        process.signal(Signal::Kill);
        process.wait(DEADLINE);
        let committed = scene.committed();
        let open: BTreeSet<(i32, i64)> = scene
            .ledger()
            .iter()
            .filter(|entry| entry.offset >= committed.get(&entry.partition).copied().unwrap_or(0))
            .map(|entry| (entry.partition, entry.offset))
            .collect();
        uncommitted += open.len();
    }
    let process = scene.service(&[]);
    scene.until("handled", |ledger| handled(ledger).len() as u64 == orders);
    terminate(process);
    let again = begun_again(&scene.ledger());
    report(
        "kill -9",
        "post",
        format_args!("0 of {orders} lost, {again} begun again, of {uncommitted} that were not committed"),
    );
    assert!(again <= uncommitted, "{again} were begun again, but only {uncommitted} were not committed");
}

#[test]
fn pre_commit_handles_nothing_twice_across_kill_9() {
    let scene = Scene::new("pre", 4);
    let orders = kills() * WAVE;
    for round in 0..kills() {
        scene.produce(round * WAVE..(round + 1) * WAVE);
        let so_far = handled(&scene.ledger()).len();
        let mut process = scene.service(&[("handler-ms", "1"), ("mode", "pre")]);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 500);
        process.signal(Signal::Kill);
        process.wait(DEADLINE);
    }
    let process = scene.service(&[("mode", "pre")]);
    let end = i64::try_from(orders + orders / 5).unwrap();
    while scene.committed().values().sum::<i64>() < end {}
    terminate(process);
    let ledger = scene.ledger();
    let lost = orders as usize - ledger.iter().filter(|entry| entry.begins).count();
    report("kill -9", "pre", format_args!("none twice; {lost} of {orders} committed and not handled"));
    assert_eq!(begun_again(&ledger), 0, "nothing may be handled twice");
    // Two batches of each partition at most, each of about 40 ms of work.
    assert!(lost as u64 <= kills() * 4 * 2 * 64, "{lost} were lost");
}

/// A cluster of one broker, which is stopped and started again.
fn a_broker_goes_away_and_comes_back(cluster: &'static str, mode: &str) {
    let cluster = kafka::Cluster::start(cluster, 1);
    let scene = Scene::on(cluster.bootstrap().to_owned(), "restart", 2);
    let process = scene.service(&[("mode", mode), ("handler-ms", "1"), ("commit-interval-ms", "200")]);
    let restarts = if full() { 5 } else { 1 };
    for round in 0..restarts {
        let so_far = handled(&scene.ledger()).len();
        scene.produce(round * WAVE..(round + 1) * WAVE);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 500);
        cluster.stop_node(1);
        if full() {
            // Twenty seconds without a broker are what is to be shown.
            std::thread::sleep(std::time::Duration::from_secs(20));
        }
        cluster.start_node(1);
    }
    let orders = restarts * WAVE + 500;
    scene.produce(restarts * WAVE..orders);
    let last = orders - 1;
    // Post-commit, all of them are handled; pre-commit, what was committed as the broker went may be lost.
    scene.until("handled", |ledger| {
        let handled = handled(ledger);
        if mode == "post" {
            handled.len() as u64 == orders
        } else {
            handled.range(last - 499..).count() == 500
        }
    });
    terminate(process);
    let ledger = scene.ledger();
    let (again, lost) = (begun_again(&ledger), orders - handled(&ledger).len() as u64);
    report(
        "broker stopped and started again",
        mode,
        format_args!("{lost} of {orders} lost, {again} begun again"),
    );
    if mode == "pre" {
        assert_eq!(again, 0, "nothing may be handled twice");
    }
}

#[test]
fn a_broker_that_goes_away_and_comes_back_costs_nothing() {
    a_broker_goes_away_and_comes_back("restarted", "post");
}

#[test]
fn pre_commit_handles_nothing_twice_when_a_broker_goes_away_and_comes_back() {
    a_broker_goes_away_and_comes_back("restarted-pre", "pre");
}
