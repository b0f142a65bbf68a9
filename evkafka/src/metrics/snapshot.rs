use std::{sync::Arc, time::Duration};

use super::Histogram;
use crate::settle::FailureKind;

/// The numbers of an app at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// In the order in which the app has them; none before the app runs.
    pub consumers: Vec<ConsumerMetrics>,
    /// Those that send events of this app, in the order of their names.
    pub producers: Vec<ProducerMetrics>,
}

/// The numbers of a consumer, of all its members in this process together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsumerMetrics {
    /// Its name in the app.
    pub name: Arc<str>,
    /// Its group.
    pub group: Arc<str>,
    /// The topics of which it was ever assigned a partition, in the order of their names. What is counted here never decreases.
    pub topics: Vec<TopicMetrics>,
    /// The partitions that it is assigned now and that are not being revoked, in their order.
    pub partitions: Vec<PartitionMetrics>,
    /// Its commits.
    pub commits: CommitMetrics,
    /// What its group has given to it and taken from it.
    pub rebalances: RebalanceMetrics,
    /// Its connections, by broker. Empty unless [`statistics_interval`](crate::ConsumerConfig::statistics_interval) is set, and when
    /// it has no client.
    pub brokers: Vec<BrokerMetrics>,
    /// The state of its members in the group; `None` where there are no `brokers`.
    pub membership: Option<MembershipMetrics>,
}

/// What was counted of a topic.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TopicMetrics {
    /// Its name.
    pub topic: Arc<str>,
    /// The events that have a handler, in the handlers' order; then [`OTHER`](super::OTHER) and [`UNTYPED`](super::UNTYPED).
    pub events: Vec<EventMetrics>,
    /// From a record's timestamp until it was settled, of records that have a handler and a timestamp. A timestamp in the future counts as
    /// now.
    pub age: Histogram,
}

/// What was counted of the records of one event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventMetrics {
    /// Its name, without a version.
    pub event: Arc<str>,
    /// Whether a handler takes it. Without one, its records are skipped.
    pub has_handler: bool,
    /// Records that were given to a handler, waited for their key or batch, or were skipped. A record that is taken again (after a
    /// rebalance, for example) counts again.
    pub received: u64,
    /// Records whose handler succeeded.
    pub handled: u64,
    /// Records without a handler, and those that their handler skipped ([`Outcome::Skip`](crate::Outcome::Skip)).
    pub skipped: u64,
    /// Records that were skipped after their last attempt ([`LastStep::Skip`](crate::LastStep::Skip)); in pre-commit mode all that failed.
    pub given_up: u64,
    /// Records whose dead letter was acknowledged.
    pub dead_lettered: u64,
    /// Failed attempts after which another is to follow, of each record of a batch.
    pub retried: u64,
    /// Failed attempts by how they failed, of each record of a batch.
    pub failed: Vec<(FailureKind, u64)>,
    /// How long a call of a handler took: from its start to its end, the decoding included, the wait before another attempt not. A call
    /// with a batch counts once, as the event of its first record.
    pub duration: Histogram,
}

/// What is known of an assigned partition.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PartitionMetrics {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its number.
    pub partition: i32,
    /// How many offsets lie between the last record that is settled and the end of the log, as a reader of the consumer's
    /// `isolation.level` sees it. `None` before both are known.
    pub lag: Option<u64>,
    /// How old the oldest record is that is not settled, by its timestamp; zero when there is none. `None` if that is not known.
    ///
    /// Where that record was not fetched yet (the partition is paused, for example), it is how long ago the partition was last caught
    /// up, or the age of the record before, whichever is shorter: at least the age itself, if timestamps grow.
    pub lag_duration: Option<Duration>,
    /// The offset after the log's last record that can be read; at most ten seconds old.
    pub end_offset: Option<i64>,
    /// The offset below which all records are settled.
    pub settled_offset: Option<i64>,
    /// The offset that the broker has acknowledged as committed, as far as this process knows.
    pub committed_offset: Option<i64>,
    /// Records that are with a handler, or wait for their key, their batch, their next attempt, or the acknowledgement of what was sent
    /// for them.
    pub in_flight: u64,
    /// Those of them that wait for their next attempt.
    pub backing_off: u64,
    /// Records that were fetched and have not begun, as of the lane's last look.
    pub queued: u64,
    /// Whether it is paused.
    pub is_paused: bool,
}

/// A consumer's commits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CommitMetrics {
    /// Requests that the broker has acknowledged for all their partitions.
    pub accepted: u64,
    /// Requests that were refused for at least one partition, or not answered. What was not committed is sent again.
    pub failed: u64,
    /// From the request until its answer.
    pub duration: Histogram,
}

/// What happened to a consumer's assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebalanceMetrics {
    /// How often a member was assigned partitions.
    pub assigned: u64,
    /// How often it was asked to give up partitions.
    pub revoked: u64,
    /// How often it learned that its partitions belonged to others already.
    pub lost: u64,
}

/// What a producer has sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProducerMetrics {
    /// Its name in the app.
    pub name: Arc<str>,
    /// By event.
    pub events: Vec<SentMetrics>,
    /// Its connections, by broker. Empty unless [`statistics_interval`](crate::ProducerConfig::statistics_interval) is set.
    pub brokers: Vec<BrokerMetrics>,
    /// Records in its queue and on their way, as of the client's last report; `None` where there are no `brokers`.
    pub queued: Option<u64>,
}

/// What the clients of a consumer or a producer report on their connections to one broker. What is counted never decreases, though the
/// broker is left out while no client knows it.
///
/// A client that has no use for a broker has no connection to it. The brokers of `bootstrap_servers` appear under their ids, as soon
/// as one of them has answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BrokerMetrics {
    /// Its id in the cluster. `None` is the coordinator of the group, whichever broker that is: each member has a connection of its own to
    /// it.
    pub id: Option<i32>,
    /// Clients that are connected to it.
    pub connections: u64,
    /// Attempts to connect to it.
    pub connects: u64,
    /// Connections that were lost or closed.
    pub disconnects: u64,
    /// Requests that were not answered in time.
    pub timed_out: u64,
    /// Requests that wait to be sent.
    pub waiting: u64,
    /// From a request until its answer, on average since the previous report; `None` if nothing was answered. For how long a broker keeps a
    /// request is in it: a fetch that finds no records takes `fetch.wait.max.ms`.
    pub round_trip_mean: Option<Duration>,
    /// The longest of them.
    pub round_trip_max: Option<Duration>,
    /// The longest pause that it has asked for since the previous report, because a quota was exceeded; zero if it has not.
    pub throttle_max: Duration,
}

/// The state of a consumer's members in their group, as of their clients' last reports: how many are in which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MembershipMetrics {
    /// They have no connection to the group's coordinator.
    pub searching: u64,
    /// They wait to be admitted, or to be told which partitions they have.
    pub joining: u64,
    /// They take or give up partitions.
    pub rebalancing: u64,
    /// Nothing is to be done.
    pub steady: u64,
    /// How long ago the last rebalance of one of them was, if there was any.
    pub rebalance_age: Option<Duration>,
}

/// What a producer has sent of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentMetrics {
    /// Its name, without a version.
    pub event: Arc<str>,
    /// Events that a broker has acknowledged.
    pub sent: u64,
    /// Events that were refused for good.
    pub failed: u64,
}

impl ConsumerMetrics {
    /// How many partitions it is assigned.
    pub fn assigned(&self) -> usize {
        self.partitions.len()
    }

    /// How many of these are paused.
    pub fn paused(&self) -> usize {
        self.partitions.iter().filter(|partition| partition.is_paused).count()
    }
}
