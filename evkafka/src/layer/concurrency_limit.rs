use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Call, Layer, Next};
use crate::handle::{Attempt, excused};

/// Lets so many calls run at a time, across partitions, handlers and consumers: what a database or another service can take.
///
/// Clones share the limit. A call waits for its turn, in the order in which they come. The wait counts towards the
/// [`attempt_timeout`](crate::FailurePolicy::attempt_timeout). When its partition is revoked or the app shuts down, a call that still
/// waits is given back ([`Attempt::release`]).
///
/// A plain `fn` whose caller was dropped has left the limit, although it runs on.
///
/// ```
/// use evkafka::{handler, layer::ConcurrencyLimit, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// #[handler(event = "PageViewed")]
/// async fn on_page_viewed() {}
///
/// let database = ConcurrencyLimit::new(20);
/// let orders = router![on_order_created].layer(database.clone());
/// let views = router![on_page_viewed].layer(database);
/// # let _ = (orders, views);
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit(pub(super) Arc<Semaphore>);

impl ConcurrencyLimit {
    /// Lets at most so many calls run at a time.
    ///
    /// # Panics
    /// If it is zero: no call would ever begin.
    pub fn new(calls: usize) -> Self {
        assert!(calls > 0, "a concurrency limit of zero lets no call begin");
        Self(Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))))
    }
}

impl Layer for ConcurrencyLimit {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let _permit = tokio::select! {
            biased;
            permit = excused(self.0.acquire()) => permit.expect("the semaphore is never closed"),
            () = call.cancelled() => return Attempt::release(),
        };
        next.run(call).await
    }
}
