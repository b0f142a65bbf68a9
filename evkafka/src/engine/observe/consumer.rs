use crate::engine::{
    assignment::TopicPartition,
    commands::{PartitionFilter, PauseInForce, PauseOrder, Resumption},
    shared::Counts,
};

/// What happens to a consumer, whichever of its members it happens to.
pub(crate) enum ConsumerEvent<'a> {
    /// It is about to consume.
    Starts(&'a Handles),
    /// So many event types without a handler were [named](super::RecordEvent::Unmatched) that no more will be.
    UnnamedFromNowOn {
        named: usize,
    },
    /// Most of its records have no handler.
    MostlyUnmatched(MostlyUnmatched<'a>),
    /// Partitions are paused, of which these are assigned to the process.
    Paused {
        filter: &'a PartitionFilter,
        order: &'a PauseOrder,
        assigned: &'a [TopicPartition],
    },
    Resumed {
        filter: &'a PartitionFilter,
        resumption: &'a Resumption,
    },
    /// A pause has lasted as long as it may.
    PauseEnded {
        pause: &'a PauseInForce,
        resumed: &'a [TopicPartition],
    },
    /// All its members have left their group, or were given up.
    Ended {
        counts: &'a Counts,
    },
}

/// What a consumer is there for.
#[derive(Clone, Debug)]
pub(crate) struct Handles {
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    pub(crate) events: Vec<&'static str>,
    pub(crate) has_fallback: bool,
    /// Where the type of an event is read.
    pub(crate) event_type_from: String,
}

/// What a consumer's records lack.
pub(crate) struct MostlyUnmatched<'a> {
    /// All that are settled, since the start.
    pub(in crate::engine) records: u64,
    /// Those with a type that no handler takes.
    pub(in crate::engine) unmatched: u64,
    /// Those without a type.
    pub(in crate::engine) untyped: u64,
    pub(in crate::engine) event_type_from: &'a str,
    /// A header of a record without a type that is called as if it had one.
    pub(in crate::engine) similar_header: Option<&'a str>,
}
