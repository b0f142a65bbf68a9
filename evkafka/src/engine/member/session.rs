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

use tokio_util::sync::CancellationToken;

use super::{
    coordinator::Coordinator,
    drain::Drained,
    joining::Joining,
    phase::{Committing, Consuming, Draining, Leaving, Phase, Reason, Rejoining},
    plan::DrainPlan,
    rejoin::{Rejoin, Unread},
    revocation::{Hold, Outcome, Revocation},
    thread::Command,
};
use crate::{
    client::ClientLog,
    config::ResolvedConfig,
    engine::{assignment::Assignment, commit::LastCommit, shared::Shared},
    error::{Inner, Result},
    native::OwnedClient,
};

/// How often all lanes look for records by themselves, should a wake-up have been lost; and how often it is looked whether the group
/// has gone on without the member while partitions are revoked, which the client does not tell.
const WATCHDOG: Duration = Duration::from_secs(1);
/// How long a member that is to join again waits to be rid of its partitions.
const REJOINS: Duration = Duration::from_secs(10);

/// A member that has joined its group.
pub(super) struct Session {
    pub(super) config: ResolvedConfig,
    pub(super) log: ClientLog,
    pub(super) client: OwnedClient,
    pub(super) coordinator: Coordinator,
    /// Stops the task that commits.
    committer: CancellationToken,
    /// What the client waits for. It asks for one at a time, except when it closes.
    pub(super) revocations: Vec<Revocation>,
    pub(super) phase: Phase,
    looked: Instant,
    pub(super) joining: Joining,
    pub(super) rejoin: Rejoin,
    /// Whether the app was told to end.
    pub(super) has_failed: Cell<bool>,
}

/// How a session ended.
pub(super) enum Ended {
    /// As the app said: whether everything that was handled is committed; `None` if a lane has not finished.
    Drained(Option<Result<()>>),
    /// So many partitions are assigned that the client has to be replaced by one with other limits.
    Outgrown(usize),
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
            phase: Phase::default(),
            looked: Instant::now(),
            joining,
            rejoin: Rejoin::default(),
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
            let drained = self.phase.drain(&self.coordinator.assignment, now);
            self.advance_revocations(self.phase.hold(drained, now), now);
            if let Some(leaving) = self.advance(drained, now) {
                return self.conclude(leaving);
            }
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.coordinator.shared
    }

    fn assignment(&self) -> &Assignment {
        &self.coordinator.assignment
    }

    /// Hears what the app says.
    fn hear(&mut self, inbox: &mpsc::Receiver<Command>) {
        let plan = match inbox.try_recv() {
            Ok(Command::Shutdown(plan)) => plan,
            Ok(Command::Consume) | Err(mpsc::TryRecvError::Empty) => return,
            // The app's future was dropped: nobody waits, and nobody may go on handling.
            Err(mpsc::TryRecvError::Disconnected) => DrainPlan::for_loss(Instant::now()),
        };
        self.prepare_to_leave(plan);
        self.phase = std::mem::take(&mut self.phase).leave(plan, Reason::Shutdown);
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
    fn advance_revocations(&mut self, hold: Hold, now: Instant) {
        let Coordinator { assignment, shared, .. } = &self.coordinator;
        for mut revocation in std::mem::take(&mut self.revocations) {
            let Some(outcome) = revocation.advance(hold, &self.client, assignment, shared, now) else {
                self.revocations.push(revocation);
                continue;
            };
            if let Err(error) = self.client.unassign(revocation.list()) {
                self.rejected(&error);
            }
            if let Some(exit) = self.phase.exit() {
                exit.given_up(outcome);
            }
        }
    }

    /// Goes on from the member's phase, if it is time to; with what came of it all once the member has left.
    fn advance(&mut self, drained: Drained, now: Instant) -> Option<Leaving> {
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Consuming(consuming) => self.consume(consuming, now),
            Phase::Rejoining(rejoining) => self.give_up_all(rejoining, now),
            Phase::Draining(draining) => match drained {
                Drained::NotYet => Phase::Draining(draining),
                Drained::All | Drained::OutOfTime => self.begin_to_commit(draining, now),
            },
            Phase::Committing(committing) => self.commit(committing, now),
            Phase::Leaving(leaving) => {
                if self.has_left() || leaving.is_out_of_time(now) {
                    return Some(leaving);
                }
                Phase::Leaving(leaving)
            }
        };
        None
    }

    fn consume(&mut self, consuming: Consuming, now: Instant) -> Phase {
        let consumer = &self.shared().consumer;
        if self.assignment().is_evicted() {
            tracing::warn!(
                %consumer,
                "the group has gone on without this member, which rejoins; what it has handled since its last commit is handled \
                 again"
            );
            return self.begin_to_rejoin(consuming, now, DrainPlan::for_loss(now));
        }
        if let Some(why) = self.rejoin.is_due(now) {
            match why {
                Unread::NoOffset => tracing::warn!(
                    %consumer,
                    "the brokers did not say what is committed of partitions that are assigned, which are not read: the member \
                     leaves its group and joins again"
                ),
                Unread::Rejected => tracing::warn!(
                    %consumer,
                    "the client rejected an assignment, whose partitions are not read: the member leaves its group and joins again"
                ),
            }
            let plan = DrainPlan::for_revoke(now, self.config.revoke_grace);
            return self.begin_to_rejoin(consuming, now, plan);
        }
        let Some(assigned) = self.coordinator.outgrown() else { return Phase::Consuming(consuming) };
        let plan = DrainPlan::for_revoke(now, self.config.revoke_grace);
        self.prepare_to_leave(plan);
        Phase::Draining(consuming.leave(plan, Reason::Outgrown(assigned)))
    }

    fn begin_to_rejoin(&mut self, consuming: Consuming, now: Instant, plan: DrainPlan) -> Phase {
        self.rejoin.begun();
        self.coordinator.is_leaving.set(true);
        self.client.unsubscribe();
        Phase::Rejoining(consuming.rejoin(plan, plan.end_at.max(now + REJOINS)))
    }

    fn give_up_all(&mut self, rejoining: Rejoining, now: Instant) -> Phase {
        let is_rid_of_all = self.assignment().is_empty() && self.revocations.is_empty();
        if !is_rid_of_all && !rejoining.is_out_of_time(now) {
            return Phase::Rejoining(rejoining);
        }
        self.coordinator.is_leaving.set(false);
        self.assignment().readmit();
        if let Err(code) = self.client.subscribe(self.config.topics.iter().map(String::as_str)) {
            let consumer = Arc::clone(&self.shared().consumer);
            self.shared().report(Inner::Client { consumer, cause: code.into() });
        }
        Phase::Consuming(rejoining.rejoined())
    }

    fn prepare_to_leave(&mut self, plan: DrainPlan) {
        self.coordinator.is_leaving.set(true);
        for revocation in &mut self.revocations {
            revocation.hasten(plan.until_leaving());
        }
    }

    fn begin_to_commit(&self, draining: Draining, now: Instant) -> Phase {
        self.committer.cancel();
        let last = LastCommit::new(
            Arc::clone(&self.shared().consumer),
            Arc::clone(&self.coordinator.assignment),
            Arc::clone(self.client.handle()),
            now,
            draining.plan().leave_at(),
        );
        Phase::Committing(draining.commit(last))
    }

    fn commit(&self, mut committing: Committing, now: Instant) -> Phase {
        let Some(committed) = committing.last.advance(now) else { return Phase::Committing(committing) };
        let partitions: Vec<_> = self.assignment().all().into_iter().map(|(key, _)| key).collect();
        self.assignment().disown(&partitions);
        self.client.unsubscribe();
        // What has not finished is dropped, whether the runtime gets to it or not.
        self.coordinator.tasks.drop_all(&self.coordinator.runtime);
        Phase::Leaving(committing.depart(committed))
    }

    /// The client asks for what is assigned, and tasks may still hold something of it.
    fn has_left(&self) -> bool {
        let is_rid_of_all = self.revocations.is_empty() && self.client.count_assigned() == 0;
        is_rid_of_all && !self.client.in_use()
    }

    fn conclude(&self, leaving: Leaving) -> Ended {
        let (reason, committed) = leaving.end();
        let drained = self.drained(committed);
        match reason {
            Reason::Shutdown => Ended::Drained(drained),
            Reason::Outgrown(assigned) => {
                if let Some(Err(error)) = drained {
                    let consumer = &self.shared().consumer;
                    tracing::warn!(%consumer, ?error, "the consumer rejoins its group all the same");
                }
                Ended::Outgrown(assigned)
            }
        }
    }

    /// `None` if a lane has not finished.
    fn drained(&self, committed: Outcome) -> Option<Result<()>> {
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
            if let Err(error) = self.client.unassign(revocation.list()) {
                self.rejected(&error);
            }
        }
    }
}
