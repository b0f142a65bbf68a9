use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Semaphore, mpsc};

#[cfg(feature = "testing")]
use super::numbers::Clock;
use super::{
    at_work::LanesAtWork,
    attempt::{Done, SpareBuffers},
    commands::Commands,
    numbers::ConsumerNumbers,
    observe::{ConsumerEvent, MemberName, MostlyUnmatched, Observer, Observers, WatchedMember},
    unmatched::{LaneUnmatched, Unmatched},
    vitals::Members,
};
use crate::{
    config::{AutoCommitMode, Concurrency, ConsumerConfig},
    error::Error,
    event_type::EventTypes,
    handle::{BlockingThreads, MOST_THREADS, States},
    send::ReliableProducer,
    settle::MetadataLimit,
};

/// What all lanes of one consumer have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) consumer: Arc<str>,
    pub(crate) mode: AutoCommitMode,
    pub(crate) concurrency: Concurrency,
    /// For handlers that run side by side within a partition: one permit for each.
    pub(crate) permits: Arc<Semaphore>,
    /// For plain functions.
    pub(crate) threads: BlockingThreads,
    /// For records of such handlers that are committed ahead of being handled: one permit for each.
    pub(crate) ahead: Arc<Semaphore>,
    /// Whether commits carry what is settled above their offset.
    pub(crate) persist_progress: bool,
    /// How much of that the brokers take.
    pub(crate) metadata_limit: Arc<MetadataLimit>,
    pub(crate) event_types: EventTypes,
    pub(crate) states: Arc<States>,
    pub(crate) reports: mpsc::UnboundedSender<Report>,
    pub(crate) group: String,
    /// There if a policy of the consumer sends dead letters.
    pub(crate) dead_letters: Option<ReliableProducer>,
    pub(crate) counts: Counts,
    pub(super) unmatched: Unmatched,
    pub(crate) commands: Arc<Commands>,
    pub(super) at_work: LanesAtWork,
    pub(super) spare_buffers: SpareBuffers,
    /// By which others see that its members work.
    pub(crate) members: Arc<Members>,
    pub(super) observers: Arc<Observers>,
}

/// What ends an app.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Error);

/// How many records went which way, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    handled: AtomicU64,
    skipped: AtomicU64,
    given_up: AtomicU64,
    dead_lettered: AtomicU64,
    unsettled_failures: AtomicU64,
}

/// A lane's own counts, added to the consumer's once for each batch.
#[derive(Debug, Default)]
pub(crate) struct LocalCounts {
    handled: u64,
    skipped: u64,
    given_up: u64,
    dead_lettered: u64,
}

impl LocalCounts {
    pub(super) fn add(&mut self, done: Done, records: u64) {
        *match done {
            Done::Handled => &mut self.handled,
            Done::Skipped => &mut self.skipped,
            Done::GivenUp => &mut self.given_up,
            Done::DeadLettered => &mut self.dead_lettered,
        } += records;
    }
}

impl Counts {
    pub(crate) fn add(&self, local: &mut LocalCounts) {
        let LocalCounts { handled, skipped, given_up, dead_lettered } = std::mem::take(local);
        self.handled.fetch_add(handled, Ordering::Relaxed);
        self.skipped.fetch_add(skipped, Ordering::Relaxed);
        self.given_up.fetch_add(given_up, Ordering::Relaxed);
        self.dead_lettered.fetch_add(dead_lettered, Ordering::Relaxed);
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    pub(crate) fn dead_lettered(&self) -> u64 {
        self.dead_lettered.load(Ordering::Relaxed)
    }

    /// How many records were left unsettled although an attempt at them had failed.
    pub(crate) fn unsettled_failures(&self) -> u64 {
        self.unsettled_failures.load(Ordering::Relaxed)
    }

    /// So many records are left unsettled, and not for the first time that they were tried.
    #[cold]
    pub(super) fn leave_failed(&self, records: usize) {
        self.unsettled_failures.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn settled(&self) -> u64 {
        self.handled() + self.skipped() + self.given_up() + self.dead_lettered()
    }

    pub(crate) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// For a consumer with these settings, of whose handlers one takes `largest_call` records at a time.
    pub(crate) fn new(
        consumer: Arc<str>,
        config: &ConsumerConfig,
        largest_call: usize,
        states: Arc<States>,
        dead_letters: Option<ReliableProducer>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        let observers = Arc::<Observers>::default();
        let commands = Arc::new(Commands::new(Arc::clone(&consumer), Arc::clone(&observers)));
        Self {
            consumer,
            mode: config.auto_commit_mode,
            concurrency: config.concurrency,
            permits: permits(config.concurrency, 1),
            threads: BlockingThreads::new(MOST_THREADS),
            // Enough for what is handled, and as much again that is committed meanwhile.
            ahead: permits(config.concurrency, largest_call.saturating_mul(2)),
            persist_progress: config.persist_progress,
            metadata_limit: Arc::default(),
            event_types: config.event_types(),
            states,
            reports,
            group: config.group_id.clone(),
            dead_letters,
            counts: Counts::default(),
            unmatched: Unmatched::default(),
            commands,
            at_work: LanesAtWork::default(),
            spare_buffers: SpareBuffers::default(),
            members: Arc::default(),
            observers,
        }
    }

    /// With these states.
    #[cfg(test)]
    pub(super) fn with_states(self, states: Arc<States>) -> Self {
        Self { states, ..self }
    }

    /// Plain functions run on threads of the runtime that the lanes run on.
    #[cfg(feature = "testing")]
    pub(crate) fn under_the_callers_clock(self) -> Self {
        let observers = Arc::new(Observers::default().by(Clock::tokios()));
        let commands = Arc::new(Commands::new(Arc::clone(&self.consumer), Arc::clone(&observers)));
        Self { threads: self.threads.under_the_callers_clock(), observers, commands, ..self }
    }

    /// Watched by these too, and not by the log alone.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn observed_by(self, others: Vec<Arc<dyn Observer>>) -> Self {
        let observers = Arc::new(Observers::new(others).by(self.numbers().clock()));
        let commands = Arc::new(Commands::new(Arc::clone(&self.consumer), Arc::clone(&observers)));
        Self { observers, commands, ..self }
    }

    pub(super) fn numbers(&self) -> &ConsumerNumbers {
        self.observers.numbers()
    }

    /// Adds what a lane has counted.
    pub(super) fn count(&self, counts: &mut LocalCounts, unmatched: &mut LaneUnmatched) {
        self.counts.add(counts);
        let records = self.counts.settled();
        let Some((unmatched, untyped)) = self.unmatched.add(unmatched, records) else { return };
        let similar_header = self.unmatched.similar_header();
        self.tell_of_consumer(&ConsumerEvent::MostlyUnmatched(MostlyUnmatched {
            records,
            unmatched,
            untyped,
            event_type_from: &self.event_type_from(),
            similar_header: similar_header.as_deref(),
        }));
    }

    /// Where the type of an event is read, for people.
    pub(crate) fn event_type_from(&self) -> String {
        self.event_types.to_string()
    }

    /// Something has happened to the consumer.
    pub(crate) fn tell_of_consumer(&self, event: &ConsumerEvent<'_>) {
        self.observers.consumer(&self.consumer, event);
    }

    /// The member of this number among the consumer's.
    pub(super) fn member(&self, number: u32) -> WatchedMember {
        let name = MemberName { consumer: Arc::clone(&self.consumer), number };
        WatchedMember::new(name, Arc::clone(&self.observers))
    }

    /// Ends the app with `error`.
    pub(crate) fn report(&self, error: impl Into<Error>) {
        // If nobody listens, the app is ending already.
        let _ = self.reports.send(Report(error.into()));
    }
}

/// So many for each handler that may run.
fn permits(concurrency: Concurrency, each: usize) -> Arc<Semaphore> {
    let in_flight = usize::try_from(concurrency.in_flight().unwrap_or(1)).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(in_flight.saturating_mul(each).min(Semaphore::MAX_PERMITS)))
}
