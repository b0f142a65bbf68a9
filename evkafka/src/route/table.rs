use std::{collections::HashMap, fmt};

use rustc_hash::FxBuildHasher;

use super::nearest::nearest;
use crate::handle::HandlerSpec;

/// Which handler takes which event type: one hash and one comparison for a record.
///
/// A fast hash without protection against chosen collisions will do: what goes in are the program's own literals.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    by_event: HashMap<&'static [u8], Matched, FxBuildHasher>,
    /// Those with a version.
    by_version: HashMap<(&'static [u8], u32), Matched, FxBuildHasher>,
    fallback: Option<usize>,
    /// All that have a handler, in the order of the handlers.
    events: Vec<&'static str>,
}

/// The handler for a record, and what is known of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    handler: u32,
    event: EventIndex,
    has_more: bool,
}

/// Which event a record is: its place among those that have a handler, or one of two places behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventIndex(u32);

impl Matched {
    fn new(handler: usize, event: EventIndex) -> Self {
        Self { handler: u32::try_from(handler).expect("a program has fewer handlers"), event, has_more: true }
    }

    #[inline]
    pub(crate) fn with_more(self, has_more: bool) -> Self {
        Self { has_more, ..self }
    }

    /// Whether there is more to know of the event than its name, as far as anybody [has said](Self::with_more).
    #[inline]
    pub(crate) fn has_more(self) -> bool {
        self.has_more
    }

    #[inline]
    pub(crate) fn handler(self) -> usize {
        self.handler as usize
    }

    #[inline]
    pub(crate) fn event(self) -> EventIndex {
        self.event
    }
}

impl EventIndex {
    fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("a program has fewer events"))
    }

    #[inline]
    pub(crate) fn get(self) -> usize {
        self.0 as usize
    }
}

/// Two handlers want the same records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteFault {
    #[error("the event type `{event}`{} has two handlers, `{first}` and `{second}`", InWords(*version))]
    DuplicateEvent { event: &'static str, version: Option<u32>, first: &'static str, second: &'static str },
    #[error("there are two fallback handlers, `{first}` and `{second}`")]
    DuplicateFallback { first: &'static str, second: &'static str },
    #[error(
        "`{handler}` handles version {version} of an event, but no version is read: set `event_version`, for example to `header:Event-Version` or `suffix`"
    )]
    VersionNotRead { handler: &'static str, version: u32 },
    #[error(
        "`{handler}` handles `{event}`, but `event_version` takes the version off that name: write `version = …` beside \
         the name without it"
    )]
    VersionInName { handler: &'static str, event: &'static str },
}

/// A version behind the name of its event.
struct InWords(Option<u32>);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |version| write!(f, " (version {version})"))
    }
}

impl RouteTable {
    /// The table of these handlers, a handler's index being its place in the list.
    ///
    /// # Errors
    /// With all the conflicts, not only the first.
    pub(crate) fn new(specs: &[HandlerSpec]) -> Result<Self, Vec<RouteFault>> {
        let mut table = Self::default();
        let (mut faults, mut named) = (Vec::new(), HashMap::new());
        for (index, spec) in specs.iter().enumerate() {
            if spec.is_fallback() {
                match table.fallback {
                    None => table.fallback = Some(index),
                    Some(first) => faults
                        .push(RouteFault::DuplicateFallback { first: specs[first].path, second: spec.path }),
                }
            }
            for event in spec.events {
                // Of several versions, they are one.
                let event_index = *named.entry(*event).or_insert_with(|| {
                    table.events.push(event);
                    EventIndex::new(table.events.len() - 1)
                });
                let matched = Matched::new(index, event_index);
                let first = match spec.version {
                    None => table.by_event.entry(event.as_bytes()).or_insert(matched),
                    Some(version) => table.by_version.entry((event.as_bytes(), version)).or_insert(matched),
                };
                if first.handler() != index {
                    faults.push(RouteFault::DuplicateEvent {
                        event,
                        version: spec.version,
                        first: specs[first.handler()].path,
                        second: spec.path,
                    });
                }
            }
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }

    /// The handler for an event without a version, by its name; `None` if nothing matches. A name that is not UTF-8 matches nothing but a
    /// fallback, because ours are UTF-8.
    #[inline]
    pub(crate) fn find(&self, name: Option<&[u8]>) -> Option<Matched> {
        let named = name.and_then(|name| self.by_event.get(name)).copied();
        if named.is_some() { named } else { self.find_fallback(name) }
    }

    /// The handler for an event of this version: the one of exactly that, else the one without a version, else the fallback.
    pub(crate) fn find_version(&self, name: Option<&[u8]>, version: u32) -> Option<Matched> {
        let exact = name.and_then(|name| self.by_version.get(&(name, version))).copied();
        exact.or_else(|| self.find(name))
    }

    #[inline]
    fn find_fallback(&self, name: Option<&[u8]>) -> Option<Matched> {
        self.fallback.map(|handler| Matched::new(handler, self.event_without_handler(name)))
    }

    /// Which event a record of this name and version is.
    pub(crate) fn event(&self, name: Option<&[u8]>, version: Option<u32>) -> EventIndex {
        let matched = match version {
            None => self.find(name),
            Some(version) => self.find_version(name, version),
        };
        matched.map_or_else(|| self.event_without_handler(name), Matched::event)
    }

    /// Which event it is that has no handler of its own.
    #[inline]
    pub(crate) fn event_without_handler(&self, name: Option<&[u8]>) -> EventIndex {
        EventIndex::new(self.events.len() + usize::from(name.is_none()))
    }

    /// The name of an event that has a handler of its own.
    #[inline]
    pub(crate) fn name(&self, event: EventIndex) -> Option<&'static str> {
        self.events.get(event.get()).copied()
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
                RouteFault::DuplicateEvent { event: "Y", version: None, first: "a", second: "b" },
                RouteFault::DuplicateEvent { event: "X", version: None, first: "a", second: "d" },
                RouteFault::DuplicateFallback { first: "c", second: "e" },
            ]
        );
    }

    #[test]
    fn an_exact_version_goes_before_no_version_and_that_before_the_fallback() {
        let specs = [
            spec("rest", &[]),
            spec("any", &["A"]),
            spec("two", &["A", "B"]).version(2),
            spec("one", &["A"]).version(1),
        ];
        let table = RouteTable::new(&specs).unwrap();
        let (a, b) = (Some(&b"A"[..]), Some(&b"B"[..]));
        let find = |name, version| table.find_version(name, version).map(Matched::handler);
        assert_eq!([1, 2, 3].map(|version| find(a, version)), [Some(3), Some(2), Some(1)]);
        assert_eq!([1, 2].map(|version| find(b, version)), [Some(0), Some(2)]);
        assert_eq!(
            [a, b, None].map(|name| table.find(name).map(Matched::handler)),
            [Some(1), Some(0), Some(0)]
        );
        assert_eq!(find(None, 2), Some(0));
        let faults =
            RouteTable::new(&[spec("a", &["A"]).version(2), spec("b", &["A"]).version(2)]).unwrap_err();
        assert_eq!(faults[0].to_string(), "the event type `A` (version 2) has two handlers, `a` and `b`");
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
            prop_assert_eq!(table.find(Some(&probe)).map(Matched::handler), expected);
            let untyped = table.find(None).map(Matched::handler);
            prop_assert_eq!(untyped, specs.iter().position(HandlerSpec::is_fallback));
            let event = table.find(Some(&probe)).map(|matched| table.events().get(matched.event().get()));
            let named = event.flatten().map(|event| event.as_bytes());
            prop_assert_eq!(named, NAMES.iter().map(|name| name.as_bytes()).find(|name| *name == probe));
        }
    }
}
