//! A record becomes a dead letter, or stays where it is.

use std::{sync::Arc, time::SystemTime};

use super::Worker;
use crate::{
    engine::{observe::RecordEvent, pipeline::Routed},
    error::{Chain, DeadLetterError, DeadLetterFault, Inner, RecordError},
    handle::Context,
    native::RawRecord,
    record::Record,
    send::ReliableProducer,
    settle::{DeadLetterHeaders, DeadLetterPath, Failure, Obituary},
};

/// A record is to be sent to a dead-letter topic.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Letter {
    topic: Arc<str>,
    handler: usize,
    attempts: u32,
    /// Of the record, or of the whole batch that it was in.
    failure: Arc<Failure>,
    failed_at: SystemTime,
}

impl Letter {
    pub(in crate::engine) fn new(topic: Arc<str>, handler: usize, attempts: u32, failure: Failure) -> Self {
        Self { topic, handler, attempts, failure: Arc::new(failure), failed_at: SystemTime::now() }
    }

    pub(in crate::engine) fn topic(&self) -> &str {
        &self.topic
    }
}

impl Worker {
    /// The path of the record as this letter.
    ///
    /// # Errors
    /// If it would go round in a loop, with the path so far, for people.
    pub(in crate::engine) fn letter_path(
        &self,
        record: &Record<'_>,
        letter: &Letter,
    ) -> Result<Vec<u8>, String> {
        let path = DeadLetterPath::of(record);
        path.to(&letter.topic).ok_or_else(|| path.to_string())
    }

    /// With the producer of the consumer's dead letters, and the record that is this one, whose [path](Self::letter_path) is given.
    ///
    /// # Panics
    /// If the consumer sends none.
    pub(in crate::engine) fn with_letter<R, T>(
        &self,
        handlers: &Routed<R>,
        record: &Record<'_>,
        letter: &Letter,
        path: &[u8],
        with: impl FnOnce(&ReliableProducer, RawRecord<'_>) -> T,
    ) -> T {
        let letters = self.shared.dead_letters.as_ref();
        let letters = letters.expect("a consumer whose policies have dead letters sends them");
        let event = self.event(record);
        let headers = DeadLetterHeaders::of(
            record,
            &Obituary {
                path,
                group: &self.shared.group,
                handler: handlers.rules[letter.handler].path,
                event: event.name(),
                attempts: letter.attempts,
                failure: &letter.failure,
                failed_at: letter.failed_at,
            },
        );
        let raw = RawRecord {
            topic: &letter.topic,
            partition: None,
            key: record.key(),
            payload: record.payload(),
            headers: &headers.after_those_of(record),
            timestamp: None,
        };
        with(letters, raw)
    }

    /// A dead letter is acknowledged.
    pub(in crate::engine) fn tell_letter_sent(&self, record: &Record<'_>, letter: &Letter) {
        let Letter { topic, failure, .. } = letter;
        self.with_letter_context(record, letter, |context| {
            self.tell(&RecordEvent::LetterSent { context, topic, failure });
        });
    }

    /// The lane ends before that.
    pub(in crate::engine) fn tell_letter_unsent(&self, record: &Record<'_>, letter: &Letter) {
        let Letter { topic, failure, .. } = letter;
        self.shared.counts.leave_failed(1);
        self.with_letter_context(record, letter, |context| {
            self.tell(&RecordEvent::LetterUnsent { context, topic, failure });
        });
    }

    /// Ends the app at a record that cannot be a dead letter.
    pub(in crate::engine) fn report_dead_letter(
        &self,
        record: &Record<'_>,
        letter: &Letter,
        fault: DeadLetterFault,
    ) {
        let Letter { topic, failure, .. } = letter;
        self.shared.counts.leave_failed(1);
        let event = self.with_letter_context(record, letter, |context| {
            self.tell(&RecordEvent::LetterRefused { context, topic, failure, fault: &fault });
            context.event_name()
        });
        let record = RecordError {
            origin: self.origin.clone(),
            offset: record.offset(),
            event,
            attempts: letter.attempts,
            // It may be the failure of a whole batch.
            failure: Failure::new(failure.kind(), Chain(failure.cause()).to_string()),
        };
        self.shared.report(Inner::DeadLetter(DeadLetterError { record, topic: Arc::clone(topic), fault }));
    }

    /// With what the last call was made with.
    fn with_letter_context<T>(
        &self,
        record: &Record<'_>,
        letter: &Letter,
        with: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let event = self.event(record);
        with(&Context { attempt: letter.attempts, ..self.context(*record, &event) })
    }
}
