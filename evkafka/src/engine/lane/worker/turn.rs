//! What an attempt waits for before it begins.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Worker;
use crate::{
    config::AutoCommitMode,
    engine::pipeline::Rule,
    handle::{MOST_THREADS, ReservedThread},
    record::Record,
};

/// How long a record may wait for a thread without a word.
const LONG: Duration = Duration::from_secs(30);

/// What an attempt has been given to run with.
pub(super) struct Turn<'p> {
    /// For a plain function.
    pub(super) thread: Option<ReservedThread>,
    _permit: Option<SemaphorePermit<'p>>,
}

impl Worker {
    /// Waits until an attempt may begin; `None` if the lane ends first.
    ///
    /// The thread comes first: who waits for one must not keep an async handler from its permit.
    #[inline]
    pub(super) async fn turn<'p>(
        &self,
        rule: &Rule,
        permits: Option<&'p Semaphore>,
        record: &Record<'_>,
    ) -> Option<Turn<'p>> {
        let thread = if rule.is_blocking { Some(self.thread(record).await?) } else { None };
        let permit = match permits {
            Some(permits) => Some(self.permit(permits).await?),
            None => None,
        };
        Some(Turn { thread, _permit: permit })
    }

    async fn permit<'p>(&self, permits: &'p Semaphore) -> Option<SemaphorePermit<'p>> {
        tokio::select! {
            biased;
            () = self.begins_no_more() => None,
            permit = permits.acquire() => Some(permit.expect("the semaphore is never closed")),
        }
    }

    async fn thread(&self, record: &Record<'_>) -> Option<ReservedThread> {
        let threads = &self.shared.threads;
        let begun = Instant::now();
        let mut reserved = pin!(threads.reserve());
        loop {
            tokio::select! {
                biased;
                () = self.begins_no_more() => return None,
                thread = &mut reserved => return Some(thread),
                () = tokio::time::sleep(LONG) => {
                    if threads.may_warn(Instant::now()) {
                        self.log_no_thread(record, begun.elapsed());
                    }
                }
            }
        }
    }

    /// Waits until the lane begins no attempt any more. What was committed already is handled even while the lane ends.
    async fn begins_no_more(&self) {
        match self.shared.mode {
            AutoCommitMode::PostCommit => self.control.stopped().await,
            AutoCommitMode::PreCommit => self.control.abort.cancelled().await,
        }
    }

    fn log_no_thread(&self, record: &Record<'_>, waited: Duration) {
        tracing::warn!(
            consumer = %self.origin.consumer,
            topic = %self.origin.topic,
            partition = self.origin.partition,
            offset = record.offset(),
            waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            limit = MOST_THREADS,
            "all threads for plain functions are busy, and records wait for one"
        );
    }
}
