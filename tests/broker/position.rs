//! Where partitions are read from, and how far what is committed comes: behind transactions, after retention, and while members
//! come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use evkafka_tests::kafka::{self, Record, TransactionEnd};

use crate::{
    faults::report,
    support::{DEADLINE, Scene, begun_again, handled, terminate, terminate_or_kill},
};

fn orders(ids: std::ops::Range<u64>) -> impl Iterator<Item = Record> {
    ids.map(|id| Record::new(id.to_string()).key(id.to_string()).header("Event-Type", "OrderCreated"))
}

/// The ways in which a lane works: in order, and concurrently.
const WAYS: [&[(&str, &str)]; 3] =
    [&[("mode", "post")], &[("mode", "pre")], &[("mode", "post"), ("keys-in-flight", "4")]];

fn with<'o>(options: &[(&'o str, &'o str)], way: &[(&'o str, &'o str)]) -> Vec<(&'o str, &'o str)> {
    options.iter().chain(way).copied().collect()
}

/// Waits until the group has committed the end of the topic's only partition.
fn until_no_lag(scene: &Scene) {
    until_no_lag_of(scene, 1);
}

/// The same of the first partitions of a topic.
fn until_no_lag_of(scene: &Scene, partitions: i32) {
    let ends: BTreeMap<i32, i64> = (0..partitions)
        .map(|partition| (partition, kafka::end_offset(&scene.brokers, &scene.topic, partition)))
        .collect();
    let deadline = Instant::now() + DEADLINE;
    while scene.committed() != ends {
        assert!(Instant::now() < deadline, "{:?} of {ends:?} is committed", scene.committed());
    }
}

#[test]
fn the_lag_reaches_zero_behind_a_transaction() {
    for way in WAYS {
        let scene = Scene::new("transactions", 1);
        kafka::produce_in_transaction(&scene.brokers, &scene.topic, orders(0..30), TransactionEnd::Commit);
        let process = scene.service(&with(&[("commit-interval-ms", "100")], way));
        scene.until("handled", |ledger| handled(ledger).len() == 30);
        until_no_lag(&scene);
        kafka::produce_in_transaction(&scene.brokers, &scene.topic, orders(30..80), TransactionEnd::Abort);
        until_no_lag(&scene);
        kafka::produce_in_transaction(&scene.brokers, &scene.topic, orders(80..90), TransactionEnd::Commit);
        scene.until("handled", |ledger| handled(ledger).len() == 40);
        until_no_lag(&scene);
        terminate(process);
        let ledger = scene.ledger();
        assert!(handled(&ledger).into_iter().eq((0..30).chain(80..90)), "{way:?}");
        assert_eq!(begun_again(&ledger), 0, "{way:?}");
    }
}

/// Nothing but an aborted transaction has come since, and while nobody was there.
#[test]
fn the_lag_reaches_zero_behind_a_transaction_that_was_aborted_while_the_group_was_away() {
    for way in WAYS {
        let scene = Scene::new("aborted", 1);
        let options = with(&[("commit-interval-ms", "100")], way);
        kafka::produce(&scene.brokers, &scene.topic, orders(0..5));
        let process = scene.service(&options);
        until_no_lag(&scene);
        terminate(process);
        kafka::produce_in_transaction(&scene.brokers, &scene.topic, orders(5..55), TransactionEnd::Abort);
        let process = scene.service(&options);
        until_no_lag(&scene);
        terminate(process);
        assert!(handled(&scene.ledger()).into_iter().eq(0..5), "{way:?}");
    }
}

#[test]
fn a_group_whose_offset_is_gone_goes_on_at_the_logs_start_and_says_what_is_lost() {
    for way in WAYS {
        let scene = Scene::new("retention", 1);
        let options =
            with(&[("commit-interval-ms", "100"), ("begins-at-the-end", "yes"), ("logs", "error")], way);
        kafka::produce(&scene.brokers, &scene.topic, orders(0..10));
        let process = scene.service(&options);
        until_no_lag(&scene);
        terminate(process);
        kafka::produce(&scene.brokers, &scene.topic, orders(10..100));
        kafka::delete_records(&scene.brokers, &scene.topic, 0, 50);
        let mut process = scene.service(&options);
        process.wait_for_line(DEADLINE, |line| {
            line.contains("records were deleted") && line.contains("offset=10 records=40")
        });
        scene.until("handled", |ledger| handled(ledger).len() == 50);
        until_no_lag(&scene);
        terminate(process);
        assert!(handled(&scene.ledger()).into_iter().eq(50..100), "{way:?}");
    }
}

/// Nothing is left of the log, so no record tells where it starts.
#[test]
fn where_an_empty_log_starts_is_committed() {
    for way in WAYS {
        let scene = Scene::new("empty", 1);
        let options = with(&[("commit-interval-ms", "100"), ("begins-at-the-end", "yes")], way);
        kafka::produce(&scene.brokers, &scene.topic, orders(0..10));
        let process = scene.service(&options);
        until_no_lag(&scene);
        terminate(process);
        kafka::produce(&scene.brokers, &scene.topic, orders(10..100));
        kafka::delete_records(&scene.brokers, &scene.topic, 0, 100);
        let process = scene.service(&options);
        until_no_lag(&scene);
        terminate(process);
        kafka::produce(&scene.brokers, &scene.topic, orders(100..105));
        let process = scene.service(&options);
        scene.until("handled", |ledger| handled(ledger).len() == 5);
        terminate(process);
        assert!(handled(&scene.ledger()).into_iter().eq(100..105), "{way:?}");
    }
}

/// A group that begins at the end is nearly always there, when records come one by one: so librdkafka is told of it all the time
/// while members come and go.
fn trickles_while_members_come_and_go(options: &[(&str, &str)]) {
    let scene = Scene::new("trickle", 4);
    let options = with(&[("begins-at-the-end", "yes"), ("commit-interval-ms", "100")], options);
    let first = scene.service(&options);
    let deadline = Instant::now() + DEADLINE;
    while scene.committed().len() < 4 {
        assert!(Instant::now() < deadline, "the group has not begun: {:?}", scene.committed());
    }
    let mut sent = 0;
    for _ in 0..3 {
        let second = scene.service(&options);
        scene.until_it_has_a_share(&second, || {
            kafka::produce(&scene.brokers, &scene.topic, orders(sent..sent + 1));
            sent += 1;
            std::thread::sleep(Duration::from_millis(20));
        });
        terminate(second);
        kafka::produce(&scene.brokers, &scene.topic, orders(sent..sent + 1));
        sent += 1;
    }
    scene.until("handled", |ledger| handled(ledger).len() as u64 == sent);
    scene.until_committed(sent);
    terminate(first);
}

#[test]
fn each_record_that_trickles_in_is_handled_while_members_come_and_go() {
    trickles_while_members_come_and_go(&[]);
}

#[test]
fn so_it_is_with_the_new_group_protocol() {
    trickles_while_members_come_and_go(&[("protocol", "consumer")]);
}

/// Members of a group that begins at the end come and go, in order and by `kill -9`, for five minutes (or half of
/// `EVKAFKA_SOAK_SECONDS`), while records trickle in one by one, some of them in transactions, of which some are aborted.
#[test]
#[ignore = "takes five minutes: `scripts/soak`"]
fn soak() {
    const PARTITIONS: i32 = 4;
    let seconds =
        std::env::var("EVKAFKA_SOAK_SECONDS").map_or(600, |text| text.parse().expect("a number")) / 2;
    let scene = Scene::new("trickle", PARTITIONS);
    let options = [("begins-at-the-end", "yes"), ("commit-interval-ms", "100")];
    let first = scene.service(&options);
    until_no_lag_of(&scene, PARTITIONS);
    let (mut sent, mut next, mut changes) = (BTreeSet::new(), 0, 0);
    let mut trickle = || {
        let (one, topic) = (orders(next..next + 1), &scene.topic);
        match next % 10 {
            3 => _ = kafka::produce_in_transaction(&scene.brokers, topic, one, TransactionEnd::Abort),
            7 => _ = kafka::produce_in_transaction(&scene.brokers, topic, one, TransactionEnd::Commit),
            _ => _ = kafka::produce(&scene.brokers, topic, one),
        }
        if next % 10 != 3 {
            sent.insert(next);
        }
        next += 1;
        std::thread::sleep(Duration::from_millis(20));
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        let second = scene.service(&options);
        scene.until_it_has_a_share(&second, &mut trickle);
        terminate_or_kill(second, changes);
        changes += 1;
        trickle();
    }
    scene.until("handled", |ledger| handled(ledger).is_superset(&sent));
    until_no_lag_of(&scene, PARTITIONS);
    terminate(first);
    let ledger = scene.ledger();
    assert_eq!(handled(&ledger), sent, "nothing but what was not aborted");
    report(
        &format!("{seconds} s at the end of a topic, with {changes} members that come and go"),
        "post",
        format_args!("0 of {} lost, {} begun again; the lag is 0", sent.len(), begun_again(&ledger)),
    );
}
