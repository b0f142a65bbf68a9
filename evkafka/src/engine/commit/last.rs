//! The commit of what is settled of all partitions when a member leaves.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;

use super::{
    exchange::{Answer, Exchange},
    refused_topics::{Came, RefusedTopics, Round},
    target::CommitTarget,
};
use crate::{
    client::{CommitAnswer, Fault},
    engine::{
        assignment::Assignment,
        observe::{MemberEvent, WatchedMember},
    },
};

/// For so long the answer to a commit is waited for at least.
pub(in crate::engine) const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// How long to wait before it is sent again.
const RETRY: Duration = Duration::from_millis(50);

/// The last commit of a member.
///
/// A group that is rebalancing, perhaps because another member is leaving too, refuses a commit until it has settled; and its
/// coordinator may be out of reach for a moment. So it is sent again.
pub(in crate::engine) struct LastCommit {
    member: Arc<WatchedMember>,
    assignment: Arc<Assignment>,
    exchange: Exchange,
    /// After that it is not sent again.
    deadline: Instant,
    step: Step,
    round: Round,
    result: Result<(), RDKafkaErrorCode>,
}

#[derive(Clone, Copy)]
enum Step {
    /// To be sent at this time.
    Due(Instant),
    Sent,
}

impl LastCommit {
    pub(in crate::engine) fn new(
        member: Arc<WatchedMember>,
        assignment: Arc<Assignment>,
        target: CommitTarget,
        now: Instant,
        deadline: Instant,
    ) -> Self {
        let exchange = Exchange::new(Arc::clone(&assignment), target);
        let (step, round) = (Step::Due(now), Round::new(Vec::new()));
        Self { member, assignment, exchange, deadline, step, round, result: Ok(()) }
    }

    /// It has no more time than until `deadline`.
    pub(in crate::engine) fn hasten(&mut self, deadline: Instant) {
        self.deadline = self.deadline.min(deadline);
        self.exchange.hasten(deadline);
    }

    /// Sends what there is to be sent, and looks for the answer; what all of it came to, once that is known.
    pub(in crate::engine) fn advance(&mut self, now: Instant) -> Option<Result<(), RDKafkaErrorCode>> {
        loop {
            match self.step {
                Step::Due(at) if now < at => return None,
                Step::Due(_) => {
                    if self.send(now) {
                        self.step = Step::Sent;
                        continue;
                    }
                }
                Step::Sent => {
                    let answer = self.exchange.take_answer(now)?;
                    if now < self.deadline && is_passing(&answer) {
                        self.step = Step::Due(now + RETRY);
                        continue;
                    }
                    self.judge(&answer);
                }
            }
            if self.round.next().is_none() {
                return Some(self.result);
            }
            self.step = Step::Due(now);
        }
    }

    fn send(&mut self, now: Instant) -> bool {
        // None of them is known to be refused.
        let refused = RefusedTopics::default();
        let round = &self.round;
        let until = self.deadline.max(now + SHORTEST_WAIT);
        let is_sent = self.exchange.commit(|key| refused.is_sent(round, key), until);
        if !is_sent
            && self.assignment.is_evicted()
            && self.assignment.has_uncommitted(|key| refused.is_sent(round, key))
        {
            // It would be refused: the broker has said so to somebody else.
            self.result = Err(RDKafkaErrorCode::UnknownMemberId);
        }
        is_sent
    }

    fn judge(&mut self, Answer { sent, reply }: &Answer) {
        match self.round.judge(|| sent.topics(), reply) {
            Came::Accepted | Came::Unknown => {}
            Came::Refused(topic, code) if Fault::of(code).for_commit() == CommitAnswer::OfMissingTopic => {
                self.member.tell(&MemberEvent::TopicIsGone { topic: &topic });
            }
            Came::Refused(_, code) | Came::Failed(code) => self.result = Err(code),
        }
    }
}

/// Whether a commit may be accepted when the group has settled, or its coordinator can be reached.
fn is_passing(Answer { reply, .. }: &Answer) -> bool {
    reply.first_error().is_err_and(|code| Fault::of(code).for_commit().is_passing())
}
