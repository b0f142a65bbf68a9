use std::sync::{Arc, PoisonError};

use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    backing_off::BackingOff,
    phase::{Phase, PhaseCell},
};
use crate::{
    engine::{
        at_work::AtWork,
        numbers::{ConsumerNumbers, Gauges},
        observe::{Observers, PartitionEvent, Watched},
        shared::Shared,
        vitals::{LanePulse, LaneVitals},
    },
    error::Inner,
    record::Origin,
    settle::Progress,
    sync::Mutex,
};

/// What is said to a running lane, and what is heard of it.
#[derive(Debug, Default)]
pub(in crate::engine) struct LaneControl {
    /// Who is told of what happens to the partition.
    watched: Option<Watched>,
    phase: PhaseCell,
    /// Each is cancelled when its phase, or a later one, is entered.
    stopping: CancellationToken,
    cancelled: CancellationToken,
    aborted: CancellationToken,
    over: CancellationToken,
    /// Where the lane is to continue.
    seek: Mutex<Seek>,
    /// That of the current stretch of the partition.
    progress: Mutex<Arc<Progress>>,
    /// The lane is to look around: there may be records, its phase has changed, or there is room for others.
    pub(in crate::engine) look: Arc<Notify>,
    pub(in crate::engine) backing_off: BackingOff,
    /// What the lane has at the moment.
    pub(in crate::engine) gauges: Gauges,
    /// By which others see that the lane works.
    pub(in crate::engine) pulse: LanePulse,
    /// The broker has answered to a commit.
    pub(in crate::engine) acknowledged: crate::sync::Notify,
}

#[derive(Debug, Default)]
struct Seek {
    to: Option<i64>,
    /// Cancelled when one is asked for: what waits for its next attempt waits no longer.
    asked_for: CancellationToken,
}

impl LaneControl {
    pub(in crate::engine) fn watched(origin: Origin, observers: Arc<Observers>) -> Self {
        Self { watched: Some(Watched::new(origin, observers)), ..Self::default() }
    }

    /// Something has happened to the partition.
    pub(in crate::engine) fn tell(&self, event: &PartitionEvent<'_>) {
        if let Some(watched) = &self.watched {
            watched.tell(event);
        }
    }

    /// What is counted for the consumer.
    pub(in crate::engine) fn numbers(&self) -> Option<&ConsumerNumbers> {
        self.watched.as_ref().map(Watched::numbers)
    }

    /// The time, if anybody wants to know how long something takes.
    pub(in crate::engine) fn now(&self) -> Option<Instant> {
        self.watched.as_ref().and_then(Watched::now)
    }

    /// Enters a phase of a drain, unless the lane has come as far.
    pub(in crate::engine) fn enter(&self, phase: Phase) {
        if !self.phase.advance(phase) {
            return;
        }
        self.tell(&PartitionEvent::Entered(phase));
        for (of, token) in [
            (Phase::Stopping, &self.stopping),
            (Phase::Cancelled, &self.cancelled),
            (Phase::Aborted, &self.aborted),
            (Phase::Over, &self.over),
        ] {
            // A lane that has finished by itself has nobody to tell.
            if phase == of || (phase > of && phase < Phase::Over) {
                token.cancel();
            }
        }
        self.look.notify_one();
    }

    /// The lane is to take no records until it is [resumed](Self::resume); whether it was running.
    pub(in crate::engine) fn pause(&self) -> bool {
        let is_paused = self.phase.pause();
        if is_paused {
            self.tell(&PartitionEvent::Entered(Phase::Paused));
        }
        is_paused
    }

    /// Whether it was paused.
    pub(in crate::engine) fn resume(&self) -> bool {
        let was_paused = self.phase.resume();
        if was_paused {
            self.tell(&PartitionEvent::Entered(Phase::Running));
        }
        self.look.notify_one();
        was_paused
    }

    /// The lane is to continue at the offset `to`: what has not begun is dropped, and what is under way finishes first.
    pub(in crate::engine) fn seek(&self, to: i64) {
        let mut seek = self.seek.lock().unwrap_or_else(PoisonError::into_inner);
        seek.to = Some(to);
        self.phase.ask_for_seek();
        seek.asked_for.cancel();
        drop(seek);
        self.look.notify_one();
    }

    /// Whether a seek is asked for that the lane has not [taken](Self::take_seek).
    pub(in crate::engine) fn is_seek_asked_for(&self) -> bool {
        self.phase.is_seek_asked_for()
    }

    /// Whether a seek is asked for that is not done.
    pub(in crate::engine) fn is_seeking(&self) -> bool {
        self.seek.lock().unwrap_or_else(PoisonError::into_inner).asked_for.is_cancelled()
    }

    /// Where the lane is to continue, once.
    pub(super) fn take_seek(&self) -> Option<i64> {
        if !self.is_seek_asked_for() {
            return None;
        }
        let mut seek = self.seek.lock().unwrap_or_else(PoisonError::into_inner);
        self.phase.seek_is_taken();
        seek.to.take()
    }

    /// From now on, what waits for its next attempt waits again, until the next seek.
    pub(super) fn seek_is_done(&self) {
        let mut seek = self.seek.lock().unwrap_or_else(PoisonError::into_inner);
        if seek.to.is_none() {
            seek.asked_for = CancellationToken::new();
        }
    }

    /// Waits for a seek, or the end of the lane.
    pub(in crate::engine) async fn left(&self) {
        let asked_for = self.seek.lock().unwrap_or_else(PoisonError::into_inner).asked_for.clone();
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = asked_for.cancelled() => {}
        }
    }

    #[inline]
    pub(in crate::engine) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether the lane is anything but running, or is to continue elsewhere.
    #[inline]
    pub(super) fn is_interrupted(&self) -> bool {
        self.phase.is_interrupted()
    }

    #[inline]
    pub(in crate::engine) fn is_stopping(&self) -> bool {
        self.phase.has_come_to(Phase::Stopping)
    }

    /// Waits until the lane is to take no more records.
    pub(in crate::engine) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// Cancelled when handlers are to finish: what they see of it.
    pub(in crate::engine) fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Cancelled when handlers are dropped.
    pub(in crate::engine) fn aborted(&self) -> &CancellationToken {
        &self.aborted
    }

    /// Whether handlers are dropped, so that none may begin.
    #[inline]
    pub(in crate::engine) fn is_aborted(&self) -> bool {
        self.phase.has_come_to(Phase::Aborted)
    }

    /// Waits until the lane has entered `phase`, which is one of a drain.
    pub(in crate::engine) async fn entered(&self, phase: Phase) {
        match phase {
            Phase::Running | Phase::Paused => {}
            Phase::Stopping => self.stopping.cancelled().await,
            Phase::Cancelled => self.cancelled.cancelled().await,
            Phase::Aborted => self.aborted.cancelled().await,
            Phase::Over => self.over.cancelled().await,
        }
    }

    /// The offset of the next record, if the lane runs and has none at hand.
    pub(in crate::engine) fn idle_at(&self) -> Option<i64> {
        let is_idle = self.phase() == Phase::Running && !self.gauges.has_any();
        is_idle.then(|| self.progress().position()).flatten()
    }

    /// Waits until the lane is over.
    #[cfg(feature = "testing")]
    pub(in crate::engine) async fn finished(&self) {
        self.over.cancelled().await;
    }

    pub(in crate::engine) fn is_finished(&self) -> bool {
        self.phase() == Phase::Over
    }

    /// Takes the time, and says how the lane fares.
    pub(in crate::engine) fn vitals(&self, now: std::time::Instant) -> LaneVitals {
        self.pulse.look(self.phase(), now)
    }

    /// How far the partition has come, in its current stretch.
    pub(in crate::engine) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new stretch begins: what is committed from now on is what `progress` says, and answers to commits of before reach only the
    /// stretch that they belong to.
    pub(in crate::engine) fn install(&self, progress: Arc<Progress>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

/// Says that a lane is over when it is dropped, however that comes about.
pub(in crate::engine) struct OverGuard {
    control: Arc<LaneControl>,
    shared: Arc<Shared>,
    in_order: bool,
    /// Dropped when the lane is over.
    _at_work: AtWork,
}

impl OverGuard {
    pub(in crate::engine) fn new(control: Arc<LaneControl>, shared: Arc<Shared>, at_work: AtWork) -> Self {
        Self { control, shared, in_order: false, _at_work: at_work }
    }

    /// The lane has finished by itself.
    pub(super) fn in_order(&mut self) {
        self.in_order = true;
    }
}

impl Drop for OverGuard {
    fn drop(&mut self) {
        // A lane that is gone without having been told to go would leave its partition unread for ever.
        if !self.in_order && !self.control.is_stopping() {
            self.shared.report(Inner::Engine {
                consumer: Arc::clone(&self.shared.consumer),
                message: "the task that reads a partition was lost: a destructor panicked, or the runtime is shutting \
                          down"
                    .to_owned(),
            });
        }
        self.control.enter(Phase::Over);
    }
}
