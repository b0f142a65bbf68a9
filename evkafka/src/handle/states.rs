use std::{
    any::{Any, TypeId},
    fmt,
    sync::Arc,
};

use crate::{send::Outlets, traces::Tracing};

/// What an app lends its handlers.
#[derive(Default)]
pub(crate) struct States {
    /// One for each type. A list, because a look-up in a handful of entries is faster than a hash.
    states: Vec<(TypeId, Box<dyn Any + Send + Sync>)>,
    outlets: Arc<Outlets>,
    tracing: Tracing,
}

impl States {
    /// Adds a state; `false` if there is one of this type already.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, state: T) -> bool {
        let vacant = !self.contains(TypeId::of::<T>());
        if vacant {
            self.states.push((TypeId::of::<T>(), Box::new(state)));
        }
        vacant
    }

    pub(crate) fn contains(&self, id: TypeId) -> bool {
        self.states.iter().any(|(known, _)| *known == id)
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.states.iter().find(|(known, _)| *known == id)?.1.downcast_ref()
    }

    /// The app's producers.
    pub(crate) fn outlets(&self) -> &Arc<Outlets> {
        &self.outlets
    }

    /// How the app is traced.
    pub(crate) fn tracing(&self) -> &Tracing {
        &self.tracing
    }

    /// It is traced like this.
    pub(crate) fn set_tracing(&mut self, tracing: Tracing) {
        self.tracing = tracing;
    }

    /// These are the app's producers.
    pub(crate) fn set_outlets(&mut self, outlets: Outlets) {
        self.outlets = Arc::new(outlets);
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.states.len())
    }
}
