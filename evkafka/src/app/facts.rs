//! What a test is to know of an app.

use std::sync::Arc;

use super::{
    builder::{App, NamedConsumer},
    loops,
};
use crate::{event_type::EventTypes, handle::HandlerSpec};

/// What a test is to know of a consumer.
pub(crate) struct ConsumerFacts {
    pub(crate) name: Arc<str>,
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    /// Where it reads which event a record is.
    pub(crate) event_types: EventTypes,
    /// By their indices.
    pub(crate) handlers: Vec<HandlerSpec>,
}

impl App {
    pub(crate) fn consumer_facts(&self) -> Vec<ConsumerFacts> {
        let facts = |NamedConsumer { name, config, pipeline, .. }: &NamedConsumer| ConsumerFacts {
            name: Arc::clone(name),
            group: config.group_id.clone(),
            topics: config.topics.clone(),
            event_types: config.event_types(),
            handlers: pipeline.as_ref().map(|pipeline| pipeline.handlers()).unwrap_or_default(),
        };
        self.consumers.iter().map(facts).collect()
    }
}

impl ConsumerFacts {
    /// Whether it reads a topic of this name.
    pub(crate) fn reads(&self, topic: &str) -> bool {
        loops::subscribes(&self.topics, topic)
    }
}
