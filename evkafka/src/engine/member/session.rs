//! A member from the moment that it joins its group until it has left.
//!
//! All of it happens on the member's thread, which does one thing after the other and never waits for longer than a poll: it hears
//! what the client has to say (above all which partitions are assigned and revoked), hears the app, and takes each thing that is
//! going on as far as it goes. These are the [revocations](Revocation) that the group waits for, and the member's own way through
//! its [phases](MemberPhase). They do not wait for each other: a lane that several of them drain follows whichever plan is ahead.

use std::{
    cell::Cell,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use super::{
    command::{Command, asked_to_leave},
    coordinator::Coordinator,
    ends::Ends,
    joining::Joining,
    phase::{Leaving, MemberPhase, Reason},
    rejoin::Rejoin,
    revocation::{Hold, Revocation},
};
use crate::{
    client::{ClientLog, ClientReports, Lasting, Troubles},
    config::ResolvedConfig,
    engine::{
        assignment::Assignment,
        observe::{MemberEvent, WatchedMember},
        shared::Shared,
        vitals::MemberPulse,
    },
    error::{Inner, Result},
    native::OwnedClient,
};

/// How often all lanes look for records by themselves, should a wake-up have been lost; and how often it is looked whether the group
/// has gone on without the member while partitions are revoked, which the client does not tell.
const WATCHDOG: Duration = Duration::from_secs(1);
/// How long a member may wait for its group without a word, at first and later on.
const PATIENCE: Duration = Duration::from_secs(4);
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// A member that has joined its group.
pub(super) struct Session {
    pub(super) config: ResolvedConfig,
    pub(super) log: ClientLog,
    /// Dropped before the client, which takes its time to close: what it has reported holds no longer.
    pub(super) reports: ClientReports,
    pub(super) client: OwnedClient,
    pub(super) coordinator: Coordinator,
    /// What the client waits for. It asks for one at a time, except when it closes.
    pub(super) revocations: Vec<Revocation>,
    pub(super) phase: MemberPhase,
    looked: Instant,
    pub(super) ends: Ends,
    pub(super) joining: Joining,
    pub(super) troubles: Troubles,
    /// Since when the group has not admitted the member, if it has not.
    waits: Option<Lasting>,
    /// How often brokers had done what was asked of them when it was last looked.
    successes: u64,
    pub(super) rejoin: Rejoin,
    pub(super) pulse: Arc<MemberPulse>,
    /// Whether the app was told to end.
    pub(super) has_failed: Cell<bool>,
}

/// How a session ended.
pub(super) struct Ended {
    pub(super) reason: Reason,
    /// Whether everything that was handled is committed.
    pub(super) committed: Result<()>,
    /// Whether all lanes have finished.
    pub(super) are_over: bool,
}

impl Session {
    /// # Errors
    /// If the client does not take the topics.
    pub(super) fn begin(
        config: ResolvedConfig,
        log: ClientLog,
        client: OwnedClient,
        coordinator: Coordinator,
        joining: Joining,
        ends: Ends,
        pulse: Arc<MemberPulse>,
    ) -> Result<Self> {
        coordinator.member.tell(&MemberEvent::Joins);
        client
            .subscribe(config.topics.iter().map(String::as_str))
            .map_err(|code| Inner::Client { consumer: Arc::clone(log.name()), cause: code.into() })?;
        Ok(Self {
            config,
            reports: log.reports(),
            log,
            client,
            coordinator,
            revocations: Vec::new(),
            phase: MemberPhase::default(),
            looked: Instant::now(),
            ends,
            joining,
            troubles: Troubles::default(),
            waits: None,
            successes: 0,
            rejoin: Rejoin::default(),
            pulse,
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
            self.pulse.turns(now, Duration::ZERO);
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

    pub(super) fn member(&self) -> &Arc<WatchedMember> {
        &self.coordinator.member
    }

    pub(super) fn assignment(&self) -> &Assignment {
        &self.coordinator.assignment
    }

    /// Hears what the app says.
    fn hear(&mut self, inbox: &mpsc::Receiver<Command>) {
        let Some(plan) = asked_to_leave(inbox) else { return };
        self.prepare_to_leave(plan);
        self.phase = std::mem::take(&mut self.phase).leave(plan, Reason::Shutdown);
    }

    fn watch(&mut self, now: Instant) {
        if now.saturating_duration_since(self.looked) < WATCHDOG {
            return;
        }
        self.looked = now;
        self.assignment().look_at_all(now);
        self.assignment().wake_all();
        self.tell_recovered(now);
        self.tell_waiting(now);
        if self.phase.is_consuming() {
            self.ends.look(self.client.handle(), &self.coordinator.assignment, now);
        }
        // librdkafka pauses all partitions until a revocation is answered.
        if !self.phase.is_consuming() || !self.revocations.is_empty() {
            self.ends.interrupted();
        }
        if !self.revocations.is_empty() && self.client.is_outside_group() {
            self.revocations.iter_mut().for_each(|revocation| revocation.lose(now));
        }
    }

    /// Until the group has admitted the member there may be nothing else to say for long.
    fn tell_waiting(&mut self, now: Instant) {
        if !self.phase.is_consuming() {
            self.waits = None;
            return;
        }
        if !self.client.is_outside_group() {
            // Of a member without partitions the client says no more than that.
            self.pulse.joined();
            self.waits = None;
            return;
        }
        let waits = self.waits.get_or_insert_with(|| Lasting::begin(now, PATIENCE, LONGEST_SILENCE));
        if waits.hear(now).is_some() {
            let waited = now.saturating_duration_since(waits.begun());
            let (group, error) = (&*self.config.group_id, self.troubles.last());
            self.member().tell(&MemberEvent::WaitsForGroup { group, waited, error });
        }
    }

    /// What was wrong with the client may be over.
    fn tell_recovered(&mut self, now: Instant) {
        let successes = self.assignment().successes();
        if std::mem::replace(&mut self.successes, successes) != successes {
            self.troubles.succeed(now);
        }
        for over in self.troubles.take_over(now) {
            self.member().tell(&MemberEvent::ClientRecovered(over));
        }
    }

    /// Takes each revocation as far as it goes, and tells the client of those that are done.
    fn advance_revocations(&mut self, hold: Hold, now: Instant) {
        let Coordinator { assignment, member, .. } = &self.coordinator;
        for mut revocation in std::mem::take(&mut self.revocations) {
            let Some(outcome) = revocation.advance(hold, &self.client, assignment, member, now) else {
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

    fn conclude(&self, leaving: Leaving) -> Ended {
        let (reason, committed) = leaving.end();
        let consumer = &self.shared().consumer;
        let committed: Result<()> = committed.map_err(|code| Inner::commit(consumer, code, true).into());
        let are_over = self.assignment().controls().iter().all(|lane| lane.is_finished());
        self.member().tell(&MemberEvent::Left);
        match (&committed, are_over, reason) {
            (Err(error), false, _) => self.member().tell(&MemberEvent::LeftUncommitted { error }),
            (Err(error), true, Reason::Outgrown(_) | Reason::Silent) => {
                self.member().tell(&MemberEvent::RejoinsUncommitted { error });
            }
            (Err(_), true, Reason::Shutdown) | (Ok(()), ..) => {}
        }
        Ended { reason, committed, are_over }
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
