//! How the process ends: what is committed then, and its exit status.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use evkafka_tests::{
    kafka::{self, Record},
    process::Signal,
};

use crate::{
    faults::{full, report},
    support::{DEADLINE, Scene, handled},
};

/// After SIGTERM under load, everything that was handled is committed, and post-commit nothing beyond.
fn sigterm_commits_what_was_handled(mode: &str, handler_ms: &str) {
    let scene = Scene::new("sigterm", 4);
    let rounds = if full() { 100 } else { 3 };
    for round in 0..rounds {
        scene.produce(round * 10_000..(round + 1) * 10_000);
        let so_far = handled(&scene.ledger()).len();
        let mut process =
            scene.service(&[("mode", mode), ("handler-ms", handler_ms), ("commit-interval-ms", "60000")]);
        scene.until("under way", |ledger| handled(ledger).len() > so_far + 50);
        let begun = Instant::now();
        process.signal(Signal::Term);
        let status = process.wait(DEADLINE);
        assert!(status.success(), "{status}: {}", process.stderr());
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let mut ended: BTreeMap<i32, i64> = BTreeMap::new();
        for entry in scene.ledger().iter().filter(|entry| !entry.begins) {
            let last = ended.entry(entry.partition).or_default();
            *last = (*last).max(entry.offset + 1);
        }
        let committed = scene.committed();
        for (partition, next) in &ended {
            // What nobody handles may stand behind it, at most one record here, and be committed too.
            let beyond = committed[partition] - next;
            assert!(
                (0..=1).contains(&beyond),
                "{partition}: handled to {next}, committed {}",
                committed[partition]
            );
        }
    }
    assert_eq!(crate::support::begun_again(&scene.ledger()), 0);
    report(
        &format!("{rounds} times SIGTERM, handlers of {handler_ms} ms"),
        mode,
        "exit 0, everything handled is committed and the reverse, none begun again",
    );
}

#[test]
fn sigterm_under_load_commits_everything_that_was_handled() {
    sigterm_commits_what_was_handled("post", "0");
}

#[test]
fn sigterm_pre_commit_handles_everything_that_was_committed() {
    sigterm_commits_what_was_handled("pre", "20");
}

#[test]
fn sigterm_with_slow_handlers_commits_everything_that_was_handled() {
    sigterm_commits_what_was_handled("post", "50");
}

#[test]
fn a_handler_that_fails_for_good_ends_the_process_with_an_error_that_names_the_record() {
    let scene = Scene::new("fails", 1);
    scene.produce(0..10);
    let mut process = scene.service(&[("fails-at", "7")]);
    let status = process.wait(DEADLINE);
    assert_eq!(status.code(), Some(1));
    // What the process wrote last may be read a moment after it has ended.
    let deadline = Instant::now() + DEADLINE;
    while !process.stderr().contains("order 7") && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let error = process.stderr();
    for part in [
        &format!("{}[0] offset 9", scene.topic),
        "event `OrderCreated`",
        "attempt 2",
        "the books are closed for order 7",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    assert_eq!(scene.committed().get(&0), Some(&9));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let scene = Scene::new("signals", 1);
    scene.produce(0..3);
    let options = [("handler-ms", "60000"), ("shutdown-ms", "60000"), ("logs", "info")];
    let mut process = scene.service(&options);
    scene.until("begun", |ledger| !ledger.is_empty());
    process.signal(Signal::Term);
    process.wait_for_line(DEADLINE, |line| line.contains("shutting down"));
    // Signals less than 500 ms apart are one.
    std::thread::sleep(Duration::from_millis(600));
    process.signal(Signal::Int);
    assert_eq!(process.wait(DEADLINE).code(), Some(128 + 2));
}

#[test]
fn a_signal_ends_a_process_that_hangs_after_its_app_has_ended() {
    Signal::assert_that_int_ends_a_process();
    let scene = Scene::new("hangs", 1);
    scene.produce(0..1);
    let mut process = scene.service(&[("hangs-at-the-end", "yes")]);
    scene.until("handled", |ledger| handled(ledger).len() == 1);
    process.signal(Signal::Term);
    process.wait_for_line(DEADLINE, |line| line == "the app has ended");
    process.signal(Signal::Int);
    assert_eq!(process.wait(DEADLINE).signal(), Some(2));
}

#[test]
fn a_plain_function_that_hangs_does_not_keep_the_process_alive() {
    let scene = Scene::new("blocked", 1);
    let record = Record::new("1").header("Event-Type", "CallHangs");
    kafka::produce(&scene.brokers, &scene.topic, [record]);
    let mut process = scene.service(&[("shutdown-ms", "3000")]);
    scene.until("begun", |ledger| !ledger.is_empty());
    process.signal(Signal::Term);
    let status = process.wait(Duration::from_secs(20));
    assert!(status.success(), "{status}: {}", process.stderr());
    assert_eq!(scene.committed().get(&0), Some(&0), "it has not come to its end");
}

#[test]
fn a_record_that_does_not_decode_becomes_a_dead_letter_byte_for_byte() {
    let scene = Scene::new("dead", 1);
    let dead = kafka::create_topic(&scene.brokers, "dead-letters", 1);
    kafka::produce(
        &scene.brokers,
        &scene.topic,
        [Record::new(&b"\xff{broken"[..])
            .key("k")
            .header("Event-Type", "OrderCreated")
            .header("trace", &b"\x00\xfe"[..])],
    );
    scene.produce(1..5);
    let process = scene.service(&[("dead-letters", &dead)]);
    scene.until("handled", |ledger| handled(ledger).len() == 4);
    crate::support::terminate(process);
    let letters = crate::harness::read(&scene.brokers, &dead, 1);
    let (key, payload, headers) = &letters[0];
    assert_eq!((key.as_deref(), payload.as_deref()), (Some(&b"k"[..]), Some(&b"\xff{broken"[..])));
    assert!(headers.contains(&("trace".to_owned(), Some(b"\x00\xfe".to_vec()))));
    assert!(headers.contains(&("dead-letter-offset".to_owned(), Some(b"0".to_vec()))));
}
