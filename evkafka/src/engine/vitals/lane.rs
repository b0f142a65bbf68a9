use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::waits::{Wait, Waits, WaitsFor};
use crate::engine::lane::Phase;

/// What a lane leaves behind.
#[derive(Debug, Default)]
pub(in crate::engine) struct LanePulse {
    /// Grows with each turn of the lane, and each record that it deals with.
    beats: AtomicU64,
    /// How many milliseconds an attempt may take at most, of those that have a limit: one that blocks its thread keeps the lane still.
    longest_attempt: AtomicU64,
    /// Whether attempts wait in tasks of their own: then only what the lane itself waits for keeps it still.
    attempts_are_beside: AtomicBool,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    waits: Waits,
    seen: Option<Seen>,
    /// When it was first seen that handlers were dropped.
    dropped: Option<Instant>,
}

/// What was seen when the lane last made progress.
#[derive(Debug)]
struct Seen {
    at: Instant,
    beats: u64,
    begun: u64,
}

/// A lane at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneVitals {
    /// For how long its task has done nothing, although nothing is waited for.
    pub(crate) still_for: Duration,
    /// How long an attempt may take at most, of those that have a limit.
    pub(crate) longest_attempt: Duration,
    /// The wait that has lasted longest beyond what it may.
    pub(crate) wait: Option<Wait>,
    pub(crate) end: LaneEnd,
}

/// How near to its end a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneEnd {
    /// It works, or is paused.
    Far,
    /// It drains, for as long as its plan says.
    Drains,
    /// Its handlers were dropped that long ago, and it has not finished.
    Dropped(Duration),
}

impl LanePulse {
    /// The lane has a turn, or deals with a record.
    #[inline]
    pub(in crate::engine) fn beat(&self) {
        // Only the lane does this: no other can come in between.
        self.beats.store(self.beats.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Grows with each turn of the lane, and each record that it deals with.
    pub(in crate::engine) fn beats(&self) -> u64 {
        self.beats.load(Relaxed)
    }

    /// Attempts may take so long at most.
    pub(in crate::engine) fn attempts_may_take(&self, longest: Duration) {
        self.longest_attempt.store(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Attempts wait in tasks of their own, so that the lane has its turns meanwhile.
    pub(in crate::engine) fn attempts_are_beside(&self) {
        self.attempts_are_beside.store(true, Relaxed);
    }

    /// The lane's task, or one of its attempts, waits for something until what is returned is dropped.
    pub(in crate::engine) fn wait(&self, what: WaitsFor) -> Waiting<'_> {
        let place = self.noted().waits.begin(what);
        Waiting { pulse: self, place, is_excused: false }
    }

    /// Takes the time, and says how the lane fares.
    pub(in crate::engine) fn look(&self, phase: Phase, now: Instant) -> LaneVitals {
        let mut noted = self.noted();
        let Noted { waits, seen, dropped } = &mut *noted;
        let beats = self.beats.load(Relaxed);
        let (begun, is_excused) = if self.attempts_are_beside.load(Relaxed) {
            (0, waits.of_the_lane_are_open())
        } else {
            (waits.begun(), waits.are_open())
        };
        let is_still = |seen: &Seen| (seen.beats, seen.begun) == (beats, begun) && !is_excused;
        let still_for = match seen {
            Some(seen) if is_still(seen) => now.saturating_duration_since(seen.at),
            _ => {
                *seen = Some(Seen { at: now, beats, begun });
                Duration::ZERO
            }
        };
        let end = match phase {
            Phase::Running | Phase::Paused => LaneEnd::Far,
            Phase::Stopping | Phase::Cancelled => LaneEnd::Drains,
            Phase::Aborted | Phase::Over => {
                LaneEnd::Dropped(now.saturating_duration_since(*dropped.get_or_insert(now)))
            }
        };
        let longest_attempt = Duration::from_millis(self.longest_attempt.load(Relaxed));
        LaneVitals { still_for, longest_attempt, wait: waits.look(now), end }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is waited for until this is dropped.
pub(in crate::engine) struct Waiting<'p> {
    pulse: &'p LanePulse,
    place: u32,
    is_excused: bool,
}

impl Waiting<'_> {
    /// Whether it waits for something that is not the handler's.
    pub(in crate::engine) fn excuse(&mut self, is_excused: bool) {
        if std::mem::replace(&mut self.is_excused, is_excused) != is_excused {
            self.pulse.noted().waits.excuse(self.place, is_excused);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pulse.noted().waits.end(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn still_for(pulse: &LanePulse, now: Instant) -> u64 {
        pulse.look(Phase::Running, now).still_for.as_secs()
    }

    #[test]
    fn a_lane_is_still_from_the_look_that_saw_its_last_beat() {
        let (pulse, start) = (LanePulse::default(), Instant::now());
        assert_eq!(still_for(&pulse, start), 0);
        assert_eq!(still_for(&pulse, start + SECOND * 7), 7);
        pulse.beat();
        assert_eq!(still_for(&pulse, start + SECOND * 8), 0);
        assert_eq!(still_for(&pulse, start + SECOND * 20), 12);
    }

    #[test]
    fn a_lane_that_waits_for_something_is_not_still_and_what_it_waits_for_counts() {
        let (pulse, start) = (LanePulse::default(), Instant::now());
        let what = WaitsFor::Handler { path: "on_order", offset: 7, limit: None };
        let waiting = pulse.wait(what);
        pulse.look(Phase::Running, start);
        let seen = pulse.look(Phase::Running, start + SECOND * 9);
        assert_eq!((seen.still_for, seen.wait), (Duration::ZERO, Some(Wait { what, lasted: SECOND * 9 })));
        drop(waiting);
        assert_eq!(pulse.look(Phase::Running, start + SECOND * 10).wait, None);
        assert_eq!(still_for(&pulse, start + SECOND * 12), 3);
        // A wait that nobody saw is a sign of life as well.
        drop(pulse.wait(WaitsFor::Turn));
        assert_eq!(still_for(&pulse, start + SECOND * 20), 0);
    }

    #[test]
    fn what_waits_beside_a_lane_does_not_excuse_it() {
        let (pulse, start) = (LanePulse::default(), Instant::now());
        pulse.attempts_are_beside();
        let waiting = pulse.wait(WaitsFor::Backoff { offset: 7, wait: SECOND * 3600 });
        assert_eq!(still_for(&pulse, start), 0);
        drop(pulse.wait(WaitsFor::Turn));
        assert_eq!(still_for(&pulse, start + SECOND * 9), 9);
        let broker = pulse.wait(WaitsFor::Broker);
        assert_eq!(still_for(&pulse, start + SECOND * 20), 0);
        drop((waiting, broker));
    }

    #[test]
    fn a_lane_whose_handlers_were_dropped_is_seen_to_be_left_over() {
        let (pulse, start) = (LanePulse::default(), Instant::now());
        let end = |phase, seconds| pulse.look(phase, start + SECOND * seconds).end;
        assert_eq!(end(Phase::Paused, 0), LaneEnd::Far);
        assert_eq!(end(Phase::Cancelled, 1), LaneEnd::Drains);
        assert_eq!(end(Phase::Aborted, 2), LaneEnd::Dropped(Duration::ZERO));
        assert_eq!(end(Phase::Aborted, 9), LaneEnd::Dropped(SECOND * 7));
    }
}
