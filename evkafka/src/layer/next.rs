use std::marker::PhantomData;

use super::Call;
use crate::handle::{Attempt, Handler};

/// What a [`Layer`](super::Layer) is around: the next layer, or the handler.
///
/// It is given to a layer, which runs it at most once. In a unit test of a layer, a closure stands in for it:
///
/// ```
/// use evkafka::{Call, Layer, Next, Outcome, handle::{Attempt, OwnedContext}, record::OwnedRecord};
///
/// /// Lets only the records of one tenant pass.
/// struct Only(&'static str);
///
/// impl Layer for Only {
///     async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
///         if call.headers().get("tenant") != Some(self.0.as_bytes()) {
///             return Attempt::skip();
///         }
///         next.run(call).await
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let call = OwnedContext::new(OwnedRecord::new("orders", 0, 7).header("tenant", "north"));
/// let handled = Only("north").call(Call::from(&call.as_context()), |_: Call<'_>| async { Attempt::done() }).await;
/// assert!(matches!(handled, Attempt::Returned(Outcome::Done)));
/// let skipped = Only("south").call(Call::from(&call.as_context()), |_: Call<'_>| async { Attempt::done() }).await;
/// assert!(matches!(skipped, Attempt::Returned(Outcome::Skip)));
/// # });
/// ```
pub trait Next: Send {
    /// Runs it to its end.
    ///
    /// # Cancel safety
    /// Dropping the future drops the handler, unless it is a plain `fn` ([`Call::is_blocking`]).
    fn run(self, call: Call<'_>) -> impl Future<Output = Attempt> + Send;
}

impl<F, A> Next for F
where
    F: FnOnce(Call<'_>) -> A + Send,
    A: Future<Output = Attempt> + Send,
{
    #[inline]
    fn run(self, call: Call<'_>) -> impl Future<Output = Attempt> + Send {
        self(call)
    }
}

/// A handler of a list that has a layer there.
pub struct ToHandler<H>(PhantomData<fn() -> H>);

impl<H: Handler> ToHandler<H> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H: Handler> Next for ToHandler<H> {
    #[inline]
    fn run(self, call: Call<'_>) -> impl Future<Output = Attempt> + Send {
        H::call(call.context())
    }
}
