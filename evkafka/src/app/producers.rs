//! An app's producers: which sends what.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    builder::{App, NamedProducer},
    check::check_names,
};
#[cfg(feature = "testing")]
use crate::send::{RecordForm, ReliableProducer, Sends};
use crate::{
    config::{Elsewhere, ResolvedProducerConfig},
    error::Result,
    event::EventSpec,
    send::{Outlet, Outlets, Producer},
    traces::Tracing,
};

/// An app's producers that have no fault, with the events that its handlers send by each.
#[derive(Debug, Default)]
pub(super) struct Plan(Vec<(Arc<str>, ResolvedProducerConfig, Vec<&'static EventSpec>)>);

/// An event that handlers send.
type Sent = (&'static str, Option<u32>);

impl App {
    /// Checks the producers, and which of them sends what handlers send.
    pub(super) fn check_producers(&self, elsewhere: Elsewhere, faults: &mut Vec<String>) -> Plan {
        check_names("producer", self.producers.iter().map(|producer| &*producer.name), faults);
        self.check_listed_events(faults);
        let mut plan = Plan::default();
        for NamedProducer { name, config, .. } in &self.producers {
            match config.resolve_with(elsewhere) {
                Ok(config) => plan.0.push((Arc::clone(name), config, Vec::new())),
                Err(error) => {
                    faults.extend(error.faults().map(|fault| format!("producer `{name}`: {fault}")));
                }
            }
        }
        for (event, handlers) in self.sent_events() {
            self.assign(event, &handlers, &mut plan, faults);
        }
        plan
    }

    /// An event is sent by one producer.
    fn check_listed_events(&self, faults: &mut Vec<String>) {
        let mut listed: BTreeMap<Sent, &str> = BTreeMap::new();
        let mut any: Option<&str> = None;
        for NamedProducer { name, events, .. } in &self.producers {
            let Some(events) = &events.0 else {
                if let Some(first) = any.replace(name) {
                    faults.push(format!(
                        "the producers `{first}` and `{name}` list no events, so each would send what no other does; list \
                         the events of one: `{name}: config => [OrderPriced]`"
                    ));
                }
                continue;
            };
            for event in events {
                if let Some(first) = listed.insert((event.name, event.version), name) {
                    let event = event.name;
                    faults.push(match first == &**name {
                        true => format!("producer `{name}`: the event `{event}` is listed twice"),
                        false => {
                            format!("the producers `{first}` and `{name}` both list the event `{event}`")
                        }
                    });
                }
            }
        }
    }

    /// The events that handlers send, each with the handlers that do.
    fn sent_events(&self) -> Vec<(&'static EventSpec, Vec<&'static str>)> {
        let mut sent: BTreeMap<Sent, (&'static EventSpec, Vec<&'static str>)> = BTreeMap::new();
        for (handler, requirements) in self.consumers.iter().flat_map(|consumer| &consumer.requirements) {
            for event in requirements.events() {
                let (_, handlers) =
                    sent.entry((event.name, event.version)).or_insert_with(|| (event, Vec::new()));
                if !handlers.contains(handler) {
                    handlers.push(handler);
                }
            }
        }
        sent.into_values().collect()
    }

    /// Finds the producer for an event.
    fn assign(
        &self,
        event: &'static EventSpec,
        handlers: &[&str],
        plan: &mut Plan,
        faults: &mut Vec<String>,
    ) {
        let name = event.name;
        let lists = |producer: &&NamedProducer| {
            let is_it = |listed: &&EventSpec| (listed.name, listed.version) == (event.name, event.version);
            producer.events.0.as_ref().is_some_and(|events| events.iter().any(is_it))
        };
        let is_for_any = |producer: &&NamedProducer| producer.events.0.is_none();
        let mut producers = self.producers.iter();
        let Some(producer) = producers.find(lists).or_else(|| self.producers.iter().find(is_for_any)) else {
            faults.push(format!(
                "no producer sends the event `{name}`, which `{}` sends; add `producers: {{ out: config }}` to `app!`, or \
                 `App::producer`",
                handlers.join("`, `")
            ));
            return;
        };
        if event.topic.is_none() && producer.config.topic.is_none() {
            faults.push(format!(
                "the event `{name}`, which `{}` sends, has no topic; name one in `#[event(topic = \"…\")]`, or in the setting `topic` of \
                 the producer `{}`",
                handlers.join("`, `"),
                producer.name
            ));
        }
        if let Some((_, _, events)) = plan.0.iter_mut().find(|(name, ..)| *name == producer.name) {
            events.push(event);
        }
    }
}

impl Plan {
    /// Starts the producers.
    ///
    /// # Errors
    /// If librdkafka cannot start one.
    pub(super) fn start(self, tracing: &Tracing) -> Result<Outlets> {
        let mut outlets = Outlets::default();
        for (name, config, events) in self.0 {
            let producer = Producer::start(name, &config, tracing)?;
            let outlet: &Arc<Outlet> = producer.outlet();
            events.into_iter().for_each(|event| outlets.add(event, outlet));
        }
        Ok(outlets)
    }

    /// Starts producers that write to topics in memory.
    #[cfg(feature = "testing")]
    pub(super) fn start_in_memory(self, cluster: &crate::memory::Cluster, tracing: &Tracing) -> Outlets {
        let mut outlets = Outlets::default();
        for (name, config, events) in self.0 {
            let producer = ReliableProducer::in_memory(Arc::clone(&name), cluster.clone(), Sends::Events);
            let outlet = Arc::new(Outlet::new(name, producer, RecordForm::of(&config), tracing));
            events.into_iter().for_each(|event| outlets.add(event, &outlet));
        }
        outlets
    }
}
