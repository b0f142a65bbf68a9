//! Where evkafka's defaults differ from librdkafka's.

use std::collections::BTreeMap;

/// A librdkafka property to which evkafka gives a value; the user may give another.
pub(super) struct Default {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    /// Whether it is of use with these properties of the user.
    pub(super) applies: fn(&BTreeMap<String, String>) -> bool,
}

pub(super) fn always(_: &BTreeMap<String, String>) -> bool {
    true
}

/// Those of consumers, in the order of their names.
pub(super) const DEFAULTS: &[Default] = &[
    // A mistyped topic must be reported, not created. librdkafka has the same default; it is stated here because
    // `on_missing_topic` depends on it.
    Default { name: "allow.auto.create.topics", value: "false", applies: always },
    // A batch that was damaged on the way or on a broker's disk must not reach a handler. librdkafka does not look by default, and
    // fetches one that it cannot parse again and again without a word. Java's consumer checks by default.
    Default { name: "check.crcs", value: "true", applies: always },
    CLIENT_ID,
    // How long librdkafka waits before it looks whether a full queue has room again. Its own 1000 ms leave a consumer
    // that empties the queue faster than that idle, at less than half its speed (librdkafka #2879, #4284).
    Default { name: "fetch.queue.backoff.ms", value: "10", applies: always },
    // How long a broker keeps a fetch that it has nothing for. While it does, librdkafka asks it for no other partition: one
    // that had no room when the fetch was sent waits, with its queue running dry, until a partition that is at its end gets a
    // record. With its own 500 ms, 2,000,000 records of which some partitions ended before others took 1.3 times as long as
    // with 100 ms (with 20 ms no less than with 100). It costs an idle consumer ten requests a second for each broker.
    Default { name: "fetch.wait.max.ms", value: "100", applies: always },
    // A rebalance takes away only the partitions that move. The others keep their lanes, which go on with what was taken; but whatever the
    // strategy, librdkafka fetches for none of them until a revocation is answered, which is when the handlers of what moves have finished.
    // Its own "range, roundrobin" takes all partitions from everybody. The new group protocol assigns on the broker, and librdkafka
    // refuses to start when this is set as well.
    Default {
        name: "partition.assignment.strategy",
        value: "cooperative-sticky",
        applies: |properties| properties.get("group.protocol").is_none_or(|protocol| protocol != "consumer"),
    },
    RECONNECT,
];

/// Names the framework in the brokers' logs and metrics, in place of "rdkafka".
pub(super) const CLIENT_ID: Default = Default { name: "client.id", value: "evkafka", applies: always };

/// How long a client that finds no broker waits at most before it tries again; Java's clients wait as long. With its own 10 s,
/// librdkafka may come back so long after a broker that its group has given it up meanwhile: sessions run from the moment in which
/// the broker has loaded the group again. It may not be below the first wait.
pub(super) const RECONNECT: Default = Default {
    name: "reconnect.backoff.max.ms",
    value: "1000",
    applies: |properties| {
        let first = properties.get("reconnect.backoff.ms");
        first.is_none_or(|millis| millis.parse::<u32>().is_ok_and(|millis| millis <= 1000))
    },
};
