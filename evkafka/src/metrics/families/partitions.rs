//! What consumers have now.

use super::{Family, Kind, Sample, Unit, Value, Visitor, consumers::consumer_labels};
use crate::metrics::{ConsumerMetrics, MetricsSnapshot, PartitionMetrics};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "evkafka.partition.lag",
        kind: Kind::Gauge,
        unit: Unit::Count("{record}"),
        help: "Offsets between the last settled record of a partition and the end of its log.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(of.lag? as f64)),
    },
    Family {
        name: "evkafka.partition.lag.duration",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Age of the oldest record of a partition that is not settled; zero if there is none.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(of.lag_duration?.as_secs_f64())),
    },
    Family {
        name: "evkafka.partition.committed.offset",
        kind: Kind::Gauge,
        unit: Unit::None,
        help: "Offset of a partition that the broker has acknowledged as committed.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(of.committed_offset? as f64)),
    },
    Family {
        name: "evkafka.partition.in_flight",
        kind: Kind::Gauge,
        unit: Unit::Count("{record}"),
        help: "Records of a partition that have begun and are not settled.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(of.in_flight as f64)),
    },
    Family {
        name: "evkafka.partition.backing_off",
        kind: Kind::Gauge,
        unit: Unit::Count("{record}"),
        help: "Records of a partition that wait for their next attempt.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(of.backing_off as f64)),
    },
    Family {
        name: "evkafka.partition.queued",
        kind: Kind::Gauge,
        unit: Unit::Count("{record}"),
        help: "Records of a partition that were fetched and have not begun.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(of.queued as f64)),
    },
    Family {
        name: "evkafka.partition.paused",
        kind: Kind::Gauge,
        unit: Unit::None,
        help: "Whether a partition is paused: 1 if so, else 0.",
        samples: |snapshot, with| of_partitions(snapshot, with, |of| Some(f64::from(u8::from(of.is_paused)))),
    },
    Family {
        name: "evkafka.assigned.partitions",
        kind: Kind::Gauge,
        unit: Unit::Count("{partition}"),
        help: "Partitions that are assigned to a consumer in this process.",
        samples: |snapshot, with| of_consumers(snapshot, with, |of| of.assigned() as f64),
    },
    Family {
        name: "evkafka.paused.partitions",
        kind: Kind::Gauge,
        unit: Unit::Count("{partition}"),
        help: "Partitions that are assigned to a consumer in this process, and are paused.",
        samples: |snapshot, with| of_consumers(snapshot, with, |of| of.paused() as f64),
    },
];

fn of_partitions(
    snapshot: &MetricsSnapshot,
    with: Visitor<'_>,
    value: impl Fn(&PartitionMetrics) -> Option<f64>,
) {
    for consumer in &snapshot.consumers {
        let [name, group] = consumer_labels(consumer);
        for partition in &consumer.partitions {
            let Some(value) = value(partition) else { continue };
            let number = partition.partition.to_string();
            let topic = ("messaging.destination.name", &*partition.topic);
            let labels = [name, group, topic, ("messaging.destination.partition.id", &*number)];
            with(Sample { labels: &labels, value: Value::Gauge(value) });
        }
    }
}

fn of_consumers(snapshot: &MetricsSnapshot, with: Visitor<'_>, value: impl Fn(&ConsumerMetrics) -> f64) {
    for consumer in &snapshot.consumers {
        let labels = consumer_labels(consumer);
        with(Sample { labels: &labels, value: Value::Gauge(value(consumer)) });
    }
}
