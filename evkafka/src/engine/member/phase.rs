//! Where a member is on its way.
//!
//! ```text
//!   Consuming ──rejoin──▶ Rejoining
//!       │  ◀──rejoined──      │
//!     leave                 leave
//!       └──────▶ Draining ◀───┘
//!                   │ commit
//!               Committing
//!                   │ depart
//!                Leaving
//! ```
//!
//! Each phase is a type, and each arrow a function that takes the phase that it begins at; there are no others. What holds for a
//! member that leaves, whichever of the last three phases it is in, is its [`Exit`].

use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;

use super::{
    drain::{Drain, Drained},
    plan::DrainPlan,
    revocation::{Hold, Outcome},
};
use crate::engine::{assignment::Assignment, commit::LastCommit};

pub(super) enum MemberPhase {
    Consuming(Consuming),
    Rejoining(Rejoining),
    Draining(Draining),
    Committing(Committing),
    Leaving(Leaving),
}

/// The member is in its group, or on its way there.
pub(super) struct Consuming(());

/// The member gives up what it has and joins as if it were new. If the group has gone on without it, because a rebalance took it too
/// long or it was frozen, its lanes are ended without a commit: lanes that went on could handle what belongs to others, and commit
/// offsets that go backwards.
pub(super) struct Rejoining {
    drain: Drain,
    at_latest: Instant,
}

/// The member leaves: its lanes finish.
pub(super) struct Draining {
    exit: Exit,
}

/// What the lanes have settled is committed.
pub(super) struct Committing {
    exit: Exit,
    pub(super) last: Box<LastCommit>,
}

/// The client leaves the group.
pub(super) struct Leaving {
    exit: Exit,
    /// Whether the last commit was accepted.
    committed: Outcome,
}

/// How and why a member leaves.
pub(super) struct Exit {
    drain: Drain,
    reason: Reason,
    /// Why something that was settled was not committed when a partition was given up, since the member began to leave.
    given_up: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The app says so.
    Shutdown,
    /// So many partitions are assigned that the client has to be replaced by one with other limits.
    Outgrown(usize),
    /// The client has to be replaced, as it reads partitions no longer.
    Silent,
}

impl Default for MemberPhase {
    fn default() -> Self {
        Self::Consuming(Consuming(()))
    }
}

impl Consuming {
    pub(super) fn rejoin(self, plan: DrainPlan, at_latest: Instant) -> Rejoining {
        Rejoining { drain: Drain::all(plan), at_latest }
    }

    pub(super) fn leave(self, plan: DrainPlan, reason: Reason) -> Draining {
        Draining { exit: Exit { drain: Drain::all(plan), reason, given_up: Ok(()) } }
    }
}

impl Rejoining {
    /// Whether the member joins again although it is not rid of all its partitions.
    pub(super) fn is_out_of_time(&self, now: Instant) -> bool {
        now >= self.at_latest
    }

    pub(super) fn rejoined(self) -> Consuming {
        Consuming(())
    }

    /// By `plan`, or by that of before where it is ahead.
    pub(super) fn leave(self, plan: DrainPlan, reason: Reason) -> Draining {
        let Self { mut drain, .. } = self;
        drain.hasten(plan);
        Draining { exit: Exit { drain, reason, given_up: Ok(()) } }
    }
}

impl Draining {
    pub(super) fn plan(&self) -> DrainPlan {
        self.exit.drain.plan()
    }

    pub(super) fn commit(self, last: LastCommit) -> Committing {
        Committing { exit: self.exit, last: Box::new(last) }
    }
}

impl Committing {
    pub(super) fn depart(self, committed: Outcome) -> Leaving {
        Leaving { exit: self.exit, committed }
    }
}

impl Leaving {
    /// Whether the member is waited for no longer.
    pub(super) fn is_out_of_time(&self, now: Instant) -> bool {
        now >= self.exit.drain.plan().end_at
    }

    /// Why it left, and why not all that was settled is committed, if it is not.
    pub(super) fn end(self) -> (Reason, Result<(), RDKafkaErrorCode>) {
        (self.exit.reason, self.committed.and(self.exit.given_up))
    }
}

impl Exit {
    /// Partitions were given up.
    pub(super) fn given_up(&mut self, outcome: Outcome) {
        self.given_up = self.given_up.and(outcome);
    }
}

impl MemberPhase {
    pub(super) fn is_consuming(&self) -> bool {
        matches!(self, Self::Consuming(_))
    }

    /// How the member leaves, if it does.
    pub(super) fn exit(&mut self) -> Option<&mut Exit> {
        match self {
            Self::Consuming(_) | Self::Rejoining(_) => None,
            Self::Draining(Draining { exit })
            | Self::Committing(Committing { exit, .. })
            | Self::Leaving(Leaving { exit, .. }) => Some(exit),
        }
    }

    /// By what plan the member leaves, if it does.
    pub(super) fn plan_to_leave(&self) -> Option<DrainPlan> {
        match self {
            Self::Consuming(_) | Self::Rejoining(_) => None,
            Self::Draining(Draining { exit })
            | Self::Committing(Committing { exit, .. })
            | Self::Leaving(Leaving { exit, .. }) => Some(exit.drain.plan()),
        }
    }

    /// The member leaves by `plan`, and by that of before where it is ahead.
    pub(super) fn leave(self, plan: DrainPlan, reason: Reason) -> Self {
        let mut phase = match self {
            Self::Consuming(consuming) => return Self::Draining(consuming.leave(plan, reason)),
            Self::Rejoining(rejoining) => return Self::Draining(rejoining.leave(plan, reason)),
            phase @ (Self::Draining(_) | Self::Committing(_) | Self::Leaving(_)) => phase,
        };
        if let Some(exit) = phase.exit() {
            exit.drain.hasten(plan);
            exit.reason = reason;
        }
        if let Self::Committing(Committing { exit, last }) = &mut phase {
            last.hasten(exit.drain.plan().leave_at());
        }
        phase
    }

    /// Takes the member's lanes nearer to their end, if they are to come to it. Once a turn.
    pub(super) fn drain(&mut self, assignment: &Assignment, now: Instant) -> Drained {
        match self {
            Self::Rejoining(Rejoining { drain, .. }) => drain.advance(assignment, now),
            Self::Draining(Draining { exit }) => exit.drain.advance(assignment, now),
            // Nobody waits for lanes.
            Self::Consuming(_) | Self::Committing(_) | Self::Leaving(_) => Drained::NotYet,
        }
    }

    /// What revocations have to wait for, where the lanes are `drained` so far.
    ///
    /// An answer to a revocation has the client join the group again: then the group may refuse the last commit, and the client
    /// cannot leave until all other members have joined too.
    pub(super) fn hold(&self, drained: Drained, now: Instant) -> Hold {
        match self {
            Self::Consuming(_) | Self::Rejoining(_) | Self::Leaving(_) => Hold::Nothing,
            Self::Draining(Draining { exit }) => match drained {
                Drained::NotYet if now < exit.drain.plan().drop_at => Hold::NewAnswers,
                Drained::NotYet | Drained::All | Drained::OutOfTime => Hold::All,
            },
            Self::Committing(_) => Hold::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_member_that_rejoins_and_is_told_to_leave_follows_whichever_plan_is_ahead() {
        let now = Instant::now();
        let lost = DrainPlan::for_loss(now);
        let shutdown = DrainPlan::for_shutdown(now, Duration::from_secs(10));
        let MemberPhase::Consuming(consuming) = MemberPhase::default() else {
            panic!("a member begins by consuming")
        };
        let rejoining = consuming.rejoin(lost, now + Duration::from_secs(10));
        assert!(!rejoining.is_out_of_time(now) && rejoining.is_out_of_time(now + Duration::from_secs(10)));
        let mut phase = MemberPhase::Rejoining(rejoining);
        assert_eq!(phase.plan_to_leave(), None);
        phase = phase.leave(shutdown, Reason::Outgrown(3));
        assert_eq!(phase.plan_to_leave(), Some(lost));
        phase = phase.leave(shutdown, Reason::Shutdown);
        assert!(
            matches!(&phase, MemberPhase::Draining(draining) if draining.exit.reason == Reason::Shutdown)
        );
        assert_eq!(phase.plan_to_leave(), Some(lost));
    }

    #[test]
    fn revocations_are_held_from_the_moment_that_the_last_commit_is_due() {
        let now = Instant::now();
        let plan = DrainPlan::for_shutdown(now, Duration::from_secs(10));
        assert_eq!(MemberPhase::default().hold(Drained::NotYet, now), Hold::Nothing);
        let phase = MemberPhase::default().leave(plan, Reason::Shutdown);
        assert_eq!(phase.hold(Drained::NotYet, now), Hold::NewAnswers);
        assert_eq!(phase.hold(Drained::All, now), Hold::All);
        assert_eq!(phase.hold(Drained::NotYet, plan.drop_at), Hold::All);
    }

    #[test]
    fn what_was_not_committed_when_partitions_were_given_up_is_part_of_the_end() {
        let plan = DrainPlan::for_loss(Instant::now());
        let mut phase = MemberPhase::default().leave(plan, Reason::Shutdown);
        let code = RDKafkaErrorCode::UnknownMemberId;
        for outcome in [Ok(()), Err(code), Ok(())] {
            phase.exit().expect("it leaves").given_up(outcome);
        }
        let MemberPhase::Draining(Draining { exit }) = phase else { panic!("it drains") };
        let leaving = Leaving { exit, committed: Ok(()) };
        assert_eq!(leaving.end(), (Reason::Shutdown, Err(code)));
    }
}
