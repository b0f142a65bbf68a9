//! Processes of one group that come and go.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use evkafka_tests::process::Signal;

use crate::{
    faults::{full, report},
    support::{DEADLINE, Entry, Scene, begun_again, handled, terminate, terminate_or_kill},
};

/// So many orders are always waiting. (Divisible by five, as each fifth order is followed by another record.)
const WAVE: u64 = 1_500;

/// A partition is never worked on by two processes at a time, and its records are begun in order.
fn assert_one_owner_at_a_time_and_in_order(ledger: &[Entry]) {
    let mut open: BTreeMap<i32, u32> = BTreeMap::new();
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    for entry in ledger {
        if entry.begins {
            if let Some(owner) = open.insert(entry.partition, entry.pid) {
                panic!("{entry:?} while process {owner} is at work on the partition");
            }
            let before = last.insert(entry.partition, entry.offset).unwrap_or(-1);
            assert!(before < entry.offset, "{entry:?} after offset {before}");
        } else {
            assert_eq!(open.remove(&entry.partition), Some(entry.pid), "{entry:?}");
        }
    }
}

fn a_second_process_joins_and_leaves(strategy: &str, mode: &str) {
    let scene = Scene::new("members", 4);
    let mut sent = 0;
    // There is always something to do, however long it takes the second process to join.
    let mut produce = |handled: usize| {
        if handled as u64 + WAVE > sent {
            scene.produce(sent..sent + WAVE);
            sent += WAVE;
        }
        sent
    };
    produce(0);
    let options = [("handler-ms", "2"), ("strategy", strategy), ("mode", mode)];
    let first = scene.service(&options);
    // Each is two rebalances.
    let times = if full() { 15 } else { 3 };
    for _ in 0..times {
        let so_far = handled(&scene.ledger()).len();
        produce(so_far);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 100);
        let second = scene.service(&options);
        scene.until_it_has_a_share(&second, || {
            produce(handled(&scene.ledger()).len());
            std::thread::sleep(Duration::from_millis(50));
        });
        terminate(second);
    }
    let sent = produce(0);
    scene.until("handled", |ledger| handled(ledger).len() as u64 == sent);
    terminate(first);
    let ledger = scene.ledger();
    assert_one_owner_at_a_time_and_in_order(&ledger);
    assert_eq!(begun_again(&ledger), 0);
    report(
        &format!("{} rebalances, {strategy}", times * 2),
        mode,
        format_args!("{sent} handled, each once, in order, by one process at a time"),
    );
    assert_eq!(scene.committed().values().sum::<i64>() as u64, sent + sent / 5);
}

#[test]
fn each_record_is_handled_once_while_a_second_process_joins_and_leaves_cooperatively() {
    a_second_process_joins_and_leaves("cooperative-sticky", "post");
}

#[test]
fn each_record_is_handled_once_while_a_second_process_joins_and_leaves_eagerly() {
    a_second_process_joins_and_leaves("range", "post");
}

#[test]
fn pre_commit_too_handles_each_record_once_while_a_second_process_joins_and_leaves() {
    a_second_process_joins_and_leaves("cooperative-sticky", "pre");
    a_second_process_joins_and_leaves("range", "pre");
}

/// Members that are killed, of a group that handles keys side by side, each record in its own time.
fn members_are_killed(mode: &str) {
    let (scene, keys) = (Scene::new("killed", 4), 50);
    let options = [
        ("mode", mode),
        ("handler-ms", "5"),
        ("at-random", "yes"),
        ("keys-in-flight", "20"),
        ("commit-interval-ms", "200"),
    ];
    let times = if full() { 10 } else { 2 };
    let first = scene.service(&options);
    let mut sent = 0;
    for _ in 0..times {
        scene.produce_with_keys(sent..sent + WAVE, keys);
        sent += WAVE;
        let mut second = scene.service(&options);
        scene.until_it_has_a_share(&second, || {
            scene.produce_with_keys(sent..sent + 100, keys);
            sent += 100;
        });
        second.signal(Signal::Kill);
        second.wait(DEADLINE);
    }
    let committed = i64::try_from(sent + sent / 5).unwrap();
    scene.until("handled", |ledger| {
        if mode == "post" {
            handled(ledger).len() as u64 == sent
        } else {
            scene.committed().values().sum::<i64>() == committed
        }
    });
    terminate(first);
    let ledger = scene.ledger();
    crate::faults::assert_in_order_per_key(&ledger, keys);
    let (again, lost) = (begun_again(&ledger), sent - handled(&ledger).len() as u64);
    report(
        &format!("{times} members killed, in order per key"),
        mode,
        format_args!("{lost} of {sent} lost, {again} begun again"),
    );
    if mode == "pre" {
        assert_eq!(again, 0, "nothing may be handled twice");
    }
}

#[test]
fn nothing_is_lost_while_members_are_killed_and_the_order_of_each_key_is_kept() {
    members_are_killed("post");
}

#[test]
fn pre_commit_handles_nothing_twice_while_members_are_killed_and_keeps_the_order_of_each_key() {
    members_are_killed("pre");
}

#[test]
fn the_order_of_each_key_is_kept_while_a_second_process_joins_and_leaves() {
    let (scene, keys) = (Scene::new("keys", 4), 200);
    let options = [("handler-ms", "20"), ("at-random", "yes"), ("keys-in-flight", "40")];
    let first = scene.service(&options);
    let mut sent = 0;
    let times = if full() { 15 } else { 2 };
    for _ in 0..times {
        let second = scene.service(&options);
        scene.until_it_has_a_share(&second, || {
            scene.produce_with_keys(sent..sent + WAVE, keys);
            sent += WAVE;
            scene.until("handled but for a rest", |ledger| handled(ledger).len() as u64 + WAVE > sent);
        });
        terminate(second);
    }
    scene.until("handled", |ledger| handled(ledger).len() as u64 == sent);
    terminate(first);
    let ledger = scene.ledger();
    assert_eq!(begun_again(&ledger), 0);
    assert_one_at_a_time_and_in_order_per_key(&ledger, keys);
    report(
        &format!("{} rebalances, {keys} keys side by side, random handler times", times * 2),
        "post",
        format_args!("{sent} handled, each once, in order per key"),
    );
}

/// Of each key one order is being handled at a time, by whatever process, and they are begun in the order in which they were sent.
fn assert_one_at_a_time_and_in_order_per_key(ledger: &[Entry], keys: u64) {
    let mut open: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in ledger {
        let key = entry.id % keys;
        if entry.begins {
            assert_eq!(
                open.insert(key, entry.id),
                None,
                "{entry:?} while another order of its key is at work"
            );
        } else {
            assert_eq!(open.remove(&key), Some(entry.id), "{entry:?}");
        }
    }
    crate::faults::assert_in_order_per_key(ledger, keys);
}

/// The memory of a process, in KiB. Linux only.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Members come and go, in order and by `kill -9`, for ten minutes (or `EVKAFKA_SOAK_SECONDS`), while records keep coming.
#[test]
#[ignore = "takes ten minutes: `scripts/soak`"]
fn soak() {
    let seconds = std::env::var("EVKAFKA_SOAK_SECONDS").map_or(600, |text| text.parse().expect("a number"));
    let (scene, keys) = (Scene::new("soak", 6), 300);
    let options = [("handler-ms", "1"), ("keys-in-flight", "50"), ("commit-interval-ms", "500")];
    let first = scene.service(&options);
    let (mut sent, mut changes, mut memory) = (0, 0, Vec::new());
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        let second = scene.service(&options);
        scene.until_it_has_a_share(&second, || {
            scene.produce_with_keys(sent..sent + 2_000, keys);
            sent += 2_000;
            scene.until("handled but for a rest", |ledger| handled(ledger).len() as u64 + 4_000 > sent);
        });
        terminate_or_kill(second, changes);
        changes += 1;
        memory.push(resident(first.id()));
    }
    scene.until("handled", |ledger| handled(ledger).len() as u64 == sent);
    terminate(first);
    let ledger = scene.ledger();
    crate::faults::assert_in_order_per_key(&ledger, keys);
    let (early, late) = (memory[memory.len() / 4], memory[memory.len() - 1]);
    report(
        &format!("{seconds} s with {changes} members that come and go"),
        "post",
        format_args!(
            "0 of {sent} lost, {} begun again; memory {early} KiB, at the end {late} KiB",
            begun_again(&ledger)
        ),
    );
    // What the allocator keeps varies; what leaks with each rebalance or record would not stay within a quarter.
    assert!(late <= early + early / 4 + 8 * 1024, "{memory:?}");
}
