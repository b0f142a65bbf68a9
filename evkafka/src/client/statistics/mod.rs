//! What clients report on their connections, if they are asked to: the few librdkafka statistics that tell something.
//!
//! A client's [`Report`] replaces the previous one, and is gone with the client. librdkafka counts for each client and each of its
//! connections on its own; here, counts are added up for all clients that a consumer or producer has had, so that they never
//! decrease, whichever client or broker is replaced.

mod report;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub(crate) use self::report::Standing;
use self::report::{Counts, MemberState, Place, Report};
use crate::metrics::{BrokerMetrics, MembershipMetrics};

/// The reports of all clients of one consumer or producer.
#[derive(Debug, Default)]
pub(crate) struct Statistics(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The last report of each client that is alive, by a number of its own.
    reports: BTreeMap<u64, Received>,
    last_number: u64,
    /// What was counted of each broker that was ever reported.
    counts: BTreeMap<Place, Counts>,
}

#[derive(Debug)]
struct Received {
    report: Report,
    at: Instant,
}

/// What the clients say at a moment. Without a report, nothing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reported {
    pub(crate) brokers: Vec<BrokerMetrics>,
    pub(crate) membership: Option<MembershipMetrics>,
    /// Records in the queues of producers.
    pub(crate) queued: Option<u64>,
}

impl Statistics {
    /// For a new client.
    pub(crate) fn client(self: &Arc<Self>) -> ClientStatistics {
        let mut kept = self.kept();
        kept.last_number += 1;
        ClientStatistics { of: Arc::clone(self), number: kept.last_number, counted: BTreeMap::new() }
    }

    pub(crate) fn read(&self, now: Instant) -> Reported {
        let kept = self.kept();
        if kept.reports.is_empty() {
            return Reported::default();
        }
        let reports = || kept.reports.values();
        let mut brokers = BTreeMap::<Place, BrokerSum>::new();
        for (place, connection) in reports().flat_map(|of| &of.report.connections) {
            brokers.entry(*place).or_default().add(connection);
        }
        let counts = |place| kept.counts.get(place).copied().unwrap_or_default();
        Reported {
            brokers: brokers.iter().map(|(place, sum)| sum.read(*place, counts(place))).collect(),
            membership: membership(reports(), now),
            queued: Some(reports().map(|of| of.report.queued).fold(0, u64::saturating_add)),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reports of one client. When it is dropped, what they said of the moment is gone; what they counted stays.
#[derive(Debug)]
pub(crate) struct ClientStatistics {
    of: Arc<Statistics>,
    number: u64,
    /// What its last report has counted.
    counted: BTreeMap<Place, Counts>,
}

impl ClientStatistics {
    /// Takes a report, which replaces the previous one.
    ///
    /// # Errors
    /// If it cannot be read. Nothing is known of the client's connections then, until the next one.
    pub(crate) fn hear(
        &mut self,
        json: &[u8],
        standing: Standing,
        now: Instant,
    ) -> Result<(), serde_json::Error> {
        // Without the lock: it may take some milliseconds.
        let report = Report::read(json, standing);
        let mut kept = self.of.kept();
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                kept.reports.remove(&self.number);
                return Err(error);
            }
        };
        let before = std::mem::take(&mut self.counted);
        for (place, connection) in &report.connections {
            let counts = connection.counts;
            let more = before.get(place).map_or(counts, |before| counts.since(*before));
            kept.counts.entry(*place).or_default().add(more);
            self.counted.insert(*place, counts);
        }
        kept.reports.insert(self.number, Received { report, at: now });
        Ok(())
    }
}

impl Drop for ClientStatistics {
    fn drop(&mut self) {
        self.of.kept().reports.remove(&self.number);
    }
}

/// The connections of several clients to one broker.
#[derive(Debug, Default)]
struct BrokerSum {
    connections: u64,
    waiting: u64,
    round_trips: report::Window,
    throttled: report::Window,
}

impl BrokerSum {
    fn add(&mut self, connection: &report::Connection) {
        self.connections += u64::from(connection.is_up);
        self.waiting = self.waiting.saturating_add(connection.waiting);
        self.round_trips.add(connection.round_trips);
        self.throttled.add(connection.throttled);
    }

    fn read(&self, place: Place, counts: Counts) -> BrokerMetrics {
        BrokerMetrics {
            id: place.id(),
            connections: self.connections,
            connects: counts.connects,
            disconnects: counts.disconnects,
            timed_out: counts.timed_out,
            waiting: self.waiting,
            round_trip_mean: self.round_trips.mean().map(Duration::from_micros),
            round_trip_max: self.round_trips.longest().map(Duration::from_micros),
            throttle_max: Duration::from_millis(self.throttled.longest().unwrap_or(0)),
        }
    }
}

fn membership<'r>(reports: impl Iterator<Item = &'r Received>, now: Instant) -> Option<MembershipMetrics> {
    let mut sum = None;
    for Received { report, at } in reports {
        let Some(member) = &report.member else { continue };
        let sum = sum.get_or_insert_with(MembershipMetrics::default);
        *match member.state {
            MemberState::Searching => &mut sum.searching,
            MemberState::Joining => &mut sum.joining,
            MemberState::Rebalancing => &mut sum.rebalancing,
            MemberState::Steady => &mut sum.steady,
        } += 1;
        let age = member.rebalanced.map(|age| age.saturating_add(now.saturating_duration_since(*at)));
        sum.rebalance_age = sum.rebalance_age.into_iter().chain(age).min();
    }
    sum
}

#[cfg(test)]
mod tests;
