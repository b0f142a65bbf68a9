//! An app's consumers while they run.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::mpsc, time::timeout_at};

use super::{
    builder::{App, NamedConsumer},
    check::Resolved,
    signal,
};
use crate::{
    client::ClientLog,
    config::ResolvedConfig,
    control::{Controlled, Drains, Live},
    engine::{ConsumerEvent, DrainPlan, Handles, Member, MemberSettings, Report, Shared, Shutdown},
    error::{Chain, Error, Inner, Result},
    handle::States,
    layer::AppLayers,
    logged::logged,
    metrics::Sources,
    send::{ReliableProducer, Sends},
};

/// The members of all consumers' groups, running.
pub(super) struct Consumers {
    members: Vec<(Arc<str>, Member)>,
    /// What the members of each consumer share.
    shared: Vec<Arc<Shared>>,
    states: Arc<States>,
    reports: mpsc::UnboundedReceiver<Report>,
    pub(super) drain: Arc<Drain>,
}

/// Has all members of an app drain, once, on any thread.
pub(super) struct Drain {
    members: Vec<Shutdown>,
    timeout: Duration,
    plan: OnceLock<DrainPlan>,
}

impl Drain {
    /// Has the members drain within the app's time, unless they do already; how it is done.
    pub(super) fn begin(&self) -> DrainPlan {
        *self.plan.get_or_init(|| {
            let plan = DrainPlan::for_shutdown(Instant::now(), self.timeout);
            self.members.iter().for_each(|member| member.begin(plan));
            plan
        })
    }

    /// How it is done, if it has begun.
    pub(super) fn plan(&self) -> Option<DrainPlan> {
        self.plan.get().copied()
    }
}

/// The end of an app's members is noticed only when nothing of them is left: what others have of it is weak.
impl Drains for Weak<Drain> {
    fn begin(&self) {
        if let Some(drain) = self.upgrade() {
            drain.begin();
            signal::look_again();
        }
    }

    fn overdue(&self) -> Option<Duration> {
        let Some(drain) = self.upgrade() else { return Some(Duration::ZERO) };
        drain.plan().map(|plan| Instant::now().saturating_duration_since(plan.end_at))
    }
}

impl Consumers {
    /// Starts the producers, and a member for each instance of each consumer; they look at their clusters.
    pub(super) fn start(mut app: App, resolved: Resolved) -> Result<Self> {
        let tracing = app.tracing();
        let App { mut states, layers, consumers, shutdown_timeout, stall_timeout, control, metrics, .. } =
            app;
        states.set_outlets(resolved.producers.start(&tracing)?);
        states.set_tracing(tracing);
        let states = Arc::new(states);
        let (sender, reports) = mpsc::unbounded_channel();
        let mut members: Vec<(Arc<str>, Member)> = Vec::new();
        let (mut all_shared, mut controlled) = (Vec::new(), Vec::new());
        for (entry, config) in consumers.into_iter().zip(resolved.consumers) {
            let name = Arc::clone(&entry.name);
            let topics = entry.config.topics.clone();
            let (shared, started) = start_members(entry, &config, &layers, &states, &sender)?;
            let commands = Arc::clone(&shared.commands);
            let seen = Arc::clone(&shared.members);
            controlled.push(Controlled::new(commands, seen, &config.group_id, topics, config.instances));
            members.extend(started.into_iter().map(|member| (Arc::clone(&name), member)));
            all_shared.push(shared);
        }
        metrics.begin(Sources::new(
            all_shared.iter().map(|shared| shared.counted()),
            states.outlets().counted(),
        ));
        let drain = Drain {
            members: members.iter().map(|(_, member)| member.shutdown()).collect(),
            timeout: shutdown_timeout,
            plan: OnceLock::new(),
        };
        let drain = Arc::new(drain);
        control.begin(Live::new(controlled, Arc::downgrade(&drain), stall_timeout));
        Ok(Self { members, shared: all_shared, states, reports, drain })
    }

    /// Waits until every member has looked at its cluster, then lets all of them consume.
    ///
    /// # Errors
    /// The first in the consumers' order; the others are logged. Nothing was consumed then.
    pub(super) async fn consume(&mut self) -> Result<()> {
        let mut errors = Vec::new();
        for (_, member) in &mut self.members {
            match (&mut member.ready).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => errors.push(error),
                // Its thread is gone, and says why.
                Err(_) => {
                    let Some(Report(error)) = self.reports.recv().await else { continue };
                    errors.push(error);
                }
            }
        }
        let mut errors = errors.into_iter();
        if let Some(first) = errors.next() {
            errors.for_each(|error| logged(|| tracing::error!(target: "evkafka::app", error = %Chain(&error), "the app cannot start")));
            return Err(first);
        }
        self.members.iter().for_each(|(_, member)| member.consume());
        Ok(())
    }

    /// Waits until a consumer fails for good.
    pub(super) async fn failure(&mut self) -> Error {
        match self.reports.recv().await {
            Some(Report(error)) => error,
            // What the members share holds a sender.
            None => std::future::pending().await,
        }
    }

    /// Drains all members concurrently, within the app's time.
    pub(super) async fn shut_down(mut self) -> Result<()> {
        let plan = self.drain.begin();
        self.members.retain(|(_, member)| !member.is_called_off());
        let mut result = Ok(());
        for (consumer, member) in &mut self.members {
            let drained = match timeout_at(plan.end_at.into(), &mut member.drained).await {
                Ok(Ok(drained)) => drained,
                // The thread is gone without an answer, or takes longer than it may.
                Ok(Err(_)) | Err(_) => {
                    Err(Inner::Shutdown { consumer: Arc::clone(consumer), waited: self.drain.timeout }.into())
                }
            };
            if timeout_at(plan.end_at.into(), &mut member.closed).await.is_err() {
                // What could be is committed; the group waits out the session timeout at most.
                logged(
                    || tracing::warn!(target: "evkafka::consumer", %consumer, "the Kafka client did not close in time and was abandoned"),
                );
            }
            match (&result, drained) {
                (Ok(()), drained) => result = drained,
                (Err(_), Err(error)) => {
                    logged(
                        || tracing::error!(target: "evkafka::app", error = %Chain(&error), "a consumer failed at the shutdown"),
                    );
                }
                (Err(_), Ok(())) => {}
            }
        }
        // What handlers have enqueued was waited for before the last commit, as far as there was time.
        if timeout_at(plan.end_at.into(), self.states.outlets().flushed()).await.is_err() {
            logged(|| {
                tracing::error!(
                    target: "evkafka::app",
                    "events that were enqueued are not acknowledged, and are dropped"
                )
            });
        }
        for shared in &self.shared {
            shared.tell_of_consumer(&ConsumerEvent::Ended { counts: &shared.counts });
        }
        while let Ok(Report(error)) = self.reports.try_recv() {
            logged(
                || tracing::error!(target: "evkafka::app", error = %Chain(&error), "a consumer failed while the app was shutting down"),
            );
        }
        result
    }
}

fn start_members(
    entry: NamedConsumer,
    config: &ResolvedConfig,
    layers: &AppLayers,
    states: &Arc<States>,
    reports: &mpsc::UnboundedSender<Report>,
) -> Result<(Arc<Shared>, Vec<Member>)> {
    #[cfg(feature = "testing")]
    let observers = entry.observers;
    let NamedConsumer { name, pipeline, .. } = entry;
    let pipeline = pipeline.expect("an app with a router in conflict is refused before it starts");
    let pipeline = pipeline.behind(layers);
    let dead_letter_topics = pipeline.dead_letter_topics();
    let dead_letters = if dead_letter_topics.is_empty() {
        None
    } else {
        let settings = config.producer_config();
        let log = ClientLog::new(Arc::clone(&name), &settings);
        let letters = ReliableProducer::new(log.clone(), settings, Sends::DeadLetters)
            .map_err(|cause| log.error(cause))?;
        #[cfg(feature = "testing")]
        let letters = letters.with_topic_prefix(config.topic_prefix.as_deref());
        Some(letters)
    };
    #[cfg(feature = "testing")]
    let dead_letter_topics: Vec<_> = {
        let prefix = config.topic_prefix.as_deref().unwrap_or_default();
        dead_letter_topics.iter().map(|topic| format!("{prefix}{topic}")).collect()
    };
    let largest_call = pipeline.largest_call();
    let shared = Shared::new(name, config, largest_call, Arc::clone(states), dead_letters, reports.clone());
    #[cfg(feature = "testing")]
    let shared = shared.observed_by(observers);
    let shared = Arc::new(shared);
    let (events, has_fallback) = pipeline.events();
    shared.tell_of_consumer(&ConsumerEvent::Starts(&Handles {
        group: config.group_id.clone(),
        topics: config.topics.clone(),
        events: events.to_vec(),
        has_fallback,
        event_type_from: shared.event_type_from(),
    }));
    let members: Result<_> = (0..config.instances)
        .map(|instance| {
            let settings = MemberSettings::new(config, instance, &dead_letter_topics);
            Member::start(settings, Arc::clone(&shared), Arc::clone(&pipeline), Handle::current())
        })
        .collect();
    Ok((shared, members?))
}
