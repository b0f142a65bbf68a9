use std::{collections::hash_map::Entry, sync::Arc};

use rustc_hash::FxHashMap;

use super::{Outlet, Stamp, counts::SentCount, outlet::Counted};
use crate::event::{Encoded, EncodedName, EventSpec};

/// Which producer of an app sends which event, and where to.
#[derive(Debug, Default)]
pub(crate) struct Outlets {
    places: FxHashMap<(EncodedName<'static>, Option<u32>), Place>,
    destinations: Vec<Destination>,
    /// Whether any event's record has an id.
    have_ids: bool,
}

/// A destination among those of an app. It is found once for each event, and goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// That of an event that the app does not send.
    pub(crate) const NOWHERE: Self = Self(u32::MAX);

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

/// Where an event goes.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) outlet: Arc<Outlet>,
    /// The topic that the event names.
    pub(crate) topic: Option<&'static str>,
    /// What becomes of it.
    pub(crate) counted: Arc<SentCount>,
}

impl Outlets {
    /// This one sends this event.
    pub(crate) fn add(&mut self, event: &EventSpec, outlet: &Arc<Outlet>) {
        let counted = outlet.register(event.name);
        let destination = Destination { outlet: Arc::clone(outlet), topic: event.topic, counted };
        self.have_ids |= outlet.form.has_ids();
        match self.places.entry((EncodedName::of(event.name), event.version)) {
            Entry::Occupied(known) => self.destinations[known.get().0 as usize] = destination,
            Entry::Vacant(vacant) => {
                vacant.insert(Place(u32::try_from(self.destinations.len()).unwrap_or(u32::MAX)));
                self.destinations.push(destination);
            }
        }
    }

    /// What tells the events of a call from others, if a record may say so.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.have_ids.then(Stamp::now)
    }

    /// What each has sent, in the order of their names.
    pub(crate) fn counted(&self) -> Vec<Arc<Counted>> {
        let mut outlets: Vec<_> = self.destinations.iter().map(|destination| &*destination.outlet).collect();
        outlets.sort_by(|one, other| one.name.cmp(&other.name));
        outlets.dedup_by(|one, other| std::ptr::eq(*one, *other));
        outlets.into_iter().map(Outlet::counted).collect()
    }

    /// Whether nothing is on its way whose acknowledgement nobody waits for.
    pub(crate) fn are_flushed(&self) -> bool {
        self.destinations.iter().all(|destination| destination.outlet.is_flushed())
    }

    /// Waits until nothing is.
    pub(crate) async fn flushed(&self) {
        for destination in &self.destinations {
            destination.outlet.flushed().await;
        }
    }

    /// Where an event of this kind goes, if the app sends it.
    pub(crate) fn of(&self, event: &EventSpec) -> Option<&Destination> {
        self.at(*self.places.get(&(EncodedName::of(event.name), event.version))?)
    }

    /// The place of where an event goes.
    pub(crate) fn place(&self, event: &Encoded<'_>) -> Place {
        self.places.get(&(event.name, event.version)).copied().unwrap_or(Place::NOWHERE)
    }

    /// Where the events of this place go, if the app sends them.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&Destination> {
        self.destinations.get(place.0 as usize)
    }
}
