//! What a member's client says, and what the member makes of it at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    joining::{JoinFailure, Verdict},
    plan::POLL,
    rejoin::Unread,
    revocation::Revocation,
    session::Session,
};
use crate::{
    client::{Denial, Fault, Lasts, MemberAnswer, Standing},
    engine::{observe::MemberEvent, partitions::partitions},
    error::Inner,
    native::{ClientFailure, Event, PartitionList},
};

/// How long a poll waits when something is going on: how soon it is noticed that a lane has finished.
const SHORT_POLL: Duration = Duration::from_millis(10);
/// How the client begins to say that it was not told what is committed of a partition. It does not ask again, and so never reads it.
const NO_OFFSET: &str = "Failed to fetch committed offset";

impl Session {
    /// Waits for what the client has to say, for the time of a poll at most.
    pub(super) fn serve(&mut self) {
        let is_quiet = self.phase.is_consuming() && self.revocations.is_empty();
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
                Event::Statistics(json) => {
                    let is_outside = self.client.is_outside_group();
                    let standing = if is_outside { Standing::Outside } else { Standing::Admitted };
                    self.reports.hear(&json, standing);
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
        self.pulse.joined();
        self.coordinator.assign(self.client.handle(), partitions(list), self.client.member_id().as_deref());
        if let Err(error) = self.client.assign(list) {
            self.rejected(&error);
            // The client waits for an answer, whatever comes next.
            let _ = self.client.assign(&PartitionList::empty());
            self.rejoin.demand(Unread::Rejected, Instant::now(), fastrand::f64());
        }
    }

    fn revoke(&mut self, list: PartitionList) {
        let (now, grace) = (Instant::now(), self.config.revoke_grace);
        let mut revocation = Revocation::new(list, &self.client, self.member(), now, grace);
        if let Some(plan) = self.phase.plan_to_leave() {
            revocation.hasten(plan.until_leaving());
        }
        self.revocations.push(revocation);
    }

    /// The client has not taken the answer to what it asked for, and goes on in a way of its own.
    pub(super) fn rejected(&self, error: &str) {
        self.member().tell(&MemberEvent::AnswerRejected { error });
    }

    fn failed(&mut self, failure: ClientFailure) {
        match self.joining.judge(&failure, Instant::now()) {
            Verdict::Fail(reason) => return self.cannot_join(reason, failure),
            Verdict::Warn(reason) => {
                let (group, error) = (&self.config.group_id, &failure.reason);
                self.member().tell(&MemberEvent::WaitsToJoin { group, error, reason: &reason });
            }
            Verdict::Wait if Fault::of(failure.code).says_nothing_new() => {}
            Verdict::Wait => {
                if let Some(lasts) = self.troubles.hear(failure.code, Instant::now()) {
                    self.tell_failure(&failure, lasts);
                }
            }
        }
        if failure.reason.starts_with(NO_OFFSET) {
            self.rejoin.demand(Unread::NoOffset, Instant::now(), fastrand::f64());
        }
        if failure.is_fatal || Fault::of(failure.code).for_member() == MemberAnswer::Final {
            let consumer = Arc::clone(&self.shared().consumer);
            self.end(Inner::Client { consumer, cause: failure.into() });
        }
    }

    fn tell_failure(&self, ClientFailure { code, reason, .. }: &ClientFailure, lasts: Lasts) {
        self.member().tell(&match Denial::find(*code, reason) {
            // What was valid at the start is so no longer. Nothing is consumed until it is again.
            Some(denial) => MemberEvent::Denied { reason, advice: denial.advice(), lasts },
            None => MemberEvent::ClientFailed { error: *code, reason, lasts },
        });
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
        if self.phase.plan_to_leave().is_none() && !self.has_failed.replace(true) {
            self.shared().report(error);
        }
    }
}
