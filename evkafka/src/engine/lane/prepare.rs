//! What has to be known before a record can be decoded, and may have to be waited for: a schema, for example.
//!
//! It is the lane that waits, in front of a pre-commit's commit and of any attempt. So what could not be looked up yet is no
//! payload that cannot be decoded: its record is neither committed nor an attempt made at it, however long that takes. Where no
//! handler needs it ([`Routes::PREPARES`]), nothing of it is compiled.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    engine::{observe::RecordEvent, schedule::Tools},
    handle::BoxError,
    record::{OwnedRecord, Record},
    route::Routes,
    settle::Backoff,
    source::{Entry, Fetched},
};

/// How long to wait before it is tried again.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));

/// How far the records that were taken last are prepared.
#[derive(Default)]
pub(super) struct Preparation {
    /// Whether some of them are not.
    is_open: bool,
    /// So many of them are.
    prepared: usize,
    attempts: u32,
    step: Step,
}

/// What is done for the record that comes next. The lane has its turns meanwhile, so this has to outlive a wait.
#[derive(Default)]
enum Step {
    /// It is to be looked at.
    #[default]
    Due,
    LooksUp(LookUp),
    /// It has failed, and is tried again then.
    BacksOff(Instant),
}

type LookUp = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

impl Preparation {
    /// Records were taken.
    pub(super) fn begin(&mut self) {
        *self = Self { is_open: true, ..Self::default() };
    }

    /// The records that were taken are dropped.
    pub(super) fn let_go(&mut self) {
        *self = Self::default();
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
    pub(super) async fn run<R: Routes>(&mut self, tools: &Arc<Tools<R>>, taken: &Fetched) {
        while let Some(entry) = taken.get(self.prepared, &tools.worker.origin) {
            let Entry::Record(record) = entry else {
                self.next();
                continue;
            };
            match &mut self.step {
                Step::Due => match look_up(tools, &record) {
                    Some(look_up) => self.step = Step::LooksUp(look_up),
                    None => self.next(),
                },
                Step::LooksUp(look_up) => match look_up.await {
                    Ok(()) => self.next(),
                    Err(error) => {
                        let wait = self.back_off();
                        tools.worker.tell(&RecordEvent::Unprepared {
                            offset: record.offset(),
                            attempt: self.attempts,
                            error: &*error,
                            wait,
                        });
                    }
                },
                Step::BacksOff(until) => {
                    sleep_until(*until).await;
                    self.step = Step::Due;
                }
            }
        }
        self.is_open = false;
    }

    fn next(&mut self) {
        (self.prepared, self.attempts, self.step) = (self.prepared + 1, 0, Step::Due);
    }

    fn back_off(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        let wait = BACKOFF.wait(self.attempts, fastrand::f64());
        self.step = Step::BacksOff(Instant::now() + wait);
        wait
    }
}

/// Looks up what the handler of a record needs; `None` if no handler matches it.
fn look_up<R: Routes>(tools: &Arc<Tools<R>>, record: &Record<'_>) -> Option<LookUp> {
    let Tools { handlers, worker } = &**tools;
    let handler = worker.route(handlers, &worker.event(record))?.handler();
    let (tools, record) = (Arc::clone(tools), OwnedRecord::copy_of(record));
    Some(Box::pin(async move { tools.handlers.routes.prepare(handler, &record.as_record()).await }))
}
