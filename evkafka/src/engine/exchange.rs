//! Commits and their answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::{sync::Notify, time::timeout};

use super::assignment::{Assignment, Sent, TopicPartition};
use crate::native::{ClientHandle, CommitQueue, CommitReply};

/// Sends one commit at a time and looks for its answer.
pub(super) struct Exchange {
    client: Arc<ClientHandle>,
    queue: CommitQueue,
    /// Notified when an answer arrives.
    answered: Arc<Notify>,
    on_its_way: Option<OnItsWay>,
}

struct OnItsWay {
    sent: Sent,
    /// When it is waited for no longer.
    until: Instant,
}

/// A commit that was sent, and what became of it.
pub(super) struct Answer {
    pub(super) sent: Sent,
    pub(super) reply: CommitReply,
}

impl Exchange {
    pub(super) fn new(client: Arc<ClientHandle>) -> Self {
        let answered = Arc::new(Notify::new());
        let queue = listening_queue(&client, &answered);
        Self { client, queue, answered, on_its_way: None }
    }

    /// Lets `commit` send a commit, if there is anything to commit; whether there is. The answer is waited for until `until`.
    pub(super) fn send(&mut self, until: Instant, commit: impl FnOnce(&CommitQueue) -> Option<Sent>) -> bool {
        let sent = commit(&self.queue);
        self.on_its_way = sent.map(|sent| OnItsWay { sent, until });
        self.on_its_way.is_some()
    }

    /// Waits for what becomes of the commit that was sent; `None` if none was.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
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
    fn hasten(&mut self, until: Instant) {
        if let Some(on_its_way) = &mut self.on_its_way {
            on_its_way.until = on_its_way.until.min(until);
        }
    }

    /// What became of the commit that was sent; `None` as long as that is not known. The lanes have heard of it.
    pub(super) fn take_answer(&mut self, now: Instant) -> Option<Answer> {
        let OnItsWay { sent, until } = self.on_its_way.as_ref()?;
        let reply = match sent.result {
            Ok(()) => self.queue.poll(Duration::ZERO),
            Err(code) => Some(CommitReply::refused(code)),
        };
        if reply.is_none() && now < *until {
            return None;
        }
        let reply = reply.unwrap_or_else(|| {
            // An answer that comes yet must not be taken for that to the next commit.
            self.queue = listening_queue(&self.client, &self.answered);
            CommitReply::timed_out()
        });
        let OnItsWay { sent, .. } = self.on_its_way.take()?;
        sent.answered(&reply);
        Some(Answer { sent, reply })
    }
}

fn listening_queue(client: &Arc<ClientHandle>, answered: &Arc<Notify>) -> CommitQueue {
    let mut queue = CommitQueue::new(client);
    queue.listen(Arc::clone(answered));
    queue
}

/// For so long the answer to a commit is waited for at least.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// How long to wait before a commit is sent again that was refused because the group is rebalancing.
const RETRY: Duration = Duration::from_millis(50);

/// The commit of what is settled of all partitions when a member leaves.
///
/// A group that is rebalancing, perhaps because another member is leaving too, refuses a commit until it has settled; so it is sent
/// again. And where one of several topics is refused, such as one that was deleted, the others are sent each by itself.
pub(super) struct LastCommit {
    exchange: Exchange,
    /// After that it is not sent again.
    deadline: Instant,
    step: Step,
    /// The topics that are to be sent alone after that.
    alone: Vec<Arc<str>>,
    /// What is being sent: one topic alone, or all.
    topic: Option<Arc<str>>,
    result: Result<(), RDKafkaErrorCode>,
}

enum Step {
    /// To be sent at this time.
    Due(Instant),
    Sent,
}

impl LastCommit {
    pub(super) fn new(client: Arc<ClientHandle>, now: Instant, deadline: Instant) -> Self {
        Self {
            exchange: Exchange::new(client),
            deadline,
            step: Step::Due(now),
            alone: Vec::new(),
            topic: None,
            result: Ok(()),
        }
    }

    /// It has no more time than until `deadline`.
    pub(super) fn hasten(&mut self, deadline: Instant) {
        self.deadline = self.deadline.min(deadline);
        self.exchange.hasten(deadline);
    }

    /// Sends what there is to be sent, and looks for the answer; what all of it came to, once that is known.
    pub(super) fn advance(
        &mut self,
        consumer: &str,
        assignment: &Assignment,
        now: Instant,
    ) -> Option<Result<(), RDKafkaErrorCode>> {
        loop {
            match self.step {
                Step::Due(at) if now < at => return None,
                Step::Due(_) => {
                    if self.send(assignment, now) {
                        self.step = Step::Sent;
                        continue;
                    }
                }
                Step::Sent => {
                    let Answer { sent, reply } = self.exchange.take_answer(now)?;
                    let alone = sent.topics_to_be_sent_alone(&reply);
                    match reply.into_result() {
                        Ok(()) => {}
                        Err(code) if is_passing(code) && now < self.deadline => {
                            self.step = Step::Due(now + RETRY);
                            continue;
                        }
                        Err(code) => self.refused(consumer, assignment, code, alone),
                    }
                }
            }
            let Some(topic) = self.alone.pop() else { return Some(self.result) };
            self.topic = Some(topic);
            self.step = Step::Due(now);
        }
    }

    fn send(&mut self, assignment: &Assignment, now: Instant) -> bool {
        let topic = &self.topic;
        let which = |key: &TopicPartition| topic.as_ref().is_none_or(|topic| key.0 == *topic);
        let until = self.deadline.max(now + SHORTEST_WAIT);
        let is_sent =
            self.exchange.send(until, |queue| assignment.commit_with(which, |entries| queue.send(entries)));
        if !is_sent && assignment.is_evicted() && assignment.has_uncommitted(which) {
            // It would be refused: the broker has said so to somebody else.
            self.result = Err(RDKafkaErrorCode::UnknownMemberId);
        }
        is_sent
    }

    fn refused(
        &mut self,
        consumer: &str,
        assignment: &Assignment,
        code: RDKafkaErrorCode,
        alone: Vec<Arc<str>>,
    ) {
        if Assignment::is_eviction(code) {
            assignment.evict();
        }
        match &self.topic {
            Some(topic) if code == RDKafkaErrorCode::UnknownTopicOrPartition => {
                tracing::warn!(consumer, %topic, "the topic no longer exists, and its offsets were not committed");
            }
            None if !alone.is_empty() => self.alone = alone,
            _ => self.result = Err(code),
        }
    }
}

/// Whether a commit may be accepted when the group has settled, or its coordinator can be reached.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(
        code,
        E::RebalanceInProgress
            // The group has settled, and this member is about to learn it.
            | E::IllegalGeneration
            | E::StaleMemberEpoch
            | E::CoordinatorLoadInProgress
            | E::CoordinatorNotAvailable
            | E::NotCoordinator
            | E::WaitingForCoordinator
            // librdkafka sends it some times more by itself, in less than a second.
            | E::BrokerTransportFailure
            | E::NetworkException
            | E::RequestTimedOut
            | E::OperationTimedOut
            // The next has less.
            | E::OffsetMetadataTooLarge
    )
}
