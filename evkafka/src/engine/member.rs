//! One member of a consumer group, and the thread that polls librdkafka for it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{Consumer, base_consumer::BaseConsumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    admission::Admission,
    assignment::{Assignment, TopicPartition},
    client_log::ClientLog,
    commit_requests::CommitRequests,
    committer::Committer,
    coordinator::{Coordinator, Refusal, commit_blocking},
    drain::DrainPlan,
    pipeline::Pipeline,
    probe::{self, Finding},
    shared::Shared,
    tasks::Tasks,
};
use crate::{
    config::{OnUnavailable, ResolvedConfig},
    error::{Error, Inner, Result},
    handle::panic,
    native::{CommitQueue, OwnedClient},
};

/// How long a poll for rebalances and errors waits; also how soon a command is noticed.
const POLL: Duration = Duration::from_millis(100);
/// How often all lanes look for records by themselves, should a wake-up have been lost.
const WATCHDOG: Duration = Duration::from_secs(1);

/// What a member needs to know.
#[derive(Clone)]
pub(crate) struct MemberSettings {
    pub(crate) config: ResolvedConfig,
    /// What the client is told, but for what depends on the number of partitions.
    pub(crate) client: ClientConfig,
    /// Topics that must exist although they are not read.
    pub(crate) dead_letter_topics: Vec<String>,
}

/// A running member, as the app sees it. Dropping it makes it stop at once, without waiting for it.
#[derive(Debug)]
pub(crate) struct Member {
    commands: mpsc::Sender<Command>,
    admission: Arc<Admission>,
    /// Answers once: what the look at the cluster came to. Not at all if the thread panicked, which is reported.
    pub(crate) ready: oneshot::Receiver<Result<()>>,
    /// Answers once: whether everything that was handled is committed.
    pub(crate) drained: oneshot::Receiver<Result<()>>,
    /// Answers once the client is closed.
    pub(crate) closed: oneshot::Receiver<()>,
}

#[derive(Debug)]
enum Command {
    Consume,
    Shutdown(DrainPlan),
}

impl Member {
    /// Starts the thread, which looks at the cluster and then waits for [`Self::consume`].
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(
        settings: MemberSettings,
        shared: Arc<Shared>,
        pipeline: Arc<dyn Pipeline>,
        runtime: Handle,
    ) -> Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let (ready_sender, ready) = oneshot::channel();
        let (drained_sender, drained) = oneshot::channel();
        let (closed_sender, closed) = oneshot::channel();
        let admission = Arc::new(Admission::default());
        let watcher = Arc::clone(&shared);
        let log = ClientLog::new(Arc::clone(&shared.consumer), &settings.client);
        let poller =
            Poller { settings, log, shared, pipeline, runtime, admission: Arc::clone(&admission), inbox };
        thread::Builder::new()
            .name(format!("evkafka-{}", watcher.consumer))
            .spawn(move || {
                watch(&watcher, || poller.run(ready_sender, drained_sender));
                let _ = closed_sender.send(());
            })
            .map_err(Error::other)?;
        Ok(Self { commands, admission, ready, drained, closed })
    }

    /// Joins the group and consumes.
    pub(crate) fn consume(&self) {
        let _ = self.commands.send(Command::Consume);
    }

    /// For whoever is to shut it down, on any thread.
    pub(crate) fn shutdown(&self) -> Shutdown {
        Shutdown { commands: self.commands.clone(), admission: Arc::clone(&self.admission) }
    }

    /// Whether it was shut down before it had joined its group, so that there is nothing to wait for.
    pub(crate) fn is_called_off(&self) -> bool {
        self.admission.is_called_off()
    }
}

/// Shuts a [`Member`] down. As long as it exists, the member's end is not noticed.
#[derive(Debug)]
pub(crate) struct Shutdown {
    commands: mpsc::Sender<Command>,
    admission: Arc<Admission>,
}

impl Shutdown {
    /// The member drains by `plan`, commits, and leaves the group; if it has not joined, it never will.
    pub(crate) fn begin(&self, plan: DrainPlan) {
        let _ = self.commands.send(Command::Shutdown(plan));
        self.admission.call_off();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.admission.call_off();
    }
}

/// Waits for the task that commits, and reports its panic: without it nothing would be committed any more.
async fn watch_task(shared: Arc<Shared>, committer: JoinHandle<()>) {
    if let Err(error) = committer.await
        && let Ok(payload) = error.try_into_panic()
    {
        report_panic(&shared, "the task that commits", &*payload);
    }
}

/// Runs what a member's thread does. A bug that ends it must not leave an app that looks as if it consumed.
fn watch(shared: &Shared, thread: impl FnOnce()) {
    // Unwind safety: nothing of it is used any more.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(thread)) {
        report_panic(shared, "the thread of a member", &*payload);
    }
}

fn report_panic(shared: &Shared, who: &str, payload: &(dyn Any + Send)) {
    shared.report(Inner::Engine {
        consumer: Arc::clone(&shared.consumer),
        message: format!("{who} panicked: {}", panic::message(payload)),
    });
}

/// What runs on the member's thread.
struct Poller {
    settings: MemberSettings,
    log: ClientLog,
    shared: Arc<Shared>,
    pipeline: Arc<dyn Pipeline>,
    runtime: Handle,
    admission: Arc<Admission>,
    inbox: mpsc::Receiver<Command>,
}

impl Poller {
    fn run(self, ready: oneshot::Sender<Result<()>>, drained: oneshot::Sender<Result<()>>) {
        let Some(partitions) = self.prepare(ready) else {
            let _ = drained.send(Ok(()));
            return;
        };
        if !self.admission.join() {
            return;
        }
        match self.join(partitions) {
            Ok((client, committer)) => {
                let plan = self.poll(&client);
                match self.leave(&client, &committer, plan) {
                    Some(ended) => drop(drained.send(ended)),
                    // No answer: it takes longer than it may, whether the app finds that out before us or not.
                    None => drop(drained),
                }
                // Closes the client: after the answer, because it has no deadline.
                drop(client);
            }
            Err(error) => {
                self.shared.report(error);
                let _ = drained.send(Ok(()));
            }
        }
    }

    /// Looks at the cluster until it is ready or the settings say to fail, then waits for the word to consume. The number
    /// of partitions, or `None` if there is nothing more to do.
    fn prepare(&self, ready: oneshot::Sender<Result<()>>) -> Option<usize> {
        let settings = &self.settings;
        let mut ready = Some(ready);
        let mut told_to_consume = false;
        loop {
            let finding = probe::look(
                &settings.client,
                &self.log,
                &settings.config.topics,
                &settings.dead_letter_topics,
                settings.config.connect_timeout,
                || self.admission.is_called_off(),
            );
            let waits = match &finding {
                Finding::Ready { partitions } => {
                    if let Some(ready) = ready.take() {
                        let _ = ready.send(Ok(()));
                    }
                    return (told_to_consume || self.waits_to_consume()).then_some(*partitions);
                }
                Finding::Unreachable(..) => settings.config.on_unreachable == OnUnavailable::Wait,
                Finding::Missing(_) => settings.config.on_missing_topic == OnUnavailable::Wait,
                Finding::Denied(..) | Finding::Refused(_) => false,
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
            tracing::warn!(error = ?error, "not ready to consume; waiting");
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
            Finding::Missing(topics) => Inner::MissingTopics { consumer, servers, topics }.into(),
            Finding::Refused(cause) => self.log.error(cause),
        }
    }

    /// Creates the consumer, subscribes, and starts to commit.
    fn join(&self, partitions: usize) -> Result<(OwnedClient<Coordinator>, CancellationToken)> {
        let client_error = |cause| self.log.error(cause);
        let mut settings = self.settings.client.clone();
        let shares =
            self.settings.config.limit_prefetch(&mut settings, partitions, self.pipeline.largest_call());
        let assignment = Arc::new(Assignment::default());
        let commit_requests = Arc::new(CommitRequests::default());
        let tasks = Arc::new(Tasks::default());
        let coordinator = Coordinator {
            shared: Arc::clone(&self.shared),
            log: self.log.clone(),
            pipeline: Arc::clone(&self.pipeline),
            assignment: Arc::clone(&assignment),
            commit_requests: Arc::clone(&commit_requests),
            runtime: self.runtime.clone(),
            tasks: Arc::clone(&tasks),
            revoke_grace: self.settings.config.revoke_grace,
            shares,
            reset: self.settings.config.auto_offset_reset,
            client: OnceLock::new(),
            shutdown: std::sync::Mutex::default(),
        };
        let consumer: BaseConsumer<Coordinator> =
            settings.create_with_context(coordinator).map_err(client_error)?;
        let client = OwnedClient::new(consumer);
        let _ = client.context().client.set(Arc::downgrade(client.handle()));
        client.subscribe(&self.topics()).map_err(client_error)?;
        let stop = CancellationToken::new();
        let committer = Committer {
            shared: Arc::clone(&self.shared),
            assignment,
            interval: self.settings.config.commit_interval,
            requests: commit_requests,
            stop: stop.clone(),
        };
        let committer = tasks.spawn(&self.runtime, committer.run(Arc::clone(client.handle())));
        self.runtime.spawn(watch_task(Arc::clone(&self.shared), committer));
        Ok((client, stop))
    }

    /// Serves rebalances and errors until the app says to stop; how it is to be done.
    fn poll(&self, client: &OwnedClient<Coordinator>) -> DrainPlan {
        let mut looked = Instant::now();
        loop {
            self.serve(client, POLL);
            if looked.elapsed() >= WATCHDOG {
                client.context().assignment.wake_all();
                looked = Instant::now();
            }
            if client.context().assignment.is_evicted() {
                self.join_anew(client);
            }
            match self.inbox.try_recv() {
                Ok(Command::Shutdown(plan)) => return plan,
                Ok(Command::Consume) | Err(mpsc::TryRecvError::Empty) => {}
                // The app's future was dropped: nobody waits, and nobody may go on handling.
                Err(mpsc::TryRecvError::Disconnected) => return DrainPlan::for_loss(Instant::now()),
            }
        }
    }

    /// The group has gone on without this member, because a rebalance took it too long or it was frozen. Its lanes are brought
    /// to an end, without a commit, and it joins as if it were new: lanes that went on could handle what belongs to others,
    /// and commit offsets that go backwards.
    fn join_anew(&self, client: &OwnedClient<Coordinator>) {
        tracing::warn!(consumer = %self.shared.consumer, "the group has gone on without this member, which joins anew");
        let assignment = &client.context().assignment;
        client.unsubscribe();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !assignment.is_empty() && Instant::now() < deadline {
            self.serve(client, Duration::from_millis(10));
        }
        assignment.readmit();
        if let Err(cause) = client.subscribe(&self.topics()) {
            self.shared.report(self.log.error(cause));
        }
    }

    fn topics(&self) -> Vec<&str> {
        self.settings.config.topics.iter().map(String::as_str).collect()
    }

    fn serve(&self, client: &OwnedClient<Coordinator>, timeout: Duration) {
        match client.poll(timeout) {
            None => {}
            Some(Ok(message)) => {
                use rdkafka::Message;
                // Its offset is not settled by anybody, so it must not be passed over.
                let message = format!(
                    "a record of {}[{}] at offset {} did not come over its partition's queue",
                    message.topic(),
                    message.partition(),
                    message.offset()
                );
                self.shared.report(Inner::Engine { consumer: Arc::clone(&self.shared.consumer), message });
            }
            Some(Err(error)) if is_final(&error) => self.shared.report(self.log.error(error)),
            // The context has logged it already, with the client's reason.
            Some(Err(_)) => {}
        }
    }

    /// Commits what the drained lanes have settled, but for what is not there any more.
    fn commit_last(
        &self,
        client: &OwnedClient<Coordinator>,
        deadline: Instant,
    ) -> Result<(), RDKafkaErrorCode> {
        let Err(Refusal { code, to_be_sent_alone }) = self.commit_until(client, deadline, |_| true) else {
            return Ok(());
        };
        if to_be_sent_alone.is_empty() {
            return Err(code);
        }
        let mut result = Ok(());
        for topic in to_be_sent_alone {
            match self.commit_until(client, deadline, |key| key.0 == topic) {
                Err(Refusal { code: RDKafkaErrorCode::UnknownTopicOrPartition, .. }) => tracing::warn!(
                    consumer = %self.shared.consumer,
                    %topic,
                    "the topic is not there any more, and its offsets were not committed"
                ),
                Err(Refusal { code, .. }) => result = Err(code),
                Ok(()) => {}
            }
        }
        result
    }

    /// A group that is rebalancing, perhaps because another member is leaving too, refuses a commit until it has settled; so this
    /// goes on polling and tries again.
    fn commit_until(
        &self,
        client: &OwnedClient<Coordinator>,
        deadline: Instant,
        which: impl Fn(&TopicPartition) -> bool,
    ) -> Result<(), Refusal> {
        let assignment = &client.context().assignment;
        let commit = |queue: &CommitQueue| assignment.commit_with(&which, |entries| queue.send(entries));
        loop {
            match commit_blocking(client.handle(), commit, deadline.max(Instant::now() + POLL)) {
                Err(refusal) if is_passing(refusal.code) && Instant::now() < deadline => {
                    self.serve(client, POLL / 2);
                }
                result => return result,
            }
        }
    }

    /// Drains the lanes, commits what they have settled, and leaves the group. The group is kept alive meanwhile.
    ///
    /// `None` if a lane has not come to its end.
    fn leave(
        &self,
        client: &OwnedClient<Coordinator>,
        committer: &CancellationToken,
        plan: DrainPlan,
    ) -> Option<Result<()>> {
        let coordinator = client.context();
        *coordinator.shutdown.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(plan);
        let assignment = &coordinator.assignment;
        for (deadline, then) in plan.steps() {
            for (_, lane) in assignment.all() {
                then(&lane.control);
            }
            while Instant::now() < deadline
                && !assignment.all().iter().all(|(_, lane)| lane.control.is_finished())
            {
                self.serve(client, Duration::from_millis(10));
            }
        }
        committer.cancel();
        let committed = self.commit_last(client, plan.leave_at());
        let partitions: Vec<_> = assignment.all().into_iter().map(|(key, _)| key).collect();
        assignment.disown(&partitions);
        client.unsubscribe();
        // What has not come to its end is dropped, whether the runtime gets to it or not.
        coordinator.tasks.drop_all(&self.runtime);
        // Serves the revoke that follows, and waits for tasks that still hold something of the client.
        while Instant::now() < plan.end_at
            && (client.in_use() || client.assignment().is_ok_and(|a| a.count() > 0))
        {
            self.serve(client, Duration::from_millis(10));
        }
        let counts = &self.shared.counts;
        tracing::info!(
            consumer = %self.shared.consumer,
            handled = counts.handled(),
            skipped = counts.skipped(),
            given_up = counts.given_up(),
            dead_lettered = counts.dead_lettered(),
            "left the group"
        );
        let committed = committed.map_err(|code| {
            Inner::Commit { consumer: Arc::clone(&self.shared.consumer), code, last: true }.into()
        });
        if assignment.all().iter().all(|(_, lane)| lane.control.is_finished()) {
            return Some(committed);
        }
        if let Err(error) = committed {
            tracing::error!(?error, "besides, a handler has not come to its end");
        }
        None
    }
}

/// Whether a commit may be accepted when the group has settled.
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
            // The next has less.
            | E::OffsetMetadataTooLarge
    )
}

/// Whether an error of the client does not pass by itself.
fn is_final(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as E;
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(
                E::Fatal
                    | E::GroupAuthorizationFailed
                    | E::TopicAuthorizationFailed
                    | E::ClusterAuthorizationFailed
                    | E::InvalidGroupId
                    | E::InconsistentGroupProtocol
                    | E::FencedInstanceId
                    | E::UnsupportedVersion
                    | E::UnsupportedFeature
            )
        )
}
