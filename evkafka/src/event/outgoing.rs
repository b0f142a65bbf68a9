use std::fmt;

use serde::Serialize;

use super::{Event, EventKey, EventSpec};
use crate::traces::Cause;

/// Events that are to be sent, each as the key and the payload of a record.
///
/// One allocation for all of them, and no larger than a `Vec`, because it is moved with each attempt at a record. It begins with the number
/// of the attempt that returned them, in four bytes; then, for each event:
///
/// | bytes | what |
/// |---|---|
/// | 4 | the length of all that follows for it |
/// | 4 | the length of its key; `NO_KEY` for none |
/// | 4 | the length of its name |
/// | 5 | its version, behind a byte that says whether it has one |
/// | … | its name, its key, its payload |
#[derive(Clone, Default)]
pub struct Outgoing(Vec<u8>, Cause);

/// What most events fit into, with their names and keys.
const USUAL: usize = 240;

/// Stands for the length of a key that is not there.
const NO_KEY: u32 = u32::MAX;

const LEN: usize = 4;

/// Where the first event begins.
const FIRST: usize = 4;

/// One event of several, as it is sent.
#[derive(Clone, Copy)]
pub(crate) struct Encoded<'o> {
    pub(crate) name: EncodedName<'o>,
    pub(crate) version: Option<u32>,
    pub(crate) key: Option<&'o [u8]>,
    pub(crate) payload: &'o [u8],
    /// Its place among the events of its call.
    pub(crate) place: u32,
}

/// The name of an event, as it is encoded: each record has it as bytes, and only who shows it needs the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EncodedName<'o>(&'o [u8]);

impl<'o> EncodedName<'o> {
    pub(crate) const fn of(name: &'o str) -> Self {
        Self(name.as_bytes())
    }

    pub(crate) fn as_bytes(self) -> &'o [u8] {
        self.0
    }

    pub(crate) fn as_str(self) -> &'o str {
        str::from_utf8(self.0).expect("it was encoded from text")
    }
}

impl Outgoing {
    /// One event, as JSON.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn one<E>(event: &E, set_key: impl FnOnce(&mut EventKey<'_>)) -> Result<Self, EncodeError>
    where
        E: Event + ?Sized,
        for<'s> &'s E: Serialize,
    {
        let mut outgoing = Self::default();
        outgoing.push(event, set_key)?;
        Ok(outgoing)
    }

    /// Adds an event, as JSON, with the key that `set_key` sets.
    ///
    /// # Errors
    /// If it cannot be encoded: its own `Serialize` fails, JSON has no such key of a map, or it or all before it have 4 GiB or more.
    /// Nothing is added then.
    pub(crate) fn push<E>(
        &mut self,
        event: &E,
        set_key: impl FnOnce(&mut EventKey<'_>),
    ) -> Result<(), EncodeError>
    where
        E: Event + ?Sized,
        for<'s> &'s E: Serialize,
    {
        let spec = EventSpec::of::<E>();
        let len = self.0.len();
        let pushed = self.push_frame(spec, set_key, &event);
        pushed.map_err(|cause| {
            self.0.truncate(len);
            EncodeError { event: spec.name, cause }
        })
    }

    fn push_frame(
        &mut self,
        spec: &EventSpec,
        set_key: impl FnOnce(&mut EventKey<'_>),
        payload: &impl Serialize,
    ) -> Result<(), String> {
        let bytes = &mut self.0;
        if bytes.is_empty() {
            *bytes = Vec::with_capacity(USUAL);
            bytes.extend_from_slice(&[0; FIRST]);
        } else {
            bytes.reserve(USUAL);
        }
        let start = bytes.len();
        // Events are found by their places.
        length(start)?;
        bytes.extend_from_slice(&[0; LEN]);
        bytes.extend_from_slice(&NO_KEY.to_le_bytes());
        bytes.extend_from_slice(&length(spec.name.len())?.to_le_bytes());
        bytes.push(u8::from(spec.version.is_some()));
        bytes.extend_from_slice(&spec.version.unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(spec.name.as_bytes());
        let mut key = EventKey::new(bytes);
        set_key(&mut key);
        if let Some(len) = key.len() {
            bytes[start + LEN..][..LEN].copy_from_slice(&length(len)?.to_le_bytes());
        }
        serde_json::to_writer(&mut *bytes, payload).map_err(|error| error.to_string())?;
        let all = length(bytes.len() - start - LEN)?;
        bytes[start..][..LEN].copy_from_slice(&all.to_le_bytes());
        Ok(())
    }

    /// The events, each with its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Encoded<'_>)> {
        let mut place = FIRST;
        std::iter::from_fn(move || {
            let (event, next) = self.at(place)?;
            place = next;
            Some((event.place, event))
        })
    }

    /// The first of them.
    pub(crate) fn first(&self) -> Option<Encoded<'_>> {
        Some(self.at(FIRST)?.0)
    }

    /// The event at a place.
    pub(crate) fn get(&self, place: u32) -> Option<Encoded<'_>> {
        Some(self.at(place as usize)?.0)
    }

    /// The event that begins there, and where the next does.
    fn at(&self, start: usize) -> Option<(Encoded<'_>, usize)> {
        let (all, rest) = number(self.0.get(start..)?)?;
        let frame = rest.get(..all as usize)?;
        let (key_len, rest) = number(frame)?;
        let (name_len, rest) = number(rest)?;
        let (has_version, rest) = rest.split_first()?;
        let (version, rest) = number(rest)?;
        let (name, rest) = rest.split_at_checked(name_len as usize)?;
        let (key, payload) = match key_len {
            NO_KEY => (None, rest),
            len => {
                let (key, payload) = rest.split_at_checked(len as usize)?;
                (Some(key), payload)
            }
        };
        let version = (*has_version != 0).then_some(version);
        let place = u32::try_from(start).ok()?;
        Some((Encoded { name: EncodedName(name), version, key, payload, place }, start + LEN + all as usize))
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the events, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(_, event)| event.name.as_str())
    }

    /// The number of the attempt that returned them.
    pub(crate) fn attempt(&self) -> u32 {
        number(&self.0).map_or(0, |(attempt, _)| attempt)
    }

    /// This attempt returned them.
    pub(crate) fn returned_by(&mut self, attempt: u32) {
        if let Some(place) = self.0.first_chunk_mut() {
            *place = attempt.to_le_bytes();
        }
    }

    /// The span in which they were returned.
    #[cfg(feature = "otel")]
    pub(crate) fn cause(&self) -> &Cause {
        &self.1
    }

    /// They were returned in this span.
    #[inline]
    pub(crate) fn set_cause(&mut self, cause: Cause) {
        self.1 = cause;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

#[inline]
fn length(len: usize) -> Result<u32, String> {
    match u32::try_from(len) {
        Ok(len) if len != NO_KEY => Ok(len),
        Ok(_) | Err(_) => Err(too_long()),
    }
}

#[cold]
fn too_long() -> String {
    "it has 4 GiB or more".to_owned()
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// Keys and payloads are not shown.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// An event could not be encoded.
#[derive(Debug, thiserror::Error)]
#[error("the event `{event}` cannot be encoded as JSON: {cause}")]
pub struct EncodeError {
    event: &'static str,
    cause: String,
}

impl EncodeError {
    /// The name of the event.
    pub fn event(&self) -> &'static str {
        self.event
    }

    pub(crate) fn reason(&self) -> &str {
        &self.cause
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, Serialize)]
    struct Paid {
        id: u64,
        method: String,
    }

    impl Event for Paid {
        const NAME: &'static str = "Paid";
        const VERSION: Option<u32> = Some(2);
    }

    #[derive(Serialize)]
    struct Keyless(BTreeMap<(u8, u8), u8>);

    impl Event for Keyless {
        const NAME: &'static str = "Keyless";
    }

    proptest! {
        #[test]
        fn events_are_read_as_they_were_added(
            events in proptest::collection::vec((any::<u64>(), ".{0,20}", any::<Option<Vec<u8>>>()), 0..5),
        ) {
            let mut outgoing = Outgoing::default();
            for (id, method, key) in &events {
                let paid = Paid { id: *id, method: method.clone() };
                outgoing.push(&paid, |set| set.set(&key.as_deref())).unwrap();
                outgoing.push(&Keyless([((1, 2), 3)].into()), |_| {}).unwrap_err();
                outgoing.push(&Keyless(BTreeMap::new()), |_| {}).unwrap();
            }
            outgoing.returned_by(7);
            prop_assert_eq!(outgoing.attempt(), if events.is_empty() { 0 } else { 7 });
            prop_assert_eq!(outgoing.len(), 2 * events.len());
            prop_assert_eq!(outgoing.is_empty(), events.is_empty());
            let read: Vec<_> = outgoing.iter().collect();
            for (index, (id, method, key)) in events.iter().enumerate() {
                let (place, paid) = read[2 * index];
                prop_assert_eq!((paid.name.as_str(), paid.version), ("Paid", Some(2)));
                prop_assert_eq!(paid.key, key.as_deref());
                let payload = serde_json::to_vec(&Paid { id: *id, method: method.clone() }).unwrap();
                prop_assert_eq!(paid.payload, payload);
                prop_assert_eq!(outgoing.get(place).unwrap().payload, paid.payload);
                let (_, keyless) = read[2 * index + 1];
                prop_assert_eq!((keyless.name.as_str(), keyless.version, keyless.key), ("Keyless", None, None));
            }
        }
    }

    #[test]
    fn what_json_cannot_say_is_an_error_that_names_the_event() {
        let error = Outgoing::one(&Keyless([((1, 2), 3)].into()), |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "the event `Keyless` cannot be encoded as JSON: key must be a string");
    }

    #[test]
    fn events_take_one_allocation_that_is_not_shown() {
        let paid = Paid { id: 7, method: "a secret".to_owned() };
        let outgoing = Outgoing::one(&paid, |key| key.set("secret")).unwrap();
        assert_eq!(outgoing.0.capacity(), USUAL);
        assert_eq!(format!("{outgoing:?}"), r#"["Paid"]"#);
        assert_eq!(size_of::<Outgoing>(), size_of::<Vec<u8>>() + size_of::<Cause>());
    }
}
