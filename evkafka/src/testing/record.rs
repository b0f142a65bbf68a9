use std::{
    fmt,
    future::{Future, IntoFuture},
    iter,
    pin::Pin,
    sync::Arc,
};

use serde::Serialize;

use super::{client::TestClient, settled::Settled, story::Place};
use crate::{
    app::ConsumerFacts,
    event::{Encoded, EventKey, ToKey},
    event_type::{Clash, EventTypes, Inscription},
    record::OwnedRecord,
};

/// A record that a test is about to send: await it, to learn how each consumer settles it, or [enqueue](Self::enqueue) it.
#[must_use = "a record is sent when it is awaited"]
pub struct TestRecord<'c> {
    client: &'c TestClient,
    topic: Option<String>,
    partition: Option<i32>,
    key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    event_type: Option<Vec<u8>>,
    version: Option<u32>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl<'c> TestRecord<'c> {
    pub(super) fn new(client: &'c TestClient, topic: Option<&str>) -> Self {
        Self {
            client,
            topic: topic.map(str::to_owned),
            partition: None,
            key: None,
            payload: None,
            event_type: None,
            version: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn of_event(client: &'c TestClient, topic: Option<&str>, event: &Encoded<'_>) -> Self {
        Self {
            key: event.key.map(<[u8]>::to_vec),
            payload: Some(event.payload.to_vec()),
            event_type: Some(event.name.as_bytes().to_vec()),
            version: event.version,
            ..Self::new(client, topic)
        }
    }

    /// Sends it to this topic.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Chooses the partition, which otherwise follows from the key, or is the next in turn without one.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: impl ToKey) -> Self {
        let mut bytes = Vec::new();
        let mut set = EventKey::new(&mut bytes);
        key.write_key(&mut set);
        self.key = set.len().map(|_| bytes);
        self
    }

    /// Sets the event type, where each consumer of the topic looks for it: in a header, in a field of a JSON payload, in an envelope
    /// around it.
    pub fn event_type(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.event_type = Some(name.into());
        self
    }

    /// Adds a header. A name may occur more than once; consumers read the last.
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a header with a null value.
    pub fn null_header(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// Sets the payload.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Sets the payload to this value, as JSON.
    ///
    /// # Panics
    /// If JSON cannot have it.
    #[track_caller]
    pub fn json(self, value: impl Serialize) -> Self {
        match serde_json::to_vec(&value) {
            Ok(payload) => self.payload(payload),
            Err(error) => panic!("the payload cannot be JSON: {error}"),
        }
    }

    /// Sets the payload to null, which is what it is unless it is set.
    pub fn tombstone(mut self) -> Self {
        self.payload = None;
        self
    }

    /// Sends it, and does not wait until it is settled: what this returns can be awaited later.
    ///
    /// # Panics
    /// If it has no topic, no consumer of the app reads it, or it has no such partition; if its type is to be in a field, and the payload is
    /// not a JSON object; if the consumers that read it know its event by different names, or in different envelopes.
    #[track_caller]
    pub fn enqueue(self) -> Pending<'c> {
        let Some(topic) = self.topic.as_deref() else {
            panic!(
                "the event has no topic; give it one with `#[event(topic = \"…\")]`, or `.topic(\"…\")` here"
            );
        };
        let client = self.client;
        let readers = client.readers(topic);
        let inscription =
            self.event_type.map(|name| inscription(&readers, &name, self.version)).unwrap_or_default();
        let payload = inscription.payload(self.payload).unwrap_or_else(|field| {
            panic!(
                "the type of the event is read from the field `{field}`, and the payload is not a JSON object that it could be put into"
            )
        });
        let mut record = OwnedRecord::new(topic, 0, 0);
        for (name, value) in inscription.headers {
            record = record.header(name, value);
        }
        if let Some(key) = self.key {
            record = record.key(key);
        }
        if let Some(payload) = payload {
            record = record.payload(payload);
        }
        for (name, value) in self.headers {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        let (partition, offset) = client.write(&record, self.partition);
        let topic: Arc<str> = topic.into();
        let place = |consumer| Place { consumer, topic: Arc::clone(&topic), partition, offset };
        Pending {
            client,
            places: readers.into_iter().map(|reader| place(Arc::clone(&reader.name))).collect(),
        }
    }
}

/// What the record needs, so that each of these consumers reads this event in it.
///
/// # Panics
/// If no record can be this event for all of them.
#[track_caller]
fn inscription(readers: &[&ConsumerFacts], name: &[u8], version: Option<u32>) -> Inscription {
    // Each by the name that it knows; if these are different and in one place, all by a name that everyone knows.
    let clash = match merged(readers, |types| types.inscribe(name, version)) {
        Ok(inscription) => return inscription,
        Err(clash) => clash,
    };
    let mut names: Vec<_> = readers.iter().flat_map(|reader| reader.event_types.names_of(name)).collect();
    names.sort_unstable();
    let known = |theirs: &&[u8]| readers.iter().all(|reader| reader.event_types.takes(theirs, name));
    let mut shared = iter::once(name).chain(names).filter(known);
    let inscribed =
        shared.find_map(|theirs| merged(readers, |types| types.inscribe_as(theirs, version)).ok());
    inscribed.unwrap_or_else(|| refuse(&String::from_utf8_lossy(name), clash))
}

/// What the record needs that each of these consumers is to read.
///
/// # Errors
/// The first two of them that no record can be for.
fn merged(
    readers: &[&ConsumerFacts],
    inscribe: impl Fn(&EventTypes) -> Inscription,
) -> Result<Inscription, ([Arc<str>; 2], Clash)> {
    let inscribe = |reader: &&ConsumerFacts| inscribe(&reader.event_types);
    let mut all: Option<Inscription> = None;
    for (index, reader) in readers.iter().enumerate() {
        for before in &readers[..index] {
            let names = || [Arc::clone(&before.name), Arc::clone(&reader.name)];
            inscribe(before).and(inscribe(reader)).map_err(|clash| (names(), clash))?;
        }
        all = match all {
            Some(all) => all.and(inscribe(reader)).ok(),
            None => Some(inscribe(reader)),
        };
    }
    Ok(all.unwrap_or_default())
}

#[track_caller]
fn refuse(event: &str, ([one, another], clash): ([Arc<str>; 2], Clash)) -> ! {
    match clash {
        Clash::Envelopes => panic!(
            "the consumers `{one}` and `{another}` expect different envelopes around an event: send a record that has what both read, \
             with `record(topic)`"
        ),
        Clash::Values { place, values: [ones, anothers] } => panic!(
            "the consumers `{one}` and `{another}` know the event `{event}` by different names, in {place}: `{ones}` and `{anothers}`. \
             Send one record for each, with `record(topic)` and `.event_type(…)`"
        ),
    }
}

/// Waits until each consumer of the topic has settled it.
///
/// # Panics
/// As [`enqueue`](TestRecord::enqueue); and with the record's story, if it is not settled in time.
impl<'c> IntoFuture for TestRecord<'c> {
    type Output = Settled;
    type IntoFuture = Pin<Box<dyn Future<Output = Settled> + Send + 'c>>;

    #[track_caller]
    fn into_future(self) -> Self::IntoFuture {
        self.enqueue().into_future()
    }
}

impl fmt::Debug for TestRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRecord").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// A record that was sent, and may not be settled yet.
#[must_use = "await it to learn how it was settled; if that is of no interest, drop it"]
pub struct Pending<'c> {
    client: &'c TestClient,
    /// One for each consumer that reads it.
    places: Vec<Place>,
}

impl Pending<'_> {
    /// The partition that it was written to.
    pub fn partition(&self) -> i32 {
        self.places[0].partition
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.places[0].offset
    }

    /// What has become of it so far.
    pub fn so_far(&self) -> Settled {
        self.client.stories_of(&self.places)
    }
}

/// Waits until each consumer of the topic has settled it, or the app has ended.
///
/// # Panics
/// With the record's story, if it is not settled in time.
impl<'c> IntoFuture for Pending<'c> {
    type Output = Settled;
    type IntoFuture = Pin<Box<dyn Future<Output = Settled> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.client.until_settled(&self.places).await })
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.places).finish()
    }
}
