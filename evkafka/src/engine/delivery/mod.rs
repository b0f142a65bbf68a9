//! When a record may begin, and what its being settled means for what is committed: the lane's delivery guarantee.
//!
//! A match over [`Delivery`] has an arm for each, so that another one does not compile before each place has been thought about.

mod acknowledgement;
mod ahead;
mod before;

use std::sync::Arc;

use tokio::sync::Semaphore;

#[cfg(all(test, evkafka_loom))]
pub(super) use self::acknowledgement::acknowledgement;
use self::ahead::CommitsAhead;
pub(super) use self::{
    acknowledgement::Acknowledgement,
    before::{Before, NotRequested},
};
use super::lane::Phase;
use crate::{
    config::{AutoCommitMode, Concurrency},
    source::Fetched,
};

/// The delivery guarantee of one lane.
pub(super) enum Delivery {
    /// At least once: an offset is committed after its record is settled.
    After,
    /// At most once: a record begins only after the broker has acknowledged the offset behind it.
    Before(Box<Before>),
}

/// What a delivery guarantee means for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The lane's phase from which on no attempt begins.
    pub(super) begins_until: Phase,
    /// What becomes of a record whose handler was dropped.
    pub(super) unfinished: Unfinished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    ComesAgain,
    IsLost,
}

impl Terms {
    pub(super) fn of(mode: AutoCommitMode) -> Self {
        match mode {
            AutoCommitMode::PostCommit => {
                Self { begins_until: Phase::Stopping, unfinished: Unfinished::ComesAgain }
            }
            // What is committed is handled while the lane ends, because nobody will read it again.
            AutoCommitMode::PreCommit => {
                Self { begins_until: Phase::Aborted, unfinished: Unfinished::IsLost }
            }
        }
    }
}

impl Delivery {
    /// What was taken last, if that is not yet among what may `begin`.
    pub(super) fn taken<'d>(&'d self, begin: &'d Fetched) -> &'d Fetched {
        match self {
            Self::After => begin,
            Self::Before(before) => &before.taken,
        }
    }

    /// How many records were taken that may not begin yet.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::After => 0,
            Self::Before(before) => before.waiting(),
        }
    }

    /// The round that what begins now was committed with; 0 if it is committed later.
    #[inline]
    pub(super) fn round(&self) -> u64 {
        match self {
            Self::After => 0,
            Self::Before(before) => before.round(),
        }
    }

    /// `ahead` has a permit for each record of a consumer's concurrent lanes that may be committed ahead of being handled.
    pub(super) fn of(
        mode: AutoCommitMode,
        concurrency: Concurrency,
        ahead: &Arc<Semaphore>,
        new_round: impl Fn() -> Fetched,
    ) -> Self {
        match mode {
            AutoCommitMode::PostCommit => Self::After,
            AutoCommitMode::PreCommit => {
                let ahead = match concurrency {
                    // Where handlers are slow, one is handled and one committed meanwhile.
                    Concurrency::PerPartition => CommitsAhead::new(Arc::new(Semaphore::new(2)), 1),
                    Concurrency::PerKey { .. } | Concurrency::Unordered { .. } => {
                        CommitsAhead::new(Arc::clone(ahead), usize::MAX)
                    }
                };
                Self::Before(Box::new(Before::new(ahead, new_round(), new_round())))
            }
        }
    }
}
