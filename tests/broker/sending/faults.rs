//! What can go wrong with events that are sent, done on purpose.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use evkafka_tests::{
    kafka::{self, Cluster},
    process::{ChildProcess, Signal},
};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use super::{Flow, Forwarded, Output, PARTITIONS};
use crate::{
    faults::{full, report},
    support::{DEADLINE, terminate},
};

const WAVE: u64 = 1_000;

/// Waits until a process has handled so many records, whatever became of their events.
fn until_handled(process: &mut ChildProcess, records: u64) {
    process.wait_for_line(DEADLINE, |line| {
        line.strip_prefix("handled ").is_some_and(|count| count.parse::<u64>().expect("a number") >= records)
    });
}

/// In each partition, the events for the records of one partition are in the order of these, apart from those that were sent again.
fn assert_in_order(events: &[Forwarded]) {
    let (mut last, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for event in events.iter().filter(|event| seen.insert(event.id)) {
        let before = last.insert((event.written_to, event.partition), event.offset).unwrap_or(-1);
        assert!(before < event.offset, "{event:?} after that for offset {before}");
    }
}

#[test]
fn a_broker_that_is_away_while_events_are_returned_costs_nothing() {
    let away = Cluster::start("away", 1);
    let mut flow = Flow::onto("away", &kafka::brokers(), away.bootstrap());
    let rounds = if full() { 5 } else { 1 };
    let mut process = flow.forwarder(&[]);
    let mut sent = 0;
    for _ in 0..rounds {
        flow.produce(sent..sent + WAVE);
        flow.out.until_len(sent + WAVE / 10);
        away.stop_node(1);
        flow.produce(sent + WAVE..sent + 2 * WAVE);
        // Handlers go on meanwhile.
        until_handled(&mut process, sent + 2 * WAVE - WAVE / 5);
        let committed = flow.committed();
        away.start_node(1);
        flow.assert_is_sent(&committed);
        sent += 2 * WAVE;
    }
    let again = flow.finish(process, sent);
    report(
        &format!("brokers away while events are returned, {rounds} times"),
        "post",
        format_args!(
            "0 of {sent} events lost, none committed before it was acknowledged, {again} sent again"
        ),
    );
}

#[test]
fn a_shutdown_while_the_broker_is_away_ends_in_time_and_commits_nothing_that_was_not_acknowledged() {
    let away = Cluster::start("away-at-the-end", 1);
    let mut flow = Flow::onto("away", &kafka::brokers(), away.bootstrap());
    flow.produce(0..WAVE);
    let mut process = flow.forwarder(&[("shutdown-ms", "3000")]);
    flow.out.until_len(WAVE / 10);
    away.kill_node(1);
    flow.produce(WAVE..2 * WAVE);
    until_handled(&mut process, WAVE + WAVE / 2);
    let begun = Instant::now();
    process.signal(Signal::Term);
    let status = process.wait(DEADLINE);
    let elapsed = begun.elapsed();
    assert!(status.success(), "{status}: {}", process.stderr());
    // The timeout, what the consumer's last commit may take, and a busy machine.
    assert!(elapsed < Duration::from_secs(15), "{elapsed:?}");
    let committed = flow.committed();
    away.start_node(1);
    let records = flow.assert_is_sent(&committed);
    assert!(records < 2 * WAVE, "some were not acknowledged");
    let process = flow.forwarder(&[]);
    let again = flow.finish(process, 2 * WAVE);
    report(
        "SIGTERM while the brokers are away, `shutdown_timeout` of 3 s",
        "post",
        format_args!(
            "exit 0 after {:.1} s, {records} of {} committed, all of them acknowledged; 0 lost, {again} sent again",
            elapsed.as_secs_f64(),
            2 * WAVE,
        ),
    );
}

#[test]
fn a_topic_that_is_deleted_and_made_again_gets_the_events_that_were_under_way() {
    let flow = Flow::new("deleted");
    flow.produce(0..WAVE);
    let mut process = flow.forwarder(&[]);
    flow.until_committed(WAVE);
    kafka::delete_topic(&flow.out.brokers, &flow.out.topic);
    flow.produce(WAVE..2 * WAVE);
    until_handled(&mut process, 2 * WAVE);
    kafka::create_topic_called(&flow.out.brokers, &flow.out.topic, PARTITIONS);
    flow.until_committed(2 * WAVE);
    terminate(process);
    // Not the reader from before, whose offsets are the old topic's.
    let mut made_again = Output::new(&flow.out.brokers, &flow.out.topic);
    let ids: Vec<u64> = made_again.read().iter().map(|event| event.id).collect();
    let lost = (WAVE..2 * WAVE).filter(|id| !ids.contains(id)).count();
    report(
        "the topic of events deleted and made again",
        "post",
        format_args!("{lost} of {WAVE} lost that were under way, {} in the new topic", ids.len()),
    );
    assert_eq!(lost, 0);
}

/// The leaders of a new topic count their epochs from zero again, which a client takes for news that are out of date.
#[test]
fn a_topic_that_is_made_again_on_another_node_after_an_election_gets_events() {
    let cluster = Cluster::start("elsewhere", 3);
    let out = kafka::unique("elsewhere-out");
    let least = [("min.insync.replicas", "1")];
    kafka::create_topic_on(cluster.bootstrap(), &out, &[1, 2], &least);
    let flow = Flow::into("elsewhere", &kafka::brokers(), Output::new(cluster.bootstrap(), &out));
    flow.produce(0..WAVE);
    let process = flow.forwarder(&[("delivery-timeout-ms", "10000")]);
    flow.until_committed(WAVE);
    cluster.stop_node(1);
    flow.produce(WAVE..2 * WAVE);
    flow.until_committed(2 * WAVE);
    cluster.start_node(1);
    kafka::delete_topic(cluster.bootstrap(), &out);
    kafka::create_topic_on(cluster.bootstrap(), &out, &[3], &least);
    flow.produce(2 * WAVE..3 * WAVE);
    flow.until_committed(3 * WAVE);
    terminate(process);
    let sent = kafka::end_offset(cluster.bootstrap(), &out, 0).cast_unsigned();
    assert!(sent >= WAVE, "{sent} of {WAVE}");
    report(
        "the topic of events made again on another node after an election",
        "post",
        format_args!("{WAVE} of {WAVE} in the new topic, {} sent again", sent - WAVE),
    );
}

/// How a process ends whose events are refused: its error, and how long it took. Nothing more than so much is committed.
fn refused(flow: &mut Flow, mut process: ChildProcess, committed: u64) -> String {
    let status = process.wait(DEADLINE);
    assert_eq!(status.code(), Some(1), "{}", process.stderr());
    assert_eq!(flow.committed().values().sum::<i64>().cast_unsigned(), committed);
    // What the process wrote last may be read a moment after it has ended.
    let deadline = Instant::now() + DEADLINE;
    while process.stderr().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    process.stderr()
}

fn assert_names(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

#[test]
fn a_topic_that_stays_deleted_ends_the_process_with_an_error_that_names_it() {
    let mut flow = Flow::new("gone");
    flow.produce(0..WAVE);
    let process = flow.forwarder(&[]);
    flow.until_committed(WAVE);
    kafka::delete_topic(&flow.out.brokers, &flow.out.topic);
    flow.produce(WAVE..WAVE + 10);
    let error = refused(&mut flow, process, WAVE);
    let topic = flow.out.topic.clone();
    assert_names(&error, &["Forwarded", &format!("create the topic `{topic}`"), "offset"]);
    report(
        "the topic of events deleted for good",
        "post",
        "exit 1 after half a minute, with an error that names event and topic; nothing committed",
    );
}

#[test]
fn an_event_that_is_too_large_is_a_dead_letter_and_holds_up_no_other() {
    let brokers = kafka::brokers();
    let out = kafka::create_topic_with(&brokers, "small-out", PARTITIONS, &[("max.message.bytes", "100000")]);
    let dead = kafka::create_topic(&brokers, "small-dead", 1);
    let mut flow = Flow::into("small", &brokers, Output::new(&brokers, &out));
    flow.produce(0..WAVE);
    let process = flow.forwarder(&[("large", "500"), ("dead-letters", &dead)]);
    flow.until_committed(WAVE);
    terminate(process);
    let mut ids: Vec<u64> = flow.out.read().iter().map(|event| event.id).collect();
    ids.sort_unstable();
    let again = ids.len();
    ids.dedup();
    assert!(ids.iter().copied().eq((0..WAVE).filter(|id| *id != 500)), "{} are there", ids.len());
    let letters = crate::harness::read(&brokers, &dead, 1);
    assert_eq!(letters[0].1.as_deref(), Some(&b"500"[..]));
    report(
        "one event larger than its topic takes",
        "post",
        format_args!(
            "its record is a dead letter, the {} others are sent, {} again",
            ids.len(),
            again - ids.len()
        ),
    );
}

#[test]
fn an_event_that_may_not_be_written_waits_for_the_permission_and_ends_the_process_without_it() {
    let cluster = Cluster::start_with_acls("denied-events");
    let mut flow = Flow::onto("denied", cluster.bootstrap(), cluster.bootstrap());
    kafka::allow_only_reading(cluster.bootstrap(), &flow.out.topic);
    flow.produce(0..10);
    let process = flow.forwarder(&[]);
    let error = refused(&mut flow, process, 0);
    let topic = flow.out.topic.clone();
    assert_names(&error, &["Forwarded", &format!("grant the user WRITE on the topic `{topic}`")]);
    let mut process = flow.forwarder(&[]);
    // Refused at least once.
    process.wait_for_line(DEADLINE, |line| line.contains("will be sent again") && line.contains(&topic));
    kafka::allow_writing(cluster.bootstrap(), &flow.out.topic);
    let again = flow.finish(process, 10);
    assert_eq!(again, 0);
    report(
        "not authorized to write events",
        "post",
        "exit 1 after half a minute with an error that names the permission, nothing committed; granted in time: 0 lost",
    );
}

#[test]
fn a_queue_that_is_full_makes_partitions_wait_and_loses_nothing() {
    let mut flow = Flow::new("full");
    flow.produce(0..WAVE);
    // Handlers that are ready at once fill it.
    let small = r#"{"queue.buffering.max.messages": "10"}"#;
    let process = flow.forwarder(&[("properties", small), ("linger-ms", "5"), ("handler-ms", "0")]);
    let again = flow.finish(process, WAVE);
    assert_eq!(again, 0);
    report("a queue of 10 events, full", "post", format_args!("0 of {WAVE} lost, none sent again"));
}

/// Answers that an idempotent producer recovers from by itself, by a new epoch, and one that it does not recover from.
#[test]
fn an_idempotent_producer_that_gets_out_of_step_is_recovered_or_replaced_and_nothing_is_lost() {
    use RDKafkaRespErr as E;
    for (name, request, error) in [
        ("out of order", RDKafkaApiKey::Produce, E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER),
        ("unknown", RDKafkaApiKey::Produce, E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID),
        ("fenced", RDKafkaApiKey::Produce, E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (
            "without identity",
            RDKafkaApiKey::InitProducerId,
            E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        ),
    ] {
        let mock: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
        mock.create_topic("events", PARTITIONS, 1).expect("a topic");
        let mut flow =
            Flow::into("fatal", &kafka::brokers(), Output::new(&mock.bootstrap_servers(), "events"));
        if request == RDKafkaApiKey::InitProducerId {
            mock.request_errors(request, &[error]);
        }
        flow.produce(0..WAVE);
        let mut process = flow.forwarder(&[]);
        flow.out.until_len(WAVE / 10);
        if request == RDKafkaApiKey::Produce {
            mock.request_errors(request, &[error]);
        }
        flow.produce(WAVE..2 * WAVE);
        flow.out.until_len(2 * WAVE);
        let is_replaced = |line: &String| line.contains("cannot go on and is replaced");
        let replaced = process.stdout().iter().filter(|line| is_replaced(line)).count();
        assert!(replaced > 0 || request == RDKafkaApiKey::Produce, "the error was not fatal");
        let again = flow.finish(process, 2 * WAVE);
        report(
            &format!("an idempotent producer is {name}"),
            "post",
            format_args!("replaced {replaced} times, 0 of {} lost, {again} sent again", 2 * WAVE),
        );
    }
}

#[test]
fn leaders_that_change_in_the_middle_of_sending_cost_nothing() {
    let cluster = Cluster::start("leaders", 3);
    let mut flow = Flow::onto("leaders", cluster.bootstrap(), cluster.bootstrap());
    let process = flow.forwarder(&[]);
    let mut sent = 0;
    for node in 1..=3 {
        let so_far = flow.out.len();
        flow.produce(sent..sent + WAVE);
        flow.out.until_len(so_far + WAVE / 10);
        if node == 2 {
            cluster.stop_node(node)
        } else {
            cluster.kill_node(node)
        }
        flow.produce(sent + WAVE..sent + 2 * WAVE);
        sent += 2 * WAVE;
        flow.out.until_len(sent - WAVE / 2);
        cluster.start_node(node);
        flow.assert_committed_is_sent();
    }
    let again = flow.finish(process, sent);
    assert_in_order(flow.out.read());
    report(
        "each of three brokers killed or stopped while events are sent",
        "post",
        format_args!("0 of {sent} lost, none committed before it was acknowledged, {again} sent again"),
    );
}
