use std::{ops::Range, time::Duration};

use rdkafka::error::RDKafkaErrorCode;

use crate::{
    engine::{lane::Phase, schedule::Limit},
    source::PartitionError,
};

/// What happens to an assigned partition.
#[cfg_attr(not(test), expect(dead_code, reason = "there is more in it than the log says"))]
pub(crate) enum PartitionEvent<'a> {
    /// What the group has committed is not known yet; it is asked for again.
    StartUnknown { attempt: u32, error: Option<RDKafkaErrorCode> },
    /// So many records behind the committed offset are settled already.
    SettledAhead { records: u64 },
    /// The metadata of the commit are somebody else's.
    ForeignMetadata { metadata: &'a str },
    /// The metadata of the commit cannot be read.
    BrokenMetadata { metadata: &'a str },
    /// A handler of the partition's last assignment is still at work.
    WaitsForPredecessor,
    /// It is read from now on: from the offset `next`, or from the start of its log.
    Begins { committed: Option<i64>, next: Option<i64> },
    /// It is assigned, and paused already.
    AssignedPaused { reason: &'a str },
    /// Its lane has come to another phase.
    Entered(Phase),
    /// Retention has deleted these records before they were handled.
    Deleted { offsets: Range<i64> },
    /// Its offsets have gone back.
    GoneBack { from: i64 },
    /// It goes on at this offset, as it was told to.
    Sought { to: i64 },
    /// It is revoked, or the app ends, before it could go on where it was told to.
    SeekDropped,
    /// A seek was not answered, and is tried again.
    SeekUnanswered { to: i64 },
    /// It cannot be read at the moment.
    Unreadable { error: &'a PartitionError },
    /// A limit has held it up for so long.
    HeldUp(HeldUp),
    /// It no longer does.
    GoesOn { lasted: Duration },
    /// The broker has acknowledged this offset.
    Committed {
        offset: i64,
        /// Since it was sent; `None` if nobody wanted to know when that was.
        after: Option<Duration>,
    },
    /// The brokers take no more than `limit` bytes of a commit's metadata.
    MetadataShortened { offset: i64, bytes: usize, limit: usize },
    /// It is not known whether records up to this offset were committed. They were not handled, and will not be if they were.
    PerhapsLost { up_to: Option<i64> },
    /// So many records that were committed were not handled to their end.
    Lost { records: usize },
}

/// What is known of a partition that a limit holds up.
pub(crate) struct HeldUp {
    pub(in crate::engine) limit: Limit,
    pub(in crate::engine) lasted: Duration,
    pub(in crate::engine) first_unsettled: Option<i64>,
    pub(in crate::engine) unsettled: usize,
    pub(in crate::engine) behind_their_key: usize,
    pub(in crate::engine) backing_off: usize,
}
