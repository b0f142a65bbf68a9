use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settle::Pace;

/// How much work is committed at a time, where handlers are quick. A commit takes some milliseconds, and the work has to take a
/// good deal longer to hide it.
const TARGET: Duration = Duration::from_millis(40);
/// Stands for none but what permits allow.
const LEAST: usize = 1;
/// What is skipped needs no permit: among so many records those that have a handler are looked for.
const LOOKS_AT: usize = 256;
/// Hides a commit at some 100,000 records per second and partition, which is more than tasks come to.
const MOST: usize = 16_384;

/// Pre-commit: how much of a lane may be committed ahead of its being handled. That is what is lost when the process dies, and
/// when there is no time for it at a shutdown or a revoke.
///
/// Where handlers are slow, it is what the consumer's permits allow, of which all lanes together have enough for what is handled
/// at a time and as much again, so that something can be committed meanwhile. Where they are quick, it is
/// twice what they get done in [`TARGET`].
///
/// Records that wait behind their key keep their permits: that is what bounds the loss, so a key whose handler takes long holds up the
/// other keys of its partition once enough of its records have come. Other partitions go on, at worst record by record: a lane of which
/// nothing is unsettled needs no permit for one.
pub(super) struct CommitsAhead {
    permits: Arc<Semaphore>,
    /// How many permits a round may take.
    permits_of_round: usize,
    /// For what is committed next.
    reserved: Option<OwnedSemaphorePermit>,
    /// What was committed together, and is not handled yet.
    rounds: VecDeque<Round>,
    /// The number of the first round.
    first: u64,
    pace: Pace,
    unsettled: usize,
}

/// Records that were committed together.
struct Round {
    records: usize,
    unsettled: usize,
    /// For some of those that are not settled, or all of them.
    permits: Option<OwnedSemaphorePermit>,
    since: Instant,
}

impl CommitsAhead {
    pub(super) fn new(permits: Arc<Semaphore>, permits_of_round: usize) -> Self {
        let pace = Pace::new(TARGET, LEAST, MOST);
        Self {
            permits,
            permits_of_round,
            reserved: None,
            rounds: VecDeque::new(),
            first: 0,
            pace,
            unsettled: 0,
        }
    }

    /// How many of `waiting` records that have a handler may be committed now. Reserves permits for them, as far as there are any.
    pub(super) fn room(&mut self, waiting: usize) -> usize {
        let in_time = match self.pace.records() {
            LEAST => 0,
            records if self.unsettled > records => 0,
            // What is under way shows whether a larger round may follow, which spares more than its commit costs.
            _ if self.pace.is_growing() && self.unsettled > 0 => 0,
            records => records,
        };
        let wanted = waiting.saturating_sub(self.reserved()).min(self.permits.available_permits());
        let wanted = wanted.min(self.permits_of_round);
        if wanted > 0 && wanted > in_time {
            let permits = u32::try_from(wanted).unwrap_or(u32::MAX);
            // Another lane may have been quicker; the next look tells.
            if let Ok(permits) = Arc::clone(&self.permits).try_acquire_many_owned(permits) {
                self.reserve(permits);
            }
        }
        in_time.max(self.reserved()).max(usize::from(self.unsettled == 0))
    }

    fn reserved(&self) -> usize {
        self.reserved.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Waits for a permit; to be [reserved](Self::reserve).
    ///
    /// # Cancel safety
    /// Dropped, it has taken none.
    pub(super) fn permit(&self) -> impl Future<Output = OwnedSemaphorePermit> + use<> {
        let permits = Arc::clone(&self.permits);
        async move { permits.acquire_owned().await.expect("the semaphore is never closed") }
    }

    pub(super) fn reserve(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.reserved {
            Some(reserved) => reserved.merge(permit),
            None => self.reserved = Some(permit),
        }
    }

    /// For so many records that are to be committed, as far as there are any: others are because handlers are quick.
    pub(super) fn take_permits(&mut self, records: usize) -> Option<OwnedSemaphorePermit> {
        let reserved = self.reserved.as_mut()?;
        reserved.split(records.min(reserved.num_permits()))
    }

    /// Gives back what is reserved and was not taken.
    pub(super) fn give_back(&mut self) {
        self.reserved = None;
    }

    /// So many records are committed, and are now handled. The number of the round that they make up.
    pub(super) fn begin(&mut self, records: usize, permits: Option<OwnedSemaphorePermit>) -> u64 {
        self.rounds.push_back(Round { records, unsettled: records, permits, since: Instant::now() });
        self.unsettled += records;
        self.first + self.rounds.len() as u64 - 1
    }

    /// A record of a round is settled.
    #[inline]
    pub(super) fn settled(&mut self, round: u64) {
        self.unsettled -= 1;
        // It has not ended, for this record was not settled.
        let round = &mut self.rounds[(round - self.first) as usize];
        round.unsettled -= 1;
        if let Some(permits) = &mut round.permits
            && let Some(excess) = permits.num_permits().checked_sub(round.unsettled)
        {
            drop(permits.split(excess));
        }
        if round.unsettled == 0 {
            self.pace.handled(round.records, round.since.elapsed());
            self.forget_settled();
        }
    }

    /// What is not settled will not be.
    pub(super) fn forget_rounds(&mut self) {
        self.first += self.rounds.len() as u64;
        self.rounds.clear();
        self.unsettled = 0;
    }

    fn forget_settled(&mut self) {
        while self.rounds.front().is_some_and(|round| round.unsettled == 0) {
            self.rounds.pop_front();
            self.first += 1;
        }
    }

    /// How many records to take before it is asked how many may be committed.
    pub(super) fn most_at_a_time(&self) -> usize {
        self.pace.records().max(LOOKS_AT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(permits: usize) -> CommitsAhead {
        CommitsAhead::new(Arc::new(Semaphore::new(permits)), usize::MAX)
    }

    /// What a lane does with what it may commit.
    fn commit(ahead: &mut CommitsAhead, waiting: usize) -> CommittedRound {
        let records = ahead.room(waiting).min(waiting);
        let permits = ahead.take_permits(records);
        ahead.give_back();
        let with_permit = permits.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        CommittedRound { round: ahead.begin(records, permits), records, with_permit }
    }

    struct CommittedRound {
        round: u64,
        records: usize,
        with_permit: usize,
    }

    #[test]
    fn lanes_of_slow_handlers_have_no_more_than_the_permits_together() {
        let permits = Arc::new(Semaphore::new(20));
        let mut lanes: Vec<_> = (0..4).map(|_| CommitsAhead::new(Arc::clone(&permits), usize::MAX)).collect();
        let committed: Vec<_> = lanes.iter_mut().map(|lane| commit(lane, 8)).collect();
        let counts = committed.iter().map(|committed| (committed.records, committed.with_permit));
        assert_eq!(counts.collect::<Vec<_>>(), [(8, 8), (8, 8), (4, 4), (1, 0)], "but each has one");
        assert_eq!(lanes[3].room(8), 0);
        for (lane, committed) in lanes.iter_mut().zip(committed) {
            (0..committed.records).for_each(|_| lane.settled(committed.round));
        }
        lanes.iter_mut().for_each(CommitsAhead::give_back);
        assert_eq!(permits.available_permits(), 20);
    }

    #[test]
    fn a_permit_is_given_back_with_the_record_that_it_is_for() {
        let permits = Arc::new(Semaphore::new(4));
        let mut ahead = CommitsAhead::new(Arc::clone(&permits), usize::MAX);
        let committed = commit(&mut ahead, 4);
        assert_eq!((committed.with_permit, permits.available_permits()), (4, 0));
        for settled in 1..=4 {
            ahead.settled(committed.round);
            assert_eq!(permits.available_permits(), settled);
        }
    }

    #[test]
    fn quick_handlers_have_more_and_no_third_round() {
        let mut ahead = ahead(2);
        let first = commit(&mut ahead, 1000);
        assert_eq!(first.records, 2);
        (0..2).for_each(|_| ahead.settled(first.round));
        // As large as it becomes in this test.
        ahead.pace = Pace::new(TARGET, LEAST, 200);
        while ahead.pace.is_growing() {
            ahead.pace.handled(ahead.pace.records(), Duration::ZERO);
        }
        let second = commit(&mut ahead, 1000);
        assert_eq!(second.records, 200);
        let third = commit(&mut ahead, 1000);
        assert_eq!(third.records, 200, "one is handled, and one committed meanwhile");
        assert_eq!(ahead.room(1000), 2, "and no more than permits allow");
        ahead.give_back();
        (0..200).for_each(|_| ahead.settled(second.round));
        assert!(ahead.room(1000) >= 200);
    }

    #[test]
    fn as_long_as_rounds_grow_the_next_waits_for_the_one_before() {
        let mut ahead = ahead(0);
        let first = commit(&mut ahead, 1000);
        ahead.settled(first.round);
        assert!(ahead.pace.is_growing());
        let second = commit(&mut ahead, 1000);
        assert!(second.records > 1);
        assert_eq!(ahead.room(1000), 0);
    }

    #[test]
    fn in_order_of_slow_handlers_one_is_committed_while_one_is_handled() {
        let mut ahead = CommitsAhead::new(Arc::new(Semaphore::new(2)), 1);
        let first = commit(&mut ahead, 1000);
        let second = commit(&mut ahead, 1000);
        assert_eq!((first.records, second.records, ahead.room(1000)), (1, 1, 0));
    }

    #[test]
    fn rounds_end_in_any_order() {
        let mut ahead = ahead(10);
        let (first, second) = (commit(&mut ahead, 2).round, commit(&mut ahead, 2).round);
        for round in [second, second, first, first] {
            ahead.settled(round);
        }
        assert!(ahead.rounds.is_empty() && ahead.unsettled == 0);
        assert_eq!(commit(&mut ahead, 1).round, 2);
    }
}
