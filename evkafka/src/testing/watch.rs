//! Writes down what becomes of each record, as the engine tells it.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use super::story::{Place, Settlement, Story};
use crate::{
    engine::{
        ConsumerEvent, Done, MemberEvent, MemberName, Observer, PartitionEvent, RecordEvent, Unfinished,
    },
    error::Chain,
    handle::{Context, HandlerSpec},
    record::{Origin, Record},
    settle::Failure,
};

/// How much is shown of a key or a payload.
const SHOWN: usize = 200;

pub(super) struct Watch {
    begun: Instant,
    /// The handlers of each consumer, by their indices.
    handlers: BTreeMap<Arc<str>, Vec<HandlerSpec>>,
    stories: Mutex<Stories>,
    /// Notified when anything has happened.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct Stories {
    all: BTreeMap<Place, Story>,
    /// How many are not settled.
    unsettled: usize,
    /// What groups have committed.
    committed: BTreeMap<Origin, i64>,
}

impl Stories {
    fn committed(&self, place: &Place) -> Option<i64> {
        let Place { consumer, topic, partition, .. } = place.clone();
        self.committed.get(&Origin::new(consumer, topic, partition)).copied()
    }
}

impl Watch {
    pub(super) fn new(handlers: BTreeMap<Arc<str>, Vec<HandlerSpec>>) -> Self {
        Self { begun: Instant::now(), handlers, stories: Mutex::default(), changed: Notify::new() }
    }

    /// That of a record as far as it has come.
    pub(super) fn story(&self, place: Place) -> Story {
        let stories = self.stories();
        let committed = stories.committed(&place);
        let story = stories.all.get(&place).cloned().unwrap_or_else(|| Story::unread(place));
        Story { committed, ..story }
    }

    /// Whether no record was read that is not settled.
    pub(super) fn is_idle(&self) -> bool {
        self.stories().unsettled == 0
    }

    /// The process was killed. What was committed without being settled is lost.
    pub(super) fn crashed(&self) {
        let unsettled = self.unsettled();
        let at = self.begun.elapsed();
        let mut stories = self.stories();
        for Story { place, committed, .. } in unsettled {
            let is_lost = committed.is_some_and(|committed| committed > place.offset);
            let Some(story) = stories.all.get_mut(&place) else { continue };
            story.tell(at, "the process is killed");
            if is_lost {
                story.settlement = Some(Settlement::Lost);
                story.tell(at, Settlement::Lost.to_string());
                stories.unsettled -= 1;
            }
        }
    }

    /// All that are not settled, in the order of their places.
    pub(super) fn unsettled(&self) -> Vec<Story> {
        let stories = self.stories();
        let unsettled = stories.all.values().filter(|story| story.settlement.is_none());
        unsettled.map(|story| Story { committed: stories.committed(&story.place), ..story.clone() }).collect()
    }

    fn stories(&self) -> MutexGuard<'_, Stories> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, origin: &Origin, offset: i64, change: impl FnOnce(&mut Story, std::time::Duration)) {
        let Origin { consumer, topic, partition } = origin.clone();
        let place = Place { consumer, topic, partition, offset };
        let mut stories = self.stories();
        let Stories { all, unsettled, .. } = &mut *stories;
        let story = all.entry(place.clone()).or_insert_with(|| {
            *unsettled += 1;
            Story::unread(place)
        });
        let was_settled = story.settlement.is_some();
        change(story, self.begun.elapsed());
        if !was_settled && story.settlement.is_some() {
            *unsettled -= 1;
        }
    }

    /// The same for all records of a call.
    fn change_all(&self, origin: &Origin, context: &Context<'_>, step: impl Fn(&mut Story) -> String) {
        let all = if context.batch.is_empty() { std::slice::from_ref(context) } else { context.batch };
        for context in all {
            self.change(origin, context.record().offset(), |story, at| {
                let mut step = step(story);
                if all.len() > 1 {
                    let _ = write!(step, " (a batch of {} records)", all.len());
                }
                story.tell(at, step);
            });
        }
    }

    fn failed(&self, origin: &Origin, context: &Context<'_>, failure: &Failure, then: &str) {
        let error = Chain(failure).to_string();
        self.change_all(origin, context, |story| {
            story.error = Some(error.clone());
            format!("attempt {} failed: {error}{then}", context.attempt())
        });
    }

    fn received(
        &self,
        origin: &Origin,
        record: &Record<'_>,
        event_type: Option<&[u8]>,
        handler: Option<usize>,
    ) {
        let handlers = self.handlers.get(&origin.consumer).map_or(&[][..], Vec::as_slice);
        self.change(origin, record.offset(), |story, at| {
            story.record = shown(record);
            story.earlier_attempts += std::mem::take(&mut story.attempt);
            let again = if story.steps.is_empty() { "" } else { " again" };
            story.handler = handler.and_then(|index| Some(handlers.get(index)?.path));
            story.tell(at, format!("read{again}: {}", routed(event_type, story.handler, handlers)));
        });
    }

    fn settled(&self, origin: &Origin, offset: i64, settlement: Settlement) {
        self.change(origin, offset, |story, at| {
            story.settlement = Some(settlement);
            story.tell(at, settlement.to_string());
        });
    }
}

/// Where a record goes, or why nowhere.
fn routed(event_type: Option<&[u8]>, handler: Option<&str>, handlers: &[HandlerSpec]) -> String {
    let event = match event_type {
        Some(event_type) => format!("event type `{}`", String::from_utf8_lossy(event_type)),
        None => "no event type".to_owned(),
    };
    match handler {
        Some(path) => format!("{event}, for `{path}`"),
        None => {
            let known = handlers.iter().flat_map(|handler| handler.events);
            let known: Vec<_> = known.map(|event| format!("`{event}`")).collect();
            format!("{event}, for which there is no handler; there are handlers for {}", known.join(", "))
        }
    }
}

fn shown(record: &Record<'_>) -> String {
    let bytes = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let cut = text.chars().nth(SHOWN).map_or("", |_| "…");
            format!("{}{cut}", text.chars().take(SHOWN).collect::<String>())
        }
        None => "null".to_owned(),
    };
    let headers = record.headers().iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    let headers: Vec<_> = headers.collect();
    format!(
        "key {}, headers [{}], payload {}",
        bytes(record.key()),
        headers.join(", "),
        bytes(record.payload())
    )
}

impl Observer for Watch {
    fn record(&self, origin: &Origin, event: &RecordEvent<'_>) {
        match *event {
            RecordEvent::Received { ref record, event_type, handler } => {
                self.received(origin, record, event_type, handler);
            }
            RecordEvent::SettledBefore { offset } => self.change(origin, offset, |story, at| {
                story.settlement.get_or_insert(Settlement::Handled);
                story.tell(at, "passed over: the commit's metadata says that it is settled");
            }),
            // It says what the story of its first record has.
            RecordEvent::Unmatched { .. } => {}
            RecordEvent::Unprepared { offset, error, wait, .. } => {
                self.change(origin, offset, |story, at| {
                    story.tell(at, format!("cannot be decoded yet: {error}; again in {wait:?}"));
                })
            }
            RecordEvent::Begun { context } => self.change_all(origin, context, |story| {
                story.attempt = context.attempt();
                format!("attempt {} begins", context.attempt())
            }),
            RecordEvent::WaitsForThread { offset, .. } => {
                self.change(origin, offset, |story, at| story.tell(at, "waits for a thread"));
            }
            RecordEvent::Retried { context, failure, wait } => {
                self.failed(origin, context, failure, &format!("; the next in {wait:?}"));
            }
            RecordEvent::GivenUp { context, failure } => self.failed(origin, context, failure, ""),
            RecordEvent::Stopped { context, failure } => {
                self.failed(origin, context, failure, "");
                self.stopped(origin, context);
            }
            RecordEvent::Released { context, failure } => {
                self.failed(origin, context, failure, "; cancelled, so that it counts as no attempt");
            }
            RecordEvent::Unfinished { context, becomes } => self.unfinished(origin, context, becomes),
            RecordEvent::LetterSent { context, topic, failure } => {
                let then = format!("; its dead letter is in `{topic}`");
                self.failed(origin, context, failure, &then);
                self.change(origin, context.record().offset(), |story, _| {
                    story.dead_letter_topic = Some(topic.to_owned());
                });
            }
            RecordEvent::LetterRefused { context, topic, failure, .. } => {
                let then = format!("; its dead letter was refused by `{topic}`");
                self.failed(origin, context, failure, &then);
                self.stopped(origin, context);
            }
            RecordEvent::LetterUnsent { context, topic, failure } => {
                let then = format!("; the partition was given up before `{topic}` had its dead letter");
                self.failed(origin, context, failure, &then);
            }
            RecordEvent::EventsUnsent { context, .. } => self.change_all(origin, context, |_| {
                "the partition was given up before its events were acknowledged".to_owned()
            }),
            RecordEvent::Settled { offset, how, .. } => self.settled(origin, offset, settlement(how)),
            RecordEvent::Unsettled { offset } => {
                self.change(origin, offset, |story, at| story.tell(at, "leaves its partition unsettled"));
            }
        }
        self.changed.notify_waiters();
    }

    fn partition(&self, origin: &Origin, event: &PartitionEvent<'_>) {
        if let PartitionEvent::Committed { offset, .. }
        | PartitionEvent::Begins { committed: Some(offset), .. } = *event
        {
            self.stories().committed.insert(origin.clone(), offset);
        }
        self.changed.notify_waiters();
    }

    fn member(&self, _: &MemberName, _: &MemberEvent<'_>) {}

    fn consumer(&self, _: &str, _: &ConsumerEvent<'_>) {}
}

impl Watch {
    fn stopped(&self, origin: &Origin, context: &Context<'_>) {
        self.settled(origin, context.record().offset(), Settlement::Stopped);
    }

    fn unfinished(&self, origin: &Origin, context: &Context<'_>, becomes: Unfinished) {
        self.change_all(origin, context, |story| match becomes {
            Unfinished::ComesAgain => format!("attempt {} was dropped", context.attempt()),
            Unfinished::IsLost => {
                story.settlement = Some(Settlement::Lost);
                Settlement::Lost.to_string()
            }
        });
    }
}

fn settlement(how: Done) -> Settlement {
    match how {
        Done::Handled => Settlement::Handled,
        Done::Skipped => Settlement::Skipped,
        Done::GivenUp => Settlement::GivenUp,
        Done::DeadLettered => Settlement::DeadLettered,
    }
}
