//! What is wrong with an app, all at once and before anything is connected.

use std::collections::BTreeMap;

use super::{
    builder::{App, NamedConsumer},
    loops,
    producers::Plan,
};
use crate::{
    config::{ConsumerConfig, Elsewhere, ResolvedConfig, judge_text},
    error::Error,
};

/// What an app is made of that has no fault.
pub(super) struct Resolved {
    /// In the order of the consumers.
    pub(super) consumers: Vec<ResolvedConfig>,
    pub(super) producers: Plan,
}

impl App {
    /// Checks the app as [`run`](Self::run) does before it connects to anything: settings, states, names, routers. Files and
    /// environment variables with values of properties are read for it.
    ///
    /// # Errors
    /// With all faults, of the kind [`Configuration`](crate::error::ErrorKind::Configuration).
    pub fn check(&self) -> crate::Result<()> {
        self.resolve().map(drop)
    }

    /// Checks the app; what its consumers and producers are made of, with all values that are kept elsewhere.
    ///
    /// # Errors
    /// With all faults.
    pub(super) fn resolve(&self) -> crate::Result<Resolved> {
        self.resolve_with(Elsewhere::Read)
    }

    /// The same, reading what is kept elsewhere or not.
    ///
    /// # Errors
    /// With all faults.
    pub(super) fn resolve_with(&self, elsewhere: Elsewhere) -> crate::Result<Resolved> {
        let mut faults = self.faults.clone();
        if self.consumers.is_empty() {
            faults.push(
                "the app has no consumer; add one with `consumers: { … }` or `App::consumer`".to_owned(),
            );
        }
        if self.shutdown_timeout.is_zero() {
            faults.push(
                "`shutdown_timeout` must be longer than zero: nothing could be committed in it".to_owned(),
            );
        }
        if self.stall_timeout.is_zero() {
            faults.push(
                "`stall_timeout` must be longer than zero: every handler that waits would count as stuck"
                    .to_owned(),
            );
        }
        #[cfg(feature = "admin")]
        faults.extend(self.admin.iter().flat_map(crate::admin::Admin::faults));
        #[cfg(feature = "metrics")]
        faults.extend(self.publish_fault());
        let configs = self.check_configs(elsewhere, &mut faults);
        check_names("consumer", self.consumers.iter().map(|consumer| &*consumer.name), &mut faults);
        self.check_shared_groups(&mut faults);
        self.check_policies(&mut faults);
        self.check_compression(&mut faults);
        faults.extend(loops::faults(&self.consumers));
        self.check_states(&mut faults);
        let producers = self.check_producers(elsewhere, &mut faults);
        if faults.is_empty() {
            Ok(Resolved { consumers: configs, producers })
        } else {
            Err(Error::faults(faults))
        }
    }

    /// The configurations that have no fault.
    fn check_configs(&self, elsewhere: Elsewhere, faults: &mut Vec<String>) -> Vec<ResolvedConfig> {
        let mut configs = Vec::with_capacity(self.consumers.len());
        for NamedConsumer { name, config, .. } in &self.consumers {
            match config.resolve_with(elsewhere) {
                Ok(config) => configs.push(config),
                Err(error) => {
                    faults.extend(error.faults().map(|fault| format!("consumer `{name}`: {fault}")))
                }
            }
        }
        configs
    }

    fn check_shared_groups(&self, faults: &mut Vec<String>) {
        for (index, first) in self.consumers.iter().enumerate() {
            for second in &self.consumers[index + 1..] {
                if share_a_group(&first.config, &second.config) {
                    check_shared_topic(first, second, faults);
                    check_shared_member(first, second, faults);
                }
            }
        }
    }

    /// One line for each fault of a router's failure policy, with the handlers that have it.
    fn check_policies(&self, faults: &mut Vec<String>) {
        for NamedConsumer { name, config, policies, .. } in &self.consumers {
            let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (handler, policy) in policies {
                let Err(error) = policy.validate(config.auto_commit_mode) else { continue };
                for fault in error.faults() {
                    found.entry(fault.to_string()).or_default().push(handler);
                }
            }
            for (fault, handlers) in found {
                faults.push(format!(
                    "consumer `{name}`: in the failure policy of `{}`: {fault}",
                    handlers.join("`, `")
                ));
            }
        }
    }

    /// Compression is for what a consumer sends, and only dead letters are sent.
    fn check_compression(&self, faults: &mut Vec<String>) {
        for NamedConsumer { name, config, pipeline, .. } in &self.consumers {
            let sends = pipeline.as_ref().is_none_or(|pipeline| !pipeline.dead_letter_topics().is_empty());
            if let Some(property) = config.compression_property().filter(|_| !sends) {
                faults.push(format!(
                    "consumer `{name}`: `{property}` compresses dead letters, and no failure policy of this consumer sends \
                     any; leave it out"
                ));
            }
        }
    }

    /// One line for each state that is lacking, with the handlers that need it.
    fn check_states(&self, faults: &mut Vec<String>) {
        let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (handler, requirements) in self.consumers.iter().flat_map(|entry| &entry.requirements) {
            for (id, type_name) in requirements.states() {
                let handlers = lacking.entry(type_name).or_default();
                if !self.states.contains(id) && !handlers.contains(handler) {
                    handlers.push(handler);
                }
            }
        }
        for (type_name, handlers) in lacking {
            if !handlers.is_empty() {
                faults.push(format!(
                    "the app has no state of type `{type_name}`, which `{}` needs; add `state: …` to `app!`, or \
                     `App::state`",
                    handlers.join("`, `")
                ));
            }
        }
    }
}

/// What is wrong with the names of consumers, or of producers: each is to have one of its own.
pub(super) fn check_names<'n>(what: &str, names: impl Iterator<Item = &'n str>, faults: &mut Vec<String>) {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    names.for_each(|name| *seen.entry(name).or_default() += 1);
    for (name, count) in seen {
        if let Some(fault) = judge_text(name) {
            faults.push(format!("the {what} name {name:?} {fault}"));
        }
        if count > 1 {
            faults.push(format!("{count} {what}s are called `{name}`; give each a name of its own"));
        }
    }
}

/// A topic that both consume, as far as that shows: which topics match two patterns is not known here.
fn check_shared_topic(first: &NamedConsumer, second: &NamedConsumer, faults: &mut Vec<String>) {
    let (one, other) = (&first.config.topics, &second.config.topics);
    let by_name = |topic: &&String| one.contains(topic) && other.contains(topic);
    let by_pattern = |topic: &&String| {
        !topic.starts_with('^') && loops::subscribes(one, topic) && loops::subscribes(other, topic)
    };
    let mut topics = one.iter().chain(other);
    if let Some(topic) = topics.find(|topic| by_name(topic) || by_pattern(topic)) {
        faults.push(format!(
            "the consumers `{}` and `{}` share the group `{}` and the topic `{topic}` on one cluster: each would get a \
             part of the partitions and skip the other's events; make them one consumer with the handlers of both, or \
             give one a group of its own",
            first.name, second.name, first.config.group_id
        ));
    }
}

/// A static member that both would be.
fn check_shared_member(first: &NamedConsumer, second: &NamedConsumer, faults: &mut Vec<String>) {
    let mut ids = first.config.instance_ids();
    if let Some(id) = ids.find(|id| second.config.instance_ids().any(|other| *id == other)) {
        faults.push(format!(
            "the consumers `{}` and `{}` share the group `{}` and the static member id `{id}` on one cluster: the brokers would fence one of them; give each a `group_instance_id` of its own",
            first.name, second.name, first.config.group_id
        ));
    }
}

/// Whether two consumers are in the same group on the same cluster, as far as that shows.
fn share_a_group(first: &ConsumerConfig, second: &ConsumerConfig) -> bool {
    on_one_cluster(first, second) && first.group_id == second.group_id
}

pub(super) fn on_one_cluster(first: &ConsumerConfig, second: &ConsumerConfig) -> bool {
    first.servers().any(|server| second.servers().any(|other| server == other))
}
