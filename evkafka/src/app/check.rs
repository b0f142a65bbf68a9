//! What is wrong with an app, all at once and before anything is connected.

use std::collections::BTreeMap;

use super::builder::{App, Entry};
use crate::{config::ConsumerConfig, error::Error};

impl App {
    /// Checks the app as [`run`](Self::run) does before it connects to anything: settings, states, names, routers.
    ///
    /// # Errors
    /// With all faults, of the kind [`Configuration`](crate::error::ErrorKind::Configuration).
    pub fn check(&self) -> crate::Result<()> {
        let mut faults = self.faults.clone();
        if self.consumers.is_empty() {
            faults.push(
                "the app has no consumer; add one with `consumers: { … }` or `App::consumer`".to_owned(),
            );
        }
        self.check_configs(&mut faults);
        self.check_names(&mut faults);
        self.check_shared_groups(&mut faults);
        self.check_states(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(Error::faults(faults)) }
    }

    fn check_configs(&self, faults: &mut Vec<String>) {
        for Entry { name, config, .. } in &self.consumers {
            if let Err(error) = config.validate() {
                faults.extend(error.faults().map(|fault| format!("consumer `{name}`: {fault}")));
            }
        }
    }

    fn check_names(&self, faults: &mut Vec<String>) {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for entry in &self.consumers {
            *seen.entry(&entry.name).or_default() += 1;
        }
        for (name, count) in seen {
            if count > 1 {
                faults.push(format!("{count} consumers are called `{name}`; give each a name of its own"));
            }
        }
    }

    fn check_shared_groups(&self, faults: &mut Vec<String>) {
        for (index, first) in self.consumers.iter().enumerate() {
            for second in &self.consumers[index + 1..] {
                if let Some(topic) = shared_topic(&first.config, &second.config) {
                    faults.push(format!(
                        "the consumers `{}` and `{}` share the group `{}` and the topic `{topic}` on one cluster: each \
                         would get a part of the partitions and skip the other's events; make them one consumer \
                         with the handlers of both, or give one a group of its own",
                        first.name, second.name, first.config.group_id
                    ));
                }
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

/// A topic that both consume in the same group on the same cluster.
fn shared_topic<'c>(first: &'c ConsumerConfig, second: &ConsumerConfig) -> Option<&'c str> {
    let same_cluster = first.servers().any(|server| second.servers().any(|other| server == other));
    if !same_cluster || first.group_id != second.group_id {
        return None;
    }
    first.topics.iter().find(|topic| second.topics.contains(topic)).map(String::as_str)
}
