//! Which metrics there are: their names, units and labels, and where their values come from.
//!
//! Names and labels that begin with `messaging.` are of OpenTelemetry's conventions; ours begin with `evkafka.`.

mod clients;
mod consumers;
mod partitions;
mod producers;

use super::{Histogram, MetricsSnapshot};

/// All series of one name.
pub(crate) struct Family {
    /// In OpenTelemetry's form.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) help: &'static str,
    samples: fn(&MetricsSnapshot, Visitor<'_>),
}

/// Takes the values of a family, one series at a time.
type Visitor<'v> = &'v mut dyn FnMut(Sample<'_>);

/// How the values of a family behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They only grow.
    Counter,
    Gauge,
    Histogram,
}

/// What values are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    /// In OpenTelemetry's form, which Prometheus' text leaves out: `{message}`.
    Count(&'static str),
    None,
}

/// The value of one series.
pub(crate) struct Sample<'s> {
    pub(crate) labels: &'s [Label<'s>],
    pub(crate) value: Value<'s>,
}

pub(crate) type Label<'s> = (&'static str, &'s str);

pub(crate) enum Value<'s> {
    Count(u64),
    Gauge(f64),
    Histogram(&'s Histogram),
}

impl Family {
    /// Calls `with` with each of its series.
    pub(crate) fn samples(&self, snapshot: &MetricsSnapshot, with: Visitor<'_>) {
        (self.samples)(snapshot, with);
    }

    /// The name of a part of its histograms, where they cannot be conveyed as such: the `bucket`s, the `count`, the `sum`.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(crate) fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }

    /// All that there are.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        let consumers = consumers::FAMILIES.iter().chain(partitions::FAMILIES);
        consumers.chain(producers::FAMILIES).chain(clients::FAMILIES)
    }
}

const SYSTEM: Label<'static> = ("messaging.system", "kafka");
const OPERATION: &str = "messaging.operation.name";
const ERROR: &str = "error.type";
const EVENT: &str = "evkafka.event";
