//! What an attempt waits for before it begins.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::Worker;
use crate::{
    engine::{numbers::Moment, observe::RecordEvent, pipeline::Rule, vitals::WaitsFor},
    handle::{MOST_THREADS, ReservedThread},
    record::Record,
};

/// How long a record may wait for a thread without a word.
const LONG: Duration = Duration::from_secs(30);

/// Whether attempts take one of the consumer's permits.
#[derive(Debug)]
pub(in crate::engine) enum Permits {
    /// The lane has one handler under way at most.
    Unlimited,
    /// The current attempt has this one, or the next needs one.
    Limited(Option<OwnedSemaphorePermit>),
}

/// What is known of the attempts at one record, or at those of a batch, besides the records.
#[derive(Debug)]
pub(in crate::engine) struct AttemptState {
    pub(in crate::engine) permits: Permits,
    /// When the first began, if anybody wants to know.
    pub(in crate::engine) begun: Option<Instant>,
    /// When the current one began, by the clock of the consumer's numbers; [`Moment::NEVER`] between two.
    pub(in crate::engine) began: Moment,
}

impl AttemptState {
    #[inline]
    pub(in crate::engine) fn new(permits: Permits, began: Moment) -> Self {
        Self { permits, begun: None, began }
    }
}

impl Permits {
    /// Whether an attempt may begin.
    #[inline]
    pub(super) fn allow_one(&self) -> bool {
        !matches!(self, Self::Limited(None))
    }

    /// Others may have it until the next attempt.
    pub(super) fn give_back(&mut self) {
        match self {
            Self::Unlimited => {}
            Self::Limited(permit) => *permit = None,
        }
    }
}

impl Worker {
    /// Waits until an attempt may begin, which for a plain function has a thread; whether it may, or the lane ends first.
    ///
    /// The thread comes first: who waits for one must not keep an async handler from its permit.
    pub(super) async fn turn(
        &self,
        rule: &Rule,
        state: &mut AttemptState,
        record: &Record<'_>,
    ) -> Option<Option<ReservedThread>> {
        let turn = self.wait_for_turn(rule, &mut state.permits, record).await;
        state.began = if turn.is_some() { self.clock().now() } else { Moment::NEVER };
        turn
    }

    async fn wait_for_turn(
        &self,
        rule: &Rule,
        permits: &mut Permits,
        record: &Record<'_>,
    ) -> Option<Option<ReservedThread>> {
        let _waiting = self.control.pulse.wait(WaitsFor::Turn);
        let thread = if rule.is_blocking {
            permits.give_back();
            Some(self.thread(record).await?)
        } else {
            None
        };
        if let Permits::Limited(permit @ None) = permits {
            *permit = Some(self.permit().await?);
        }
        Some(thread)
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permits = Arc::clone(&self.shared.permits);
        tokio::select! {
            biased;
            () = self.begins_no_more() => None,
            permit = permits.acquire_owned() => Some(permit.expect("the semaphore is never closed")),
        }
    }

    async fn thread(&self, record: &Record<'_>) -> Option<ReservedThread> {
        let threads = &self.shared.threads;
        let begun = Instant::now();
        let mut reserved = pin!(threads.reserve_for(self.at_work.hold()));
        loop {
            tokio::select! {
                biased;
                () = self.begins_no_more() => return None,
                thread = &mut reserved => return Some(thread),
                () = tokio::time::sleep(LONG) => {
                    if threads.may_warn(Instant::now().into_std()) {
                        let (offset, waited) = (record.offset(), begun.elapsed());
                        self.tell(&RecordEvent::WaitsForThread { offset, waited, limit: MOST_THREADS });
                    }
                }
            }
        }
    }

    /// Waits until the lane begins no attempt any more.
    async fn begins_no_more(&self) {
        self.control.entered(self.terms.begins_until).await;
    }
}
