//! Refuses, at compile time, two handlers of one list that want the same records.
//!
//! [`router!`](crate::router) builds one [`Conflicts`] for its list, a hash table that is filled once, and then asks
//! it about each handler, in a `const` that stands on the handler's path. Lists that are merged at run time are
//! checked by the routing table.
//!
//! The compiler puts "evaluation panicked" before the message, and says where it evaluated. That is as plain as it gets: a trait's
//! `on_unimplemented` can name the handlers but no event (a name is a constant, not a type), two implementations that collide name neither as
//! one writes it, and would take one for each event of each handler.

use crate::handle::HandlerSpec;

/// For each of `N` handlers the first event type that an earlier one of the list has too.
#[derive(Debug)]
pub struct Conflicts<const N: usize>([Option<Conflict>; N]);

#[derive(Clone, Copy, Debug)]
struct Conflict {
    /// The index of the handler that came first.
    first: usize,
    /// `None`: both are fallbacks.
    event: Option<&'static str>,
}

/// How many slots the table of these handlers needs: a power of two, so that at most half of it is filled.
pub const fn slots(specs: &[HandlerSpec]) -> usize {
    let mut events = 1;
    let mut index = 0;
    while index < specs.len() {
        events += specs[index].events.len();
        index += 1;
    }
    (2 * events).next_power_of_two()
}

impl<const N: usize> Conflicts<N> {
    /// Looks for conflicts in the list; `SLOTS` is what [`slots`] said about it.
    pub const fn new<const SLOTS: usize>(specs: &[HandlerSpec; N]) -> Self {
        let mut conflicts = [None; N];
        // Which handler and which of its events; handlers are counted from 1, so that 0 is an empty slot.
        let mut table = [(0, 0); SLOTS];
        let mut fallback = None;
        let mut index = 0;
        while index < N {
            let events = specs[index].events;
            if events.is_empty() {
                match fallback {
                    None => fallback = Some(index),
                    Some(first) => conflicts[index] = Some(Conflict { first, event: None }),
                }
            }
            let mut nth = 0;
            while nth < events.len() {
                let own = with_version(hash_of(&specs[index], nth), specs[index].version);
                let mut slot = own as usize % SLOTS;
                loop {
                    let (other, other_nth) = table[slot];
                    if other == 0 {
                        table[slot] = (index + 1, nth);
                        break;
                    }
                    let first = other - 1;
                    if own == with_version(hash_of(&specs[first], other_nth), specs[first].version)
                        && equal(specs[first].events[other_nth], events[nth])
                        && is_same(specs[first].version, specs[index].version)
                    {
                        if first != index && conflicts[index].is_none() {
                            conflicts[index] = Some(Conflict { first, event: Some(events[nth]) });
                        }
                        break;
                    }
                    slot = (slot + 1) % SLOTS;
                }
                nth += 1;
            }
            index += 1;
        }
        Self(conflicts)
    }

    /// Stops the compilation if the handler at `index` wants what an earlier one of the list has.
    ///
    /// # Panics
    /// In that case, with a message that names the event and both handlers.
    #[track_caller]
    pub const fn check(&self, index: usize, specs: &[HandlerSpec; N]) {
        if let Some(Conflict { first, event }) = self.0[index] {
            let mut text = Text::new();
            match event {
                Some(event) => {
                    text.push("the event type `");
                    text.push(event);
                    text.push("`");
                    if let Some(version) = specs[index].version {
                        text.push(" (version ");
                        text.push_number(version);
                        text.push(")");
                    }
                    text.push(" has two handlers in this list, `");
                }
                None => text.push("this list has two fallback handlers, `"),
            }
            text.push(specs[first].path);
            text.push("` and `");
            text.push(specs[index].path);
            text.push("`");
            panic!("{}", text.as_str());
        }
    }
}

/// Stops the compilation if the name at `index`, which is that of a constant, is no name of an event, or is in the list before.
///
/// # Panics
/// In that case, with a message that says so.
#[track_caller]
pub const fn check_name(names: &[&str], index: usize) {
    let bytes = names[index].as_bytes();
    assert!(
        !bytes.is_empty(),
        "the name of the event is empty; `#[handler(fallback)]` takes records without an event type"
    );
    let is_padded = bytes.trim_ascii().len() != bytes.len();
    assert!(!is_padded, "the name of an event begins or ends with white space, which no record would match");
    let mut at = 0;
    while at < bytes.len() {
        assert!(bytes[at] != 0, "the name of an event cannot contain NUL");
        at += 1;
    }
    let mut other = 0;
    while other < names.len() {
        assert!(other == index || !equal(names[other], names[index]), "this event is listed twice");
        other += 1;
    }
}

/// The hash of one of a handler's events. The attribute has computed those of literals: the compiler gives up on a constant that takes
/// some million steps, which is half a megabyte of names, byte by byte.
const fn hash_of(spec: &HandlerSpec, nth: usize) -> u64 {
    if spec.hashes.len() == spec.events.len() { spec.hashes[nth] } else { hash(spec.events[nth]) }
}

/// FNV-1a. The macros' crate has the same.
pub const fn hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// The hash of an event and its version.
const fn with_version(hash: u64, version: Option<u32>) -> u64 {
    match version {
        Some(version) => (hash ^ version as u64).wrapping_mul(0x0100_0000_01b3),
        None => hash,
    }
}

const fn is_same(a: Option<u32>, b: Option<u32>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        _ => false,
    }
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A message under construction. What does not fit is cut off: names of this length are read by nobody.
struct Text {
    bytes: [u8; 1024],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; 1024], len: 0 }
    }

    const fn push(&mut self, text: &str) {
        let mut index = 0;
        while index < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text.as_bytes()[index];
            self.len += 1;
            index += 1;
        }
    }

    const fn push_number(&mut self, number: u32) {
        if number > 9 {
            self.push_number(number / 10);
        }
        let digit = (number % 10) as usize;
        self.push("0123456789".split_at(digit).1.split_at(1).0);
    }

    /// Up to the last whole character.
    const fn as_str(&self) -> &str {
        let (bytes, _) = self.bytes.split_at(self.len);
        match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => match str::from_utf8(bytes.split_at(error.valid_up_to()).0) {
                Ok(text) => text,
                Err(_) => "two handlers in this list want the same records",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use proptest::prelude::*;

    use super::*;
    use crate::route::RouteTable;

    fn spec(path: &'static str, events: &'static [&'static str]) -> HandlerSpec {
        HandlerSpec::new(path, events, "")
    }

    fn message<const N: usize>(specs: [HandlerSpec; N], index: usize) -> Option<String> {
        let conflicts = Conflicts::new::<64>(&specs);
        assert!(slots(&specs) <= 64);
        let panic = catch_unwind(|| conflicts.check(index, &specs)).err()?;
        Some(crate::handle::panic::message(&*panic))
    }

    #[test]
    fn names_the_event_and_both_handlers() {
        let specs = [spec("a", &["X", "Y"]), spec("b", &["Z"]), spec("c", &["W", "Y"])];
        assert_eq!(message(specs, 0), None);
        assert_eq!(message(specs, 1), None);
        assert_eq!(
            message(specs, 2).unwrap(),
            "the event type `Y` has two handlers in this list, `a` and `c`"
        );
    }

    #[test]
    fn two_versions_of_an_event_are_two_events() {
        let specs = [spec("a", &["X"]), spec("b", &["X"]).version(1), spec("c", &["X"]).version(2)];
        assert_eq!([0, 1, 2].map(|index| message(specs, index)), [None, None, None]);
        let specs = [spec("a", &["X"]).version(4096), spec("b", &["X"]).version(4096)];
        assert_eq!(
            message(specs, 1).unwrap(),
            "the event type `X` (version 4096) has two handlers in this list, `a` and `b`"
        );
    }

    #[test]
    fn names_both_fallbacks() {
        let specs = [spec("a", &[]), spec("b", &[])];
        assert_eq!(message(specs, 1).unwrap(), "this list has two fallback handlers, `a` and `b`");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name: &'static str = "é".repeat(2000).leak();
        let event: &'static [&'static str] = vec![name].leak();
        let text = message([spec("a", event), spec("b", event)], 1).unwrap();
        assert!(text.ends_with('é') && text.len() > 1000, "{text}");
    }

    const POOL: &[&str] = &["A", "B", "C", "AB", "BA", "", "é", "OrderCreated", "OrderPaid"];

    proptest! {
        #[test]
        fn refuses_exactly_what_the_run_time_check_refuses(
            lists in proptest::array::uniform5(proptest::sample::subsequence(POOL, 0..4)),
            versions in proptest::array::uniform5(proptest::option::of(1_u32..3)),
        ) {
            let mut versions = versions.into_iter();
            let specs = lists.map(|list| match versions.next().flatten() {
                Some(version) if !list.is_empty() => spec("x", list.leak()).version(version),
                _ => spec("x", list.leak()),
            });
            let refused = (0..specs.len()).any(|index| message(specs, index).is_some());
            prop_assert_eq!(refused, RouteTable::new(&specs).is_err());
        }
    }
}
