use crate::{engine::observe::PartitionEvent, error::one_line, record::Origin, shown::shown};

/// How many characters of the metadata are shown that another program committed.
const METADATA_LIMIT: usize = 100;

/// Logs what happened to a partition: which it is, and what else is given.
macro_rules! line {
    ($level:ident, $origin:expr, $($rest:tt)+) => {
        tracing::$level!(
            target: "evkafka::partition",
            consumer = %$origin.consumer,
            topic = %$origin.topic,
            partition = $origin.partition,
            $($rest)+
        )
    };
}

pub(super) fn log(origin: &Origin, event: &PartitionEvent<'_>) {
    match event {
        PartitionEvent::Begins { .. } | PartitionEvent::Entered(_) | PartitionEvent::Committed { .. } => {}
        PartitionEvent::AssignedPaused { .. }
        | PartitionEvent::Sought { .. }
        | PartitionEvent::SeekDropped => {
            control(origin, event);
        }
        PartitionEvent::StartUnknown { .. }
        | PartitionEvent::SettledAhead { .. }
        | PartitionEvent::ForeignMetadata { .. }
        | PartitionEvent::BrokenMetadata { .. }
        | PartitionEvent::WaitsForPredecessor => start(origin, event),
        PartitionEvent::Deleted { .. }
        | PartitionEvent::GoneBack { .. }
        | PartitionEvent::SeekUnanswered { .. }
        | PartitionEvent::Unreadable { .. } => read(origin, event),
        PartitionEvent::HeldUp { .. } | PartitionEvent::GoesOn { .. } => limit(origin, event),
        PartitionEvent::MetadataShortened { .. }
        | PartitionEvent::PerhapsLost { .. }
        | PartitionEvent::Lost { .. } => commit(origin, event),
    }
}

/// What was asked for through the control handle.
fn control(origin: &Origin, event: &PartitionEvent<'_>) {
    match *event {
        PartitionEvent::AssignedPaused { reason } => {
            line!(info, origin, reason, "assigned partition is paused")
        }
        PartitionEvent::Sought { to } => {
            line!(info, origin, offset = to, "partition continues at the offset of a seek")
        }
        PartitionEvent::SeekDropped => line!(
            warn,
            origin,
            "the partition was revoked, or the app ended, before a seek took effect; it continues at the committed offset"
        ),
        _ => {}
    }
}

/// Before it is read.
fn start(origin: &Origin, event: &PartitionEvent<'_>) {
    match *event {
        PartitionEvent::StartUnknown { attempt, error } => line!(
            warn,
            origin,
            attempt,
            error = error.map(tracing::field::display),
            "the partition waits: its committed offset is not known; trying again"
        ),
        PartitionEvent::SettledAhead { records } => {
            line!(info, origin, records, "records above the committed offset are settled already")
        }
        PartitionEvent::ForeignMetadata { metadata } => line!(
            warn,
            origin,
            metadata = &*shown(metadata.as_bytes(), METADATA_LIMIT),
            "the commit's metadata is not evkafka's: it is kept, and what is settled above the offset is not persisted"
        ),
        PartitionEvent::BrokenMetadata { metadata } => line!(
            warn,
            origin,
            metadata = &*shown(metadata.as_bytes(), METADATA_LIMIT),
            "the commit's metadata cannot be read, perhaps because a later version of evkafka wrote it: what was settled above the offset is handled again"
        ),
        PartitionEvent::WaitsForPredecessor => line!(
            warn,
            origin,
            "a handler that was under way when the partition was lost has not finished; until then the partition is not \
             read"
        ),
        _ => {}
    }
}

/// While it is read.
fn read(origin: &Origin, event: &PartitionEvent<'_>) {
    match event {
        PartitionEvent::Deleted { offsets } => line!(
            error,
            origin,
            offset = offsets.start,
            records = offsets.end - offsets.start,
            "records were deleted from the topic before they were handled, and are lost to this group; it continues at the start of the log: raise the topic's `retention.ms` or `retention.bytes`, or handle its records sooner"
        ),
        PartitionEvent::GoneBack { from } => line!(
            warn,
            origin,
            offset = from,
            "the partition's offsets have gone back: its topic was recreated, or its log truncated; what is there now is handled"
        ),
        PartitionEvent::SeekUnanswered { to } => {
            line!(warn, origin, offset = to, "no answer to a seek; trying again");
        }
        PartitionEvent::Unreadable { error } => line!(
            warn,
            origin,
            error = %error.code,
            reason = one_line(&error.reason),
            "the partition cannot be read at the moment"
        ),
        _ => {}
    }
}

fn limit(origin: &Origin, event: &PartitionEvent<'_>) {
    match event {
        PartitionEvent::HeldUp(held_up) => line!(
            warn,
            origin,
            offset = held_up.first_unsettled,
            limit = held_up.limit.name(),
            seconds = held_up.lasted.as_secs(),
            unsettled = held_up.unsettled,
            behind_their_key = held_up.behind_their_key,
            backing_off = held_up.backing_off,
            "the partition is held up by a limit; the record at this offset is the first that is not settled"
        ),
        PartitionEvent::GoesOn { lasted } => {
            line!(info, origin, seconds = lasted.as_secs(), "the partition is no longer held up");
        }
        _ => {}
    }
}

fn commit(origin: &Origin, event: &PartitionEvent<'_>) {
    match *event {
        PartitionEvent::MetadataShortened { offset, bytes, limit } => line!(
            warn,
            origin,
            offset,
            bytes,
            limit,
            "the brokers refuse a commit because of its metadata, in which `persist_progress` keeps what is settled above the \
             offset: less of it is kept from now on, and more is handled again after a restart; raise the brokers' \
             `offset.metadata.max.bytes`"
        ),
        PartitionEvent::PerhapsLost { up_to } => line!(
            warn,
            origin,
            offset = up_to,
            "records may have been committed without being handled; if so, they are lost"
        ),
        PartitionEvent::Lost { records } => line!(
            error,
            origin,
            records,
            "handlers of committed records did not finish in the time they had; the records are lost"
        ),
        _ => {}
    }
}
