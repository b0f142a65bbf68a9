use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::settle::Backoff;

/// Topics whose commits are refused, as those of one that was deleted. Each is committed by itself, so that the others are not
/// kept from hearing that theirs were taken.
#[derive(Debug, Default)]
pub(super) struct Aside(HashMap<Arc<str>, Refused>);

#[derive(Debug)]
struct Refused {
    times: u32,
    again_at: Instant,
}

/// It rarely passes by itself, and librdkafka tries for half a second before it says so, in which no other commit is sent.
fn backoff() -> Backoff {
    Backoff::exponential(Duration::from_secs(1), Duration::from_secs(10))
}

impl Aside {
    pub(super) fn contains(&self, topic: &str) -> bool {
        self.0.contains_key(topic)
    }

    /// Its commit was refused, once more perhaps.
    pub(super) fn put(&mut self, topic: Arc<str>, now: Instant, random: f64) {
        let refused = self.0.entry(topic).or_insert(Refused { times: 0, again_at: now });
        refused.times = refused.times.saturating_add(1);
        refused.again_at = now + backoff().wait(refused.times, random);
    }

    /// There is nothing to commit of it any more.
    pub(super) fn take_back(&mut self, topic: &str) {
        self.0.remove(topic);
    }

    /// What is assigned has changed: what was refused before says nothing.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// When the next is to be tried again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|refused| refused.again_at).min()
    }

    /// Those that are to be tried again.
    pub(super) fn due(&self, now: Instant) -> Vec<Arc<str>> {
        let due = self.0.iter().filter(|(_, refused)| refused.again_at <= now);
        due.map(|(topic, _)| Arc::clone(topic)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_tried_again_after_a_wait_that_grows() {
        let (mut aside, now) = (Aside::default(), Instant::now());
        assert_eq!(aside.next_due(), None);
        aside.put("orders".into(), now, 0.5);
        assert!(aside.contains("orders"));
        assert!(aside.due(now).is_empty());
        let first = now + backoff().wait(1, 0.5);
        assert_eq!(aside.next_due(), Some(first));
        assert_eq!(aside.due(first).len(), 1);
        aside.put("orders".into(), now, 0.5);
        assert!(aside.due(first).is_empty());
        assert_eq!(aside.due(now + backoff().wait(2, 0.5)).len(), 1);
        aside.take_back("orders");
        assert!(!aside.contains("orders"));
    }
}
