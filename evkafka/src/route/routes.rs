use std::sync::Arc;

use crate::{
    handle::{Attempt, BoxError, Context, HandlerSpec, Requirements},
    record::Record,
    settle::FailurePolicy,
};

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

    /// The policy that the handler at `index` has of its own.
    #[doc(hidden)]
    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        let _ = index;
        None
    }

    /// Whether the payload of any of them needs something that has to be waited for before it can be decoded.
    #[doc(hidden)]
    const PREPARES: bool = false;

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

    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        if index < A::LEN { self.0.policy(index) } else { self.1.policy(index - A::LEN) }
    }

    const PREPARES: bool = A::PREPARES || B::PREPARES;

    async fn prepare<'r>(&'r self, index: usize, record: &'r Record<'r>) -> Result<(), BoxError> {
        if index < A::LEN {
            self.0.prepare(index, record).await
        } else {
            self.1.prepare(index - A::LEN, record).await
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

/// The handlers of a router, with a failure policy of their own.
#[derive(Clone, Debug)]
pub struct WithPolicy<R>(pub(super) R, pub(super) Arc<FailurePolicy>);

impl<R: Routes> Routes for WithPolicy<R> {
    const LEN: usize = R::LEN;

    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
        self.0.specs(visit);
    }

    fn requires(&self, index: usize, requirements: &mut Requirements) {
        self.0.requires(index, requirements);
    }

    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        // The policy that stands nearest to the handler goes before one around it.
        self.0.policy(index).or(Some(&self.1))
    }

    const PREPARES: bool = R::PREPARES;

    fn prepare<'r>(
        &'r self,
        index: usize,
        record: &'r Record<'r>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send + 'r {
        self.0.prepare(index, record)
    }

    fn call<'r>(
        &'r self,
        index: usize,
        context: &'r Context<'r>,
    ) -> impl Future<Output = Attempt> + Send + 'r {
        self.0.call(index, context)
    }
}
