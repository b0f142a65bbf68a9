//! Where a lane is between its first record and its end.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a lane does. A drain takes it from each phase to a later one and never back; only a pause can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    /// It takes records.
    Running,
    /// It takes none until it is resumed; what is under way goes on.
    Paused,
    /// It takes no more.
    Stopping,
    /// Handlers are told to finish.
    Cancelled,
    /// Handlers are dropped where they stand.
    Aborted,
    /// Nothing of the partition is in use any more.
    Over,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::Running, Self::Paused, Self::Stopping, Self::Cancelled, Self::Aborted, Self::Over];

    fn of(bits: u8) -> Self {
        Self::ALL[usize::from(bits & !SEEK)]
    }
}

/// The bit that says that a seek is asked for.
const SEEK: u8 = 0x80;

/// A lane's [`Phase`], which others change while it runs, and whether it is to continue elsewhere. In one byte, because the lane
/// looks at it for each record.
///
/// Not one of loom's where the engine is modelled: the tokens that are cancelled after it has changed bring about an order that loom does
/// not know of.
#[derive(Debug)]
pub(super) struct PhaseCell(AtomicU8);

impl Default for PhaseCell {
    fn default() -> Self {
        Self(AtomicU8::new(Phase::Running as u8))
    }
}

impl PhaseCell {
    #[inline]
    pub(super) fn get(&self) -> Phase {
        Phase::of(self.0.load(Ordering::Acquire))
    }

    /// Whether it has come as far as `phase`.
    #[inline]
    pub(super) fn has_come_to(&self, phase: Phase) -> bool {
        self.0.load(Ordering::Acquire) & !SEEK >= phase as u8
    }

    /// Whether it is anything but running, or a seek is asked for.
    #[inline]
    pub(super) fn is_interrupted(&self) -> bool {
        self.0.load(Ordering::Acquire) != Phase::Running as u8
    }

    /// Goes on to a later phase, unless it has come as far; whether it had not.
    pub(super) fn advance(&self, to: Phase) -> bool {
        self.change(|phase| (phase < to).then_some(to))
    }

    /// Whether it was running.
    pub(super) fn pause(&self) -> bool {
        self.change(|phase| (phase == Phase::Running).then_some(Phase::Paused))
    }

    /// Whether it was paused.
    pub(super) fn resume(&self) -> bool {
        self.change(|phase| (phase == Phase::Paused).then_some(Phase::Running))
    }

    pub(super) fn is_seek_asked_for(&self) -> bool {
        self.0.load(Ordering::Acquire) & SEEK != 0
    }

    pub(super) fn ask_for_seek(&self) {
        self.0.fetch_or(SEEK, Ordering::AcqRel);
    }

    pub(super) fn seek_is_taken(&self) {
        self.0.fetch_and(!SEEK, Ordering::AcqRel);
    }

    fn change(&self, next: impl Fn(Phase) -> Option<Phase>) -> bool {
        let changed = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |bits| {
            next(Phase::of(bits)).map(|phase| phase as u8 | (bits & SEEK))
        });
        changed.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pause_can_be_undone_and_a_drain_cannot() {
        let cell = PhaseCell::default();
        assert!(cell.pause() && !cell.pause());
        assert!(cell.resume() && !cell.resume());
        assert!(cell.pause() && cell.advance(Phase::Stopping));
        assert!(!cell.resume() && !cell.pause() && !cell.advance(Phase::Paused));
        assert_eq!(cell.get(), Phase::Stopping);
    }

    proptest! {
        #[test]
        fn from_stopping_on_it_never_goes_back(commands in prop::collection::vec(0..8_usize, 0..40)) {
            let cell = PhaseCell::default();
            for command in commands {
                let before = cell.get();
                match command {
                    6 => _ = cell.pause(),
                    7 => _ = cell.resume(),
                    phase => _ = cell.advance(Phase::ALL[phase]),
                }
                let after = cell.get();
                prop_assert!(after >= before || (before == Phase::Paused && after == Phase::Running));
                cell.ask_for_seek();
                prop_assert!(cell.is_interrupted() && cell.get() == after);
                prop_assert!(Phase::ALL.iter().all(|phase| cell.has_come_to(*phase) == (after >= *phase)));
                cell.seek_is_taken();
                prop_assert_eq!(cell.is_interrupted(), after != Phase::Running);
            }
        }
    }
}
