//! The properties of one configuration: which have a value, and what it is as far as that is known.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;

use super::elsewhere;
use super::fault::Faults;
use super::known;
use super::producer;
use super::property::{judge_name, judge_value};
use super::side::Side;

/// What librdkafka refuses together with `group.protocol` = `consumer`, because the brokers decide it.
pub(super) const BROKER_SIDE: &[&str] =
    &["group.protocol.type", "heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms"];

/// `greater` must be at least `lesser` and `by` more, if all of `among` are set: librdkafka adjusts those that are not. It would
/// refuse to start, or (`heartbeat.interval.ms`) be taken for dead between two heartbeats.
struct Order {
    greater: &'static str,
    lesser: &'static str,
    by: u64,
    among: &'static [&'static str],
}

/// Of every client.
const ORDERS: &[Order] =
    &[Order { greater: "reconnect.backoff.max.ms", lesser: "reconnect.backoff.ms", by: 0, among: &[] }];

const ORDERS_OF_CONSUMERS: &[Order] = &[
    Order { greater: "max.poll.interval.ms", lesser: "session.timeout.ms", by: 0, among: &[] },
    Order { greater: "session.timeout.ms", lesser: "heartbeat.interval.ms", by: 1, among: &[] },
    Order { greater: "fetch.max.bytes", lesser: "message.max.bytes", by: 0, among: &["fetch.max.bytes"] },
    Order { greater: RECEIVE, lesser: "message.max.bytes", by: 512, among: &[RECEIVE] },
    Order { greater: RECEIVE, lesser: "fetch.max.bytes", by: 512, among: &[RECEIVE, "fetch.max.bytes"] },
];
const RECEIVE: &str = "receive.message.max.bytes";

/// What becomes of values that are kept in files and environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// They stay there: a configuration is being deserialized, which reads nothing else, or a test needs none of them.
    Leave,
    /// They are read: an app starts, or wants to know whether it could.
    Read,
}

/// A property that was given a value. No `Debug`: it may be a secret.
struct Given<'c> {
    /// How it was written: with `.env` or `.file` if its value is kept elsewhere.
    written: &'c str,
    name: &'c str,
    /// As librdkafka understands it. `None` if it has a fault, or was not read: then nothing follows from it.
    value: Option<String>,
}

/// By their canonical names.
pub(super) struct Properties<'c>(BTreeMap<&'c str, Given<'c>>);

/// What a property has for a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known<'p> {
    Unset,
    Unknown,
    Value(&'p str),
}

impl<'c> Properties<'c> {
    /// Judges each property of a configuration by itself.
    pub(super) fn judge(
        side: Side,
        written: &'c BTreeMap<String, String>,
        elsewhere: Elsewhere,
        faults: &mut Faults,
    ) -> Self {
        let mut properties = Self(BTreeMap::new());
        for (written, value) in written {
            if let Some(fault) = judge_name(side, written) {
                faults.add(written, fault);
                continue;
            }
            let (name, value) = match elsewhere::find(written) {
                None => (written.as_str(), judge_value(written, value).map(Some)),
                Some(place) => {
                    let value = place.check(value).and_then(|()| match elsewhere {
                        Elsewhere::Leave => Ok(None),
                        Elsewhere::Read => judge_value(place.property, &place.read(value)?).map(Some),
                    });
                    (place.property, value)
                }
            };
            let value = value.unwrap_or_else(|fault| {
                faults.add(written, fault);
                None
            });
            properties.insert(Given { written, name, value }, faults);
        }
        properties
    }

    fn insert(&mut self, given: Given<'c>, faults: &mut Faults) {
        let canonical = known::canonical(given.name);
        match self.0.get(canonical) {
            Some(first) => {
                faults.add(given.written, format!("gives `{}` a second value; leave one out", first.name));
            }
            None => drop(self.0.insert(canonical, given)),
        }
    }

    /// Judges what properties say together.
    pub(super) fn judge_together(&self, side: Side, faults: &mut Faults) {
        self.judge_mechanism(faults);
        match side {
            Side::Consumer => {
                self.judge_orders(ORDERS_OF_CONSUMERS, faults);
                self.judge_broker_side(faults);
            }
            Side::Producer => producer::judge_idempotence(self, faults),
        }
        self.judge_orders(ORDERS, faults);
    }

    fn judge_mechanism(&self, faults: &mut Faults) {
        let protocol = self.get("security.protocol");
        // librdkafka would go for Kerberos, whose library is hardly ever there.
        if matches!(protocol, Known::Value(protocol) if protocol.starts_with("sasl_"))
            && self.get("sasl.mechanisms") == Known::Unset
        {
            faults.add(
                "sasl.mechanism",
                "must be set with this `security.protocol`, for example to `SCRAM-SHA-512` or `PLAIN`",
            );
        }
    }

    fn judge_broker_side(&self, faults: &mut Faults) {
        if self.get("group.protocol") == Known::Value("consumer") {
            for given in BROKER_SIDE.iter().filter_map(|name| self.0.get(name)) {
                faults.add(
                    given.written,
                    "is decided by the brokers when `group.protocol` is `consumer`; leave it out",
                );
            }
        }
    }

    fn judge_orders(&self, orders: &[Order], faults: &mut Faults) {
        let brokers_decide = self.get("group.protocol") == Known::Value("consumer");
        for Order { greater, lesser, by, among } in orders {
            let is_out = brokers_decide && BROKER_SIDE.contains(lesser);
            if is_out || among.iter().any(|name| !self.0.contains_key(name)) {
                continue;
            }
            let (Some(most), Some(least)) = (self.number(greater), self.number(lesser)) else { continue };
            if most >= least.saturating_add(*by) {
                continue;
            }
            // librdkafka's defaults are in order, so one of the two was set.
            let (given, text) = match self.0.get(greater) {
                Some(given) => (given, format!("must be at least {} with `{lesser}` = {least}", least + by)),
                None => match self.0.get(lesser) {
                    Some(given) => {
                        (given, format!("must be at most {} with `{greater}` = {most}", most - by))
                    }
                    None => continue,
                },
            };
            faults.add(given.written, text);
        }
    }

    /// How often a member hears from its group; `None` if that is not known.
    pub(super) fn heartbeat_interval(&self) -> Option<Duration> {
        // With the new protocol it is the brokers' to say; this is their default.
        const BROKERS: Duration = Duration::from_secs(5);
        match self.get("group.protocol") {
            Known::Unknown => None,
            Known::Value("consumer") => Some(BROKERS),
            Known::Unset | Known::Value(_) => self.number("heartbeat.interval.ms").map(Duration::from_millis),
        }
    }

    /// How long the brokers wait for a member to give up partitions and to rejoin before they go on without it; `None` if that is
    /// not known. (librdkafka tells them; that the member's thread polls meanwhile does not help.)
    pub(super) fn max_poll_interval(&self) -> Option<Duration> {
        self.number("max.poll.interval.ms").map(Duration::from_millis)
    }

    /// How clients talk to servers; `None` if that is not known.
    pub(super) fn security_protocol(&self) -> Option<&str> {
        match self.get("security.protocol") {
            Known::Unset => Some("plaintext"),
            Known::Unknown => None,
            Known::Value(protocol) => Some(protocol),
        }
    }

    /// How a property was written, and its value, if that is a number.
    pub(super) fn given_number(&self, canonical: &str) -> Option<(&str, u64)> {
        let given = self.0.get(canonical)?;
        Some((given.written, given.value.as_deref()?.parse().ok()?))
    }

    /// The value of a property that is a number, or librdkafka's default for it; `None` if it is not known.
    fn number(&self, canonical: &str) -> Option<u64> {
        match self.get(canonical) {
            Known::Unset => {
                ClientConfig::new().create_native_config().ok()?.get(canonical).ok()?.parse().ok()
            }
            Known::Unknown => None,
            Known::Value(value) => value.parse().ok(),
        }
    }

    /// The values, by the names of their properties.
    pub(super) fn into_values(self) -> BTreeMap<String, String> {
        self.0.into_values().filter_map(|given| Some((given.name.to_owned(), given.value?))).collect()
    }

    fn get(&self, canonical: &str) -> Known<'_> {
        match self.0.get(canonical) {
            None => Known::Unset,
            Some(given) => given.value.as_deref().map_or(Known::Unknown, Known::Value),
        }
    }
}
