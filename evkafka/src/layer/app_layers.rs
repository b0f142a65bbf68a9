use std::sync::Arc;

use super::Layer;
use crate::route::{Router, Routes};

/// The layers around all consumers of an app, the outermost first.
///
/// An app does not know their types, so they are around boxed routers. An app without any has none of that.
#[derive(Default)]
pub(crate) struct AppLayers(Vec<Box<dyn Fn(Router) -> Router + Send + Sync>>);

impl AppLayers {
    pub(crate) fn add(&mut self, layer: impl Layer) {
        let layer = Arc::new(layer);
        self.0.push(Box::new(move |router| router.layer(Arc::clone(&layer)).boxed()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These handlers, with all of the layers around them.
    pub(crate) fn around<R: Routes>(&self, router: Router<R>) -> Router {
        self.0.iter().rev().fold(router.boxed(), |router, layer| layer(router))
    }
}
