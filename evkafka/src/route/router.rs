use super::{Boxed, Routes, WithPolicy};
use crate::{layer::Layer, settle::FailurePolicy};

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
///
/// The type of what `router!` gives cannot be written down, other than as `Router<impl Routes>`: it knows each handler, so that a call
/// costs nothing. A plain `Router` is boxed: it can be returned, stored, and put together at run time.
///
/// ```
/// use evkafka::{Router, handler, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// #[handler(event = "OrderRefunded")]
/// async fn on_order_refunded() {}
///
/// fn orders(refunds: bool) -> Router {
///     let mut orders = router![on_order_created].boxed();
///     if refunds {
///         orders = orders.merge(router![on_order_refunded]);
///     }
///     orders
/// }
///
/// let all: Router = [orders(false), router![on_order_refunded].boxed()].into_iter().collect();
/// assert_eq!(format!("{all:?}"), format!("{:?}", orders(true)));
/// ```
///
/// Each call of a boxed handler is a virtual call and an allocation for its future, some 220 instructions in all.
#[derive(Clone, Debug)]
#[must_use = "a router does nothing until it is given to a consumer"]
pub struct Router<R = Boxed> {
    pub(crate) routes: R,
}

impl Router {
    /// A router without handlers, to begin with: [`merge`](Self::merge) adds them. A consumer needs at least one.
    pub fn new() -> Self {
        Self { routes: Boxed::default() }
    }
}

/// A router without handlers.
impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

/// The handlers of all of them.
impl<R: Routes> FromIterator<Router<R>> for Router {
    fn from_iter<I: IntoIterator<Item = Router<R>>>(routers: I) -> Self {
        routers.into_iter().fold(Self::new(), Self::merge)
    }
}

impl<R: Routes> Router<R> {
    pub(crate) fn of(routes: R) -> Self {
        Self { routes }
    }

    /// The handlers of both. Two handlers for one event type, or two fallbacks, are refused when the app starts.
    ///
    /// A boxed router stays boxed, whatever is merged with it: `router = router.merge(other)` can stand in a loop.
    pub fn merge<S: Routes>(self, other: Router<S>) -> Router<R::Merge<S>> {
        Router { routes: self.routes.merge(other.routes) }
    }

    /// The same handlers as a plain `Router`.
    pub fn boxed(self) -> Router {
        let mut routes = Boxed::default();
        self.routes.box_into(&mut routes);
        Router { routes }
    }

    /// Puts a [layer](Layer) around each call of these handlers.
    ///
    /// The first is the outermost: `.layer(A).layer(B)` calls `A`, which calls `B`, which calls the handler. Handlers that are merged
    /// afterwards are outside of it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use evkafka::{handler, layer::{ConcurrencyLimit, Timeout}, router};
    ///
    /// #[handler(event = "OrderCreated")]
    /// async fn on_order_created() {}
    ///
    /// // The time that a call waits for its turn does not count towards its two seconds.
    /// let orders = router![on_order_created]
    ///     .layer(ConcurrencyLimit::new(10))
    ///     .layer(Timeout::new(Duration::from_secs(2)));
    /// # let _ = orders;
    /// ```
    pub fn layer<L: Layer>(self, layer: L) -> Router<R::Layered<L>> {
        Router { routes: self.routes.layer(layer) }
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
        Router { routes: WithPolicy::new(self.routes, policy) }
    }
}
