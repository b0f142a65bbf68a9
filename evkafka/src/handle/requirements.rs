use std::any::{TypeId, type_name};

/// What a handler needs from the app, asked for before anything is consumed.
#[derive(Debug, Default)]
pub struct Requirements {
    states: Vec<(TypeId, &'static str)>,
}

impl Requirements {
    /// The app must have a state of type `T`.
    pub fn state<T: Send + Sync + 'static>(&mut self) {
        self.states.push((TypeId::of::<T>(), type_name::<T>()));
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (TypeId, &'static str)> + '_ {
        self.states.iter().copied()
    }
}
