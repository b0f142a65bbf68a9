//! The properties of one configuration: which have a value, and what it is as far as that is known.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ConsumerConfig;
use super::elsewhere;
use super::fault::Faults;
use super::known;
use super::property::{judge_name, judge_value};

/// What librdkafka refuses together with `group.protocol` = `consumer`, because the brokers decide it.
pub(super) const BROKER_SIDE: &[&str] =
    &["group.protocol.type", "heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms"];

/// What becomes of values that are kept in files and environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// They stay there: a configuration is being deserialized, which reads nothing else.
    Leave,
    /// They are read: an app starts, or wants to know whether it could.
    Read,
}

/// A property that was given a value.
#[derive(Debug)]
struct Given<'c> {
    /// How it was written: with `.env` or `.file` if its value is kept elsewhere.
    written: &'c str,
    name: &'c str,
    /// As librdkafka understands it. `None` if it has a fault, or was not read: then nothing follows from it.
    value: Option<String>,
}

/// By their canonical names.
#[derive(Debug)]
pub(super) struct Properties<'c>(BTreeMap<&'c str, Given<'c>>);

/// What a property has for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known<'p> {
    Unset,
    Unknown,
    Value(&'p str),
}

impl<'c> Properties<'c> {
    /// Judges each property of a configuration by itself.
    pub(super) fn judge(config: &'c ConsumerConfig, elsewhere: Elsewhere, faults: &mut Faults) -> Self {
        let mut properties = Self(BTreeMap::new());
        for (written, value) in &config.properties {
            if let Some(fault) = judge_name(written) {
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
    pub(super) fn judge_together(&self, faults: &mut Faults) {
        let protocol = self.get("security.protocol");
        // librdkafka would go for Kerberos, whose library is hardly ever there.
        if matches!(protocol, Known::Value(protocol) if protocol.starts_with("sasl_"))
            && self.get("sasl.mechanisms") == Known::Unset
        {
            faults.add(
                "sasl.mechanism",
                "must be set with this `security.protocol`, to `SCRAM-SHA-512` or `PLAIN`, say",
            );
        }
        if self.get("group.protocol") == Known::Value("consumer") {
            for given in BROKER_SIDE.iter().filter_map(|name| self.0.get(name)) {
                faults.add(
                    given.written,
                    "is decided by the brokers when `group.protocol` is `consumer`; leave it out",
                );
            }
        }
    }

    /// How long a member may be silent before the brokers take it for dead; `None` if that is not known.
    pub(super) fn max_poll_interval(&self) -> Option<Duration> {
        const LIBRDKAFKAS: Duration = Duration::from_secs(300);
        match self.get("max.poll.interval.ms") {
            Known::Unset => Some(LIBRDKAFKAS),
            Known::Unknown => None,
            Known::Value(value) => value.parse().ok().map(Duration::from_millis),
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
