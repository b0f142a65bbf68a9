use std::any::{TypeId, type_name};

use crate::event::{Event, EventSpec};

/// What a handler needs from the app, asked for before anything is consumed.
#[derive(Debug, Default)]
pub struct Requirements {
    states: Vec<(TypeId, &'static str)>,
    events: Vec<&'static EventSpec>,
}

impl Requirements {
    /// The app must have a state of type `T`.
    pub fn state<T: Send + Sync + 'static>(&mut self) {
        self.states.push((TypeId::of::<T>(), type_name::<T>()));
    }

    /// The app must have a producer for events of type `E`.
    pub fn sends<E: Event + ?Sized>(&mut self) {
        self.event(EventSpec::of::<E>());
    }

    /// The app must have a producer for events of this kind.
    pub(crate) fn event(&mut self, event: &'static EventSpec) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// The events that it sends.
    pub(crate) fn events(&self) -> &[&'static EventSpec] {
        &self.events
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (TypeId, &'static str)> + '_ {
        self.states.iter().copied()
    }
}
