use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Outlet, OwnHeader, Stamp, counts::SentCount, outlet::Counted};
use crate::{
    event::{Encoded, EventSpec, Outgoing},
    record::Headers,
};

/// Which producer of an app sends which event, and where to.
#[derive(Debug, Default)]
pub(crate) struct Outlets {
    destinations: FxHashMap<(&'static str, Option<u32>), Destination>,
    /// Whether any event's record has an id.
    have_ids: bool,
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
        self.destinations.insert((event.name, event.version), destination);
    }

    /// What of a handled record's headers is passed on to those of these events whose producers do so.
    pub(crate) fn forwarded(&self, outgoing: &Outgoing, headers: Headers<'_>) -> Vec<OwnHeader> {
        let mut forms = outgoing.iter().filter_map(|(_, event)| Some(&self.of_encoded(&event)?.outlet.form));
        let form = forms.find(|form| form.forwards());
        form.map_or_else(Vec::new, |form| form.forwarded(headers))
    }

    /// What tells the events of a call from others, if a record may say so.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.have_ids.then(Stamp::now)
    }

    /// What each has sent, in the order of their names.
    pub(crate) fn counted(&self) -> Vec<Arc<Counted>> {
        let mut outlets: Vec<_> =
            self.destinations.values().map(|destination| &*destination.outlet).collect();
        outlets.sort_by(|one, other| one.name.cmp(&other.name));
        outlets.dedup_by(|one, other| std::ptr::eq(*one, *other));
        outlets.into_iter().map(Outlet::counted).collect()
    }

    /// Whether nothing is on its way whose acknowledgement nobody waits for.
    pub(crate) fn are_flushed(&self) -> bool {
        self.destinations.values().all(|destination| destination.outlet.is_flushed())
    }

    /// Waits until nothing is.
    pub(crate) async fn flushed(&self) {
        for destination in self.destinations.values() {
            destination.outlet.flushed().await;
        }
    }

    /// Where an event of this kind goes, if the app sends it.
    pub(crate) fn of(&self, event: &EventSpec) -> Option<&Destination> {
        self.destinations.get(&(event.name, event.version))
    }

    /// Where an event goes, if the app sends it.
    pub(crate) fn of_encoded<'o>(&'o self, event: &Encoded<'o>) -> Option<&'o Destination> {
        self.destinations.get(&(event.name, event.version))
    }
}
