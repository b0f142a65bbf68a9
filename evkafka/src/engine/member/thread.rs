//! The thread that polls librdkafka for a member.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    admission::Admission,
    closing::Closing,
    command::{Command, MemberSettings},
    coordinator::Coordinator,
    ends::Ends,
    joining::Joining,
    phase::Reason,
    plan::DrainPlan,
    probe::{self, Finding},
    session::{Ended, Session},
    silence::Silences,
    tasks::Tasks,
};
use crate::{
    client::{ClientLog, Sparse},
    config::OnUnavailable,
    engine::{
        assignment::Assignment,
        commit::{CommitRequests, Committer},
        observe::{MemberEvent, WatchedMember},
        pipeline::Pipeline,
        shared::Shared,
        vitals::MemberPulse,
    },
    error::{Error, Inner, Result},
    handle::panic,
    native::OwnedClient,
};

/// Waits for the task that commits, and reports its panic: without it nothing would be committed any more.
async fn watch_task(shared: Arc<Shared>, committer: JoinHandle<()>) {
    if let Err(error) = committer.await
        && let Ok(payload) = error.try_into_panic()
    {
        report_panic(&shared, "the task that commits", &*payload);
    }
}

fn report_panic(shared: &Shared, who: &str, payload: &(dyn Any + Send)) {
    shared.report(Inner::Engine {
        consumer: Arc::clone(&shared.consumer),
        message: format!("{who} panicked: {}", panic::message(payload)),
    });
}

/// What runs on the member's thread.
pub(super) struct Poller {
    settings: MemberSettings,
    log: ClientLog,
    shared: Arc<Shared>,
    member: Arc<WatchedMember>,
    pulse: Arc<MemberPulse>,
    pipeline: Arc<dyn Pipeline>,
    runtime: Handle,
    admission: Arc<Admission>,
    silences: Silences,
    inbox: mpsc::Receiver<Command>,
}

impl Poller {
    pub(super) fn new(
        settings: MemberSettings,
        shared: Arc<Shared>,
        pipeline: Arc<dyn Pipeline>,
        runtime: Handle,
        admission: Arc<Admission>,
        inbox: mpsc::Receiver<Command>,
    ) -> Self {
        let log = ClientLog::new(Arc::clone(&shared.consumer), &settings.client)
            .with_statistics(shared.numbers().statistics());
        let member = Arc::new(shared.member(settings.instance + 1));
        let pulse = shared.members.add();
        let silences = Silences::new();
        Self { settings, log, shared, member, pulse, pipeline, runtime, admission, silences, inbox }
    }

    /// Does all that a member does. A bug that ends it must not leave an app that looks as if it consumed.
    pub(super) fn run(self, ready: oneshot::Sender<Result<()>>, drained: oneshot::Sender<Result<()>>) {
        let (shared, pulse) = (Arc::clone(&self.shared), Arc::clone(&self.pulse));
        // Unwind safety: nothing of it is used any more.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.poll(ready, drained))) {
            report_panic(&shared, "the thread of a member", &*payload);
        }
        pulse.ended();
    }

    fn poll(self, ready: oneshot::Sender<Result<()>>, drained: oneshot::Sender<Result<()>>) {
        let Some(mut partitions) = self.prepare(ready) else {
            let _ = drained.send(Ok(()));
            return;
        };
        if !self.admission.join() {
            return;
        }
        loop {
            self.pulse.turns(Instant::now(), Duration::ZERO);
            let mut session = match self.join(partitions) {
                Ok(session) => session,
                Err(error) => {
                    self.shared.report(error);
                    let _ = drained.send(Ok(()));
                    return;
                }
            };
            let Ended { reason, committed, are_over } = session.run(&self.inbox);
            match reason {
                Reason::Outgrown(assigned) => partitions = assigned,
                Reason::Silent => {}
                Reason::Shutdown => {
                    self.answer(drained, are_over.then_some(committed));
                    // Closes the client: after the answer, because it has no deadline.
                    drop(session);
                    return;
                }
            }
            match Closing::begin(session, &self.shared.consumer) {
                Ok(closing) => {
                    if let Some(plan) = closing.wait(&self.inbox, &self.pulse) {
                        return self.leave_replaced(closing, plan, drained, (committed, are_over));
                    }
                }
                Err(error) => self.shared.report(Error::other(error)),
            }
        }
    }

    /// Tells the app whether everything that was handled is committed.
    fn answer(&self, drained: oneshot::Sender<Result<()>>, ended: Option<Result<()>>) {
        self.pulse.rests();
        match ended {
            Some(ended) => drop(drained.send(ended)),
            // No answer: it takes longer than it may, whether the app finds that out before us or not.
            None => drop(drained),
        }
    }

    /// The app ends while the client is replaced: there is no other any more, and nothing to commit.
    fn leave_replaced(
        &self,
        closing: Closing,
        plan: DrainPlan,
        drained: oneshot::Sender<Result<()>>,
        (committed, are_over): (Result<()>, bool),
    ) {
        // A lane that had not finished in time holds something of the client.
        let left = plan.end_at.saturating_duration_since(Instant::now());
        let are_over = are_over || closing.is_closed_in(left);
        self.answer(drained, are_over.then_some(committed));
        closing.finish();
    }

    /// Looks at the cluster until it is ready or the settings say to fail, then waits for the word to consume. The number
    /// of partitions, or `None` if there is nothing more to do.
    fn prepare(&self, ready: oneshot::Sender<Result<()>>) -> Option<usize> {
        let settings = &self.settings;
        let mut ready = Some(ready);
        let mut told_to_consume = false;
        let (begun, told) = (Instant::now(), Sparse::new());
        let mut has_told = false;
        loop {
            self.pulse.turns(Instant::now(), settings.config.connect_timeout);
            let finding = probe::look(
                &settings.client,
                &self.log,
                &settings.config.topics,
                &settings.dead_letter_topics,
                settings.config.connect_timeout,
                || self.admission.is_called_off(),
            );
            let waits = match &finding {
                Finding::Ready { topics } => {
                    let partitions = topics.iter().map(|(_, partitions)| partitions).sum();
                    self.shared.commands.know(topics.clone());
                    if has_told {
                        self.member.tell(&MemberEvent::Ready { waited: begun.elapsed() });
                    }
                    if let Some(ready) = ready.take() {
                        let _ = ready.send(Ok(()));
                    }
                    return (told_to_consume || self.waits_to_consume()).then_some(partitions);
                }
                Finding::Unreachable(..) => settings.config.on_unreachable == OnUnavailable::Wait,
                Finding::Missing(_) => settings.config.on_missing_topic == OnUnavailable::Wait,
                Finding::Denied(..) | Finding::Forbidden { .. } | Finding::Refused(_) => false,
                Finding::CalledOff => return None,
            };
            let error = self.finding_to_error(finding);
            if !waits {
                match ready.take() {
                    Some(ready) => drop(ready.send(Err(error))),
                    None => self.shared.report(error),
                }
                return None;
            }
            if let Some(times) = told.hear(error.kind(), Instant::now()) {
                has_told = true;
                self.member.tell(&MemberEvent::NotReady { error: &error, times });
            }
            if let Some(ready) = ready.take() {
                // The other consumers of the app need not wait.
                let _ = ready.send(Ok(()));
            }
            match self.inbox.recv_timeout(Duration::from_secs(1)) {
                Ok(Command::Consume) => told_to_consume = true,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Ok(Command::Shutdown(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Waits for the word to consume; whether it came.
    fn waits_to_consume(&self) -> bool {
        self.pulse.rests();
        matches!(self.inbox.recv(), Ok(Command::Consume))
    }

    fn finding_to_error(&self, finding: Finding) -> Error {
        let consumer = Arc::clone(&self.shared.consumer);
        let servers = self.settings.config.bootstrap_servers.clone();
        match finding {
            Finding::Ready { .. } | Finding::CalledOff => unreachable!("handled by the caller"),
            Finding::Unreachable(cause, detail) => Inner::Unreachable {
                consumer,
                servers,
                waited: self.settings.config.connect_timeout,
                cause: self.log.cause(cause),
                detail,
            }
            .into(),
            Finding::Denied(denial, reason) => Inner::Denied { consumer, servers, denial, reason }.into(),
            Finding::Forbidden { topic, is_read } => {
                let group = self.settings.config.group_id.clone();
                Inner::Forbidden { consumer, servers, group, topic, is_read }.into()
            }
            Finding::Missing(topics) => Inner::MissingTopics { consumer, servers, topics }.into(),
            Finding::Refused(cause) => self.log.error(cause),
        }
    }

    /// Creates the consumer, subscribes, and starts to commit.
    fn join(&self, partitions: usize) -> Result<Session> {
        let mut settings = self.settings.client.clone();
        let shares =
            self.settings.config.limit_prefetch(&mut settings, partitions, self.pipeline.largest_call());
        let joining = Joining::new(&self.settings.config, &settings);
        let client = OwnedClient::new(&settings).map_err(|cause| self.log.error(cause))?;
        let client = client.of(&self.shared.consumer);
        let tasks = Arc::new(Tasks::default());
        let coordinator = Coordinator {
            shared: Arc::clone(&self.shared),
            member: Arc::clone(&self.member),
            instance: self.settings.instance,
            pipeline: Arc::clone(&self.pipeline),
            assignment: Arc::new(Assignment::default()),
            commit_requests: Arc::new(CommitRequests::default()),
            stop_committing: CancellationToken::new(),
            runtime: self.runtime.clone(),
            tasks: Arc::clone(&tasks),
            shares,
            reset: self.settings.config.auto_offset_reset,
            is_leaving: Cell::new(false),
        };
        let committer = Committer::new(
            Arc::clone(&self.shared),
            Arc::clone(&self.member),
            Arc::clone(&coordinator.assignment),
            self.settings.config.commit_interval,
            Arc::clone(&coordinator.commit_requests),
            coordinator.stop_committing.clone(),
        );
        let session = Session::begin(
            self.settings.config.clone(),
            self.log.clone(),
            client,
            coordinator,
            joining,
            Ends::new(self.silences.clone()),
            Arc::clone(&self.pulse),
        )?;
        let committer =
            tasks.spawn(&self.runtime, committer.run(Arc::clone(session.client().handle()).into()));
        self.runtime.spawn(watch_task(Arc::clone(&self.shared), committer));
        Ok(session)
    }
}
