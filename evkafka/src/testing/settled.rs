use std::fmt;

use super::story::{Settlement, Story};

/// What became of a record that a test has sent, by each consumer that reads its topic: usually one.
///
/// The assertions are about all of these consumers; [`by`](Self::by) picks one. One that fails panics with the record's
/// [`Story`], and with the app's error if it has stopped.
#[derive(Clone, Debug)]
#[must_use = "it says how the record was settled: assert something of it"]
pub struct Settled {
    stories: Vec<Story>,
    /// Why the app has stopped, if it has.
    stopped: Option<String>,
}

impl Settled {
    pub(super) fn new(stories: Vec<Story>, stopped: Option<String>) -> Self {
        Self { stories, stopped }
    }

    /// What each consumer made of it.
    pub fn stories(&self) -> &[Story] {
        &self.stories
    }

    /// What this consumer made of it.
    ///
    /// # Panics
    /// If no consumer of this name reads the record's topic.
    #[track_caller]
    pub fn by(&self, consumer: &str) -> Self {
        let stories: Vec<_> =
            self.stories.iter().filter(|story| story.consumer() == consumer).cloned().collect();
        let all: Vec<_> = self.stories.iter().map(Story::consumer).collect();
        assert!(!stories.is_empty(), "no consumer `{consumer}` reads the record's topic; {all:?} do");
        Self { stories, stopped: self.stopped.clone() }
    }

    /// How it was settled; `None` if it was not.
    ///
    /// # Panics
    /// If several consumers read it.
    #[track_caller]
    pub fn settlement(&self) -> Option<Settlement> {
        self.one().settlement()
    }

    /// The path of the handler's function; `None` if none matched the record.
    ///
    /// # Panics
    /// If several consumers read it.
    #[track_caller]
    pub fn handler(&self) -> Option<&'static str> {
        self.one().handler()
    }

    /// How the last failed attempt failed: the error with its causes.
    ///
    /// # Panics
    /// If several consumers read it.
    #[track_caller]
    pub fn error(&self) -> Option<&str> {
        self.one().error()
    }

    #[track_caller]
    fn one(&self) -> &Story {
        match &*self.stories {
            [story] => story,
            stories => {
                let all: Vec<_> = stories.iter().map(Story::consumer).collect();
                panic!("the consumers {all:?} read this record; pick one with `by`")
            }
        }
    }

    /// It was handled with success.
    #[track_caller]
    pub fn assert_handled(&self) -> &Self {
        self.assert_settled(Settlement::Handled)
    }

    /// No handler matched it, or its handler said that it does not concern this service.
    #[track_caller]
    pub fn assert_skipped(&self) -> &Self {
        self.assert_settled(Settlement::Skipped)
    }

    /// It failed, and was passed over.
    #[track_caller]
    pub fn assert_given_up(&self) -> &Self {
        self.assert_settled(Settlement::GivenUp)
    }

    /// It failed, and was sent to this dead-letter topic.
    #[track_caller]
    pub fn assert_dead_lettered(&self, topic: &str) -> &Self {
        self.assert(&format!("sent to the dead-letter topic `{topic}`"), |story| {
            story.settlement() == Some(Settlement::DeadLettered) && story.dead_letter_topic() == Some(topic)
        })
    }

    /// It failed, and the app stopped at it. [`TestClient::shutdown`](super::TestClient::shutdown) returns its error.
    #[track_caller]
    pub fn assert_stopped(&self) -> &Self {
        self.assert(&"what the app stops at", |story| story.settlement() == Some(Settlement::Stopped))
    }

    /// It was settled in this way.
    #[track_caller]
    pub fn assert_settled(&self, settlement: Settlement) -> &Self {
        self.assert(&settlement, |story| story.settlement() == Some(settlement))
    }

    /// So many attempts were made at it, the first included.
    #[track_caller]
    pub fn assert_attempts(&self, attempts: u32) -> &Self {
        self.assert(&format!("tried {attempts} times"), |story| story.attempts() == attempts)
    }

    #[track_caller]
    fn assert(&self, expected: &dyn fmt::Display, holds: impl Fn(&Story) -> bool) -> &Self {
        if let Some(story) = self.stories.iter().find(|story| !holds(story)) {
            let was = match story.settlement() {
                Some(settlement) => settlement.to_string(),
                None => "not settled".to_owned(),
            };
            let attempts = story.attempts();
            let stopped = self.stopped.iter().map(|error| format!("\nthe app has stopped: {error}"));
            panic!(
                "the record was expected to be {expected}, but was {was} (attempts: {attempts})\n{story}{}",
                stopped.collect::<String>()
            );
        }
        self
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stories = self.stories.iter().map(Story::to_string);
        let stopped = self.stopped.iter().map(|error| format!("the app has stopped: {error}"));
        f.write_str(&stories.chain(stopped).collect::<Vec<_>>().join("\n"))
    }
}
