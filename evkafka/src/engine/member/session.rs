//! A member from the moment that it joins its group until it has left.
//!
//! All of it happens on the member's thread, which does one thing after the other and never waits for longer than a poll: it hears
//! what the client has to say (above all which partitions are assigned and revoked), hears the app, and takes each thing that is
//! going on as far as it goes. These are the [revocations](Revocation) that the group waits for, and the member's own way through
//! its [phases](Phase). They do not wait for each other: a lane that several of them drain follows whichever plan is ahead.

use std::{
    cell::Cell,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio_util::sync::CancellationToken;

use super::{
    coordinator::{Coordinator, partitions},
    drain::{DrainPlan, Drained},
    joining::{JoinFailure, Joining, Verdict},
    revocation::Revocation,
    thread::Command,
};
use crate::{
    client::{ClientLog, Denial, Fault, MemberAnswer},
    config::ResolvedConfig,
    engine::{assignment::Assignment, commit::LastCommit, shared::Shared},
    error::{Inner, Result},
    native::{ClientFailure, Event, OwnedClient, PartitionList},
    settle::Backoff,
};

/// How long a poll waits when nothing is going on; also how soon the app is heard.
pub(super) const POLL: Duration = Duration::from_millis(100);
/// The same when something is: how soon it is noticed that a lane has finished.
const SHORT_POLL: Duration = Duration::from_millis(10);
/// How often all lanes look for records by themselves, should a wake-up have been lost; and how often it is looked whether the group
/// has gone on without the member while partitions are revoked, which the client does not tell.
const WATCHDOG: Duration = Duration::from_secs(1);
/// How long a member that is to join again waits to be rid of its partitions.
const REJOINS: Duration = Duration::from_secs(10);
/// How the client begins to say that it was not told what is committed of a partition. It does not ask again, and so never reads it.
const NO_OFFSET: &str = "Failed to fetch committed offset";
/// When a member joins again after that: others of its group notice it.
const NO_OFFSET_REJOINS: Backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(30));

/// A member that has joined its group.
pub(super) struct Session {
    config: ResolvedConfig,
    log: ClientLog,
    client: OwnedClient,
    coordinator: Coordinator,
    /// Stops the task that commits.
    committer: CancellationToken,
    /// What the client waits for. It asks for one at a time, except when it closes.
    revocations: Vec<Revocation>,
    phase: Phase,
    /// Why something that was settled was not committed when a partition was given up, since the member began to leave.
    given_up: Result<(), RDKafkaErrorCode>,
    looked: Instant,
    joining: Joining,
    /// The member leaves because so many partitions are assigned.
    outgrown: Option<usize>,
    /// When the member is to join again, because the client never reads what is assigned.
    rejoins_at: Option<Instant>,
    /// How often it had to.
    rejoined: u32,
    /// Whether the app was told to end.
    has_failed: Cell<bool>,
}

/// How a session ended.
pub(super) enum Ended {
    /// As the app said: whether everything that was handled is committed; `None` if a lane has not finished.
    Drained(Option<Result<()>>),
    /// So many partitions are assigned that the client has to be replaced by one with other limits.
    Outgrown(usize),
}

/// Where a member is on its way. It goes from each to the next, or from the first two to the third when the app says so.
enum Phase {
    Consuming,
    /// The member gives up what it has and joins as if it were new. If the group has gone on without it, because a rebalance took it
    /// too long or it was frozen, its lanes are ended without a commit: lanes that went on could handle what belongs to others, and
    /// commit offsets that go backwards.
    Rejoining {
        plan: DrainPlan,
        at_latest: Instant,
    },
    Draining(DrainPlan),
    Committing(DrainPlan, LastCommit),
    /// The client leaves the group; whether the last commit was accepted.
    Leaving(DrainPlan, Result<(), RDKafkaErrorCode>),
}

impl Session {
    /// # Errors
    /// If the client does not take the topics.
    pub(super) fn begin(
        config: ResolvedConfig,
        log: ClientLog,
        client: OwnedClient,
        coordinator: Coordinator,
        committer: CancellationToken,
        joining: Joining,
    ) -> Result<Self> {
        client
            .subscribe(config.topics.iter().map(String::as_str))
            .map_err(|code| Inner::Client { consumer: Arc::clone(log.consumer()), cause: code.into() })?;
        Ok(Self {
            config,
            log,
            client,
            coordinator,
            committer,
            revocations: Vec::new(),
            phase: Phase::Consuming,
            given_up: Ok(()),
            looked: Instant::now(),
            joining,
            outgrown: None,
            rejoins_at: None,
            rejoined: 0,
            has_failed: Cell::new(false),
        })
    }

    pub(super) fn client(&self) -> &OwnedClient {
        &self.client
    }

    /// Consumes until the app says to stop, or the client has to be replaced, then drains, commits and leaves.
    pub(super) fn run(&mut self, inbox: &mpsc::Receiver<Command>) -> Ended {
        loop {
            self.serve();
            self.hear(inbox);
            let now = Instant::now();
            self.watch(now);
            self.advance_revocations(now);
            if let Some(result) = self.advance(now) {
                return self.conclude(result);
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.coordinator.shared
    }

    fn assignment(&self) -> &Assignment {
        &self.coordinator.assignment
    }

    /// Waits for what the client has to say, for the time of a poll at most.
    fn serve(&mut self) {
        let is_quiet = matches!(self.phase, Phase::Consuming) && self.revocations.is_empty();
        let until = Instant::now() + if is_quiet { POLL } else { SHORT_POLL };
        while let Some(event) = self.client.poll(until.saturating_duration_since(Instant::now())) {
            match event {
                Event::Assign(list) => return self.assign(&list),
                Event::Revoke(list) => return self.revoke(list),
                Event::Error(ClientFailure { code, reason, is_fatal }) => {
                    let reason = self.log.shown(&reason).into_owned();
                    self.failed(ClientFailure { code, reason, is_fatal });
                }
                Event::Log { level, facility, message } => {
                    self.log.line(level, &facility, &message);
                }
                Event::Record { topic, partition, offset } => {
                    // Its offset is not settled by anybody, so it must not be passed over.
                    self.shared().report(Inner::Engine {
                        consumer: Arc::clone(&self.shared().consumer),
                        message: format!(
                            "a record of {topic}[{partition}] at offset {offset} did not come over its partition's queue"
                        ),
                    });
                }
                Event::Other => {}
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    fn assign(&mut self, list: &PartitionList) {
        self.joining.joined();
        self.coordinator.assign(self.client.handle(), partitions(list));
        self.answered(self.client.assign(list));
    }

    fn revoke(&mut self, list: PartitionList) {
        let (now, grace) = (Instant::now(), self.config.revoke_grace);
        let mut revocation = Revocation::new(list, &self.client, self.shared(), now, grace);
        if let Some(plan) = self.shutdown_plan() {
            revocation.hasten(plan.until_leaving());
        }
        self.revocations.push(revocation);
    }

    /// The client has taken the answer to what it asked for, or has not: then it goes on in a way of its own.
    fn answered(&self, answered: Result<(), String>) {
        if let Err(error) = answered {
            tracing::warn!(consumer = %self.shared().consumer, error, "the client rejects the answer to a rebalance");
        }
    }

    fn failed(&mut self, failure: ClientFailure) {
        match self.joining.judge(&failure, Instant::now()) {
            Verdict::Fail(reason) => return self.cannot_join(reason, failure),
            Verdict::Warn(reason) => {
                let (consumer, group) = (&self.shared().consumer, &self.config.group_id);
                tracing::warn!(%consumer, group, error = failure.reason, "the consumer waits to join its group: {reason}");
            }
            Verdict::Wait if Fault::of(failure.code).says_nothing_new() => {}
            Verdict::Wait => self.log_failure(&failure),
        }
        if failure.reason.starts_with(NO_OFFSET) && self.rejoins_at.is_none() {
            self.rejoined = self.rejoined.saturating_add(1);
            self.rejoins_at = Some(Instant::now() + NO_OFFSET_REJOINS.wait(self.rejoined, fastrand::f64()));
        }
        if failure.is_fatal || Fault::of(failure.code).for_member() == MemberAnswer::Final {
            let consumer = Arc::clone(&self.shared().consumer);
            self.end(Inner::Client { consumer, cause: failure.into() });
        }
    }

    fn log_failure(&self, ClientFailure { code, reason, .. }: &ClientFailure) {
        let consumer = &self.shared().consumer;
        match Denial::find(*code, reason) {
            // What was valid at the start is so no longer. Nothing is consumed until it is again.
            Some(denial) => {
                tracing::error!(%consumer, reason, "the Kafka cluster denies access; {}", denial.advice());
            }
            None => tracing::warn!(%consumer, error = %code, reason, "the Kafka client reports an error"),
        }
    }

    fn cannot_join(&self, reason: JoinFailure, failure: ClientFailure) {
        self.end(Inner::Join {
            consumer: Arc::clone(&self.shared().consumer),
            group: self.config.group_id.clone(),
            failure: reason,
            cause: failure.into(),
        });
    }

    /// Ends the app, unless it is ending: the client says the same again until it is closed.
    fn end(&self, error: Inner) {
        if self.shutdown_plan().is_none() && !self.has_failed.replace(true) {
            self.shared().report(error);
        }
    }

    /// Hears what the app says.
    fn hear(&mut self, inbox: &mpsc::Receiver<Command>) {
        let plan = match inbox.try_recv() {
            Ok(Command::Shutdown(plan)) => plan,
            Ok(Command::Consume) | Err(mpsc::TryRecvError::Empty) => return,
            // The app's future was dropped: nobody waits, and nobody may go on handling.
            Err(mpsc::TryRecvError::Disconnected) => DrainPlan::for_loss(Instant::now()),
        };
        self.outgrown = None;
        self.shut_down(plan);
    }

    /// Leaves the group by `plan`, or by that of before where it is ahead.
    fn shut_down(&mut self, plan: DrainPlan) {
        self.coordinator.is_leaving.set(true);
        for revocation in &mut self.revocations {
            revocation.hasten(plan.until_leaving());
        }
        match &mut self.phase {
            Phase::Consuming => self.phase = Phase::Draining(plan),
            Phase::Rejoining { plan: before, .. } => self.phase = Phase::Draining(before.earlier(plan)),
            Phase::Draining(before) | Phase::Leaving(before, _) => *before = before.earlier(plan),
            Phase::Committing(before, last) => {
                *before = before.earlier(plan);
                last.hasten(before.leave_at());
            }
        }
    }

    /// By what plan the member leaves, if it does.
    fn shutdown_plan(&self) -> Option<DrainPlan> {
        match self.phase {
            Phase::Consuming | Phase::Rejoining { .. } => None,
            Phase::Draining(plan) | Phase::Committing(plan, _) | Phase::Leaving(plan, _) => Some(plan),
        }
    }

    fn watch(&mut self, now: Instant) {
        if now.saturating_duration_since(self.looked) < WATCHDOG {
            return;
        }
        self.looked = now;
        self.assignment().wake_all();
        if !self.revocations.is_empty() && self.client.is_outside_group() {
            self.revocations.iter_mut().for_each(|revocation| revocation.lose(now));
        }
    }

    /// Takes each revocation as far as it goes, and tells the client of those that are done.
    ///
    /// But not while the last commit is on its way, or due, which is of their partitions too, unless these are lost.
    fn advance_revocations(&mut self, now: Instant) {
        let mut index = 0;
        while index < self.revocations.len() {
            let is_held = self.is_committing(now) && self.revocations[index].is_draining();
            if is_held || !self.is_given_up(index, now) {
                index += 1;
            }
        }
    }

    /// Whether the last commit is on its way, or due at once.
    ///
    /// An answer to a revocation has the client join the group again: then the group may refuse the last commit, and the client
    /// cannot leave until all other members have joined too.
    fn is_committing(&self, now: Instant) -> bool {
        match &self.phase {
            Phase::Draining(plan) => {
                now >= plan.drop_at || self.assignment().drain(plan, now) != Drained::NotYet
            }
            Phase::Committing(..) => true,
            Phase::Consuming | Phase::Rejoining { .. } | Phase::Leaving(..) => false,
        }
    }

    /// Takes a revocation as far as it goes; whether the client was told that it is done.
    fn is_given_up(&mut self, index: usize, now: Instant) -> bool {
        let Coordinator { assignment, shared, .. } = &self.coordinator;
        let revocation = &mut self.revocations[index];
        let Some(outcome) = revocation.advance(&self.client, assignment, shared, now) else { return false };
        // Meanwhile the lanes that it waited for may have been the last.
        if self.is_committing(now) {
            return false;
        }
        let revocation = self.revocations.remove(index);
        self.answered(self.client.unassign(revocation.list()));
        if self.shutdown_plan().is_some() {
            self.given_up = self.given_up.and(outcome);
        }
        true
    }

    /// Goes on in the member's phase as far as it goes; whether all was committed, once the member has left.
    fn advance(&mut self, now: Instant) -> Option<Result<(), RDKafkaErrorCode>> {
        let assignment = &self.coordinator.assignment;
        match &mut self.phase {
            Phase::Consuming if assignment.is_evicted() => {
                tracing::warn!(
                    consumer = %self.shared().consumer,
                    "the group has gone on without this member, which rejoins; what it has handled since its last commit is handled \
                     again"
                );
                self.prepare_to_rejoin(now, DrainPlan::for_loss(now));
            }
            Phase::Consuming if self.rejoins_at.is_some_and(|at| at <= now) => {
                tracing::warn!(
                    consumer = %self.shared().consumer,
                    "the brokers did not say what is committed of partitions that are assigned, which are not read: the member \
                     leaves its group and joins again"
                );
                self.prepare_to_rejoin(now, DrainPlan::for_revoke(now, self.config.revoke_grace));
            }
            Phase::Consuming => {
                self.outgrown = self.coordinator.outgrown();
                if self.outgrown.is_some() {
                    self.shut_down(DrainPlan::for_revoke(now, self.config.revoke_grace));
                }
            }
            Phase::Rejoining { plan, at_latest } => {
                assignment.drain(plan, now);
                let is_rid_of_all = assignment.is_empty() && self.revocations.is_empty();
                if is_rid_of_all || now >= *at_latest {
                    self.rejoin();
                }
            }
            Phase::Draining(plan) => {
                if assignment.is_evicted() {
                    *plan = plan.earlier(DrainPlan::for_loss(now));
                }
                if assignment.drain(plan, now) != Drained::NotYet {
                    self.committer.cancel();
                    let last = LastCommit::new(
                        Arc::clone(&self.coordinator.shared.consumer),
                        Arc::clone(assignment),
                        Arc::clone(self.client.handle()),
                        now,
                        plan.leave_at(),
                    );
                    self.phase = Phase::Committing(*plan, last);
                }
            }
            Phase::Committing(plan, last) => {
                let committed = last.advance(now)?;
                let partitions: Vec<_> = assignment.all().into_iter().map(|(key, _)| key).collect();
                assignment.disown(&partitions);
                self.client.unsubscribe();
                // What has not finished is dropped, whether the runtime gets to it or not.
                self.coordinator.tasks.drop_all(&self.coordinator.runtime);
                self.phase = Phase::Leaving(*plan, committed);
            }
            // The client asks for what is assigned, and tasks may still hold something of it.
            Phase::Leaving(plan, committed) => {
                let is_rid_of_all = self.revocations.is_empty() && self.client.count_assigned() == 0;
                let has_left = is_rid_of_all && !self.client.in_use();
                return (has_left || now >= plan.end_at).then(|| committed.and(self.given_up));
            }
        }
        None
    }

    fn prepare_to_rejoin(&mut self, now: Instant, plan: DrainPlan) {
        self.rejoins_at = None;
        self.coordinator.is_leaving.set(true);
        self.client.unsubscribe();
        self.phase = Phase::Rejoining { plan, at_latest: plan.end_at.max(now + REJOINS) };
    }

    fn rejoin(&mut self) {
        self.coordinator.is_leaving.set(false);
        self.assignment().readmit();
        self.phase = Phase::Consuming;
        if let Err(code) = self.client.subscribe(self.config.topics.iter().map(String::as_str)) {
            let consumer = Arc::clone(&self.shared().consumer);
            self.shared().report(Inner::Client { consumer, cause: code.into() });
        }
    }

    fn conclude(&self, committed: Result<(), RDKafkaErrorCode>) -> Ended {
        let drained = self.drained(committed);
        let Some(assigned) = self.outgrown else { return Ended::Drained(drained) };
        if let Some(Err(error)) = drained {
            tracing::warn!(consumer = %self.shared().consumer, ?error, "the consumer rejoins its group all the same");
        }
        Ended::Outgrown(assigned)
    }

    /// `None` if a lane has not finished.
    fn drained(&self, committed: Result<(), RDKafkaErrorCode>) -> Option<Result<()>> {
        let Shared { consumer, counts, .. } = &**self.shared();
        tracing::info!(
            %consumer,
            handled = counts.handled(),
            skipped = counts.skipped(),
            given_up = counts.given_up(),
            dead_lettered = counts.dead_lettered(),
            "left the group"
        );
        let committed: Result<()> = committed
            .map_err(|code| Inner::Commit { consumer: Arc::clone(consumer), code, last: true }.into());
        if self.assignment().all().iter().all(|(_, lane)| lane.control.is_finished()) {
            return Some(committed);
        }
        if let Err(error) = committed {
            tracing::error!(%consumer, ?error, "besides, a handler has not finished");
        }
        None
    }
}

impl Drop for Session {
    /// The client waits for an answer before it closes.
    fn drop(&mut self) {
        for revocation in std::mem::take(&mut self.revocations) {
            self.answered(self.client.unassign(revocation.list()));
        }
    }
}
