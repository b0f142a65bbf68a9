//! What is read of the statistics that librdkafka reports, a JSON document of which most is about partitions. It is read in one pass, which copies nothing
//! and skips what is not needed.
//!
//! A field that is missing counts as zero: other versions of librdkafka may lack it. See `STATISTICS.md` of librdkafka 2.12.1.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// What a client says of itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    /// Connections to brokers whose id is known, and to the coordinator.
    pub(super) connections: BTreeMap<Place, Connection>,
    /// There if the client is a member of a group.
    pub(super) member: Option<Member>,
    /// Records that a producer has not been told the fate of.
    pub(super) queued: u64,
}

/// To whom a connection is. Addresses that a client was given to begin with are not among them: as soon as one has answered, the
/// broker has a connection by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The broker that has this id.
    Broker(i32),
    /// Whichever broker coordinates the group: members have a connection of its own to it.
    Coordinator,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) is_up: bool,
    pub(super) counts: Counts,
    /// Requests that are to be sent.
    pub(super) waiting: u64,
    /// In microseconds.
    pub(super) round_trips: Window,
    /// In milliseconds. Answers that ask for no pause are not in it.
    pub(super) throttled: Window,
}

/// What librdkafka counts from the beginning of a client and connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) connects: u64,
    pub(super) disconnects: u64,
    pub(super) timed_out: u64,
}

/// What was observed since the previous report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    count: u64,
    sum: u64,
    max: u64,
}

/// Whether a client belongs to a group. In the newer group protocol, librdkafka says the same of a member that was given no partitions and of
/// one that waits to be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Admitted,
    Outside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) state: MemberState,
    /// How long ago the last rebalance was, if there was one.
    pub(super) rebalanced: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It has no connection to the group's coordinator.
    Searching,
    /// It waits to be admitted, or to be told its partitions.
    Joining,
    /// It has to take partitions, or to give them up.
    Rebalancing,
    Steady,
}

impl Report {
    /// # Errors
    /// If it is not JSON, or a field has another type.
    pub(super) fn read(json: &[u8], standing: Standing) -> Result<Self, serde_json::Error> {
        let document: Document<'_> = serde_json::from_slice(json)?;
        let member = document.cgrp.map(|group| group.read(standing));
        Ok(Self { connections: document.brokers.0, member, queued: document.msg_cnt.0 })
    }
}

impl Place {
    /// The broker's id, if that is what is known of it.
    pub(super) fn id(self) -> Option<i32> {
        match self {
            Self::Broker(id) => Some(id),
            Self::Coordinator => None,
        }
    }
}

impl Connection {
    fn add(&mut self, other: Self) {
        self.is_up |= other.is_up;
        self.counts.add(other.counts);
        self.waiting = self.waiting.saturating_add(other.waiting);
        self.round_trips.add(other.round_trips);
        self.throttled.add(other.throttled);
    }
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.connects = self.connects.saturating_add(other.connects);
        self.disconnects = self.disconnects.saturating_add(other.disconnects);
        self.timed_out = self.timed_out.saturating_add(other.timed_out);
    }

    /// What came since `before`. If any count has decreased, counting has begun again.
    pub(super) fn since(self, before: Self) -> Self {
        let since = || {
            Some(Self {
                connects: self.connects.checked_sub(before.connects)?,
                disconnects: self.disconnects.checked_sub(before.disconnects)?,
                timed_out: self.timed_out.checked_sub(before.timed_out)?,
            })
        };
        since().unwrap_or(self)
    }
}

impl Window {
    pub(super) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// `None` if nothing was observed.
    pub(super) fn mean(self) -> Option<u64> {
        self.sum.checked_div(self.count)
    }

    /// `None` if nothing was observed.
    pub(super) fn longest(self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document<'d> {
    msg_cnt: Number,
    brokers: Connections,
    #[serde(borrow)]
    cgrp: Option<Group<'d>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BrokerEntry<'d> {
    #[serde(borrow)]
    name: Cow<'d, str>,
    #[serde(borrow)]
    source: Cow<'d, str>,
    #[serde(borrow)]
    state: Cow<'d, str>,
    nodeid: Option<i64>,
    outbuf_cnt: Number,
    req_timeouts: Number,
    connects: Number,
    disconnects: Number,
    rtt: WindowEntry,
    throttle: WindowEntry,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WindowEntry {
    cnt: Number,
    sum: Number,
    max: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Group<'d> {
    #[serde(borrow)]
    state: Cow<'d, str>,
    #[serde(borrow)]
    join_state: Cow<'d, str>,
    /// In milliseconds.
    rebalance_age: Number,
    rebalance_cnt: Number,
}

impl BrokerEntry<'_> {
    fn place(&self) -> Option<Place> {
        match (&*self.source, &*self.name) {
            ("logical", "GroupCoordinator") => Some(Place::Coordinator),
            ("logical" | "internal", _) => None,
            _ => self.nodeid.and_then(|id| i32::try_from(id).ok()).filter(|id| *id >= 0).map(Place::Broker),
        }
    }

    fn connection(&self) -> Connection {
        Connection {
            is_up: matches!(&*self.state, "UP" | "REAUTH"),
            counts: Counts {
                connects: self.connects.0,
                disconnects: self.disconnects.0,
                timed_out: self.req_timeouts.0,
            },
            waiting: self.outbuf_cnt.0,
            round_trips: self.rtt.window(),
            throttled: self.throttle.window(),
        }
    }
}

impl WindowEntry {
    fn window(&self) -> Window {
        Window { count: self.cnt.0, sum: self.sum.0, max: self.max.0 }
    }
}

impl Group<'_> {
    fn read(&self, standing: Standing) -> Member {
        let state = match (&*self.state, &*self.join_state) {
            ("up", "steady") => MemberState::Steady,
            ("up", "init") if standing == Standing::Admitted => MemberState::Steady,
            ("up", waits) if waits.contains("assign") => MemberState::Rebalancing,
            ("up", _) => MemberState::Joining,
            _ => MemberState::Searching,
        };
        let rebalanced = (self.rebalance_cnt.0 > 0).then(|| Duration::from_millis(self.rebalance_age.0));
        Member { state, rebalanced }
    }
}

/// By what they are to, whatever librdkafka calls them.
#[derive(Default)]
struct Connections(BTreeMap<Place, Connection>);

impl<'de> Deserialize<'de> for Connections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConnectionsVisitor;

        impl<'de> Visitor<'de> for ConnectionsVisitor {
            type Value = Connections;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of brokers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Connections, A::Error> {
                let mut connections = Connections::default();
                while let Some((IgnoredAny, broker)) = table.next_entry::<_, BrokerEntry<'de>>()? {
                    if let Some(place) = broker.place() {
                        connections.0.entry(place).or_default().add(broker.connection());
                    }
                }
                Ok(connections)
            }
        }

        deserializer.deserialize_map(ConnectionsVisitor)
    }
}

/// A number that is not negative. librdkafka's own may overflow.
#[derive(Clone, Copy, Default)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(u64::try_from(number).unwrap_or(0)))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number as u64))
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}
