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
    since: Instant,
}

impl CommitsAhead {
    pub(super) fn new(permits: Arc<Semaphore>) -> Self {
        let pace = Pace::new(TARGET, LEAST, MOST);
        Self { permits, reserved: None, rounds: VecDeque::new(), first: 0, pace, unsettled: 0 }
    }

    /// How many of `waiting` records that have a handler may be committed now. Reserves permits for them, as far as there are any.
    pub(super) fn room(&mut self, waiting: usize) -> usize {
        let in_time = match self.pace.records() {
            LEAST => 0,
            records if self.unsettled > records => 0,
            records => records,
        };
        let wanted = waiting.saturating_sub(self.reserved()).min(self.permits.available_permits());
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

    /// For a record that is to be committed; `None` for one that is because handlers are quick.
    pub(super) fn take_permit(&mut self) -> Option<OwnedSemaphorePermit> {
        self.reserved.as_mut()?.split(1)
    }

    /// Gives back what is reserved and was not taken.
    pub(super) fn give_back(&mut self) {
        self.reserved = None;
    }

    /// So many records that have a handler are committed, and are now handled. The number of the round that they make up.
    pub(super) fn begin(&mut self, records: usize) -> u64 {
        self.rounds.push_back(Round { records, unsettled: records, since: Instant::now() });
        self.unsettled += records;
        self.first + self.rounds.len() as u64 - 1
    }

    /// A record of a round is settled.
    pub(super) fn settled(&mut self, round: u64) {
        self.unsettled -= 1;
        // It has not ended, for this record was not settled.
        let round = &mut self.rounds[(round - self.first) as usize];
        round.unsettled -= 1;
        if round.unsettled == 0 {
            self.pace.handled(round.records, round.since.elapsed());
        }
        while self.rounds.front().is_some_and(|round| round.unsettled == 0) {
            self.rounds.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(permits: usize) -> CommitsAhead {
        CommitsAhead::new(Arc::new(Semaphore::new(permits)))
    }

    /// What a lane does with what it may commit.
    fn commit(ahead: &mut CommitsAhead, waiting: usize) -> (u64, Vec<Option<OwnedSemaphorePermit>>) {
        let room = ahead.room(waiting).min(waiting);
        let permits = (0..room).map(|_| ahead.take_permit()).collect();
        ahead.give_back();
        (ahead.begin(room), permits)
    }

    #[test]
    fn lanes_of_slow_handlers_have_no_more_than_the_permits_together() {
        let permits = Arc::new(Semaphore::new(20));
        let mut lanes: Vec<_> = (0..4).map(|_| CommitsAhead::new(Arc::clone(&permits))).collect();
        let committed: Vec<_> = lanes.iter_mut().map(|lane| commit(lane, 8)).collect();
        let with_permit = |permits: &[Option<OwnedSemaphorePermit>]| permits.iter().flatten().count();
        let counts = committed.iter().map(|(_, permits)| (permits.len(), with_permit(permits)));
        assert_eq!(counts.collect::<Vec<_>>(), [(8, 8), (8, 8), (4, 4), (1, 0)], "but each has one");
        assert_eq!(lanes[3].room(8), 0);
        drop(committed);
        assert_eq!(permits.available_permits(), 20);
    }

    #[test]
    fn quick_handlers_have_more_and_no_third_round() {
        let mut ahead = ahead(2);
        let (round, permits) = commit(&mut ahead, 1000);
        assert_eq!(permits.len(), 2);
        drop(permits);
        (0..2).for_each(|_| ahead.settled(round));
        let (second, permits) = commit(&mut ahead, 1000);
        let records = permits.len();
        assert!(records > 2, "{records}");
        let (_, permits) = commit(&mut ahead, 1000);
        assert_eq!(permits.len(), records, "one is handled, and one committed meanwhile");
        drop(permits);
        assert_eq!(ahead.room(1000), 2, "and no more than permits allow");
        ahead.give_back();
        (0..records).for_each(|_| ahead.settled(second));
        assert!(ahead.room(1000) >= records);
    }

    #[test]
    fn rounds_end_in_any_order() {
        let mut ahead = ahead(10);
        let (first, _) = commit(&mut ahead, 2);
        let (second, _) = commit(&mut ahead, 2);
        for round in [second, second, first, first] {
            ahead.settled(round);
        }
        assert!(ahead.rounds.is_empty() && ahead.unsettled == 0);
        let (third, _) = commit(&mut ahead, 1);
        assert_eq!(third, 2);
    }
}
