//! A record becomes a dead letter, or stays where it is.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Letter, Worker};
use crate::{
    engine::{observe::RecordEvent, pipeline::Routed},
    error::{Chain, DeadLetterError, DeadLetterFault, Inner, RecordError},
    handle::Context,
    native::RawRecord,
    record::Record,
    settle::{DeadLetterPath, Failure, Obituary, dead_letter_headers, raw_headers},
};

/// How long a dead letter on its way is waited for once the lane was told to stop. Brokers that work answer sooner, and a
/// record that is given back is handled again.
const GRACE: Duration = Duration::from_millis(500);

impl Worker {
    /// Sends a record to a dead-letter topic; whether that was acknowledged. If the broker refuses it for good, the app ends. If the lane
    /// is stopped and the broker does not answer in time, the record may be in that topic and yet be handled again.
    ///
    /// # Cancel safety
    /// Dropping it leaves open whether the record was sent.
    pub(in crate::engine) async fn send_letter<R>(
        &self,
        handlers: &Routed<R>,
        record: Record<'_>,
        letter: &Letter,
    ) -> bool {
        let Letter { topic, handler, attempts, failure } = letter;
        let event = &self.event(&record);
        let context = &Context { attempt: *attempts, ..self.context(record, event) };
        let path = DeadLetterPath::of(&record);
        let Some(extended) = path.to(topic) else {
            self.report_dead_letter(context, topic, failure, DeadLetterFault::Loop(path.to_string()));
            return false;
        };
        let headers = dead_letter_headers(
            &record,
            &Obituary {
                path: &extended,
                group: &self.shared.group,
                handler: handlers.rules[*handler].path,
                event: event.name(),
                attempts: *attempts,
                failure,
                now: SystemTime::now(),
            },
        );
        let letter = RawRecord {
            topic,
            partition: None,
            key: record.key(),
            payload: record.payload(),
            headers: &raw_headers(&headers),
            timestamp: None,
        };
        let letters = self
            .shared
            .dead_letters
            .as_ref()
            .expect("a consumer whose policies have dead letters sends them");
        tokio::select! {
            biased;
            sent = letters.send(letter) => match sent {
                Ok(()) => {
                    self.tell(&RecordEvent::LetterSent { context, topic, failure });
                    true
                }
                Err(refused) => {
                    self.report_dead_letter(context, topic, failure, DeadLetterFault::refused(refused));
                    false
                }
            },
            () = self.no_time_left() => {
                self.shared.counts.leave_failed(1);
                self.tell(&RecordEvent::LetterUnsent { context, topic, failure });
                false
            }
        }
    }

    /// Waits until the lane has no time left for dead letters.
    async fn no_time_left(&self) {
        let stopped = async {
            self.control.stopped().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = stopped => {}
            () = self.control.cancelled().cancelled() => {}
            () = self.control.aborted().cancelled() => {}
        }
    }

    /// Ends the app at a record that cannot be a dead letter.
    fn report_dead_letter(
        &self,
        context: &Context<'_>,
        topic: &Arc<str>,
        failure: &Failure,
        fault: DeadLetterFault,
    ) {
        self.shared.counts.leave_failed(1);
        self.tell(&RecordEvent::LetterRefused { context, topic, failure, fault: &fault });
        let record = RecordError {
            origin: self.origin.clone(),
            offset: context.record.offset(),
            event: context.event_name(),
            attempts: context.attempt,
            // It may be the failure of a whole batch.
            failure: Failure::new(failure.kind(), Chain(failure.cause()).to_string()),
        };
        self.shared.report(Inner::DeadLetter(DeadLetterError { record, topic: Arc::clone(topic), fault }));
    }
}
