use std::{pin::Pin, sync::Arc};

use super::lane::Lane;
use crate::{
    handle::{HandlerSpec, Requirements},
    route::{RouteFault, RouteTable, Router, Routes},
};

/// A consumer's handlers behind one dynamic call for each lane. Only what is behind it is generic over the handlers.
pub(crate) trait Pipeline: Send + Sync {
    /// Works on a lane until it ends.
    fn run(self: Arc<Self>, lane: Lane) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A router that is ready to be used.
pub(crate) struct Routed<R> {
    pub(super) routes: R,
    pub(super) table: RouteTable,
}

impl<R: Routes> Routed<R> {
    /// Prepares a router.
    ///
    /// # Errors
    /// With all its conflicts.
    pub(crate) fn new(router: Router<R>) -> Result<Self, Vec<RouteFault>> {
        let mut specs: Vec<HandlerSpec> = Vec::with_capacity(R::LEN);
        router.routes.specs(&mut |spec| specs.push(spec));
        Ok(Self { table: RouteTable::new(&specs)?, routes: router.routes })
    }
}

/// What the handlers of a router need from the app, each with the path of its handler.
pub(crate) fn requirements<R: Routes>(router: &Router<R>) -> Vec<(&'static str, Requirements)> {
    let mut needs = Vec::with_capacity(R::LEN);
    router.routes.specs(&mut |spec| needs.push((spec.path, Requirements::default())));
    for (index, (_, requirements)) in needs.iter_mut().enumerate() {
        router.routes.requires(index, requirements);
    }
    needs
}

impl<R: Routes> Pipeline for Routed<R> {
    fn run(self: Arc<Self>, lane: Lane) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(lane.run(self))
    }
}
