use std::collections::{HashMap, hash_map::Entry};

use rustc_hash::FxBuildHasher;

use super::nearest::nearest;
use crate::handle::HandlerSpec;

/// Which handler takes which event type: one hash and one comparison for a record.
///
/// A fast hash without protection against chosen collisions will do: what goes in are the program's own literals.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    by_event: HashMap<&'static [u8], usize, FxBuildHasher>,
    fallback: Option<usize>,
    /// All that are in `by_event`, in the order of the handlers.
    events: Vec<&'static str>,
}

/// Two handlers want the same records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteFault {
    #[error("the event type `{event}` has two handlers, `{first}` and `{second}`")]
    DuplicateEvent { event: &'static str, first: &'static str, second: &'static str },
    #[error("there are two fallback handlers, `{first}` and `{second}`")]
    DuplicateFallback { first: &'static str, second: &'static str },
}

impl RouteTable {
    /// The table of these handlers, a handler's index being its place in the list.
    ///
    /// # Errors
    /// With all the conflicts, not only the first.
    pub(crate) fn new(specs: &[HandlerSpec]) -> Result<Self, Vec<RouteFault>> {
        let mut table = Self::default();
        let mut faults = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            if spec.is_fallback() {
                match table.fallback {
                    None => table.fallback = Some(index),
                    Some(first) => faults
                        .push(RouteFault::DuplicateFallback { first: specs[first].path, second: spec.path }),
                }
            }
            for event in spec.events {
                match table.by_event.entry(event.as_bytes()) {
                    Entry::Vacant(entry) => {
                        entry.insert(index);
                        table.events.push(event);
                    }
                    Entry::Occupied(entry) => faults.push(RouteFault::DuplicateEvent {
                        event,
                        first: specs[*entry.get()].path,
                        second: spec.path,
                    }),
                }
            }
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }

    /// The handler for the bytes of an event-type header; `None` if nothing matches. Bytes that are not UTF-8 match
    /// nothing but a fallback, because the names of events are UTF-8.
    pub(crate) fn find(&self, event_type: Option<&[u8]>) -> Option<usize> {
        event_type.and_then(|event| self.by_event.get(event)).copied().or(self.fallback)
    }

    /// The events that have a handler, in the handlers' order.
    pub(crate) fn events(&self) -> &[&'static str] {
        &self.events
    }

    /// Whether a handler takes what no other does.
    pub(crate) fn has_fallback(&self) -> bool {
        self.fallback.is_some()
    }

    /// The event that was probably meant by a type that has no handler.
    pub(crate) fn nearest(&self, event_type: &[u8]) -> Option<&'static str> {
        nearest(event_type, self.events.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn spec(path: &'static str, events: &'static [&'static str]) -> HandlerSpec {
        HandlerSpec::new(path, events, "")
    }

    #[test]
    fn all_conflicts_are_named_at_once() {
        let specs =
            [spec("a", &["X", "Y"]), spec("b", &["Y"]), spec("c", &[]), spec("d", &["X"]), spec("e", &[])];
        assert_eq!(
            RouteTable::new(&specs).unwrap_err(),
            [
                RouteFault::DuplicateEvent { event: "Y", first: "a", second: "b" },
                RouteFault::DuplicateEvent { event: "X", first: "a", second: "d" },
                RouteFault::DuplicateFallback { first: "c", second: "e" },
            ]
        );
    }

    const NAMES: &[&str] =
        &["A", "B", "OrderCreated", "order_created", "ORDERCREATED", "é", "a\0b", "OrderCreated "];

    proptest! {
        #[test]
        fn finds_what_a_linear_search_finds(
            cut in 0..NAMES.len(),
            fallback: bool,
            probe in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..20),
                (0..NAMES.len()).prop_map(|i| NAMES[i].as_bytes().to_vec()),
            ],
        ) {
            let (first, second) = NAMES.split_at(cut);
            let mut specs = Vec::new();
            if !first.is_empty() { specs.push(HandlerSpec::new("first", first, "")); }
            if !second.is_empty() { specs.push(HandlerSpec::new("second", second, "")); }
            if fallback { specs.push(spec("fallback", &[])); }
            let table = RouteTable::new(&specs).unwrap();
            let expected = specs
                .iter()
                .position(|s| s.events.iter().any(|e| e.as_bytes() == probe))
                .or(specs.iter().position(HandlerSpec::is_fallback));
            prop_assert_eq!(table.find(Some(&probe)), expected);
            prop_assert_eq!(table.find(None), specs.iter().position(HandlerSpec::is_fallback));
        }
    }
}
