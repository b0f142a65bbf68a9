//! What has to be known before a record can be decoded, and may have to be waited for: a schema, for example.
//!
//! It is the lane that waits, in front of a pre-commit's commit and of any attempt. So what could not be looked up yet is no
//! payload that cannot be decoded: its record is neither committed nor an attempt made at it, however long that takes. Where no
//! handler needs it ([`Routes::PREPARES`]), nothing of it is compiled.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    engine::{observe::RecordEvent, schedule::Tools},
    route::Routes,
    settle::Backoff,
    source::{Entry, Fetched},
};

/// How long to wait before it is tried again.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));

/// How far the records that were taken last are prepared.
#[derive(Debug, Default)]
pub(super) struct Preparation {
    /// Whether some of them are not.
    is_open: bool,
    /// So many of them are.
    prepared: usize,
    attempts: u32,
}

impl Preparation {
    /// Records were taken.
    pub(super) fn begin(&mut self) {
        *self = Self { is_open: true, prepared: 0, attempts: 0 };
    }

    /// The records that were taken are dropped.
    pub(super) fn let_go(&mut self) {
        self.is_open = false;
    }

    /// Whether records wait for it.
    #[inline]
    pub(super) fn is_open<R: Routes>(&self) -> bool {
        R::PREPARES && self.is_open
    }

    /// Prepares the records that were taken, one after the other, and tries each until that succeeds.
    ///
    /// # Cancel safety
    /// It can be called again, and continues where it was.
    pub(super) async fn run<R: Routes>(&mut self, tools: &Tools<R>, taken: &Fetched) {
        let Tools { handlers, worker } = tools;
        while let Some(entry) = taken.get(self.prepared, &worker.origin) {
            if let Entry::Record(record) = entry
                && let Some(matched) = worker.route(handlers, &worker.event(&record))
                && let Err(cause) = handlers.routes.prepare(matched.handler(), &record).await
            {
                self.attempts = self.attempts.saturating_add(1);
                let wait = BACKOFF.wait(self.attempts, fastrand::f64());
                worker.tell(&RecordEvent::Unprepared {
                    offset: record.offset(),
                    attempt: self.attempts,
                    error: &*cause,
                    wait,
                });
                sleep(wait).await;
                continue;
            }
            (self.prepared, self.attempts) = (self.prepared + 1, 0);
        }
        self.is_open = false;
    }
}
