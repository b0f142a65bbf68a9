//! What happens around handlers: [`Layer`], and those that are ready to use.
//!
//! | layer | |
//! |---|---|
//! | [`Timeout`] | a time limit of a handler's own |
//! | [`ConcurrencyLimit`] | so many calls at a time, across partitions, consumers and handlers that share it |
//! | [`RateLimit`] | so many calls per second |
//! | [`Trace`] | a [`tracing`] span that the handler's log lines carry |
#![cfg_attr(feature = "tower", doc = "| [`Tower`] | a layer of tower's |")]

mod app_layers;
mod call;
mod concurrency_limit;
mod next;
mod rate_limit;
mod stack;
#[cfg(test)]
mod tests;
mod timeout;
#[cfg(feature = "tower")]
mod tower;
mod trace;

use std::sync::Arc;

pub(crate) use self::app_layers::AppLayers;
#[cfg(feature = "tower")]
pub use self::tower::{FailedAttempt, HandlerCall, HandlerService, Tower};
pub use self::{
    call::Call, concurrency_limit::ConcurrencyLimit, next::Next, rate_limit::RateLimit, timeout::Timeout,
    trace::Trace,
};
#[doc(hidden)]
pub use self::{next::ToHandler, stack::Stack};
use crate::handle::Attempt;

/// What happens around the call of a handler: before it, after it, or in its place.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use evkafka::{Call, Layer, Next, handle::Attempt, handler, router};
///
/// struct Slow(Duration);
///
/// impl Layer for Slow {
///     async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
///         let begun = Instant::now();
///         let attempt = next.run(call).await;
///         if begun.elapsed() > self.0 {
///             tracing::warn!(event = call.event(), ?attempt, "a slow handler");
///         }
///         attempt
///     }
/// }
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// let orders = router![on_order_created].layer(Slow(Duration::from_millis(100)));
/// # let _ = orders;
/// ```
///
/// # Where it stands
///
/// | around | |
/// |---|---|
/// | all consumers of an app | `layers: [A, B]` in [`app!`](macro@crate::app), [`App::layer`](crate::App::layer) |
/// | the handlers of a consumer | `orders: config => [a, b].layer(A)` |
/// | the handlers of a router | `router![a, b].layer(A)`, [`Router::layer`](crate::Router::layer) |
/// | one handler of a list | `[a, b.layer(A)]` |
///
/// The layers of the app are around those of the router, which are around those of a handler. Within one place the first listed is the
/// outermost, in a chain too: `.layer(A).layer(B)` calls `A`, which calls `B`, which calls the handler. Merging or boxing makes another
/// router: a layer that is added to it is around those that its parts have.
///
/// # What it sees and decides
///
/// A layer is called for each attempt at a record that has a handler, after the record was routed and before its payload is decoded. A
/// batch is one call. What it returns is judged by the [failure policy](crate::FailurePolicy), as if the handler had ended in it: there
/// are [constructors](Attempt) for that. It can return without calling `next`, and the handler is not called then. `next` is called once
/// at most: attempts are repeated by the failure policy.
///
/// A panic in a layer is one of the handler's, and the time that a layer takes counts towards
/// [`attempt_timeout`](crate::FailurePolicy::attempt_timeout). A layer is dropped with the handler, at any `.await`, when its partition has
/// to be given up at once.
///
/// **Dropping the future of `next`** drops the handler. A plain `fn` cannot be dropped: it runs on while nobody waits for it, and its
/// record may be handled again meanwhile. So do not drop it where [`Call::is_blocking`] says so.
///
/// # What it costs
///
/// A layer of a router or a handler is compiled into the call: 30 to 40 instructions if it does nothing, and none at all where there is no
/// layer. Around an app it takes two virtual calls and two allocations, some 470 instructions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    label = "not a layer",
    note = "implement `evkafka::Layer` for it: `async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt`",
    note = "several layers are chained, `.layer(A).layer(B)`, of which the first is the outermost"
)]
pub trait Layer: Send + Sync + 'static {
    /// Calls the handler by way of `next`, or does not.
    fn call(&self, call: Call<'_>, next: impl Next) -> impl Future<Output = Attempt> + Send;
}

/// Shared by several places.
impl<L: Layer> Layer for Arc<L> {
    #[inline]
    fn call(&self, call: Call<'_>, next: impl Next) -> impl Future<Output = Attempt> + Send {
        (**self).call(call, next)
    }
}
