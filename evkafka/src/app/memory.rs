//! An app that is run on topics in memory.

use std::{sync::Arc, time::Duration};

use super::{
    builder::{App, NamedConsumer},
    check::Resolved,
};
use crate::{
    config::{ConsumerConfig, Elsewhere},
    engine::Pipeline,
    error::Result,
    handle::States,
    memory::Cluster,
    metrics::Metrics,
};

/// What such an app is made of. It may be run more than once.
pub(crate) struct MemoryApp {
    pub(crate) consumers: Vec<MemoryConsumer>,
    pub(crate) states: Arc<States>,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) metrics: Metrics,
}

pub(crate) struct MemoryConsumer {
    pub(crate) name: Arc<str>,
    pub(crate) config: ConsumerConfig,
    pub(crate) pipeline: Arc<dyn Pipeline>,
}

/// Stands for servers that nobody has named.
const SERVERS: &str = "memory:9092";

impl App {
    /// Its consumers, and its producers on `cluster`, whatever servers they have or lack. What properties keep in files and in the
    /// environment is not read.
    ///
    /// # Errors
    /// With all faults, as [`check`](Self::check).
    pub(crate) fn into_memory(mut self, cluster: &Cluster) -> Result<MemoryApp> {
        let configs = self.consumers.iter_mut().map(|consumer| &mut consumer.config.bootstrap_servers);
        let producers = self.producers.iter_mut().map(|producer| &mut producer.config.bootstrap_servers);
        for servers in configs.chain(producers).filter(|servers| servers.trim().is_empty()) {
            SERVERS.clone_into(servers);
        }
        let Resolved { producers, .. } = self.resolve_with(Elsewhere::Leave)?;
        let tracing = self.tracing();
        let Self { mut states, layers, consumers, shutdown_timeout, metrics, .. } = self;
        states.set_outlets(producers.start_in_memory(cluster, &tracing));
        states.set_tracing(tracing);
        let consumers =
            consumers.into_iter().filter_map(|NamedConsumer { name, config, pipeline, .. }| {
                // Without one, there were faults.
                Some(MemoryConsumer { name, config, pipeline: pipeline?.behind(&layers) })
            });
        let consumers = consumers.collect();
        Ok(MemoryApp { consumers, states: Arc::new(states), shutdown_timeout, metrics })
    }
}
