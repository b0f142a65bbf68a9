//! One run of the app, from its start to its end or a crash.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use super::watch::Watch;
use crate::{
    app::{MemoryApp, MemoryConsumer},
    engine::{MemoryMember, Report, Shared},
    error::{Error, Result},
    handle::States,
    memory::Cluster,
    metrics::Sources,
    send::{ReliableProducer, Sends},
};

/// A run of the app. Dropping it drops its handlers.
pub(super) struct Run {
    state: Arc<RunState>,
    supervisor: JoinHandle<()>,
}

struct RunState {
    members: Vec<Arc<MemoryMember>>,
    states: Arc<States>,
    watch: Arc<Watch>,
    shutdown_timeout: Duration,
    /// Held by whoever ends it.
    ending: AsyncMutex<()>,
    is_over: AtomicBool,
    failure: Mutex<Failure>,
}

/// Why it ended, if not because the test says so.
#[derive(Default)]
struct Failure {
    error: Option<Error>,
    text: Option<String>,
}

impl Run {
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn start(app: &MemoryApp, cluster: &Cluster, watch: &Arc<Watch>) -> Self {
        let (sender, mut reports) = mpsc::unbounded_channel();
        let join = |consumer| Arc::new(join(consumer, app, cluster, watch, &sender));
        let members: Vec<_> = app.consumers.iter().map(join).collect();
        let counted = members.iter().map(|member| member.shared().counted());
        app.metrics.begin(Sources::new(counted, app.states.outlets().counted()));
        let state = Arc::new(RunState {
            members,
            states: Arc::clone(&app.states),
            watch: Arc::clone(watch),
            shutdown_timeout: app.shutdown_timeout,
            ending: AsyncMutex::new(()),
            is_over: AtomicBool::new(false),
            failure: Mutex::default(),
        });
        let (supervised, cluster) = (Arc::clone(&state), cluster.clone());
        let supervisor = tokio::spawn(async move {
            loop {
                tokio::select! {
                    report = reports.recv() => match report {
                        Some(Report(error)) => {
                            supervised.fail(error);
                            return supervised.end().await;
                        }
                        None => return,
                    },
                    () = cluster.new_topic() => supervised.members.iter().for_each(|member| member.assign()),
                }
            }
        });
        Self { state, supervisor }
    }

    pub(super) fn members(&self) -> &[Arc<MemoryMember>] {
        &self.state.members
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.state.is_over.load(SeqCst)
    }

    /// Why it has ended, or is about to, if not because the test says so.
    pub(super) fn failure(&self) -> Option<String> {
        self.state.failure.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// Whether nothing is under way, and all is committed that is settled.
    pub(super) fn is_idle(&self) -> bool {
        self.is_over()
            || (self.state.watch.is_idle()
                && self.members().iter().all(|member| member.has_caught_up())
                && self.state.states.outlets().are_flushed())
    }

    /// Drains, commits, and ends, unless it has; why it had failed, if it had, once.
    pub(super) async fn shut_down(&self) -> Result<()> {
        self.state.end().await;
        let mut failure = self.state.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.error.take().map_or(Ok(()), Err)
    }

    /// All partitions are taken from the members, and given back.
    pub(super) async fn rebalance(&self) {
        let members = self.members().iter().map(Arc::clone);
        all(members.map(|member| async move { member.rebalance().await })).await;
    }

    /// Ends as a process does that is killed.
    pub(super) async fn crash(&self) {
        self.supervisor.abort();
        for member in self.members() {
            member.crash().await;
        }
        self.state.over();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl RunState {
    fn fail(&self, error: Error) {
        tracing::error!(?error, "a consumer failed; the app is shutting down");
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.text.is_none() {
            *failure = Failure { text: Some(format!("{error:?}")), error: Some(error) };
        }
    }

    async fn end(&self) {
        let _ending = self.ending.lock().await;
        if self.is_over.load(SeqCst) {
            return;
        }
        let members = self.members.iter().map(Arc::clone);
        let within = self.shutdown_timeout;
        for left in all(members.map(|member| async move { member.leave(within).await })).await {
            if let Err(error) = left {
                self.fail(error);
            }
        }
        if timeout(within, self.states.outlets().flushed()).await.is_err() {
            tracing::error!("events that were enqueued are not acknowledged, and are dropped");
        }
        self.over();
    }

    fn over(&self) {
        self.is_over.store(true, SeqCst);
        self.watch.changed.notify_waiters();
    }
}

fn join(
    MemoryConsumer { name, config, pipeline }: &MemoryConsumer,
    app: &MemoryApp,
    cluster: &Cluster,
    watch: &Arc<Watch>,
    reports: &mpsc::UnboundedSender<Report>,
) -> MemoryMember {
    let letters = !pipeline.dead_letter_topics().is_empty();
    let letters =
        letters.then(|| ReliableProducer::in_memory(Arc::clone(name), cluster.clone(), Sends::DeadLetters));
    let largest = pipeline.largest_call();
    let shared =
        Shared::new(Arc::clone(name), config, largest, Arc::clone(&app.states), letters, reports.clone());
    let shared = shared.under_the_callers_clock().observed_by(vec![Arc::<Watch>::clone(watch)]);
    MemoryMember::join(Arc::new(shared), Arc::clone(pipeline), config.clone(), cluster.clone())
}

/// Runs all of them concurrently.
async fn all<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let set: JoinSet<T> = futures.collect();
    set.join_all().await
}
