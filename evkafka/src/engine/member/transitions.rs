//! When a member goes from one [`MemberPhase`] to the next, and what it does then.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    drain::Drained,
    phase::{Committing, Consuming, Draining, Leaving, MemberPhase, Reason, Rejoining},
    plan::DrainPlan,
    rejoin::Unread,
    session::Session,
};
use crate::{
    engine::{commit::LastCommit, observe::MemberEvent},
    error::Inner,
};

/// How long a member that is to join again waits to be rid of its partitions.
const REJOINS: Duration = Duration::from_secs(10);

impl Session {
    /// Goes on from the member's phase, if it is time to; with what came of it all once the member has left.
    pub(super) fn advance(&mut self, drained: Drained, now: Instant) -> Option<Leaving> {
        self.phase = match std::mem::take(&mut self.phase) {
            MemberPhase::Consuming(consuming) => self.consume(consuming, now),
            MemberPhase::Rejoining(rejoining) => self.give_up_all(rejoining, now),
            MemberPhase::Draining(draining) => match drained {
                Drained::NotYet => MemberPhase::Draining(draining),
                Drained::All | Drained::OutOfTime => self.begin_to_commit(draining, now),
            },
            MemberPhase::Committing(committing) => self.commit(committing, now),
            MemberPhase::Leaving(leaving) => {
                if self.has_left() || leaving.is_out_of_time(now) {
                    return Some(leaving);
                }
                MemberPhase::Leaving(leaving)
            }
        };
        None
    }

    fn consume(&mut self, consuming: Consuming, now: Instant) -> MemberPhase {
        if self.assignment().is_evicted() {
            self.member().tell(&MemberEvent::Evicted);
            return self.begin_to_rejoin(consuming, now, DrainPlan::for_loss(now));
        }
        if let Some(why) = self.rejoin.is_due(now) {
            self.member().tell(match why {
                Unread::NoOffset => &MemberEvent::OffsetsUntold,
                Unread::Rejected => &MemberEvent::AssignmentRejected,
            });
            let plan = DrainPlan::for_revoke(now, self.config.revoke_grace);
            return self.begin_to_rejoin(consuming, now, plan);
        }
        let Some(reason) = self.needs_another_client() else { return MemberPhase::Consuming(consuming) };
        let plan = DrainPlan::for_revoke(now, self.config.revoke_grace);
        self.prepare_to_leave(plan);
        MemberPhase::Draining(consuming.leave(plan, reason))
    }

    fn needs_another_client(&self) -> Option<Reason> {
        if let Some(assigned) = self.coordinator.outgrown() {
            return Some(Reason::Outgrown(assigned));
        }
        let silent = self.ends.take_silent();
        if silent.is_empty() {
            return None;
        }
        let partitions: Vec<_> = silent.iter().map(ToString::to_string).collect();
        self.member().tell(&MemberEvent::Silent { partitions: &partitions.join(", ") });
        Some(Reason::Silent)
    }

    fn begin_to_rejoin(&mut self, consuming: Consuming, now: Instant, plan: DrainPlan) -> MemberPhase {
        self.rejoin.begun();
        self.coordinator.is_leaving.set(true);
        self.client.unsubscribe();
        MemberPhase::Rejoining(consuming.rejoin(plan, plan.end_at.max(now + REJOINS)))
    }

    fn give_up_all(&mut self, rejoining: Rejoining, now: Instant) -> MemberPhase {
        let is_rid_of_all = self.assignment().is_empty() && self.revocations.is_empty();
        if !is_rid_of_all && !rejoining.is_out_of_time(now) {
            return MemberPhase::Rejoining(rejoining);
        }
        self.coordinator.is_leaving.set(false);
        self.assignment().readmit();
        self.member().tell(&MemberEvent::Rejoins);
        if let Err(code) = self.client.subscribe(self.config.topics.iter().map(String::as_str)) {
            let consumer = Arc::clone(&self.shared().consumer);
            self.shared().report(Inner::Client { consumer, cause: code.into() });
        }
        MemberPhase::Consuming(rejoining.rejoined())
    }

    pub(super) fn prepare_to_leave(&mut self, plan: DrainPlan) {
        if !self.coordinator.is_leaving.get() {
            self.member().tell(&MemberEvent::Leaves);
        }
        self.coordinator.is_leaving.set(true);
        for revocation in &mut self.revocations {
            revocation.hasten(plan.until_leaving());
        }
    }

    fn begin_to_commit(&self, draining: Draining, now: Instant) -> MemberPhase {
        self.coordinator.stop_committing.cancel();
        let last = LastCommit::new(
            Arc::clone(self.member()),
            Arc::clone(&self.coordinator.assignment),
            Arc::clone(self.client.handle()).into(),
            now,
            draining.plan().leave_at(),
        );
        MemberPhase::Committing(draining.commit(last))
    }

    fn commit(&self, mut committing: Committing, now: Instant) -> MemberPhase {
        let Some(committed) = committing.last.advance(now) else {
            return MemberPhase::Committing(committing);
        };
        let partitions: Vec<_> = self.assignment().all().into_iter().map(|(key, _)| key).collect();
        self.assignment().disown(&partitions);
        self.client.unsubscribe();
        // What has not finished is dropped, whether the runtime gets to it or not.
        self.coordinator.tasks.drop_all(&self.coordinator.runtime);
        MemberPhase::Leaving(committing.depart(committed))
    }

    /// The client asks for what is assigned, and tasks may still hold something of it.
    fn has_left(&self) -> bool {
        let is_rid_of_all = self.revocations.is_empty() && self.client.count_assigned() == 0;
        is_rid_of_all && !self.client.in_use()
    }
}
