//! An app on a cluster that a test has started, or shares with others, and what the test is to know of it for that.

use std::{sync::Arc, time::Duration};

use super::builder::{App, NamedConsumer, NamedProducer};
use crate::{
    engine::Observer,
    event::{EventSpec, Events},
    send::RecordForm,
};

/// What a test is to know of a producer.
pub(crate) struct ProducerFacts {
    events: Events,
    pub(crate) form: RecordForm,
}

impl ProducerFacts {
    pub(crate) fn lists(&self, event: &EventSpec) -> bool {
        let is_it = |listed: &&EventSpec| (listed.name, listed.version) == (event.name, event.version);
        self.events.0.as_ref().is_some_and(|events| events.iter().any(is_it))
    }

    pub(crate) fn is_for_any(&self) -> bool {
        self.events.0.is_none()
    }
}

/// What an embedded cluster has committed soon, so that a test need not wait.
const COMMIT_INTERVAL: Duration = Duration::from_millis(50);

impl App {
    pub(crate) fn producer_facts(&self) -> Vec<ProducerFacts> {
        let facts = |NamedProducer { config, events, .. }: &NamedProducer| ProducerFacts {
            events: events.clone(),
            form: RecordForm::of(config),
        };
        self.producers.iter().map(facts).collect()
    }

    /// All topics that it names.
    pub(crate) fn topics(&self) -> Vec<String> {
        let read = self.consumers.iter().flat_map(|consumer| &consumer.config.topics);
        let read = read.filter(|topic| !topic.starts_with('^')).cloned();
        let pipelines = self.consumers.iter().filter_map(|consumer| consumer.pipeline.as_ref());
        let letters = pipelines.flat_map(|pipeline| pipeline.dead_letter_topics());
        let requirements = self.consumers.iter().flat_map(|consumer| &consumer.requirements);
        let events = requirements.flat_map(|(_, requirements)| requirements.events());
        let sent = events.filter_map(|event| event.topic).map(str::to_owned);
        let of_producers = self.producers.iter().filter_map(|producer| producer.config.topic.clone());
        read.chain(letters).chain(sent).chain(of_producers).collect()
    }

    /// On a cluster that it shares with others, in topics and groups whose names begin with this, and watched.
    pub(crate) fn on_shared_cluster(self, servers: &str, prefix: &str, observer: &Arc<dyn Observer>) -> Self {
        let mut app = self.unpublished();
        for NamedConsumer { config, observers, .. } in &mut app.consumers {
            servers.clone_into(&mut config.bootstrap_servers);
            config.group_id = format!("{prefix}{}", config.group_id);
            for topic in &mut config.topics {
                *topic = behind_prefix(prefix, topic);
            }
            config.topic_prefix = Some(prefix.to_owned());
            config.commit_interval = config.commit_interval.min(COMMIT_INTERVAL);
            config.properties.insert("fetch.wait.max.ms".to_owned(), "10".to_owned());
            observers.push(Arc::clone(observer));
        }
        for NamedProducer { config, .. } in &mut app.producers {
            servers.clone_into(&mut config.bootstrap_servers);
            config.topic_prefix = Some(prefix.to_owned());
        }
        app
    }

    /// On these servers, with settings for tests, and watched.
    pub(crate) fn on_cluster(self, servers: &str, observer: &Arc<dyn Observer>) -> Self {
        let mut app = self.unpublished();
        let is_of_another = |name: &str| {
            ["sasl.", "ssl.", "enable.ssl."].iter().any(|prefix| name.starts_with(prefix))
                || ["security.protocol", "group.protocol.type", "heartbeat.interval.ms"].contains(&name)
                || ["partition.assignment.strategy", "session.timeout.ms"].contains(&name)
        };
        for NamedConsumer { config, observers, .. } in &mut app.consumers {
            servers.clone_into(&mut config.bootstrap_servers);
            config.commit_interval = config.commit_interval.min(COMMIT_INTERVAL);
            config.properties.retain(|name, _| !is_of_another(name));
            config.properties.insert("group.protocol".to_owned(), "consumer".to_owned());
            config.properties.insert("fetch.wait.max.ms".to_owned(), "10".to_owned());
            observers.push(Arc::clone(observer));
        }
        for NamedProducer { config, .. } in &mut app.producers {
            servers.clone_into(&mut config.bootstrap_servers);
            config.properties.retain(|name, _| !is_of_another(name));
        }
        app
    }

    /// Its numbers are not published: the recorder is the whole process's, which runs other tests.
    #[cfg_attr(not(feature = "metrics"), expect(unused_mut, reason = "nothing is published without it"))]
    fn unpublished(mut self) -> Self {
        #[cfg(feature = "metrics")]
        {
            self.publish_interval = None;
        }
        self
    }
}

/// A topic or a pattern of those whose names begin with a prefix.
///
/// # Panics
/// If the pattern has alternatives outside of brackets, of which each would need the prefix: others' topics would be read.
fn behind_prefix(prefix: &str, topic: &str) -> String {
    let Some(pattern) = topic.strip_prefix('^') else { return format!("{prefix}{topic}") };
    let mut depth = 0;
    let is_alternative = |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == '|' && depth == 0
    };
    assert!(
        !pattern.contains(is_alternative),
        "on a cluster that is shared with others, the alternatives of a pattern are in brackets: \
         `^(orders|payments)$`; this one is `{topic}`"
    );
    format!("^{}{pattern}", prefix.replace('.', "\\."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_patterns_get_a_prefix() {
        for (topic, expected) in [
            ("orders", "test.orders"),
            ("^orders-.*", "^test\\.orders-.*"),
            ("^(orders|payments)$", "^test\\.(orders|payments)$"),
        ] {
            assert_eq!(behind_prefix("test.", topic), expected);
        }
    }

    #[test]
    #[should_panic = "are in brackets"]
    fn a_pattern_that_would_match_topics_of_others_is_refused() {
        behind_prefix("test.", "^(orders)$|^payments$");
    }

    #[cfg(feature = "metrics")]
    #[test]
    fn what_a_test_runs_on_a_cluster_is_not_published() {
        let app = App::new("test").publish_metrics(Duration::from_secs(10));
        assert!(app.publisher().is_some());
        assert!(app.unpublished().publisher().is_none());
    }
}
