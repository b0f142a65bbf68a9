//! What can go wrong, done on purpose. `scripts/faults` runs all of it in its full length and prints a table; the short form is
//! part of the broker tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use evkafka_tests::{
    kafka::{self, Record},
    process::{ChildProcess, Signal},
};

use crate::support::{DEADLINE, Entry, Scene, begun_again, handled, terminate};

/// Whether the full length is wanted.
pub(crate) fn full() -> bool {
    std::env::var_os("EVKAFKA_FAULTS_FULL").is_some()
}

/// A line of the table.
pub(crate) fn report(fault: &str, mode: &str, outcome: impl std::fmt::Display) {
    println!("| {fault} | {mode} | {outcome} |");
}

const POST: (&str, &str) = ("mode", "post");
const PRE: (&str, &str) = ("mode", "pre");

/// Orders, and one record for nobody after each fifth.
const fn with_others(orders: u64) -> u64 {
    orders + orders.div_ceil(5)
}

/// The records of each key were begun in the order in which they were sent, apart from those that were begun again.
pub(crate) fn assert_in_order_per_key(ledger: &[Entry], keys: u64) {
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for entry in ledger.iter().filter(|entry| entry.begins && seen.insert(entry.id)) {
        if let Some(before) = last.insert(entry.id % keys, entry.id) {
            assert!(before < entry.id, "{entry:?} after order {before} of the same key");
        }
    }
}

fn micros_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_micros()).expect("it is before the year 586,000")
}

/// Between the moment in which the process learned that it had lost its partitions, after it was `thawed`, and the next
/// assignment, nothing is written; but for what handlers do that have just been told, in the 100 ms until they are dropped.
fn assert_no_stale_writes(scene: &Scene, process: &mut ChildProcess, thawed: u64) {
    let time = |line: &str| line.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0_u64);
    let pid = process.id();
    // What the other has committed says nothing of this one: it may still have to find out.
    let mut after = |from: u64, what: &str| {
        time(&process.wait_for_line(DEADLINE, |line| line.contains(what) && time(line) > from))
    };
    let learned = after(thawed, "lost=true");
    let assigned = after(learned, "partitions assigned");
    let stale = |entry: &&Entry| entry.pid == pid && (learned + 300_000..assigned).contains(&entry.at);
    let stale: Vec<Entry> = scene.ledger().iter().filter(stale).cloned().collect();
    assert!(stale.is_empty(), "it learned of its loss at {learned}: {stale:#?}");
}

/// A process that is frozen past its session timeout loses its partitions to another, and goes on as if it were new.
fn frozen(mode: (&str, &str)) {
    let scene = Scene::new("frozen", 4);
    let options = [mode, ("handler-ms", "1"), ("commit-interval-ms", "200"), ("logs", "info")];
    let rounds = if full() { 5 } else { 1 };
    let mut sent = 0;
    let mut first = scene.service(&options);
    let mut second = scene.service(&options);
    for _ in 0..rounds {
        let so_far = scene.ledger().len();
        let (frozen, other) = (first.id(), second.id());
        let both_work = |ledger: &[Entry]| {
            let handled_by = |pid| ledger[so_far..].iter().filter(|entry| entry.pid == pid).count();
            handled_by(frozen) > 50 && handled_by(other) > 50
        };
        // The one that joins last may find all of it done: there is more until both have their share.
        while !both_work(&scene.ledger()) {
            let chunk = sent..sent + 1_000;
            assert!(chunk.end < 1_000_000, "the second does not join");
            scene.produce(chunk.clone());
            sent = chunk.end;
            scene.until("both at work, or nothing left", |ledger| {
                both_work(ledger) || handled(ledger).range(chunk.clone()).count() == 1_000
            });
        }
        first.signal(Signal::Stop);
        // Those it has not handed over to the other before.
        let mut owners = BTreeMap::new();
        scene.ledger()[so_far..].iter().for_each(|entry| _ = owners.insert(entry.partition, entry.pid));
        let partitions: Vec<i32> =
            owners.into_iter().filter(|(_, pid)| *pid == frozen).map(|(partition, _)| partition).collect();
        let at = scene.ledger().len();
        // However far both have come, there is something to take over.
        scene.produce(sent..sent + 2_000);
        sent += 2_000;
        scene.until("taken over", |ledger| {
            ledger[at..].iter().any(|entry| entry.pid == other && partitions.contains(&entry.partition))
        });
        let thawed = micros_since_1970();
        first.signal(Signal::Cont);
        scene.until_committed(with_others(sent));
        assert_no_stale_writes(&scene, &mut first, thawed);
        std::mem::swap(&mut first, &mut second);
    }
    // Both still take their share.
    let so_far = scene.ledger().len();
    scene.produce(sent..sent + 4_000);
    sent += 4_000;
    let (one, other) = (first.id(), second.id());
    scene.until("both at work again", |ledger| {
        [one, other].iter().all(|pid| ledger[so_far..].iter().any(|entry| entry.pid == *pid))
    });
    scene.until_committed(with_others(sent));
    terminate(first);
    terminate(second);
    let ledger = scene.ledger();
    let lost = usize::try_from(sent).unwrap() - handled(&ledger).len();
    let again = begun_again(&ledger);
    report(
        "frozen past the session timeout",
        mode.1,
        format_args!("{lost} lost, {again} begun again, nothing written by a stale owner"),
    );
    match mode {
        POST => assert_eq!(lost, 0),
        // Acknowledged before it froze, and handled after it, in its own time.
        _ => assert_eq!(again, 0),
    }
}

#[test]
fn post_commit_loses_nothing_to_a_freeze_past_the_session_timeout() {
    frozen(POST);
}

#[test]
fn pre_commit_handles_nothing_twice_after_a_freeze_past_the_session_timeout() {
    frozen(PRE);
}

#[test]
fn errors_and_panics_lose_nothing_and_keep_the_order_of_each_key() {
    let scene = Scene::new("chance", 4);
    let (orders, keys) = (if full() { 50_000 } else { 5_000 }, 200);
    scene.produce_with_keys(0..orders, keys);
    let process = scene.service(&[
        POST,
        ("fails-percent", "10"),
        ("panics-percent", "1"),
        ("attempts", "1000"),
        ("keys-in-flight", "100"),
    ]);
    scene.until_committed(with_others(orders));
    terminate(process);
    let ledger = scene.ledger();
    let ends = ledger.iter().filter(|entry| !entry.begins).count();
    report(
        "10 % errors, 1 % panics",
        "post",
        format_args!("{} of {orders} handled, in {} attempts", handled(&ledger).len(), ledger.len() - ends),
    );
    assert_eq!((handled(&ledger).len() as u64, ends as u64), (orders, orders), "each is handled, and once");
    assert!(ledger.len() - ends > usize::try_from(orders + orders / 20).unwrap(), "some failed");
    assert_in_order_per_key(&ledger, keys);
}

#[test]
fn pre_commit_counts_errors_and_panics() {
    let scene = Scene::new("counted", 4);
    let orders = if full() { 50_000 } else { 5_000 };
    scene.produce(0..orders);
    let process = scene.service(&[PRE, ("fails-percent", "10"), ("panics-percent", "1")]);
    scene.until_committed(with_others(orders));
    terminate(process);
    let ledger = scene.ledger();
    let begun = ledger.iter().filter(|entry| entry.begins).count() as u64;
    let ended = handled(&ledger).len() as u64;
    report(
        "10 % errors, 1 % panics",
        "pre",
        format_args!("{ended} handled, {} counted as failed", begun - ended),
    );
    assert_eq!((begun, begun_again(&ledger)), (orders, 0));
    assert!((orders / 20..orders / 5).contains(&(begun - ended)), "{begun} begun, {ended} ended");
}

#[test]
fn partitions_that_are_added_are_read() {
    for mode in [POST, PRE] {
        let scene = Scene::new("added", 2);
        scene.produce(0..500);
        let process = scene.service(&[mode]);
        scene.until("handled", |ledger| handled(ledger).len() == 500);
        kafka::add_partitions(&scene.brokers, &scene.topic, 4);
        scene.produce(500..2_000);
        scene.until("handled in all partitions", |ledger| handled(ledger).len() == 2_000);
        terminate(process);
        let ledger = scene.ledger();
        assert!((0..4).all(|partition| ledger.iter().any(|entry| entry.partition == partition)));
        assert_eq!(begun_again(&ledger), 0);
        report("partitions added", mode.1, "all handled once");
    }
}

#[test]
fn a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning() {
    for mode in [POST, PRE] {
        let scene = Scene::new("again", 2);
        scene.produce(0..500);
        let process = scene.service(&[mode, ("commit-interval-ms", "200")]);
        scene.until("handled", |ledger| handled(ledger).len() == 500);
        kafka::delete_topic(&scene.brokers, &scene.topic);
        kafka::create_topic_called(&scene.brokers, &scene.topic, 2);
        // More than there were before: no old offset may be taken for one of the new records.
        scene.produce(500..2_000);
        scene.until("handled", |ledger| handled(ledger).len() == 2_000);
        terminate(process);
        report("topic deleted and made again", mode.1, "all handled");
    }
}

/// librdkafka says of a commit that was refused for one partition that it was refused for all.
#[test]
fn a_topic_that_is_deleted_holds_up_no_other() {
    for mode in [POST, PRE] {
        let (scene, deleted) = (Scene::new("stays", 2), Scene::new("goes", 2));
        let orders = 2_000;
        scene.produce(0..orders);
        deleted.produce(orders..2 * orders);
        let topics = format!("{},{}", scene.topic, deleted.topic);
        // Nobody looks whether the topic is there before librdkafka does by itself, every five minutes or for a reason.
        let slow_to_look = r#"{"topic.metadata.refresh.interval.ms": "300000"}"#;
        let process = scene.service(&[
            mode,
            ("topic", &topics),
            ("handler-ms", "5"),
            ("commit-interval-ms", "100"),
            ("properties", slow_to_look),
        ]);
        let stays = |ledger: &[Entry]| -> Vec<u64> {
            let begun = ledger.iter().filter(|entry| entry.begins && entry.id < orders);
            begun.map(|entry| entry.at).collect()
        };
        scene.until("both under way", |ledger| {
            let all = ledger.iter().filter(|entry| entry.begins).count();
            stays(ledger).len() >= 200 && all >= stays(ledger).len() + 200
        });
        kafka::delete_topic(&scene.brokers, &deleted.topic);
        scene.until("all handled", |ledger| stays(ledger).len() as u64 >= orders);
        terminate(process);
        let times = stays(&scene.ledger());
        let longest =
            times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().expect("some") / 1000;
        assert_eq!(times.len() as u64, orders, "none begun twice");
        assert!(longest < 10_000, "held up for {longest} ms");
        report(
            "one of two topics deleted",
            mode.1,
            format_args!("the other held up for {longest} ms at most"),
        );
    }
}

/// Nobody can notice that a topic was made again if the new one has more records than the old one when it is first looked at. So a
/// few are handled, of each partition, before all the others are there.
fn few_first(scene: &Scene, old: u64, all: u64) {
    let few = old + 40;
    scene.produce(old..few);
    scene.until("the first of the new handled", |ledger| handled(ledger).len() as u64 >= few);
    scene.produce(few..all);
}

/// At each rebalance librdkafka fetches anew from where it thinks that the application is.
#[test]
fn a_process_that_joins_after_a_topic_was_made_again_has_nothing_passed_over() {
    for mode in [POST, PRE] {
        let scene = Scene::new("join-again", 4);
        let (old, all) = (3_600, 11_600);
        scene.produce(0..old);
        let options = [mode, ("commit-interval-ms", "200"), ("handler-ms", "4")];
        let first = scene.service(&options);
        scene.until("handled", |ledger| handled(ledger).len() as u64 == old);
        kafka::delete_topic(&scene.brokers, &scene.topic);
        kafka::create_topic_called(&scene.brokers, &scene.topic, 4);
        few_first(&scene, old, all);
        scene.until("some of the new handled", |ledger| handled(ledger).len() as u64 >= old + 100);
        let second = scene.service(&options);
        let pid = second.id();
        scene.until("shared", |ledger| ledger.iter().any(|entry| entry.pid == pid));
        scene.until("all handled", |ledger| handled(ledger).len() as u64 == all);
        terminate(first);
        terminate(second);
        let again = begun_again(&scene.ledger());
        assert!(mode == POST || again == 0, "{again} begun again");
        report(
            "a process joins after a topic was made again",
            mode.1,
            format_args!("all handled, {again} begun again"),
        );
    }
}

/// What was committed of the old topic is above what has been handled of the new one.
#[test]
fn a_crash_soon_after_a_topic_was_made_again_passes_over_nothing() {
    for mode in [POST, PRE] {
        let scene = Scene::new("crash-again", 2);
        scene.produce(0..500);
        let options = [mode, ("commit-interval-ms", "50"), ("handler-ms", "2")];
        let mut process = scene.service(&options);
        scene.until_committed(with_others(500));
        kafka::delete_topic(&scene.brokers, &scene.topic);
        kafka::create_topic_called(&scene.brokers, &scene.topic, 2);
        few_first(&scene, 500, 2_000);
        scene.until("some of the new handled", |ledger| handled(ledger).len() >= 600);
        process.signal(Signal::Kill);
        process.wait(DEADLINE);
        let process = scene.service(&options);
        scene.until_committed(with_others(1_500));
        terminate(process);
        let ledger = scene.ledger();
        let lost = 2_000 - handled(&ledger).len();
        let again = begun_again(&ledger);
        if mode == POST {
            assert_eq!(lost, 0);
        } else {
            // A few milliseconds' worth of each partition is committed ahead.
            assert!(again == 0 && lost < 200, "{again} again, {lost} lost");
        }
        report(
            "crash after a topic was made again",
            mode.1,
            format_args!("{lost} lost, {again} begun again"),
        );
    }
}

#[test]
fn a_ledger_that_cannot_be_written_loses_nothing() {
    let scene = Scene::new("disk", 2);
    scene.produce(0..500);
    let mut process = scene.service(&[POST, ("ledger", "/dev/full")]);
    let status = process.wait(DEADLINE);
    assert_eq!(status.code(), Some(1), "it stops at the record");
    assert_eq!(scene.committed().values().sum::<i64>(), 0);
    let process = scene.service(&[POST]);
    scene.until_committed(with_others(500));
    terminate(process);
    assert_eq!(handled(&scene.ledger()).len(), 500);
    report("disk of the ledger full", "post", "stops at the record; 0 of 500 lost");
}

#[test]
fn pre_commit_counts_what_a_ledger_that_cannot_be_written_costs() {
    let scene = Scene::new("disk", 2);
    scene.produce(0..500);
    let process = scene.service(&[PRE, ("ledger", "/dev/full"), ("logs", "info")]);
    scene.until_committed(with_others(500));
    let [handled, skipped, given_up] = counts(process);
    report("disk of the ledger full", "pre", format_args!("{given_up} of 500 counted as given up"));
    assert_eq!((handled, skipped, given_up), (0, 100, 500));
}

/// A small generator of numbers, so that the corpus is the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// A record such as nobody should send.
fn hostile(random: &mut Random) -> Record {
    let payload = match random.below(6) {
        0 => return Record::null().header("Event-Type", "OrderCreated"),
        1 => Vec::new(),
        2 => random.bytes(300),
        3 => b"[".repeat(random.below(3_000) as usize),
        4 => br#"{"id": 1, "lines": [{"sku": "#.to_vec(),
        _ => b"18446744073709551616".to_vec(),
    };
    let mut record = Record::new(payload).key(random.bytes(50));
    for _ in 0..random.below(6) {
        let name = match random.below(4) {
            0 => String::new(),
            1 => "Event-Type".repeat(random.below(200) as usize),
            2 => "event-type".to_owned(),
            _ => String::from_utf8_lossy(&random.bytes(20)).replace('\0', "0"),
        };
        record = if random.below(4) == 0 {
            record.null_header(name)
        } else {
            record.header(name, random.bytes(100))
        };
    }
    match random.below(4) {
        0 => record.header("Event-Type", "OrderCreated"),
        1 => record.header("Event-Type", "OrderCreated\0"),
        2 => record.header("Event-Type", random.bytes(30)),
        _ => record,
    }
}

#[test]
fn hostile_records_stop_nobody_and_each_is_accounted_for() {
    let count = if full() { 100_000 } else { 5_000 };
    for mode in [POST, PRE] {
        let scene = Scene::new("hostile", 4);
        let mut random = Random(0x5eed);
        let mut records = Vec::new();
        for id in 0..count {
            records.push(hostile(&mut random));
            if id % 100 == 0 {
                records.push(Record::new(id.to_string()).header("Event-Type", "OrderCreated"));
            }
        }
        let sent = records.len() as u64;
        kafka::produce(&scene.brokers, &scene.topic, records);
        let process = scene.service(&[mode, ("skips-failures", "yes"), ("logs", "info")]);
        scene.until_committed(sent);
        let counted = counts(process);
        let good = scene.ledger().iter().filter(|entry| !entry.begins && entry.id % 100 == 0).count() as u64;
        report(
            "hostile records",
            mode.1,
            format_args!("{sent} sent, {counted:?} handled, skipped, given up"),
        );
        assert_eq!(counted.iter().sum::<u64>(), sent, "{counted:?}");
        assert!(good >= count / 100, "{good}");
    }
}

/// What a process says at its end: how many it has handled, skipped and given up.
fn counts(mut process: ChildProcess) -> [u64; 3] {
    process.signal(Signal::Term);
    assert!(process.wait(DEADLINE).success());
    let lines = process.stdout().join("\n");
    ["handled=", "skipped=", "given_up="].map(|name| {
        let value = lines.split_whitespace().find_map(|word| word.strip_prefix(name));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {lines}"))
    })
}

#[test]
fn a_rolling_restart_of_the_brokers_costs_nothing() {
    let cluster = kafka::Cluster::start("rolling", 3);
    for mode in [POST, PRE] {
        let scene = Scene::on(cluster.bootstrap().to_owned(), "rolling", 4);
        let wave = 1_000;
        let process = scene.service(&[mode, ("handler-ms", "1"), ("commit-interval-ms", "200")]);
        for node in 1..=3 {
            let (sent, so_far) = (2 * wave * u64::from(node - 1), handled(&scene.ledger()).len());
            scene.produce(sent..sent + wave);
            scene.until("under way", |ledger| handled(ledger).len() > so_far);
            cluster.stop_node(node);
            scene.produce(sent + wave..sent + 2 * wave);
            cluster.start_node(node);
        }
        scene.until("handled", |ledger| handled(ledger).len() as u64 == 6 * wave);
        terminate(process);
        let again = begun_again(&scene.ledger());
        report("rolling restart of three brokers", mode.1, format_args!("0 lost, {again} begun again"));
        assert_eq!(again, 0);
    }
}
