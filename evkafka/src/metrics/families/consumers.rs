//! What consumers count, which only grows.

use super::{ERROR, EVENT, Family, Kind, Label, OPERATION, SYSTEM, Sample, Unit, Value};
use crate::{
    metrics::{ConsumerMetrics, EventMetrics, MetricsSnapshot, TopicMetrics},
    settle::FailureKind,
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "messaging.client.consumed.messages",
        kind: Kind::Counter,
        unit: Unit::Count("{message}"),
        help: "Records taken from a topic, by event, those without a handler included.",
        samples: |snapshot, with| {
            of_events(snapshot, |consumer, topic, event| {
                let [name, group, topic, event_label] = labels_of(consumer, topic, event);
                let labels = [SYSTEM, (OPERATION, "poll"), name, group, topic, event_label];
                with(Sample { labels: &labels, value: Value::Count(event.received) });
            });
        },
    },
    Family {
        name: "messaging.process.duration",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Duration of a call of a handler, decoding included.",
        samples: |snapshot, with| {
            of_handled_events(snapshot, |consumer, topic, event| {
                let [name, group, topic, event_label] = labels_of(consumer, topic, event);
                let labels = [SYSTEM, (OPERATION, "process"), name, group, topic, event_label];
                with(Sample { labels: &labels, value: Value::Histogram(&event.duration) });
            });
        },
    },
    Family {
        name: "evkafka.records.settled",
        kind: Kind::Counter,
        unit: Unit::Count("{record}"),
        help: "Records that were settled, by what became of them.",
        samples: |snapshot, with| {
            of_events(snapshot, |consumer, topic, event| {
                let labels = labels_of(consumer, topic, event);
                let mut tell = |outcome, count| {
                    let labels = with_one(labels, ("evkafka.outcome", outcome));
                    with(Sample { labels: &labels, value: Value::Count(count) });
                };
                if event.has_handler {
                    tell("handled", event.handled);
                    tell("given_up", event.given_up);
                    tell("dead_lettered", event.dead_lettered);
                }
                tell("skipped", event.skipped);
            });
        },
    },
    Family {
        name: "evkafka.records.age",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Age of records when they were settled, by their timestamps.",
        samples: |snapshot, with| {
            of_topics(snapshot, |consumer, topic| {
                let [name, group] = consumer_labels(consumer);
                let labels = [name, group, destination(topic)];
                with(Sample { labels: &labels, value: Value::Histogram(&topic.age) });
            });
        },
    },
    Family {
        name: "evkafka.attempts.failed",
        kind: Kind::Counter,
        unit: Unit::Count("{attempt}"),
        help: "Failed attempts at records, by how they failed.",
        samples: |snapshot, with| {
            of_handled_events(snapshot, |consumer, topic, event| {
                let labels = labels_of(consumer, topic, event);
                for (kind, count) in &event.failed {
                    let labels = with_one(labels, (ERROR, error_type(*kind)));
                    with(Sample { labels: &labels, value: Value::Count(*count) });
                }
            });
        },
    },
    Family {
        name: "evkafka.attempts.retried",
        kind: Kind::Counter,
        unit: Unit::Count("{attempt}"),
        help: "Failed attempts at records after which another is to follow.",
        samples: |snapshot, with| {
            of_handled_events(snapshot, |consumer, topic, event| {
                let labels = labels_of(consumer, topic, event);
                with(Sample { labels: &labels, value: Value::Count(event.retried) });
            });
        },
    },
    Family {
        name: "messaging.client.operation.duration",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Time from a commit until its answer.",
        samples: |snapshot, with| {
            for consumer in &snapshot.consumers {
                let [name, group] = consumer_labels(consumer);
                let labels = [SYSTEM, (OPERATION, "commit"), name, group];
                with(Sample { labels: &labels, value: Value::Histogram(&consumer.commits.duration) });
            }
        },
    },
    Family {
        name: "evkafka.commits",
        kind: Kind::Counter,
        unit: Unit::Count("{commit}"),
        help: "Commits by their answer.",
        samples: |snapshot, with| {
            for consumer in &snapshot.consumers {
                let [name, group] = consumer_labels(consumer);
                let commits = &consumer.commits;
                for (outcome, count) in [("accepted", commits.accepted), ("failed", commits.failed)] {
                    let labels = [name, group, ("evkafka.outcome", outcome)];
                    with(Sample { labels: &labels, value: Value::Count(count) });
                }
            }
        },
    },
    Family {
        name: "evkafka.rebalances",
        kind: Kind::Counter,
        unit: Unit::Count("{rebalance}"),
        help: "Changes of the assignment of members, by what happened to their partitions.",
        samples: |snapshot, with| {
            for consumer in &snapshot.consumers {
                let [name, group] = consumer_labels(consumer);
                let of = consumer.rebalances;
                for (what, count) in [("assigned", of.assigned), ("revoked", of.revoked), ("lost", of.lost)] {
                    let labels = [name, group, ("evkafka.change", what)];
                    with(Sample { labels: &labels, value: Value::Count(count) });
                }
            }
        },
    },
];

pub(super) fn consumer_labels(consumer: &ConsumerMetrics) -> [Label<'_>; 2] {
    [("evkafka.consumer", &*consumer.name), ("messaging.consumer.group.name", &*consumer.group)]
}

fn destination(topic: &TopicMetrics) -> Label<'_> {
    ("messaging.destination.name", &*topic.topic)
}

fn labels_of<'s>(
    consumer: &'s ConsumerMetrics,
    topic: &'s TopicMetrics,
    event: &'s EventMetrics,
) -> [Label<'s>; 4] {
    let [name, group] = consumer_labels(consumer);
    [name, group, destination(topic), (EVENT, &*event.event)]
}

fn with_one<'s>([a, b, c, d]: [Label<'s>; 4], e: Label<'s>) -> [Label<'s>; 5] {
    [a, b, c, d, e]
}

fn of_topics<'s>(snapshot: &'s MetricsSnapshot, mut with: impl FnMut(&'s ConsumerMetrics, &'s TopicMetrics)) {
    for consumer in &snapshot.consumers {
        consumer.topics.iter().for_each(|topic| with(consumer, topic));
    }
}

fn of_events<'s>(
    snapshot: &'s MetricsSnapshot,
    mut with: impl FnMut(&'s ConsumerMetrics, &'s TopicMetrics, &'s EventMetrics),
) {
    of_topics(snapshot, |consumer, topic| {
        topic.events.iter().for_each(|event| with(consumer, topic, event));
    });
}

fn of_handled_events<'s>(
    snapshot: &'s MetricsSnapshot,
    mut with: impl FnMut(&'s ConsumerMetrics, &'s TopicMetrics, &'s EventMetrics),
) {
    of_events(snapshot, |consumer, topic, event| {
        if event.has_handler {
            with(consumer, topic, event);
        }
    });
}

fn error_type(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Error => "error",
        FailureKind::Panic => "panic",
        FailureKind::Undecodable => "undecodable",
        FailureKind::Rejected => "rejected",
        FailureKind::Timeout => "timeout",
        FailureKind::Postponed => "postponed",
        FailureKind::Released => "released",
        FailureKind::Unsent => "unsent",
    }
}
