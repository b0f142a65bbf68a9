//! Dead letters that come back to the consumer that sends them, directly or by way of other consumers of the app.

use std::collections::VecDeque;

use super::{builder::NamedConsumer, check::on_one_cluster};
use crate::config::TopicPattern;

/// A consumer sends dead letters to a topic that another consumer, or the same one, reads.
#[derive(Clone, Debug)]
struct Feed {
    from: usize,
    topic: String,
    to: usize,
}

/// One line for each loop.
pub(super) fn faults(consumers: &[NamedConsumer]) -> Vec<String> {
    let feeds: Vec<Vec<Feed>> = (0..consumers.len()).map(|from| feeds(from, consumers)).collect();
    let loops = (0..consumers.len()).filter_map(|start| shortest_loop(start, &feeds));
    loops.map(|feeds| describe(&feeds, consumers)).collect()
}

fn feeds(from: usize, consumers: &[NamedConsumer]) -> Vec<Feed> {
    let NamedConsumer { config, pipeline: Some(pipeline), .. } = &consumers[from] else { return Vec::new() };
    let mut feeds = Vec::new();
    for topic in pipeline.dead_letter_topics() {
        for (to, reader) in consumers.iter().enumerate() {
            if on_one_cluster(config, &reader.config) && subscribes(&reader.config.topics, &topic) {
                feeds.push(Feed { from, topic: topic.clone(), to });
            }
        }
    }
    feeds
}

/// The shortest way from a consumer back to it, by way of later ones: so each loop is found once, at its first consumer.
fn shortest_loop(start: usize, feeds: &[Vec<Feed>]) -> Option<Vec<Feed>> {
    let mut seen = vec![false; feeds.len()];
    let mut ways = VecDeque::from([(start, Vec::new())]);
    while let Some((from, way)) = ways.pop_front() {
        for feed in feeds[from].iter().filter(|feed| feed.to >= start) {
            let mut way: Vec<Feed> = way.clone();
            way.push(feed.clone());
            if feed.to == start {
                return Some(way);
            }
            if !std::mem::replace(&mut seen[feed.to], true) {
                ways.push_back((feed.to, way));
            }
        }
    }
    None
}

fn describe(feeds: &[Feed], consumers: &[NamedConsumer]) -> String {
    let name = |index: usize| &consumers[index].name;
    let steps = feeds.iter().map(|Feed { from, topic, to }| {
        format!("`{}` sends them to `{topic}`, which `{}` reads", name(*from), name(*to))
    });
    format!(
        "consumer `{}`: its dead letters come back to it without end: {}; choose a topic for dead letters that none of their \
         senders reads",
        name(feeds[0].from),
        steps.collect::<Vec<_>>().join(", ")
    )
}

/// Whether one of these names and patterns means `topic`, as far as that can be told. A loop that is not found here is found when
/// the first record goes round.
pub(super) fn subscribes(topics: &[String], topic: &str) -> bool {
    topics.iter().any(|name| match TopicPattern::of(name) {
        Some(pattern) => pattern.matches(topic) == Some(true),
        None => name == topic,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_pattern() {
        assert!(subscribes(&["t.dead".to_owned()], "t.dead"));
        assert!(!subscribes(&["t.dead".to_owned()], "t-dead"));
        assert!(!subscribes(&["t".to_owned()], "t.dead"));
        assert!(subscribes(&["t".to_owned(), "^t".to_owned()], "t.dead"));
        assert!(!subscribes(&["^(t".to_owned()], "t.dead"), "what cannot be judged is no match");
    }
}
