use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// What a member's thread leaves behind. It has a turn every tenth of a second, for which it reads the clock anyway.
#[derive(Debug)]
pub(crate) struct MemberPulse {
    since: Instant,
    /// Of the last turn, in milliseconds; [`RESTS`] if the thread waits for others, and has no turns.
    turned: AtomicU64,
    /// How many milliseconds the turn may take.
    allowed: AtomicU64,
    has_joined: AtomicBool,
    has_ended: AtomicBool,
}

const RESTS: u64 = u64::MAX;

/// A member at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemberVitals {
    /// Whether its group has admitted it, be it once.
    pub(crate) has_joined: bool,
    /// Whether its thread has ended.
    pub(crate) has_ended: bool,
    /// For how long its thread has been in one turn longer than that may take; `None` if it waits for others.
    pub(crate) late_by: Option<Duration>,
}

impl MemberPulse {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            turned: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            has_joined: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// A turn begins that may take so long.
    pub(in crate::engine) fn turns(&self, now: Instant, allowed: Duration) {
        self.allowed.store(millis(allowed), Relaxed);
        self.turned.store(millis(now.saturating_duration_since(self.since)), Relaxed);
    }

    /// The thread waits for others, for as long as they take.
    pub(in crate::engine) fn rests(&self) {
        self.turned.store(RESTS, Relaxed);
    }

    /// The group has admitted the member.
    pub(in crate::engine) fn joined(&self) {
        self.has_joined.store(true, Relaxed);
    }

    pub(in crate::engine) fn ended(&self) {
        self.has_ended.store(true, Relaxed);
    }

    pub(super) fn vitals(&self) -> MemberVitals {
        let (turned, allowed) = (self.turned.load(Relaxed), self.allowed.load(Relaxed));
        let late_by = (turned != RESTS).then(|| {
            let by = millis(self.since.elapsed()).saturating_sub(turned).saturating_sub(allowed);
            Duration::from_millis(by)
        });
        MemberVitals {
            has_joined: self.has_joined.load(Relaxed),
            has_ended: self.has_ended.load(Relaxed),
            late_by,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(RESTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_late_by_what_its_turn_takes_longer_than_it_may() {
        let began =
            Instant::now().checked_sub(Duration::from_secs(100)).expect("the machine runs for longer");
        let pulse = MemberPulse { since: began, ..MemberPulse::new() };
        let late = || pulse.vitals().late_by.expect("it does not rest").as_secs();
        assert_eq!(late(), 100);
        pulse.turns(began + Duration::from_secs(40), Duration::ZERO);
        assert_eq!(late(), 60);
        pulse.turns(began + Duration::from_secs(40), Duration::from_secs(10));
        assert_eq!(late(), 50);
        pulse.turns(began + Duration::from_secs(40), Duration::MAX);
        assert_eq!(late(), 0);
        pulse.rests();
        assert_eq!(pulse.vitals().late_by, None);
    }
}
