//! Processes of one group that come and go.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::support::{DEADLINE, Entry, Scene, begun_again, handled, terminate};

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

fn a_second_process_joins_and_leaves(strategy: &str) {
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
    let options = [("handler-ms", "2"), ("strategy", strategy)];
    let first = scene.service(&options);
    for _ in 0..3 {
        let so_far = handled(&scene.ledger()).len();
        produce(so_far);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 100);
        let second = scene.service(&options);
        let pid = second.id();
        let deadline = Instant::now() + DEADLINE;
        while !scene.ledger().iter().any(|entry| entry.pid == pid) {
            assert!(Instant::now() < deadline, "the second process had no share within {DEADLINE:?}");
            produce(handled(&scene.ledger()).len());
            std::thread::sleep(Duration::from_millis(50));
        }
        terminate(second);
    }
    let sent = produce(0);
    scene.until("handled", |ledger| handled(ledger).len() as u64 == sent);
    terminate(first);
    let ledger = scene.ledger();
    assert_one_owner_at_a_time_and_in_order(&ledger);
    assert_eq!(begun_again(&ledger), 0);
    assert_eq!(scene.committed().values().sum::<i64>() as u64, sent + sent / 5);
}

#[test]
fn each_record_is_handled_once_while_a_second_process_joins_and_leaves_cooperatively() {
    a_second_process_joins_and_leaves("cooperative-sticky");
}

#[test]
fn each_record_is_handled_once_while_a_second_process_joins_and_leaves_eagerly() {
    a_second_process_joins_and_leaves("range");
}
