//! What the Kafka clients of consumers and producers report, if they are asked to.

use super::{Family, Kind, Label, Sample, Unit, Value, Visitor, consumers::consumer_labels};
use crate::metrics::{BrokerMetrics, MembershipMetrics, MetricsSnapshot};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "evkafka.broker.connections",
        kind: Kind::Gauge,
        unit: Unit::Count("{connection}"),
        help: "Clients that are connected to a broker.",
        samples: |snapshot, with| of_brokers(snapshot, with, |of| Some(gauge(of.connections))),
    },
    Family {
        name: "evkafka.broker.connects",
        kind: Kind::Counter,
        unit: Unit::Count("{attempt}"),
        help: "Attempts to connect to a broker.",
        samples: |snapshot, with| of_brokers(snapshot, with, |of| Some(Value::Count(of.connects))),
    },
    Family {
        name: "evkafka.broker.disconnects",
        kind: Kind::Counter,
        unit: Unit::Count("{connection}"),
        help: "Connections to a broker that were lost or closed.",
        samples: |snapshot, with| of_brokers(snapshot, with, |of| Some(Value::Count(of.disconnects))),
    },
    Family {
        name: "evkafka.broker.requests.timed_out",
        kind: Kind::Counter,
        unit: Unit::Count("{request}"),
        help: "Requests that a broker has not answered in time.",
        samples: |snapshot, with| of_brokers(snapshot, with, |of| Some(Value::Count(of.timed_out))),
    },
    Family {
        name: "evkafka.broker.requests.waiting",
        kind: Kind::Gauge,
        unit: Unit::Count("{request}"),
        help: "Requests that wait to be sent to a broker.",
        samples: |snapshot, with| of_brokers(snapshot, with, |of| Some(gauge(of.waiting))),
    },
    Family {
        name: "evkafka.broker.round_trip.mean",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Time from a request until its answer, on average since the previous report.",
        samples: |snapshot, with| {
            of_brokers(snapshot, with, |of| Some(Value::Gauge(of.round_trip_mean?.as_secs_f64())));
        },
    },
    Family {
        name: "evkafka.broker.round_trip.max",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Longest time from a request until its answer since the previous report.",
        samples: |snapshot, with| {
            of_brokers(snapshot, with, |of| Some(Value::Gauge(of.round_trip_max?.as_secs_f64())));
        },
    },
    Family {
        name: "evkafka.broker.throttle.max",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Longest pause that a broker has asked for since the previous report; zero if none.",
        samples: |snapshot, with| {
            of_brokers(snapshot, with, |of| Some(Value::Gauge(of.throttle_max.as_secs_f64())));
        },
    },
    Family {
        name: "evkafka.group.members",
        kind: Kind::Gauge,
        unit: Unit::Count("{member}"),
        help: "Members of a consumer in this process, by their state in the group.",
        samples: |snapshot, with| {
            of_memberships(snapshot, |[name, group], of| {
                let states = [
                    ("searching", of.searching),
                    ("joining", of.joining),
                    ("rebalancing", of.rebalancing),
                    ("steady", of.steady),
                ];
                for (state, members) in states {
                    let labels = [name, group, ("evkafka.state", state)];
                    with(Sample { labels: &labels, value: gauge(members) });
                }
            });
        },
    },
    Family {
        name: "evkafka.group.rebalance.age",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Time since the last rebalance of a consumer's members in this process.",
        samples: |snapshot, with| {
            of_memberships(snapshot, |labels, of| {
                if let Some(age) = of.rebalance_age {
                    with(Sample { labels: &labels, value: Value::Gauge(age.as_secs_f64()) });
                }
            });
        },
    },
    Family {
        name: "evkafka.producer.queued",
        kind: Kind::Gauge,
        unit: Unit::Count("{record}"),
        help: "Records in a producer's queue and on their way.",
        samples: |snapshot, with| {
            for producer in &snapshot.producers {
                let Some(queued) = producer.queued else { continue };
                let labels = [("evkafka.producer", &*producer.name)];
                with(Sample { labels: &labels, value: gauge(queued) });
            }
        },
    },
];

fn gauge(number: u64) -> Value<'static> {
    Value::Gauge(number as f64)
}

fn of_brokers(
    snapshot: &MetricsSnapshot,
    with: Visitor<'_>,
    value: impl Fn(&BrokerMetrics) -> Option<Value<'static>>,
) {
    let mut tell = |owner: &[Label<'_>], broker: &BrokerMetrics| {
        let Some(value) = value(broker) else { return };
        let id = broker.id.map_or_else(|| "coordinator".to_owned(), |id| id.to_string());
        let mut labels = owner.to_vec();
        labels.push(("evkafka.broker", &*id));
        with(Sample { labels: &labels, value });
    };
    for consumer in &snapshot.consumers {
        consumer.brokers.iter().for_each(|broker| tell(&consumer_labels(consumer), broker));
    }
    for producer in &snapshot.producers {
        let owner = [("evkafka.producer", &*producer.name)];
        producer.brokers.iter().for_each(|broker| tell(&owner, broker));
    }
}

fn of_memberships<'s>(
    snapshot: &'s MetricsSnapshot,
    mut with: impl FnMut([Label<'s>; 2], &MembershipMetrics),
) {
    for consumer in &snapshot.consumers {
        if let Some(membership) = &consumer.membership {
            with(consumer_labels(consumer), membership);
        }
    }
}
