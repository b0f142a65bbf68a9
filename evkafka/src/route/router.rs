use std::sync::Arc;

use super::{Merged, Routes, WithPolicy};
use crate::settle::FailurePolicy;

/// A set of handlers: a value that is made by [`router!`](crate::router), cloned, merged, and given to one consumer or
/// to several.
///
/// ```
/// use evkafka::{handler, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// #[handler(event = "OrderPaid")]
/// async fn on_order_paid() {}
///
/// let orders = router![on_order_created];
/// let payments = router![on_order_paid];
/// let all = orders.merge(payments);
/// let the_same = all.clone();
/// # let _ = the_same;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a router does nothing until it is given to a consumer"]
pub struct Router<R> {
    pub(crate) routes: R,
}

impl<R: Routes> Router<R> {
    #[doc(hidden)]
    pub fn new(routes: R) -> Self {
        Self { routes }
    }

    /// The handlers of both. Two handlers for one event type, or two fallbacks, are refused when the app starts.
    pub fn merge<S: Routes>(self, other: Router<S>) -> Router<Merged<R, S>> {
        Router { routes: Merged(self.routes, other.routes) }
    }

    /// Gives these handlers a failure policy of their own, in place of their consumer's. One that a handler has
    /// already, from a call before a merge, stays.
    ///
    /// ```
    /// use evkafka::{FailurePolicy, LastStep, handler, router};
    ///
    /// #[handler(event = "OrderCreated")]
    /// async fn on_order_created() {}
    ///
    /// #[handler(event = "PageViewed")]
    /// async fn on_page_viewed() {}
    ///
    /// let lenient = FailurePolicy::new().attempts(2).last_step(LastStep::Skip);
    /// let all = router![on_order_created].merge(router![on_page_viewed].failure_policy(lenient));
    /// # let _ = all;
    /// ```
    pub fn failure_policy(self, policy: FailurePolicy) -> Router<WithPolicy<R>> {
        Router { routes: WithPolicy(self.routes, Arc::new(policy)) }
    }
}
