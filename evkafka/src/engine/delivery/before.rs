//! At most once: records begin only after the broker has acknowledged the offset behind them.
//!
//! Two rounds of records are under way: while one is handled, the offset of the next is being acknowledged. What has been committed
//! is handled to its end even when the lane is stopped, because nobody will read it again; only an abort cuts it short.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{
    acknowledgement::{Acknowledgement, acknowledgement},
    ahead::CommitsAhead,
};
use crate::{
    engine::lane::LaneControl,
    record::{Origin, Record},
    settle::Progress,
    source::{Entry, Fetched},
};

/// Commits rounds of records ahead of their being handled.
pub(in crate::engine) struct Before {
    ahead: CommitsAhead,
    /// What has been taken and is not to be committed yet.
    pub(in crate::engine) taken: Fetched,
    requested: Option<Round>,
    /// The number of the round that is being handled.
    current: u64,
    /// To be filled with the next round.
    spare: Option<Fetched>,
    /// That of the current stretch of the partition.
    progress: Arc<Progress>,
}

/// Records whose commit was asked for.
struct Round {
    records: Fetched,
    /// The offset behind them; `None` if it is nothing but an error of the partition.
    next: Option<i64>,
    permits: Option<OwnedSemaphorePermit>,
}

/// Why no commit of another round was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum NotRequested {
    /// There is nothing to commit, or a round is on its way.
    Nothing,
    /// As many records as may be are committed and not handled.
    NoPermit,
}

impl Before {
    pub(super) fn new(ahead: CommitsAhead, taken: Fetched, spare: Fetched) -> Self {
        Self { ahead, taken, requested: None, current: 0, spare: Some(spare), progress: Arc::default() }
    }

    /// How many records may be taken at a time.
    pub(in crate::engine) fn room(&self) -> usize {
        self.ahead.most_at_a_time()
    }

    /// How many records were taken and do not begin yet.
    pub(in crate::engine) fn waiting(&self) -> usize {
        self.taken.len() + self.requested.as_ref().map_or(0, |round| round.records.len())
    }

    /// A stretch of the partition begins, in which nothing is asked for yet.
    pub(in crate::engine) fn begin(&mut self, progress: Arc<Progress>) {
        self.progress = progress;
    }

    /// Nothing is under way: what was committed and has not been settled was left behind by a seek.
    pub(in crate::engine) fn forget_rounds(&mut self) {
        self.ahead.forget_rounds();
    }

    /// Wants as many of the taken records committed as may be committed now; what is skipped in between needs no permit.
    pub(in crate::engine) fn request(
        &mut self,
        origin: &Origin,
        has_handler: impl Fn(&Record<'_>) -> bool,
    ) -> Result<(), NotRequested> {
        if self.requested.is_some() || self.taken.is_empty() {
            return Err(NotRequested::Nothing);
        }
        let room = self.ahead.room(self.taken.len());
        let mut handled = 0;
        let records = if room >= self.taken.len() {
            handled = self.taken.len();
            handled
        } else {
            self.taken.count_while(origin, |entry| match entry {
                Entry::Record(record) if has_handler(&record) => {
                    handled += 1;
                    handled <= room
                }
                Entry::Record(_) | Entry::Error(_) => true,
            })
        };
        let permits = self.ahead.take_permits(handled.min(records));
        self.ahead.give_back();
        if records == 0 {
            return Err(NotRequested::NoPermit);
        }
        let Some(mut round) = self.spare.take() else { return Err(NotRequested::Nothing) };
        self.taken.move_to(&mut round, records);
        let next = round.last_offset().map(|last| last + 1);
        if let Some(next) = next {
            self.progress.advance(next);
        }
        self.requested = Some(Round { records: round, next, permits });
        Ok(())
    }

    /// Whether an answer is waited for.
    pub(in crate::engine) fn waits(&self) -> bool {
        self.requested.as_ref().is_some_and(|round| !self.is_acknowledged(round))
    }

    fn is_acknowledged(&self, round: &Round) -> bool {
        round.next.is_none_or(|next| self.progress.is_acknowledged(next))
    }

    /// Waits until the round that was asked for is acknowledged, or will not be handled.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(in crate::engine) async fn answer(&self, control: &LaneControl) -> Acknowledgement {
        match self.requested.as_ref().and_then(|round| round.next) {
            Some(next) => acknowledgement(control, &self.progress, next).await,
            None => Acknowledgement::Given,
        }
    }

    /// Whether a round was asked for that is not handled yet.
    pub(in crate::engine) fn has_requested(&self) -> bool {
        self.requested.is_some()
    }

    /// What is not handled yet will not be: the lane continues elsewhere.
    pub(in crate::engine) fn let_go(&mut self) {
        self.taken.clear();
        self.call_off();
        self.progress.abandon();
    }

    /// The round that was asked for will not be handled. The offset behind it.
    pub(in crate::engine) fn call_off(&mut self) -> Option<i64> {
        let mut round = self.requested.take()?;
        round.records.clear();
        self.spare = Some(round.records);
        round.next
    }

    /// Puts an acknowledged round, if there is one, in the place of `records` once these are done with.
    pub(in crate::engine) fn admit(&mut self, records: &mut Fetched) {
        if !records.is_empty() || self.waits() {
            return;
        }
        let Some(round) = self.requested.take() else { return };
        self.current = self.ahead.begin(round.records.len(), round.permits);
        let mut spare = std::mem::replace(records, round.records);
        spare.clear();
        self.spare = Some(spare);
    }

    /// The number of the round that is being handled.
    pub(in crate::engine) fn round(&self) -> u64 {
        self.current
    }

    /// An entry of a round is done with.
    #[inline]
    pub(in crate::engine) fn settled(&mut self, round: u64) {
        self.ahead.settled(round);
    }

    /// Waits for a permit; to be [reserved](Self::reserve).
    ///
    /// # Cancel safety
    /// Dropped, it has taken none.
    pub(in crate::engine) fn permit(&self) -> impl Future<Output = OwnedSemaphorePermit> + use<> {
        self.ahead.permit()
    }

    pub(in crate::engine) fn reserve(&mut self, permit: OwnedSemaphorePermit) {
        self.ahead.reserve(permit);
    }
}

/// What is wanted committed is taken back at the lane's end, however that comes about: nobody is going to handle it here, and the last
/// commit of a revocation or a shutdown is still to come.
impl Drop for Before {
    fn drop(&mut self) {
        self.progress.abandon();
    }
}
