//! The one place from which all that happens to a record, a partition, a member and a consumer can be seen.
//!
//! The engine tells the [`Observers`] of a consumer, of which the log is the first. What happens to each record, however well it
//! goes, is told only if there are others: until then it costs a branch, no event is made, and no clock is read, because
//! [`Observers::now`] is the only way to a time that an event carries.
//!
//! A record that has [begun](RecordEvent::Begun) is [settled](RecordEvent::Settled) or [left unsettled](RecordEvent::Unsettled) once,
//! unless its lane is dropped. An observer is called where the event happens, on a lane's task or a member's thread, perhaps with a
//! lock held: it must not wait, and not call back.

mod consumer;
mod failures;
mod log;
mod member;
mod partition;
mod record;

use std::{fmt, sync::Arc};

use tokio::time::Instant;

pub(crate) use self::{
    consumer::{ConsumerEvent, Handles, MostlyUnmatched},
    failures::{Became, FailureNote},
    member::{MemberEvent, UnansweredStart},
    partition::{HeldUp, PartitionEvent},
    record::RecordEvent,
};
use self::{failures::Failures, log::Log};
#[cfg(any(test, feature = "testing"))]
use super::numbers::Clock;
use super::numbers::ConsumerNumbers;
use crate::{logged::logged, record::Origin};

/// Somebody who watches.
pub(crate) trait Observer: Send + Sync {
    fn record(&self, origin: &Origin, event: &RecordEvent<'_>);

    fn partition(&self, origin: &Origin, event: &PartitionEvent<'_>);

    fn member(&self, member: &MemberName, event: &MemberEvent<'_>);

    fn consumer(&self, consumer: &str, event: &ConsumerEvent<'_>);
}

/// All who watch a consumer: the log, and others if there are any.
#[derive(Default)]
pub(crate) struct Observers {
    /// Counts what happens to members. All else is counted where it happens.
    numbers: ConsumerNumbers,
    others: Vec<Arc<dyn Observer>>,
    /// The last of them, for whoever asks.
    failures: Failures,
}

impl Observers {
    /// The log and these.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn new(others: Vec<Arc<dyn Observer>>) -> Self {
        Self { others, ..Self::default() }
    }

    pub(super) fn numbers(&self) -> &ConsumerNumbers {
        &self.numbers
    }

    /// What takes time is measured by this clock.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn by(self, clock: Clock) -> Self {
        Self { numbers: ConsumerNumbers::by(clock), ..self }
    }

    /// Whether there are others than the log, which wants to know nothing of records that fare well.
    pub(super) fn watch_all(&self) -> bool {
        !self.others.is_empty()
    }

    /// The time, if anybody wants to know how long something takes.
    pub(super) fn now(&self) -> Option<Instant> {
        self.watch_all().then(Instant::now)
    }

    /// The consumer's last failures, oldest first.
    pub(super) fn failures(&self) -> Vec<FailureNote> {
        self.failures.all()
    }

    fn tell(&self, tell: impl Fn(&dyn Observer)) {
        logged(|| tell(&Log));
        self.others.iter().for_each(|other| tell(&**other));
    }
}

impl Observer for Observers {
    #[cold]
    fn record(&self, origin: &Origin, event: &RecordEvent<'_>) {
        self.failures.hear(origin, event);
        self.tell(|observer| observer.record(origin, event));
    }

    #[cold]
    fn partition(&self, origin: &Origin, event: &PartitionEvent<'_>) {
        self.tell(|observer| observer.partition(origin, event));
    }

    #[cold]
    fn member(&self, member: &MemberName, event: &MemberEvent<'_>) {
        self.numbers.hear(event);
        self.tell(|observer| observer.member(member, event));
    }

    #[cold]
    fn consumer(&self, consumer: &str, event: &ConsumerEvent<'_>) {
        self.tell(|observer| observer.consumer(consumer, event));
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("others", &self.others.len()).finish()
    }
}

/// Which member of a group it is, of those that run here.
#[derive(Clone, Debug)]
pub(crate) struct MemberName {
    pub(crate) consumer: Arc<str>,
    /// Its place among the consumer's instances: 1 for the first.
    pub(crate) number: u32,
}

/// A member that is watched.
#[derive(Debug)]
pub(super) struct WatchedMember {
    name: MemberName,
    observers: Arc<Observers>,
}

impl WatchedMember {
    pub(super) fn new(name: MemberName, observers: Arc<Observers>) -> Self {
        Self { name, observers }
    }

    pub(super) fn tell(&self, event: &MemberEvent<'_>) {
        self.observers.member(&self.name, event);
    }
}

/// A partition that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    origin: Origin,
    observers: Arc<Observers>,
}

impl Watched {
    pub(super) fn new(origin: Origin, observers: Arc<Observers>) -> Self {
        Self { origin, observers }
    }

    pub(super) fn numbers(&self) -> &ConsumerNumbers {
        self.observers.numbers()
    }

    pub(super) fn tell(&self, event: &PartitionEvent<'_>) {
        self.observers.partition(&self.origin, event);
    }

    /// The time, if anybody wants to know how long something takes.
    pub(super) fn now(&self) -> Option<Instant> {
        self.observers.now()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::logged::Panics;

    /// Says that it was told of a member.
    struct Hears(mpsc::Sender<()>);

    impl Observer for Hears {
        fn record(&self, _: &Origin, _: &RecordEvent<'_>) {}

        fn partition(&self, _: &Origin, _: &PartitionEvent<'_>) {}

        fn member(&self, _: &MemberName, _: &MemberEvent<'_>) {
            let _ = self.0.send(());
        }

        fn consumer(&self, _: &str, _: &ConsumerEvent<'_>) {}
    }

    #[test]
    fn a_log_line_at_which_the_subscriber_panics_ends_neither_a_thread_nor_what_others_hear() {
        let (hears, heard) = mpsc::channel();
        let observers = Observers::new(vec![Arc::new(Hears(hears))]);
        let name = MemberName { consumer: "billing".into(), number: 1 };
        let (subscriber, panics) = Panics::new();
        tracing::subscriber::with_default(subscriber, || observers.member(&name, &MemberEvent::Left));
        assert_eq!((panics.try_iter().count(), heard.try_iter().count()), (1, 1));
    }
}
