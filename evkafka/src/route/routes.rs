use crate::handle::{Attempt, Context, HandlerSpec, Requirements};

/// A set of handlers whose dispatch is one flat `match` on the handler's index. [`router!`](crate::router) generates
/// it; [`Merged`] composes two.
///
/// The items of this trait are the engine's and may change.
pub trait Routes: Clone + Send + Sync + 'static {
    /// How many handlers there are; their indices are `0..LEN`.
    const LEN: usize;

    #[doc(hidden)]
    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec));

    #[doc(hidden)]
    fn requires(&self, index: usize, requirements: &mut Requirements);

    /// Calls the handler at `index`, which is below `LEN`.
    #[doc(hidden)]
    fn call<'r>(
        &'r self,
        index: usize,
        context: &'r Context<'r>,
    ) -> impl Future<Output = Attempt> + Send + 'r;
}

/// The handlers of two routers: those of `A`, then those of `B`.
#[derive(Clone, Copy, Debug)]
pub struct Merged<A, B>(pub(super) A, pub(super) B);

impl<A: Routes, B: Routes> Routes for Merged<A, B> {
    const LEN: usize = A::LEN + B::LEN;

    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
        self.0.specs(visit);
        self.1.specs(visit);
    }

    fn requires(&self, index: usize, requirements: &mut Requirements) {
        if index < A::LEN {
            self.0.requires(index, requirements);
        } else {
            self.1.requires(index - A::LEN, requirements);
        }
    }

    async fn call<'r>(&'r self, index: usize, context: &'r Context<'r>) -> Attempt {
        if index < A::LEN {
            self.0.call(index, context).await
        } else {
            self.1.call(index - A::LEN, context).await
        }
    }
}
