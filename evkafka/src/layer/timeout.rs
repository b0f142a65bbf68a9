use std::time::Duration;

use super::{Call, Layer, Next};
use crate::handle::Attempt;

/// Drops a handler that is not done after a time, and ends the attempt in [`Attempt::TimedOut`]: a limit for some handlers, shorter than
/// the [`attempt_timeout`](crate::FailurePolicy::attempt_timeout) of their failure policy.
///
/// A plain `fn` has no time limit: it could not be interrupted, and its record would be handled again while it still runs.
///
/// ```
/// use std::time::Duration;
///
/// use evkafka::{handler, layer::Timeout, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// #[handler(event = "ReportRequested")]
/// async fn on_report_requested() {}
///
/// let orders = router![on_order_created.layer(Timeout::new(Duration::from_secs(2))), on_report_requested];
/// # let _ = orders;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timeout(Duration);

impl Timeout {
    /// Limits a call to this time.
    pub fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl Layer for Timeout {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let handler = next.run(call);
        if call.is_blocking() {
            return handler.await;
        }
        tokio::time::timeout(self.0, handler).await.unwrap_or(Attempt::TimedOut(self.0))
    }
}
