use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use super::{lane::Lane, vitals::WaitsFor};
use crate::{
    config::{AutoCommitMode, ConsumerConfig},
    event_type::EventTypes,
    handle::{BatchSpec, HandlerSpec, Requirements},
    layer::AppLayers,
    route::{RouteFault, RouteTable, Router, Routes},
    settle::{FailurePolicy, Judge},
};

/// A consumer's handlers behind one dynamic call for each lane. Only what is behind it is generic over the handlers.
pub(crate) trait Pipeline: Send + Sync {
    /// The same handlers behind the layers of their app.
    fn behind(self: Box<Self>, layers: &AppLayers) -> Arc<dyn Pipeline>;

    /// Works on a lane until it ends.
    fn run(self: Arc<Self>, lane: Lane) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// The events that have a handler, and whether there is one for all others.
    fn events(&self) -> (&[&'static str], bool);

    /// The topics that dead letters are sent to.
    fn dead_letter_topics(&self) -> Vec<String>;

    /// The most records of one call.
    fn largest_call(&self) -> usize;

    /// What is known of each handler, by its index.
    #[cfg(feature = "testing")]
    fn handlers(&self) -> Vec<HandlerSpec>;
}

/// A router that is ready to be used.
pub(crate) struct Routed<R> {
    pub(super) routes: R,
    pub(super) table: RouteTable,
    /// What is decided for each handler once, by its index.
    pub(super) rules: Vec<Rule>,
}

/// How a handler's attempts are judged.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) judge: Judge,
    /// The path of the handler's function.
    pub(super) path: &'static str,
    /// How long an attempt may take.
    pub(super) time_limit: Option<Duration>,
    /// Whether it is a plain function, which needs a thread.
    pub(super) is_blocking: bool,
    /// How records are collected, if they are.
    pub(super) batch: Option<BatchSpec>,
}

impl Rule {
    /// The handler is at work on the record at `offset`, or on a batch that begins with it.
    pub(super) fn at_work(&self, offset: i64) -> WaitsFor {
        WaitsFor::Handler { path: self.path, offset, limit: self.time_limit }
    }
}

impl<R> Routed<R> {
    /// How long an attempt may take at most, of those that have a limit.
    pub(super) fn longest_attempt(&self) -> Duration {
        self.rules.iter().filter_map(|rule| rule.time_limit).max().unwrap_or_default()
    }

    /// The most records of one call, over all batch handlers; `None` if there is none.
    pub(super) fn largest_batch(&self) -> Option<usize> {
        self.rules.iter().filter_map(|rule| rule.batch).map(|batch| batch.max).max()
    }
}

impl<R: Routes> Routed<R> {
    /// Prepares a router for a consumer.
    ///
    /// # Errors
    /// With all its conflicts.
    pub(crate) fn new(router: Router<R>, config: &ConsumerConfig) -> Result<Self, Vec<RouteFault>> {
        let routes = router.routes;
        let mut specs: Vec<HandlerSpec> = Vec::with_capacity(routes.count());
        routes.specs(&mut |spec| specs.push(spec));
        let rule = |(index, spec): (usize, &HandlerSpec)| {
            let policy = routes.policy(index).unwrap_or(&config.failure_policy).clone();
            let judge = match config.auto_commit_mode {
                AutoCommitMode::PostCommit => Judge::PostCommit(policy),
                AutoCommitMode::PreCommit => Judge::PreCommit(policy),
            };
            // What runs on the blocking pool cannot be dropped.
            let time_limit = judge.time_limit().filter(|_| !spec.blocking);
            Rule { time_limit, path: spec.path, is_blocking: spec.blocking, batch: spec.batch, judge }
        };
        let rules = specs.iter().enumerate().map(rule).collect();
        let faults = version_faults(&specs, &config.event_types());
        match RouteTable::new(&specs) {
            Ok(table) if faults.is_empty() => Ok(Self { table, rules, routes }),
            conflicts => Err(conflicts.err().into_iter().flatten().chain(faults).collect()),
        }
    }
}

/// Handlers that no record could reach, because of what is read of versions.
fn version_faults(specs: &[HandlerSpec], types: &EventTypes) -> Vec<RouteFault> {
    let mut faults = Vec::new();
    for spec in specs {
        if let Some(version) = spec.version.filter(|_| !types.read_versions()) {
            faults.push(RouteFault::VersionNotRead { handler: spec.path, version });
        }
        let cut = spec.events.iter().filter(|event| types.takes_version_off(event));
        faults.extend(cut.map(|event| RouteFault::VersionInName { handler: spec.path, event }));
    }
    faults
}

/// What the handlers of a router need from the app, each with the path of its handler.
pub(crate) fn requirements<R: Routes>(router: &Router<R>) -> Vec<(&'static str, Requirements)> {
    let mut needs = Vec::with_capacity(router.routes.count());
    router.routes.specs(&mut |spec| needs.push((spec.path, Requirements::default())));
    for (index, (_, requirements)) in needs.iter_mut().enumerate() {
        router.routes.requires(index, requirements);
    }
    needs
}

/// The failure policies that the handlers of a router have from it, each with the path of its handler.
pub(crate) fn policies<R: Routes>(router: &Router<R>) -> Vec<(&'static str, FailurePolicy)> {
    let mut specs = Vec::with_capacity(router.routes.count());
    router.routes.specs(&mut |spec| specs.push(spec));
    let own = |(index, spec): (usize, HandlerSpec)| Some((spec.path, router.routes.policy(index)?.clone()));
    specs.into_iter().enumerate().filter_map(own).collect()
}

impl<R: Routes> Pipeline for Routed<R> {
    fn behind(self: Box<Self>, layers: &AppLayers) -> Arc<dyn Pipeline> {
        let Self { routes, table, rules } = *self;
        if layers.is_empty() {
            return Arc::new(Self { routes, table, rules });
        }
        Arc::new(Routed { routes: layers.around(Router::of(routes)).routes, table, rules })
    }

    fn run(self: Arc<Self>, lane: Lane) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(lane.run(self))
    }

    fn events(&self) -> (&[&'static str], bool) {
        (self.table.events(), self.table.has_fallback())
    }

    fn dead_letter_topics(&self) -> Vec<String> {
        let topics = self.rules.iter().filter_map(|rule| rule.judge.dead_letter_topic());
        let topics: BTreeSet<&str> = topics.map(|topic| &**topic).collect();
        topics.into_iter().map(str::to_owned).collect()
    }

    fn largest_call(&self) -> usize {
        self.largest_batch().unwrap_or(1)
    }

    #[cfg(feature = "testing")]
    fn handlers(&self) -> Vec<HandlerSpec> {
        let mut specs = Vec::with_capacity(self.rules.len());
        self.routes.specs(&mut |spec| specs.push(spec));
        specs
    }
}
