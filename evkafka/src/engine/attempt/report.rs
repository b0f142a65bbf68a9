//! What is told of attempts, and what ends the app.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Ended, Flow, Open, Worker};
use crate::{
    client::{Fault, ReadAnswer},
    engine::{
        observe::{ConsumerEvent, Observer, PartitionEvent, RecordEvent},
        pipeline::Routed,
        unmatched::{LaneUnmatched, NAMED, Naming},
    },
    error::{Inner, RecordError},
    handle::Context,
    record::Record,
    settle::{Failure, FailureKind, Tries},
    source::PartitionError,
};

impl Worker {
    /// Something has happened to a record.
    pub(in crate::engine) fn tell(&self, event: &RecordEvent<'_>) {
        self.shared.observers.record(&self.origin, event);
    }

    /// Something has happened to the partition.
    pub(in crate::engine) fn tell_of_partition(&self, event: &PartitionEvent<'_>) {
        self.shared.observers.partition(&self.origin, event);
    }

    /// No handler takes a record.
    #[inline]
    pub(in crate::engine) fn meet_unmatched<R>(
        &self,
        handlers: &Routed<R>,
        record: &Record<'_>,
        event_type: Option<&[u8]>,
        lane: &mut LaneUnmatched,
    ) {
        if lane.meet(event_type) {
            self.look_at_unmatched(handlers, record, event_type);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_at_unmatched<R>(&self, handlers: &Routed<R>, record: &Record<'_>, event_type: Option<&[u8]>) {
        let unmatched = &self.shared.unmatched;
        let Some(event_type) = event_type else {
            let wanted = self.shared.event_types.headers();
            return unmatched.look_for_similar(record.headers(), wanted);
        };
        match unmatched.name(event_type) {
            Naming::Named => self.tell(&RecordEvent::Unmatched {
                offset: record.offset(),
                event_type,
                nearest: handlers.table.nearest(event_type),
            }),
            Naming::NoMore => {
                self.shared.tell_of_consumer(&ConsumerEvent::UnnamedFromNowOn { named: NAMED });
            }
            Naming::NotAgain => {}
        }
    }

    /// An attempt begins. When the first did, which may be this one.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_begun(&self, open: &Open<'_>, first: Option<Instant>) -> Option<Instant> {
        let first = first.or_else(|| self.shared.observers.now());
        self.tell(&RecordEvent::Begun { context: &open.call_context(None) });
        first
    }

    #[cold]
    #[inline(never)]
    pub(super) fn tell_retried(&self, open: &Open<'_>, failure: &Failure, wait: Duration) {
        self.tell(&RecordEvent::Retried { context: &open.call_context(None), failure, wait });
    }

    /// The handler was dropped before it had finished, or has not begun.
    #[cold]
    #[inline(never)]
    pub(super) fn unfinished(&self, open: Open<'_>, tries: Tries) -> Ended {
        let (context, becomes) = (&open.call_context(None), self.terms.unfinished);
        self.tell(&RecordEvent::Unfinished { context, becomes });
        self.leave(open, tries)
    }

    /// The lane had to end before the events were acknowledged that the handler has returned.
    #[cold]
    pub(in crate::engine) fn tell_unsent(&self, context: &Context<'_>) {
        self.tell(&RecordEvent::EventsUnsent { context, becomes: self.terms.unfinished });
    }

    /// librdkafka reports an error of the partition. What it recovers from by itself is logged; everything else ends the
    /// app, because going on could mean to pass over records.
    pub(in crate::engine) fn partition_error(&self, error: &PartitionError) -> Flow {
        match Fault::of(error.code).for_reading() {
            ReadAnswer::End => Flow::Continue,
            ReadAnswer::Passing => {
                self.tell_of_partition(&PartitionEvent::Unreadable { error });
                Flow::Continue
            }
            ReadAnswer::Final => {
                self.shared.report(Inner::partition(self.origin.clone(), error.clone()));
                Flow::End
            }
        }
    }

    /// The task of a record ended without saying what became of it.
    pub(in crate::engine) fn lost_task(&self) {
        self.shared.report(Inner::Engine {
            consumer: Arc::clone(&self.shared.consumer),
            message: format!("the task of a record of {} was lost: a destructor panicked", self.origin),
        });
    }

    /// The thread that looks up where lanes begin ended without an answer.
    pub(in crate::engine) fn lost_start(&self) {
        self.shared.report(Inner::Engine {
            consumer: Arc::clone(&self.shared.consumer),
            message: format!("the thread that looks up where {} begins was lost", self.origin),
        });
    }

    /// The function that names events panicked at a record: which handler it is for is not known, so it can neither be handled nor skipped.
    #[cold]
    pub(in crate::engine) fn report_unnamed(&self, record: &Record<'_>, message: &str) {
        let cause = format!("the function that names events (`event_type`) panicked: {message}");
        self.shared.report(Inner::Record(RecordError {
            origin: self.origin.clone(),
            offset: record.offset(),
            event: None,
            attempts: 1,
            failure: Failure::new(FailureKind::Panic, cause),
        }));
    }

    pub(in crate::engine) fn report_stop(&self, context: &Context<'_>, failure: Failure) {
        self.tell(&RecordEvent::Stopped { context, failure: &failure });
        self.shared.report(Inner::Record(RecordError {
            origin: self.origin.clone(),
            offset: context.record.offset(),
            event: context.event_name(),
            attempts: context.attempt,
            failure,
        }));
    }
}
