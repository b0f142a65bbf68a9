//! How a commit is sent and its answer waited for, by whoever commits: the task that commits, a revocation, and the last commit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::{sync::Notify, time::timeout};

use super::target::{Channel, CommitTarget};
use crate::{
    client::{CommitAnswer, Fault},
    engine::assignment::{Assignment, Sent, TopicPartition},
    native::CommitReply,
};

/// Sends one commit at a time and looks for its answer.
pub(in crate::engine) struct Exchange {
    assignment: Arc<Assignment>,
    target: CommitTarget,
    channel: Channel,
    /// Notified when an answer arrives.
    answered: Arc<Notify>,
    on_its_way: Option<OnItsWay>,
}

struct OnItsWay {
    sent: Sent,
    /// When it is waited for no longer.
    until: Instant,
    /// Whether its partitions are not ours any more.
    is_given_up: bool,
}

/// A commit that was sent, and what became of it.
pub(in crate::engine) struct Answer {
    pub(super) sent: Sent,
    pub(in crate::engine) reply: CommitReply,
}

impl Exchange {
    pub(in crate::engine) fn new(assignment: Arc<Assignment>, target: CommitTarget) -> Self {
        let answered = Arc::new(Notify::new());
        let channel = target.open(&answered);
        Self { assignment, target, channel, answered, on_its_way: None }
    }

    /// Sends what is settled of `which` partitions and not committed, if there is anything; whether there is. The answer is waited
    /// for until `until`.
    pub(super) fn commit(&mut self, which: impl Fn(&TopicPartition) -> bool, until: Instant) -> bool {
        let sent = self.assignment.commit_with(which, |entries| self.channel.send(entries));
        self.expect(sent, until, false)
    }

    /// The same for partitions that are not ours any more after that.
    pub(in crate::engine) fn give_up(&mut self, partitions: &[TopicPartition], until: Instant) -> bool {
        let sent = self.assignment.disown_with(partitions, |entries| self.channel.send(entries));
        self.expect(sent, until, true)
    }

    fn expect(&mut self, sent: Option<Sent>, until: Instant, is_given_up: bool) -> bool {
        self.on_its_way = sent.map(|sent| OnItsWay { sent, until, is_given_up });
        self.on_its_way.is_some()
    }

    /// Waits for what becomes of the commit that was sent; `None` if none was.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(in crate::engine) async fn answer(&mut self) -> Option<Answer> {
        while self.on_its_way.is_some() {
            if let Some(answer) = self.take_answer(Instant::now()) {
                return Some(answer);
            }
            // Looks again every second, in case a wake-up was lost.
            let _ = timeout(Duration::from_secs(1), self.answered.notified()).await;
        }
        None
    }

    /// The answer is not waited for longer than until `until`.
    pub(super) fn hasten(&mut self, until: Instant) {
        if let Some(on_its_way) = &mut self.on_its_way {
            on_its_way.until = on_its_way.until.min(until);
        }
    }

    /// What became of the commit that was sent; `None` as long as that is not known. The lanes have heard of it.
    pub(in crate::engine) fn take_answer(&mut self, now: Instant) -> Option<Answer> {
        let OnItsWay { sent, until, .. } = self.on_its_way.as_ref()?;
        let reply = match sent.result {
            Ok(()) => self.channel.poll(),
            Err(code) => Some(CommitReply::refused(code)),
        };
        if reply.is_none() && now < *until {
            return None;
        }
        let reply = reply.unwrap_or_else(|| {
            // An answer that comes yet must not be taken for that to the next commit.
            self.channel = self.target.open(&self.answered);
            CommitReply::timed_out()
        });
        let OnItsWay { sent, is_given_up, .. } = self.on_its_way.take()?;
        sent.answered(&reply);
        if reply.first_error().is_err_and(|code| is_eviction(code, is_given_up)) {
            self.assignment.evict(sent.membership);
        }
        Some(Answer { sent, reply })
    }
}

/// Whether the answer to a commit says that the member is evicted from its group.
fn is_eviction(code: RDKafkaErrorCode, is_given_up: bool) -> bool {
    match Fault::of(code).for_commit() {
        CommitAnswer::Evicted => true,
        // The member cannot join again before it has given up the partitions, so a new generation is one without it.
        CommitAnswer::PassingOrEvicted => is_given_up,
        CommitAnswer::Passing
        | CommitAnswer::Shorter
        | CommitAnswer::OfMissingTopic
        | CommitAnswer::OfOnePartition
        | CommitAnswer::OfForbiddenTopic
        | CommitAnswer::Unclear
        | CommitAnswer::Final
        | CommitAnswer::Later => false,
    }
}
