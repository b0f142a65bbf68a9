//! What librdkafka demands of the properties of an idempotent producer; it would refuse to start.

use crate::config::fault::Faults;
use crate::config::properties::Properties;

/// The values that a property may have.
struct Limit {
    property: &'static str,
    least: u64,
    most: u64,
    /// Goes on from the name of the property.
    text: &'static str,
}

const LIMITS: &[Limit] = &[
    Limit {
        property: "max.in.flight.requests.per.connection",
        least: 1,
        most: 5,
        text: "must be from 1 to 5: brokers remember that many requests of an idempotent producer",
    },
    Limit {
        property: "message.send.max.retries",
        least: 1,
        most: u64::MAX,
        text: "must be at least 1, since producers are idempotent; limit the time with `delivery_timeout`",
    },
    Limit {
        property: "queue.buffering.backpressure.threshold",
        least: 1,
        most: 1,
        text: "must be 1, since producers are idempotent; leave it out",
    },
];

/// Finds the properties with which a producer cannot be idempotent.
pub(in crate::config) fn judge_idempotence(properties: &Properties<'_>, faults: &mut Faults) {
    for Limit { property, least, most, text } in LIMITS {
        let given = properties.given_number(property);
        if let Some((written, _)) = given.filter(|(_, number)| !(least..=most).contains(&number)) {
            faults.add(written, *text);
        }
    }
}
