use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::{Call, Layer, Next};
use crate::handle::{Attempt, excused};

/// Lets so many calls begin per second: what another service allows. After an idle time a burst of them may begin at once.
///
/// Clones share the limit. A call waits for its turn, in the order in which they come; one that is dropped meanwhile takes nothing from
/// the others. The wait counts towards the [`attempt_timeout`](crate::FailurePolicy::attempt_timeout). When its partition is revoked or the
/// app shuts down, a call that still waits is given back ([`Attempt::release`]). A batch is one call, and so is each further attempt at a
/// record.
///
/// ```
/// use std::time::Duration;
///
/// use evkafka::{handler, layer::RateLimit, router};
///
/// #[handler(event = "OrderPaid")]
/// async fn on_order_paid() {}
///
/// #[handler(event = "OrderRefunded")]
/// async fn on_order_refunded() {}
///
/// let payments = router![on_order_paid].layer(RateLimit::per_second(50).burst(5));
/// let refunds = router![on_order_refunded].layer(RateLimit::new(100, Duration::from_secs(60)));
/// # let _ = (payments, refunds);
/// ```
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// The time from one call to the next.
    interval: Duration,
    /// How far ahead of that time a call may begin, because earlier ones did not.
    ahead: Duration,
    /// When the next call would begin if they came at equal distances; whoever is first in the queue has the lock.
    due: Arc<Mutex<Option<Instant>>>,
}

/// Further off than any process lives.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

impl RateLimit {
    /// Lets at most so many calls begin in each period, as many of them at once as there may be in a period.
    ///
    /// # Panics
    /// If either is zero.
    pub fn new(calls: u32, period: Duration) -> Self {
        assert!(
            calls > 0 && !period.is_zero(),
            "a rate limit of {calls} calls in {period:?} lets none begin"
        );
        Self { interval: period / calls, ahead: Duration::ZERO, due: Arc::default() }.burst(calls)
    }

    /// Lets at most so many calls begin per second, up to all of them at once.
    ///
    /// # Panics
    /// If it is zero.
    pub fn per_second(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(1))
    }

    /// Sets how many calls may begin at once, after a time in which none did. 1: they come at equal distances.
    ///
    /// With a small burst, more than some hundred calls per second are not reached: timers have a resolution of a millisecond.
    ///
    /// # Panics
    /// If it is zero.
    pub fn burst(mut self, calls: u32) -> Self {
        assert!(calls > 0, "a burst of zero lets no call begin");
        self.ahead = self.interval.saturating_mul(calls - 1);
        self
    }

    /// Waits for its turn.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and nothing else.
    async fn turn(&self) {
        let mut due = self.due.lock().await;
        let now = Instant::now();
        if let Some(begins) = due.and_then(|due| due.checked_sub(self.ahead)).filter(|begins| *begins > now) {
            sleep_until(begins).await;
        }
        let now = Instant::now();
        let next = due.map_or(now, |due| due.max(now));
        *due = next.checked_add(self.interval).or_else(|| next.checked_add(FAR));
    }
}

impl Layer for RateLimit {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        tokio::select! {
            biased;
            () = excused(self.turn()) => {}
            () = call.cancelled() => return Attempt::release(),
        }
        next.run(call).await
    }
}
