use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::histogram::{AGES, DURATIONS, SharedHistogram, add};
use crate::{
    engine::attempt::Done,
    metrics::{EventMetrics, OTHER, TopicMetrics, UNTYPED},
    route::{EventIndex, RouteTable},
    settle::FailureKind,
};

/// What a consumer has counted of a topic.
#[derive(Debug)]
pub(in crate::engine) struct TopicNumbers {
    /// By event.
    pub(super) events: Box<[EventNumbers]>,
    pub(super) ages: SharedHistogram<15>,
}

#[derive(Debug)]
pub(super) struct EventNumbers {
    name: Arc<str>,
    has_handler: bool,
    pub(super) received: AtomicU64,
    /// By [`Done`].
    pub(super) settled: [AtomicU64; Done::ALL.len()],
    pub(super) durations: SharedHistogram<15>,
    retried: AtomicU64,
    /// By [`KINDS`].
    failed: [AtomicU64; KINDS.len()],
}

/// How an attempt fails. A record that is given back has not.
const KINDS: [FailureKind; 7] = [
    FailureKind::Error,
    FailureKind::Panic,
    FailureKind::Undecodable,
    FailureKind::Rejected,
    FailureKind::Timeout,
    FailureKind::Postponed,
    FailureKind::Unsent,
];

impl TopicNumbers {
    pub(super) fn new(table: &RouteTable) -> Self {
        let named = table.events().iter().map(|event| EventNumbers::new((*event).into(), true));
        let others = [OTHER, UNTYPED];
        let others = others
            .iter()
            .map(|name| EventNumbers::new(distinct(name, table.events()).into(), table.has_fallback()));
        Self { events: named.chain(others).collect(), ages: SharedHistogram::default() }
    }

    /// Attempts at so many records of an event have failed.
    pub(in crate::engine) fn failed(&self, event: EventIndex, kind: FailureKind, records: usize) {
        if let Some(index) = KINDS.iter().position(|of| *of == kind) {
            add(&self.events[event.get()].failed[index], records as u64);
        }
    }

    /// Another attempt is to follow one that took so long.
    pub(in crate::engine) fn retried(&self, event: EventIndex, records: usize, nanos: u64) {
        let event = &self.events[event.get()];
        add(&event.retried, records as u64);
        event.durations.add(nanos, &DURATIONS);
    }

    pub(super) fn read(&self, topic: &Arc<str>) -> TopicMetrics {
        TopicMetrics {
            topic: Arc::clone(topic),
            events: self.events.iter().map(EventNumbers::read).collect(),
            age: self.ages.read(&AGES),
        }
    }
}

/// The name, told from those of all events.
fn distinct(name: &str, events: &[&str]) -> String {
    let mut name = name.to_owned();
    while events.contains(&&*name) {
        name.push('_');
    }
    name
}

impl EventNumbers {
    fn new(name: Arc<str>, has_handler: bool) -> Self {
        Self {
            name,
            has_handler,
            received: AtomicU64::new(0),
            settled: Default::default(),
            durations: SharedHistogram::default(),
            retried: AtomicU64::new(0),
            failed: Default::default(),
        }
    }

    fn read(&self) -> EventMetrics {
        let of = |count: &AtomicU64| count.load(Relaxed);
        let settled = |done: Done| of(&self.settled[done as usize]);
        EventMetrics {
            event: Arc::clone(&self.name),
            has_handler: self.has_handler,
            received: of(&self.received),
            handled: settled(Done::Handled),
            skipped: settled(Done::Skipped),
            given_up: settled(Done::GivenUp),
            dead_lettered: settled(Done::DeadLettered),
            retried: of(&self.retried),
            failed: KINDS.iter().zip(&self.failed).map(|(kind, count)| (*kind, of(count))).collect(),
            duration: self.durations.read(&DURATIONS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_called_as_the_others_are_has_a_series_of_its_own() {
        assert_eq!(distinct(OTHER, &["OrderCreated"]), OTHER);
        assert_eq!(distinct(OTHER, &["_other", "_other_"]), "_other__");
    }
}
