use std::{fmt, sync::Arc};

use super::{Merged, Nothing, Routes, routes::fmt_routes};
use crate::{
    __private::Generated,
    handle::{Attempt, BoxError, Context, HandlerSpec, Requirements},
    layer::{Call, Layer, Next},
    record::Record,
    settle::FailurePolicy,
};

/// The handlers of a router, with a layer around each of their calls.
pub struct Layered<L, R> {
    layer: Arc<L>,
    routes: R,
}

/// The handler at `index`, which a layer is around.
struct ToRoutes<'r, R> {
    routes: &'r R,
    index: usize,
}

impl<L: Layer, R: Routes> Layered<L, R> {
    pub(crate) fn new(layer: L, routes: R) -> Self {
        Self { layer: Arc::new(layer), routes }
    }
}

impl<L: Layer, R: Routes> Generated for Layered<L, R> {}

impl<L: Layer, R: Routes> Routes for Layered<L, R> {
    type Merge<S: Routes> = Merged<Nothing, (Self, S)>;
    /// Inside of this one: the first listed is the outermost.
    type Layered<M: Layer> = Layered<L, R::Layered<M>>;
    const PREPARES: bool = R::PREPARES;

    fn merge<S: Routes>(self, other: S) -> Self::Merge<S> {
        Merged::two(self, other)
    }

    fn layer<M: Layer>(self, layer: M) -> Self::Layered<M> {
        Layered { layer: self.layer, routes: self.routes.layer(layer) }
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
        self.routes.policy(index)
    }

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

    /// Lazy, since a layer may be a plain function that panics, and only what is polled is guarded against that.
    async fn call<'c>(&self, index: usize, context: &'c Context<'c>) -> Attempt {
        self.layer.call(Call::from(context), ToRoutes { routes: &self.routes, index }).await
    }
}

impl<R: Routes> Next for ToRoutes<'_, R> {
    #[inline]
    fn run(self, call: Call<'_>) -> impl Future<Output = Attempt> + Send {
        self.routes.call(self.index, call.context())
    }
}

/// Whatever the layer is.
impl<L, R: Clone> Clone for Layered<L, R> {
    fn clone(&self) -> Self {
        Self { layer: Arc::clone(&self.layer), routes: self.routes.clone() }
    }
}

impl<L: Layer, R: Routes> fmt::Debug for Layered<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_routes(self, f)
    }
}
