use std::{fmt, sync::Arc, time::Duration};

use super::{error::ControlError, scope::Scope};
use crate::{
    config::TopicPattern,
    engine::{Commands, Members},
};

/// An app that runs.
pub(crate) struct Live {
    pub(crate) consumers: Vec<Controlled>,
    pub(super) drain: Box<dyn Drains>,
    /// How much longer than it may something takes before it is stuck.
    pub(crate) stall_timeout: Duration,
}

/// The end of an app, which it may be told to come to.
pub(crate) trait Drains: Send + Sync {
    fn begin(&self);

    /// How long ago it was to be over, which is zero before that; `None` if it has not begun.
    fn overdue(&self) -> Option<Duration>;
}

/// One of its consumers.
pub(crate) struct Controlled {
    pub(crate) commands: Arc<Commands>,
    pub(crate) members: Arc<Members>,
    pub(super) group: Arc<str>,
    /// Names and patterns.
    pub(super) topics: Vec<String>,
    pub(super) instances: u32,
}

impl Live {
    pub(crate) fn new(
        consumers: Vec<Controlled>,
        drain: impl Drains + 'static,
        stall_timeout: Duration,
    ) -> Self {
        Self { consumers, drain: Box::new(drain), stall_timeout }
    }

    /// The consumers that something in `scope` may be of.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn select(&self, scope: &Scope) -> Result<Vec<&Controlled>, ControlError> {
        let Scope { consumer, topic, partition } = scope;
        let named: Vec<_> =
            self.consumers.iter().filter(|of| consumer.as_ref().is_none_or(|name| of.is(name))).collect();
        if let (Some(name), true) = (consumer, named.is_empty()) {
            return Err(ControlError::unknown_consumer(name, &names(&self.consumers)));
        }
        let reading: Vec<_> = named
            .iter()
            .copied()
            .filter(|of| topic.as_ref().is_none_or(|topic| of.may_read(topic)))
            .collect();
        if let (Some(topic), true) = (topic, reading.is_empty()) {
            let known: Vec<_> = named.iter().flat_map(|of| of.names_of_topics()).collect();
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            return Err(ControlError::unknown_topic(topic, &names(named), &known));
        }
        let Some(partition) = *partition else { return Ok(reading) };
        let most = reading.iter().map(|of| of.partitions(topic.as_deref())).collect::<Option<Vec<_>>>();
        let most = most.map(|most| most.into_iter().max().unwrap_or(0));
        match usize::try_from(partition) {
            Err(_) => Err(ControlError::unknown_partition(partition, topic.as_deref(), 0)),
            Ok(number) => match most {
                Some(most) if number >= most && most > 0 => {
                    Err(ControlError::unknown_partition(partition, topic.as_deref(), most))
                }
                _ => Ok(reading),
            },
        }
    }
}

fn names<'c>(consumers: impl IntoIterator<Item = &'c Controlled>) -> Vec<&'c str> {
    consumers.into_iter().map(|of| &**of.commands.consumer()).collect()
}

impl Controlled {
    pub(crate) fn new(
        commands: Arc<Commands>,
        members: Arc<Members>,
        group: &str,
        topics: Vec<String>,
        instances: u32,
    ) -> Self {
        Self { commands, members, group: group.into(), topics, instances }
    }

    fn is(&self, name: &str) -> bool {
        **self.commands.consumer() == *name
    }

    /// Whether it reads the topic, or may: what a pattern matches is not always known here.
    fn may_read(&self, topic: &str) -> bool {
        let may_be = |name: &String| match TopicPattern::of(name) {
            Some(pattern) => pattern.matches(topic) != Some(false),
            None => name == topic,
        };
        self.topics.iter().any(may_be) || self.commands.partitions_of(topic).is_some()
    }

    /// What it was told to read, and what it has found of that.
    fn names_of_topics(&self) -> Vec<String> {
        let mut names = self.topics.clone();
        names.extend(self.commands.topics().into_iter().filter(|topic| !self.topics.contains(topic)));
        names
    }

    /// How many partitions the topic has (the largest topic, if none is given); `None` if that is not known.
    fn partitions(&self, topic: Option<&str>) -> Option<usize> {
        match topic {
            Some(topic) => self.commands.partitions_of(topic),
            None => {
                self.commands.topics().iter().filter_map(|topic| self.commands.partitions_of(topic)).max()
            }
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("consumers", &names(&self.consumers)).finish_non_exhaustive()
    }
}
