//! Records that are kept until they are settled.

use super::{KeyHash, Tools};
use crate::{engine::attempt::Opened, record::Written, route::Matched, source::Message};

/// What a record takes up until it is settled.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Slot {
    pub(in crate::engine) offset: i64,
    pub(in crate::engine) key: Option<KeyHash>,
    /// Of key, payload and headers.
    pub(in crate::engine) bytes: u64,
    /// What it was committed with, if it was committed before it began.
    pub(in crate::engine) round: u64,
    pub(in crate::engine) written: Written,
}

/// A record that is kept until it is settled.
pub(in crate::engine) struct Held {
    pub(in crate::engine) message: Message,
    pub(in crate::engine) matched: Matched,
    pub(in crate::engine) slot: Slot,
}

impl Held {
    #[inline]
    pub(in crate::engine) fn handler(&self) -> usize {
        self.matched.handler()
    }

    /// Opens it again.
    pub(in crate::engine) fn opened<'r, R>(&'r self, Tools { handlers, worker }: &'r Tools<R>) -> Opened<'r> {
        let record = self.message.record(&worker.origin);
        let event = worker.opened_again(handlers, self.matched, &record);
        (record, event)
    }
}

/// Records that one call is made for.
pub(in crate::engine) enum Job {
    One(Held),
    Many { handler: usize, records: Vec<Held> },
}

impl Job {
    pub(in crate::engine) fn handler(&self) -> usize {
        match self {
            Self::One(held) => held.handler(),
            Self::Many { handler, .. } => *handler,
        }
    }

    pub(in crate::engine) fn records(&self) -> &[Held] {
        match self {
            Self::One(held) => std::slice::from_ref(held),
            Self::Many { records, .. } => records,
        }
    }

    /// Its first record.
    pub(in crate::engine) fn first(&self) -> Option<&Held> {
        self.records().first()
    }

    /// What its records take up.
    pub(in crate::engine) fn bytes(&self) -> u64 {
        self.records().iter().map(|held| held.slot.bytes).sum()
    }

    pub(in crate::engine) fn into_records(self) -> Vec<Held> {
        match self {
            Self::One(held) => vec![held],
            Self::Many { records, .. } => records,
        }
    }
}
