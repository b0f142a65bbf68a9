//! The one way in which lanes are brought to an end, whoever wants it: a revocation, a member that rejoins, and one that leaves.

use std::time::Instant;

use super::plan::DrainPlan;
use crate::engine::{
    assignment::{Assignment, TopicPartition},
    lane::{LaneControl, Phase},
};

/// Lanes that are brought to an end by a [plan](DrainPlan).
pub(super) struct Drain {
    plan: DrainPlan,
    lanes: Lanes,
}

enum Lanes {
    /// All that the member has, whenever it looks.
    All,
    Of(Vec<TopicPartition>),
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// Lanes are at work.
    NotYet,
    /// All of them have finished.
    All,
    /// The time is up for those that have not.
    OutOfTime,
}

impl Drain {
    pub(super) fn all(plan: DrainPlan) -> Self {
        Self { plan, lanes: Lanes::All }
    }

    pub(super) fn of(partitions: Vec<TopicPartition>, plan: DrainPlan) -> Self {
        Self { plan, lanes: Lanes::Of(partitions) }
    }

    pub(super) fn plan(&self) -> DrainPlan {
        self.plan
    }

    /// The lanes follow this plan too.
    pub(super) fn hasten(&mut self, plan: DrainPlan) {
        self.plan = self.plan.earlier(plan);
    }

    /// Tells the lanes what they are to know by `now`. Nobody has to wait in between: this is called again, as often as one likes,
    /// and several drains may be at work on one lane, of which it follows whichever is ahead.
    ///
    /// Lanes of a member that is evicted have no time: they could handle what belongs to others.
    pub(super) fn advance(&mut self, assignment: &Assignment, now: Instant) -> Drained {
        if assignment.is_evicted() {
            self.hasten(DrainPlan::for_loss(now));
        }
        let lanes = match &self.lanes {
            Lanes::All => assignment.controls(),
            Lanes::Of(partitions) => {
                assignment.select(partitions).into_iter().map(|(_, lane)| lane.control).collect()
            }
        };
        self.plan.tell(lanes.iter().map(|lane| &**lane), now)
    }
}

impl DrainPlan {
    fn tell<'l>(&self, lanes: impl Iterator<Item = &'l LaneControl>, now: Instant) -> Drained {
        let phase = if now >= self.drop_at {
            Phase::Aborted
        } else if now >= self.cancel_at {
            Phase::Cancelled
        } else {
            Phase::Stopping
        };
        let mut is_finished = true;
        for lane in lanes {
            lane.enter(phase);
            is_finished &= lane.is_finished();
        }
        match is_finished {
            true => Drained::All,
            false if now >= self.commit_at => Drained::OutOfTime,
            false => Drained::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::engine::assignment::LaneHandle;

    fn assign(assignment: &Assignment, partition: i32) -> (TopicPartition, Arc<LaneControl>) {
        let (key, control) = (("orders".into(), partition), Arc::new(LaneControl::default()));
        let lane = LaneHandle { control: Arc::clone(&control), owned: true };
        assignment.insert(TopicPartition::clone(&key), lane);
        (key, control)
    }

    fn told(lane: &LaneControl) -> (bool, bool, bool) {
        (lane.is_stopping(), lane.cancelled().is_cancelled(), lane.is_aborted())
    }

    #[test]
    fn lanes_are_told_by_whichever_drain_is_ahead() {
        let (now, assignment) = (Instant::now(), Assignment::default());
        let ((key, revoked), (_, other)) = (assign(&assignment, 0), assign(&assignment, 1));
        let mut revocation = Drain::of(vec![key], DrainPlan::for_revoke(now, Duration::from_secs(60)));
        let mut shutdown = Drain::all(DrainPlan::for_shutdown(now, Duration::from_secs(10)));
        assert_eq!(revocation.advance(&assignment, now), Drained::NotYet);
        assert_eq!((told(&revoked), told(&other)), ((true, false, false), (false, false, false)));
        assert_eq!(shutdown.advance(&assignment, now), Drained::NotYet);
        assert_eq!((told(&revoked), told(&other)), ((true, false, false), (true, false, false)));
        let later = now + Duration::from_secs(7);
        assert_eq!(revocation.advance(&assignment, later), Drained::NotYet);
        assert_eq!(shutdown.advance(&assignment, later), Drained::NotYet);
        assert_eq!((told(&revoked), told(&other)), ((true, true, false), (true, true, false)));
        assert_eq!(shutdown.advance(&assignment, shutdown.plan().commit_at), Drained::OutOfTime);
        assert_eq!((told(&revoked), told(&other)), ((true, true, true), (true, true, true)));
    }

    #[test]
    fn a_drain_of_all_waits_for_a_lane_whose_partition_has_another_by_now() {
        let (now, assignment) = (Instant::now(), Assignment::default());
        let (_, former) = assign(&assignment, 0);
        former.enter(Phase::Aborted);
        let (key, lane) = assign(&assignment, 0);
        lane.enter(Phase::Over);
        let plan = DrainPlan::for_shutdown(now, Duration::from_secs(10));
        assert_eq!(Drain::of(vec![key], plan).advance(&assignment, now), Drained::All);
        let mut shutdown = Drain::all(plan);
        assert_eq!(shutdown.advance(&assignment, now), Drained::NotYet);
        former.enter(Phase::Over);
        assert_eq!(shutdown.advance(&assignment, now), Drained::All);
        assert_eq!(assignment.controls().len(), 1, "nothing is kept of it");
    }

    #[test]
    fn a_drain_without_lanes_has_come_to_its_end() {
        let (now, assignment) = (Instant::now(), Assignment::default());
        let plan = DrainPlan::for_revoke(now, Duration::MAX);
        assert_eq!(Drain::all(plan).advance(&assignment, now), Drained::All);
        assert_eq!(Drain::of(vec![("orders".into(), 7)], plan).advance(&assignment, now), Drained::All);
    }

    #[test]
    fn lanes_of_a_member_that_is_evicted_are_told_at_once() {
        let (now, assignment) = (Instant::now(), Assignment::default());
        let (_, lane) = assign(&assignment, 0);
        let mut drain = Drain::all(DrainPlan::for_revoke(now, Duration::MAX));
        drain.advance(&assignment, now);
        assert_eq!(told(&lane), (true, false, false));
        assignment.evict(0);
        drain.advance(&assignment, now);
        assert_eq!(told(&lane), (true, true, false));
        drain.advance(&assignment, now + Duration::from_millis(100));
        assert_eq!(told(&lane), (true, true, true));
    }
}
