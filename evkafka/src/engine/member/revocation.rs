//! A revocation: from the moment that the group asks for partitions until they are given up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;

use super::{
    coordinator::{Names, partitions},
    drain::{DrainPlan, Drained},
};
use crate::{
    engine::{
        assignment::{Assignment, TopicPartition},
        commit::{Answer, Exchange, SHORTEST_WAIT},
        shared::Shared,
    },
    native::{OwnedClient, PartitionList},
};

/// Partitions that are to be given up: their lanes are drained, what they have settled is committed, and only then is the client
/// told that they are given up, so that the next owner begins after that. Nothing in it waits.
pub(super) struct Revocation {
    /// As the client has asked for them.
    list: PartitionList,
    partitions: Vec<TopicPartition>,
    plan: DrainPlan,
    stage: Stage,
}

enum Stage {
    /// The lanes are at work, and the group waits for them.
    Draining,
    /// The same, but the partitions have another owner already.
    Losing,
    /// They are not ours any more; what they have settled is on its way to the broker.
    Committing(Exchange),
    /// The client can be told.
    GivenUp(Outcome),
}

/// What came of it when the partitions can be given up: why what was settled is not committed, if it is not.
pub(super) type Outcome = Result<(), RDKafkaErrorCode>;

impl Revocation {
    /// Handlers have `grace`, unless the partitions are lost already.
    pub(super) fn new(
        list: PartitionList,
        client: &OwnedClient,
        shared: &Shared,
        now: Instant,
        grace: Duration,
    ) -> Self {
        let lost = client.has_lost_assignment();
        let partitions = partitions(&list);
        tracing::info!(consumer = %shared.consumer, partitions = %Names(&partitions), lost, "partitions revoked");
        let mut revocation =
            Self { list, partitions, plan: DrainPlan::for_revoke(now, grace), stage: Stage::Draining };
        if lost {
            revocation.lose(now);
        }
        revocation
    }

    pub(super) fn list(&self) -> &PartitionList {
        &self.list
    }

    /// Whether the partitions are still ours.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Draining)
    }

    /// The lanes follow this plan too.
    pub(super) fn hasten(&mut self, plan: DrainPlan) {
        self.plan = self.plan.earlier(plan);
    }

    /// The partitions have another owner already.
    pub(super) fn lose(&mut self, now: Instant) {
        if let Stage::Draining = self.stage {
            self.stage = Stage::Losing;
            self.hasten(DrainPlan::for_loss(now));
        }
    }

    /// Goes on as far as it goes without waiting; what came of it, once the partitions can be given up.
    pub(super) fn advance(
        &mut self,
        client: &OwnedClient,
        assignment: &Arc<Assignment>,
        shared: &Shared,
        now: Instant,
    ) -> Option<Outcome> {
        if let Stage::GivenUp(outcome) = self.stage {
            return Some(outcome);
        }
        let outcome = self.proceed(client, assignment, shared, now)?;
        self.stage = Stage::GivenUp(outcome);
        Some(outcome)
    }

    fn proceed(
        &mut self,
        client: &OwnedClient,
        assignment: &Arc<Assignment>,
        shared: &Shared,
        now: Instant,
    ) -> Option<Outcome> {
        if assignment.is_evicted() {
            self.lose(now);
        }
        if let Stage::Committing(exchange) = &mut self.stage {
            let Answer { reply, .. } = exchange.take_answer(now)?;
            return Some(reply.first_error().inspect_err(|code| not_committed(shared, *code)));
        }
        let lanes = assignment.select(&self.partitions);
        match self.plan.advance(lanes.iter().map(|(_, lane)| &*lane.control), now) {
            Drained::NotYet => return None,
            Drained::OutOfTime => tracing::error!(
                consumer = %shared.consumer,
                partitions = %Names(&self.partitions),
                "a handler that blocks its thread cannot be ended; it may still write although its partition has \
                 another owner"
            ),
            Drained::All => {}
        }
        if let Stage::Losing = self.stage {
            let has_uncommitted = assignment.has_uncommitted(|key| self.partitions.contains(key));
            assignment.lose(&self.partitions);
            return Some(if has_uncommitted { Err(RDKafkaErrorCode::UnknownMemberId) } else { Ok(()) });
        }
        let mut exchange = Exchange::new(Arc::clone(assignment), Arc::clone(client.handle()));
        let is_sent = exchange.give_up(&self.partitions, self.plan.end_at.max(now + SHORTEST_WAIT));
        self.stage = Stage::Committing(exchange);
        if is_sent { self.proceed(client, assignment, shared, now) } else { Some(Ok(())) }
    }
}

fn not_committed(shared: &Shared, code: RDKafkaErrorCode) {
    tracing::warn!(
        consumer = %shared.consumer,
        error = %code,
        "the offsets of revoked partitions could not be committed; some of their records will be handled again"
    );
}
