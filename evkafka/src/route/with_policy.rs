use std::sync::Arc;

use super::{Boxed, Merged, Nothing, Routes};
use crate::{
    __private::Generated,
    handle::{Attempt, BoxError, Context, HandlerSpec, Requirements},
    layer::Layer,
    record::Record,
    settle::FailurePolicy,
};

/// The handlers of a router, with a failure policy of their own.
#[derive(Clone, Debug)]
pub struct WithPolicy<R> {
    routes: R,
    policy: Arc<FailurePolicy>,
}

impl<R> WithPolicy<R> {
    pub(super) fn new(routes: R, policy: FailurePolicy) -> Self {
        Self { routes, policy: Arc::new(policy) }
    }
}

impl<R: Routes> Generated for WithPolicy<R> {}

impl<R: Routes> Routes for WithPolicy<R> {
    type Merge<S: Routes> = Merged<Nothing, (Self, S)>;

    fn merge<S: Routes>(self, other: S) -> Self::Merge<S> {
        Merged::two(self, other)
    }

    type Layered<L: Layer> = WithPolicy<R::Layered<L>>;

    fn layer<L: Layer>(self, layer: L) -> Self::Layered<L> {
        WithPolicy { routes: self.routes.layer(layer), policy: self.policy }
    }

    fn box_into(self, boxed: &mut Boxed) {
        boxed.add_with_policy(&self.policy, |boxed| self.routes.box_into(boxed));
    }

    fn count(&self) -> usize {
        self.routes.count()
    }

    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
        self.routes.specs(visit);
    }

    fn requires(&self, index: usize, requirements: &mut Requirements) {
        self.routes.requires(index, requirements);
    }

    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        // The policy nearest to the handler takes precedence over one around it.
        self.routes.policy(index).or(Some(&self.policy))
    }

    const PREPARES: bool = R::PREPARES;

    fn prepares(&self) -> bool {
        self.routes.prepares()
    }

    fn prepare<'r>(
        &'r self,
        index: usize,
        record: &'r Record<'r>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send + 'r {
        self.routes.prepare(index, record)
    }

    fn call<'c>(&self, index: usize, context: &'c Context<'c>) -> impl Future<Output = Attempt> + Send {
        self.routes.call(index, context)
    }
}
