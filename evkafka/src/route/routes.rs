use super::Boxed;
use crate::{
    __private::Generated,
    handle::{Attempt, BoxError, Context, HandlerSpec, Requirements},
    layer::Layer,
    record::Record,
    settle::FailurePolicy,
};

/// A set of handlers, each of which is called by its index.
///
/// [`router!`](crate::router) generates one whose dispatch is a flat `match`; [`Merged`](super::Merged),
/// [`WithPolicy`](super::WithPolicy), [`Layered`](super::Layered) and [`Boxed`] are made of others. It cannot be implemented by hand: its items are the engine's.
pub trait Routes: Generated + Clone + Send + Sync + 'static {
    /// These handlers followed by those of `S`.
    #[doc(hidden)]
    type Merge<S: Routes>: Routes;

    #[doc(hidden)]
    fn merge<S: Routes>(self, other: S) -> Self::Merge<S>;

    /// These handlers, with a layer around their calls that is inside of those which they have as a whole already.
    #[doc(hidden)]
    type Layered<L: Layer>: Routes;

    #[doc(hidden)]
    fn layer<L: Layer>(self, layer: L) -> Self::Layered<L>;

    /// Adds these handlers to boxed ones. Sets that are made of others add each of those, so that no box holds another.
    #[doc(hidden)]
    fn box_into(self, boxed: &mut Boxed) {
        boxed.add(self);
    }

    /// How many handlers there are; their indices are `0..count`.
    #[doc(hidden)]
    fn count(&self) -> usize;

    #[doc(hidden)]
    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec));

    #[doc(hidden)]
    fn requires(&self, index: usize, requirements: &mut Requirements);

    /// The policy that the handler at `index` has of its own.
    #[doc(hidden)]
    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        let _ = index;
        None
    }

    /// Whether the payload of any of them may need something that has to be waited for before it can be decoded.
    #[doc(hidden)]
    const PREPARES: bool = false;

    /// Whether it does, where only the value knows.
    #[doc(hidden)]
    fn prepares(&self) -> bool {
        Self::PREPARES
    }

    /// Has what the handler at `index` needs to decode the record at hand. What is missing for good is for decoding to say; an error
    /// is that it cannot be told yet.
    #[doc(hidden)]
    fn prepare<'r>(
        &'r self,
        index: usize,
        record: &'r Record<'r>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send + 'r {
        let _ = (index, record);
        std::future::ready(Ok(()))
    }

    /// Calls the handler at `index`, which is below `count`.
    #[doc(hidden)]
    fn call<'c>(&self, index: usize, context: &'c Context<'c>) -> impl Future<Output = Attempt> + Send;
}

/// The paths of the handlers.
pub(crate) fn fmt_routes(routes: &impl Routes, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut list = f.debug_list();
    routes.specs(&mut |spec| {
        list.entry(&format_args!("{}", spec.path));
    });
    list.finish()
}

/// The engine calls only the handlers that it got from [`Routes::specs`].
pub(crate) fn no_such_handler(index: usize) -> ! {
    panic!("the router has no handler {index}")
}
