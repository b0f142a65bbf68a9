//! The app: parallel consumers, each with its own settings and handlers.

use crate::route::{Router, Routes};

/// An app: parallel consumers on one set of states. (The builder under [`app!`](macro@crate::app).)
#[derive(Debug, Default)]
#[must_use = "an app does nothing until it is run"]
pub struct App {}

impl App {
    /// An app of this title, without consumers.
    pub fn new(title: impl Into<String>) -> Self {
        let _ = title.into();
        Self {}
    }

    /// Sets the version.
    pub fn version(self, version: impl Into<String>) -> Self {
        let _ = version.into();
        self
    }

    /// Adds a state.
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> Self {
        let _ = state;
        self
    }

    /// Adds a consumer.
    pub fn consumer<R: Routes>(self, name: impl Into<String>, config: (), router: Router<R>) -> Self {
        let _ = (name.into(), config, router);
        self
    }
}
