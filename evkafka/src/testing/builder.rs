use std::{fmt, time::Duration};

use super::{
    backend::Backend,
    client::{PATIENCE, TestClient},
};
use crate::App;

/// Settings of a [`TestClient`].
///
/// ```
/// # use evkafka::{App, ConsumerConfig, handler, router, testing::TestClient};
/// # #[handler(event = "OrderCreated")]
/// # async fn on_order_created() {}
/// # let orders = ConsumerConfig::new(["orders"]).group_id("billing");
/// # let app = App::new("billing").consumer("orders", orders, router![on_order_created]);
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let t = TestClient::of(app).partitions("orders", 4).start();
/// t.record("orders").event_type("OrderCreated").partition(3).await.assert_handled();
/// # });
/// ```
#[must_use = "the app runs when the client is started"]
pub struct TestClientBuilder {
    app: App,
    topics: Vec<(String, u16)>,
    backend: Backend,
    patience: Duration,
}

impl TestClientBuilder {
    pub(super) fn new(app: App) -> Self {
        Self { app, topics: Vec::new(), backend: Backend::Memory, patience: PATIENCE }
    }

    /// There is a topic of this name, with so many partitions (at least one). Without it, a topic has one.
    pub fn partitions(mut self, topic: impl Into<String>, partitions: u16) -> Self {
        self.topics.push((topic.into(), partitions));
        self
    }

    /// Where the app runs. Default: in memory.
    pub fn on(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// How long anything is awaited, by the wall clock. Default: 60 s. Where tokio's clock is paused, a twelfth of it will do, if a week
    /// has passed by that clock. What takes longer panics.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the app.
    ///
    /// # Panics
    /// If the app has faults, with all of them; outside a tokio runtime.
    #[track_caller]
    pub fn start(self) -> TestClient {
        match TestClient::start(self.app, self.backend, &self.topics, self.patience) {
            Ok(client) => client,
            Err(error) => panic!("{error}"),
        }
    }
}

impl fmt::Debug for TestClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClientBuilder").field("topics", &self.topics).finish_non_exhaustive()
    }
}
