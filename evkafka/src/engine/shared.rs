use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Semaphore, mpsc};

use super::{
    attempt::Done,
    commands::Commands,
    observe::{MemberEvent, Observer, Observers},
};
use crate::{
    config::{AutoCommitMode, Concurrency, ConsumerConfig},
    error::Error,
    event::EventTypes,
    handle::{BlockingThreads, MOST_THREADS, States},
    send::DeadLetters,
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
    pub(crate) dead_letters: Option<DeadLetters>,
    pub(crate) counts: Counts,
    pub(crate) commands: Commands,
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
    #[inline]
    pub(super) fn add(&mut self, done: Done) {
        match done {
            Done::Handled => self.handled += 1,
            Done::Skipped => self.skipped += 1,
            Done::GivenUp => self.given_up += 1,
            Done::DeadLettered => self.dead_lettered += 1,
        }
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
        dead_letters: Option<DeadLetters>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
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
            commands: Commands::default(),
            observers: Arc::default(),
        }
    }

    /// Watched by these too, and not by the log alone.
    #[cfg(test)]
    pub(super) fn observed_by(self, others: Vec<Arc<dyn Observer>>) -> Self {
        Self { observers: Arc::new(Observers::new(others)), ..self }
    }

    /// Something has happened to a member.
    pub(super) fn tell(&self, event: &MemberEvent<'_>) {
        self.observers.member(&self.consumer, event);
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
