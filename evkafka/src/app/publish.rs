//! The numbers of an app, for the recorder of the crate `metrics`.

use std::time::Duration;

use super::builder::App;
use crate::metrics::Publisher;

impl App {
    /// Publishes the numbers to the recorder of the crate [`metrics`](https://docs.rs/metrics) while the app runs: at the start, every
    /// `interval`, and once more after the last commit. See [the module](crate::metrics#the-crate-metrics).
    ///
    /// It is done on a thread of its own, so neither a blocked worker nor a slow recorder holds up the other. A recorder that is installed
    /// after the app has started gets no descriptions. `interval` must be longer than zero.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use evkafka::{App, ConsumerConfig, handler, router};
    ///
    /// #[handler(event = "OrderCreated")]
    /// async fn on_order_created() {}
    ///
    /// let orders = ConsumerConfig::new(["orders"]).group_id("billing");
    /// let app = App::new("billing")
    ///     .publish_metrics(Duration::from_secs(10))
    ///     .consumer("orders", orders, router![on_order_created]);
    /// # let _ = app;
    /// ```
    pub fn publish_metrics(mut self, interval: Duration) -> Self {
        self.publish_interval = Some(interval);
        self
    }

    /// What is wrong with how its numbers are published.
    pub(super) fn publish_fault(&self) -> Option<String> {
        let is_zero = self.publish_interval.is_some_and(|interval| interval.is_zero());
        is_zero.then(|| "`publish_metrics`: the interval must be longer than zero".to_owned())
    }

    /// What publishes its numbers, if they are to be published.
    pub(super) fn publisher(&self) -> Option<Publisher> {
        Some(Publisher::new(self.metrics(), self.publish_interval?))
    }
}
