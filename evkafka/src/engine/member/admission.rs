use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a member has joined its group. Until then it can be called off, and there is nothing to drain and nothing to wait
/// for; from then on it is brought to an end by a [plan](super::DrainPlan).
#[derive(Debug, Default)]
pub(super) struct Admission(Mutex<Stage>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Outside,
    Joined,
    CalledOff,
}

impl Admission {
    /// Lets the member join, unless it was called off; whether it may.
    pub(super) fn join(&self) -> bool {
        let mut stage = self.stage();
        if *stage == Stage::Outside {
            *stage = Stage::Joined;
        }
        *stage == Stage::Joined
    }

    /// Calls the member off, unless it has joined; whether it is called off.
    pub(super) fn call_off(&self) -> bool {
        let mut stage = self.stage();
        if *stage == Stage::Outside {
            *stage = Stage::CalledOff;
        }
        *stage == Stage::CalledOff
    }

    pub(super) fn is_called_off(&self) -> bool {
        *self.stage() == Stage::CalledOff
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_joins_or_is_called_off_and_never_both() {
        let (first, second) = (Admission::default(), Admission::default());
        assert!(first.join() && !first.call_off() && !first.is_called_off());
        assert!(second.call_off() && !second.join() && second.is_called_off());
    }
}
