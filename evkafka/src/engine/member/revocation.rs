//! A revocation: from the moment that the group asks for partitions until they are given up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;

use super::{
    drain::{Drain, Drained},
    plan::DrainPlan,
};
use crate::{
    engine::{
        assignment::{Assignment, TopicPartition},
        commit::{Answer, Exchange, SHORTEST_WAIT},
        observe::{MemberEvent, WatchedMember},
        partitions::partitions,
    },
    native::{OwnedClient, PartitionList},
};

/// Partitions that are to be given up: their lanes are drained, what they have settled is committed, and only then is the client
/// told that they are given up, so that the next owner begins after that. Nothing in it waits.
pub(super) struct Revocation {
    /// As the client has asked for them.
    list: PartitionList,
    partitions: Vec<TopicPartition>,
    drain: Drain,
    stage: Stage,
}

enum Stage {
    /// The lanes are at work, and the group waits for them.
    Draining,
    /// The same, but the partitions have another owner already.
    Losing,
    /// They are not ours any more; what they have settled is on its way to the broker.
    Committing(Box<Exchange>),
    /// The client can be told.
    GivenUp(Outcome),
}

/// What revocations have to wait for in a turn of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Nothing,
    /// The last commit may fall due in this turn: the client is told of no revocation that finishes in it.
    NewAnswers,
    /// The last commit is on its way, or due. It is of their partitions too, unless these are lost.
    All,
}

/// What came of it when the partitions can be given up: why what was settled is not committed, if it is not.
pub(super) type Outcome = Result<(), RDKafkaErrorCode>;

impl Revocation {
    /// Handlers have `grace`, unless the partitions are lost already.
    pub(super) fn new(
        list: PartitionList,
        client: &OwnedClient,
        member: &WatchedMember,
        now: Instant,
        grace: Duration,
    ) -> Self {
        let lost = client.has_lost_assignment();
        let partitions = partitions(&list);
        member.tell(&MemberEvent::Revoked { partitions: &partitions, lost });
        let drain = Drain::of(partitions.clone(), DrainPlan::for_revoke(now, grace));
        let mut revocation = Self { list, partitions, drain, stage: Stage::Draining };
        if lost {
            revocation.lose(now);
        }
        revocation
    }

    pub(super) fn list(&self) -> &PartitionList {
        &self.list
    }

    /// The lanes follow this plan too.
    pub(super) fn hasten(&mut self, plan: DrainPlan) {
        self.drain.hasten(plan);
    }

    /// The partitions have another owner already.
    pub(super) fn lose(&mut self, now: Instant) {
        if let Stage::Draining = self.stage {
            self.stage = Stage::Losing;
            self.hasten(DrainPlan::for_loss(now));
        }
    }

    /// Goes on as far as it goes without waiting; what came of it, once the client can be told.
    pub(super) fn advance(
        &mut self,
        hold: Hold,
        client: &OwnedClient,
        assignment: &Arc<Assignment>,
        member: &WatchedMember,
        now: Instant,
    ) -> Option<Outcome> {
        let before = self.given_up();
        let is_held = hold == Hold::All && matches!(self.stage, Stage::Draining);
        if before.is_none()
            && !is_held
            && let Some(outcome) = self.proceed(client, assignment, member, now)
        {
            self.stage = Stage::GivenUp(outcome);
        }
        match hold {
            Hold::Nothing => self.given_up(),
            Hold::NewAnswers => before,
            Hold::All => None,
        }
    }

    fn given_up(&self) -> Option<Outcome> {
        match self.stage {
            Stage::GivenUp(outcome) => Some(outcome),
            Stage::Draining | Stage::Losing | Stage::Committing(_) => None,
        }
    }

    fn proceed(
        &mut self,
        client: &OwnedClient,
        assignment: &Arc<Assignment>,
        member: &WatchedMember,
        now: Instant,
    ) -> Option<Outcome> {
        if assignment.is_evicted() {
            self.lose(now);
        }
        if let Stage::Committing(exchange) = &mut self.stage {
            let Answer { reply, .. } = exchange.take_answer(now)?;
            return Some(reply.first_error().inspect_err(|code| {
                member.tell(&MemberEvent::RevokedUncommitted { error: *code });
            }));
        }
        match self.drain.advance(assignment, now) {
            Drained::NotYet => return None,
            Drained::OutOfTime => member.tell(&MemberEvent::Blocked { partitions: &self.partitions }),
            Drained::All => {}
        }
        if let Stage::Losing = self.stage {
            let has_uncommitted = assignment.has_uncommitted(|key| self.partitions.contains(key));
            assignment.lose(&self.partitions);
            return Some(if has_uncommitted { Err(RDKafkaErrorCode::UnknownMemberId) } else { Ok(()) });
        }
        let mut exchange = Exchange::new(Arc::clone(assignment), Arc::clone(client.handle()).into());
        let is_sent = exchange.give_up(&self.partitions, self.drain.plan().end_at.max(now + SHORTEST_WAIT));
        self.stage = Stage::Committing(Box::new(exchange));
        if is_sent { self.proceed(client, assignment, member, now) } else { Some(Ok(())) }
    }
}
