//! What producers count.

use super::{ERROR, EVENT, Family, Kind, OPERATION, SYSTEM, Sample, Unit, Value};

pub(super) const FAMILIES: &[Family] = &[Family {
    name: "messaging.client.sent.messages",
    kind: Kind::Counter,
    unit: Unit::Count("{message}"),
    help: "Events that were sent: acknowledged, or (with an error type) refused for good.",
    samples: |snapshot, with| {
        for producer in &snapshot.producers {
            let name = ("evkafka.producer", &*producer.name);
            for of in &producer.events {
                let labels = [SYSTEM, (OPERATION, "send"), name, (EVENT, &*of.event)];
                with(Sample { labels: &labels, value: Value::Count(of.sent) });
                let [a, b, c, d] = labels;
                let labels = [a, b, c, d, (ERROR, "refused")];
                with(Sample { labels: &labels, value: Value::Count(of.failed) });
            }
        }
    },
}];
