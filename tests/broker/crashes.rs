//! `kill -9`, and a broker that goes away.

use std::collections::BTreeSet;

use evkafka_tests::{kafka, process::Signal};

use crate::support::{DEADLINE, Scene, begun_again, handled, terminate};

/// Before each kill so many are written.
const WAVE: u64 = 3_000;
/// All of them.
const ORDERS: u64 = 3 * WAVE;

#[test]
fn post_commit_loses_nothing_to_kill_9_and_repeats_only_what_was_not_committed() {
    let scene = Scene::new("post", 4);
    let mut uncommitted = 0;
    for round in 0..3 {
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
    scene.until("handled", |ledger| handled(ledger).len() as u64 == ORDERS);
    terminate(process);
    let again = begun_again(&scene.ledger());
    println!(
        "post-commit: {again} of {ORDERS} were begun again; {uncommitted} were not committed at the kills"
    );
    assert!(again <= uncommitted, "{again} were begun again, but only {uncommitted} were not committed");
}

#[test]
fn pre_commit_handles_nothing_twice_across_kill_9() {
    let scene = Scene::new("pre", 4);
    for round in 0..3 {
        scene.produce(round * WAVE..(round + 1) * WAVE);
        let so_far = handled(&scene.ledger()).len();
        let mut process = scene.service(&[("handler-ms", "1"), ("mode", "pre")]);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 500);
        process.signal(Signal::Kill);
        process.wait(DEADLINE);
    }
    let process = scene.service(&[("mode", "pre")]);
    let end = i64::try_from(ORDERS + ORDERS / 5).unwrap();
    while scene.committed().values().sum::<i64>() < end {}
    terminate(process);
    let ledger = scene.ledger();
    let lost = ORDERS as usize - ledger.iter().filter(|entry| entry.begins).count();
    println!("pre-commit: {lost} of {ORDERS} were committed and not handled at three kills");
    assert_eq!(begun_again(&ledger), 0, "nothing may be handled twice");
    // Two batches of each partition at most, each of about 40 ms of work (up to 128 records before the pace is found).
    assert!(lost <= 3 * 4 * 2 * 128, "{lost} were lost");
}

#[test]
fn a_broker_that_goes_away_and_comes_back_costs_nothing() {
    let cluster = kafka::Cluster::start("restarted", 1);
    let scene = Scene::on(cluster.bootstrap().to_owned(), "restart", 2);
    scene.produce(0..ORDERS);
    let process = scene.service(&[("handler-ms", "1"), ("commit-interval-ms", "200")]);
    scene.until("under way", |ledger| handled(ledger).len() > 500);
    cluster.stop_node(1);
    cluster.start_node(1);
    scene.produce(ORDERS..ORDERS + 500);
    scene.until("handled", |ledger| handled(ledger).len() as u64 == ORDERS + 500);
    terminate(process);
}
