use std::{collections::HashSet, time::Duration};

use super::*;
use crate::{
    metrics::{
        BrokerMetrics, CommitMetrics, ConsumerMetrics, EventMetrics, MembershipMetrics, PartitionMetrics,
        ProducerMetrics, RebalanceMetrics, SentMetrics, TopicMetrics,
    },
    settle::FailureKind,
};

const BOUNDS: &[f64] = &[0.005, 10.0];

fn histogram(counts: [u64; 3]) -> Histogram {
    Histogram::new(BOUNDS, counts.to_vec(), Duration::from_millis(1500))
}

pub(in crate::metrics) fn snapshot() -> MetricsSnapshot {
    let event = |event: &str, has_handler| EventMetrics {
        event: event.into(),
        has_handler,
        received: 9,
        handled: 5,
        skipped: 3,
        given_up: 1,
        dead_lettered: 0,
        retried: 2,
        failed: vec![(FailureKind::Error, 3), (FailureKind::Panic, 0)],
        duration: histogram([4, 0, 2]),
    };
    let partition = PartitionMetrics {
        topic: "orders".into(),
        partition: 7,
        lag: Some(12),
        lag_duration: Some(Duration::from_millis(2500)),
        end_offset: Some(112),
        settled_offset: Some(100),
        committed_offset: None,
        in_flight: 3,
        backing_off: 1,
        queued: 9,
        is_paused: true,
    };
    MetricsSnapshot {
        consumers: vec![ConsumerMetrics {
            name: "a \"b\"\\c\nd".into(),
            group: "billing".into(),
            topics: vec![TopicMetrics {
                topic: "orders".into(),
                events: vec![event("OrderCreated", true), event("_other", false)],
                age: histogram([1, 0, 0]),
            }],
            partitions: vec![partition],
            commits: CommitMetrics { accepted: 2, failed: 1, duration: histogram([3, 0, 0]) },
            rebalances: RebalanceMetrics { assigned: 1, revoked: 0, lost: 0 },
            brokers: Vec::new(),
            membership: None,
        }],
        producers: vec![ProducerMetrics {
            name: "out".into(),
            events: vec![SentMetrics { event: "OrderPriced".into(), sent: 4, failed: 1 }],
            brokers: Vec::new(),
            queued: None,
        }],
    }
}

/// The same, whose clients report on themselves.
fn reported() -> MetricsSnapshot {
    let mut snapshot = snapshot();
    let broker = |id| BrokerMetrics {
        id,
        connections: 1,
        connects: 3,
        disconnects: 2,
        timed_out: 0,
        waiting: 4,
        round_trip_mean: id.map(|_| Duration::from_micros(2500)),
        round_trip_max: id.map(|_| Duration::from_millis(7)),
        throttle_max: Duration::ZERO,
    };
    let consumer = &mut snapshot.consumers[0];
    consumer.name = "orders".into();
    consumer.brokers = vec![broker(Some(1)), broker(None)];
    consumer.membership = Some(MembershipMetrics {
        steady: 2,
        rebalance_age: Some(Duration::from_secs(9)),
        ..MembershipMetrics::default()
    });
    snapshot.producers[0].brokers = vec![broker(Some(1))];
    snapshot.producers[0].queued = Some(5);
    snapshot
}

/// The lines that begin like this.
fn lines<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn prometheus_text_has_a_head_for_each_family_and_escapes_labels() {
    let text = snapshot().prometheus();
    assert_eq!(
        lines(&text, "# TYPE messaging_process"),
        ["# TYPE messaging_process_duration_seconds histogram"]
    );
    assert_eq!(lines(&text, "# TYPE evkafka_commits"), ["# TYPE evkafka_commits_total counter"]);
    assert_eq!(
        lines(&text, "evkafka_commits_total"),
        [
            r#"evkafka_commits_total{evkafka_consumer="a \"b\"\\c\nd",messaging_consumer_group_name="billing",evkafka_outcome="accepted"} 2"#,
            r#"evkafka_commits_total{evkafka_consumer="a \"b\"\\c\nd",messaging_consumer_group_name="billing",evkafka_outcome="failed"} 1"#,
        ]
    );
    assert_eq!(lines(&text, "# UNIT"), [""; 0]);
    assert_eq!(
        lines(&text, "evkafka_partition_lag_duration_seconds{"),
        [
            r#"evkafka_partition_lag_duration_seconds{evkafka_consumer="a \"b\"\\c\nd",messaging_consumer_group_name="billing",messaging_destination_name="orders",messaging_destination_partition_id="7"} 2.5"#
        ]
    );
}

#[test]
fn what_is_not_known_has_no_series() {
    let text = snapshot().prometheus();
    assert!(!text.contains("committed_offset"), "{text}");
    assert_eq!(MetricsSnapshot::default().prometheus(), "");
}

#[test]
fn events_without_a_handler_are_received_and_skipped_and_nothing_else() {
    let text = snapshot().prometheus();
    let others: Vec<_> = text.lines().filter(|line| line.contains("_other")).collect();
    assert_eq!(others.len(), 2, "{others:#?}");
    assert!(others[0].starts_with("messaging_client_consumed_messages_total"), "{others:#?}");
    assert!(others[1].contains(r#"evkafka_outcome="skipped"} 3"#), "{others:#?}");
}

#[test]
fn open_metrics_text_names_families_without_their_suffix_and_ends_with_eof() {
    let text = snapshot().open_metrics();
    assert_eq!(lines(&text, "# TYPE evkafka_commits"), ["# TYPE evkafka_commits counter"]);
    assert!(text.contains("# UNIT messaging_process_duration_seconds seconds\n"));
    assert_eq!(lines(&text, "evkafka_commits").len(), 2, "{text}");
    let buckets: Vec<_> = text.lines().filter(|line| line.starts_with("evkafka_records_age")).collect();
    let ends: Vec<_> = buckets.iter().filter_map(|line| Some(&line[line.find("orders")? + 7..])).collect();
    let expected = [r#",le="0.005"} 1"#, r#",le="10.0"} 1"#, r#",le="+Inf"} 1"#, "} 1.5", "} 1"];
    assert_eq!(ends, expected, "{buckets:#?}");
    assert!(text.ends_with("} 1\n# EOF\n"), "{text}");
}

#[test]
fn brokers_have_series_by_their_ids_where_clients_report_on_them_and_else_none() {
    let names = ["evkafka_broker_", "evkafka_group_", "evkafka_producer_"];
    let without = snapshot().prometheus();
    assert!(names.iter().all(|name| lines(&without, name).is_empty()), "{without}");
    let text = reported().prometheus();
    assert_eq!(
        lines(&text, "evkafka_broker_connects_total"),
        [
            r#"evkafka_broker_connects_total{evkafka_consumer="orders",messaging_consumer_group_name="billing",evkafka_broker="1"} 3"#,
            r#"evkafka_broker_connects_total{evkafka_consumer="orders",messaging_consumer_group_name="billing",evkafka_broker="coordinator"} 3"#,
            r#"evkafka_broker_connects_total{evkafka_producer="out",evkafka_broker="1"} 3"#,
        ]
    );
    assert_eq!(
        lines(&text, "evkafka_broker_round_trip_mean_seconds"),
        [
            r#"evkafka_broker_round_trip_mean_seconds{evkafka_consumer="orders",messaging_consumer_group_name="billing",evkafka_broker="1"} 0.0025"#,
            r#"evkafka_broker_round_trip_mean_seconds{evkafka_producer="out",evkafka_broker="1"} 0.0025"#,
        ],
        "nothing was answered by the coordinator"
    );
    let steady = lines(&text, "evkafka_group_members").into_iter().filter(|line| line.contains("steady"));
    assert!(steady.clone().all(|line| line.ends_with(r#"evkafka_state="steady"} 2"#)), "{text}");
    assert_eq!((steady.count(), lines(&text, "evkafka_group_members").len()), (1, 4));
    assert_eq!(lines(&text, "evkafka_producer"), [r#"evkafka_producer_queued{evkafka_producer="out"} 5"#]);
}

#[test]
fn each_family_has_one_head_and_no_series_comes_twice() {
    for text in [reported().prometheus(), reported().open_metrics()] {
        let heads: Vec<_> = lines(&text, "# TYPE ");
        assert_eq!(heads.iter().collect::<HashSet<_>>().len(), heads.len());
        assert_eq!(lines(&text, "# HELP ").len(), heads.len());
        let series =
            || text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let distinct: HashSet<_> = series().map(|(series, _)| series).collect();
        assert_eq!(distinct.len(), series().count());
    }
}
