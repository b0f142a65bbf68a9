//! Records of one partition side by side: in order for each key, or in no order.
//!
//! Each record that is handled is a task of its own on the runtime. Tasks take one of the consumer's permits for each attempt, and
//! none while they wait out a backoff: a record that fails again and again holds up its own key and nothing else.

mod ahead;
mod load;
mod stall;

use std::{
    collections::HashMap,
    pin::{Pin, pin},
    sync::Arc,
};

use rustc_hash::FxBuildHasher;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::{
    ahead::CommitsAhead,
    load::Load,
    stall::{AtLimit, Limit, Notice, Stall},
};
use super::{
    BATCH, Flow, Lane,
    group::Group,
    key_order::{KeyHash, KeyOrder},
    worker::{BatchEnd, Done, Worker},
};
use crate::{
    engine::{pipeline::Routed, shared::LocalCounts, start::Start},
    native::{Batch, Entry, Message, StartsOver},
    route::Routes,
    settle::{Persisted, SettledAhead, SharedTracker, Ticket},
};

/// What is known of an entry that was committed ahead.
struct Committed {
    /// The record's handler; `None` also for an error of the partition.
    handler: Option<usize>,
    permit: Option<OwnedSemaphorePermit>,
}

/// A record that waits for its turn.
struct Waiting {
    message: Message,
    handler: usize,
    slot: Slot,
    /// What allowed it to be committed before it was handled; given back when it is settled.
    _ahead: Option<OwnedSemaphorePermit>,
}

/// Records that have had their turn.
enum Completed {
    One(Done, Slot),
    Batch(BatchEnd, Vec<Slot>),
}

/// What a record takes up until it is settled.
#[derive(Clone, Copy)]
struct Slot {
    ticket: Ticket,
    key: Option<KeyHash>,
    bytes: u64,
    /// What it was committed with, pre-commit.
    round: u64,
}

struct Concurrent<R> {
    handlers: Arc<Routed<R>>,
    worker: Arc<Worker>,
    permits: Arc<Semaphore>,
    /// How many permits there are, for all lanes of the consumer.
    in_flight: usize,
    keyed: bool,
    order: KeyOrder<Waiting>,
    /// What is collected for batch handlers, one group for each at most.
    groups: Vec<Group<Waiting>>,
    /// The keys in it, with their handlers.
    collected: HashMap<KeyHash, usize, FxBuildHasher>,
    tracker: SharedTracker,
    /// What an earlier owner has settled, if progress is persisted.
    settled_before: Option<SettledAhead>,
    /// Pre-commit only.
    ahead: Option<CommitsAhead>,
    load: Load,
    stall: Stall,
    /// Offsets have gone back: what comes from there on waits until what came before is settled.
    starts_over: Option<StartsOver>,
    tasks: JoinSet<Completed>,
    counts: LocalCounts,
    /// The offset that may be committed.
    committable: Option<i64>,
    flow: Flow,
}

impl Lane {
    pub(super) async fn concurrent<R: Routes>(
        &mut self,
        handlers: Arc<Routed<R>>,
        start: Start,
        in_flight: usize,
        keyed: bool,
    ) {
        let ahead =
            (!self.is_post_commit()).then(|| CommitsAhead::new(Arc::clone(&self.worker.shared.ahead)));
        // Some batches of each partition can be under way and another be collected. Pre-commit has a limit of its own.
        let at_work = in_flight.saturating_add(handlers.largest_batch().unwrap_or(0));
        let most_active =
            if ahead.is_some() { usize::MAX } else { at_work.saturating_mul(4).saturating_add(BATCH) };
        let mut batch = self.queue.batch();
        let mut work = Concurrent {
            handlers,
            worker: Arc::clone(&self.worker),
            permits: Arc::clone(&self.worker.shared.permits),
            in_flight,
            keyed,
            order: KeyOrder::new(),
            groups: Vec::new(),
            collected: HashMap::default(),
            tracker: SharedTracker::default(),
            settled_before: None,
            ahead,
            load: Load::new(most_active, self.work_bytes),
            stall: Stall::default(),
            starts_over: None,
            tasks: JoinSet::new(),
            counts: LocalCounts::default(),
            committable: None,
            flow: Flow::Continue,
        };
        if self.worker.shared.persist_progress {
            self.go_on_from(start, &mut work);
        }
        loop {
            while let Some(completed) = work.tasks.try_join_next() {
                work.complete(completed);
            }
            self.settle_up(&mut work);
            let ending = work.flow == Flow::End || self.worker.control.is_stopping();
            let room = work.room();
            let limit = room.err();
            let room = room.ok().filter(|_| !ending).unwrap_or(0);
            if ending && work.ahead.is_none() {
                // It goes to the next owner; what was committed before has to be handled here.
                work.groups.clear();
            }
            work.start_groups(ending || work.waits_for_nothing_else(room));
            if ending && work.tasks.is_empty() {
                self.log_lost(&work);
                return;
            }
            if ending {
                batch.clear();
            }
            if room > 0 && batch.is_empty() {
                work.starts_over = self.take(&mut batch, room);
                if let Some(starts_over) = work.starts_over {
                    self.go_back(starts_over, work.first_unsettled());
                    work.start_groups(true);
                }
                if let Some(reached) = self.queue.reached().filter(|_| batch.is_empty()) {
                    self.skip_to(reached, &mut work);
                }
            }
            if let Some(StartsOver { from }) = work.starts_over
                && work.first_unsettled().is_none()
            {
                self.progress.start_over(from);
                work.start_over(from);
            }
            let is_held_back = work.starts_over.is_some();
            let may_take_in = room > 0 && !batch.is_empty() && !is_held_back;
            if may_take_in && self.take_in_from(&mut work, &mut batch).await {
                self.settle_up(&mut work);
                tokio::task::yield_now().await;
                continue;
            }
            let permit = work.ahead.as_ref().filter(|_| may_take_in).map(CommitsAhead::permit);
            let wants_permit = permit.is_some();
            if wants_permit {
                // What is collected may be what holds them.
                work.start_groups(true);
            }
            let permit = async {
                match permit {
                    Some(permit) => permit.await,
                    None => std::future::pending().await,
                }
            };
            let limit = if wants_permit { Some(Limit::CommittedAhead) } else { limit };
            if !ending {
                self.watch(&mut work, limit);
            }
            let next_look = work.due().into_iter().chain(work.stall.due().filter(|_| !ending)).min();
            tokio::select! {
                biased;
                Some(completed) = work.tasks.join_next(), if !work.tasks.is_empty() => work.complete(completed),
                () = self.worker.control.stopped(), if !ending => {}
                permit = permit, if wants_permit => work.reserve(permit),
                // New records, or one that waits for its next attempt and leaves its place to another.
                () = self.worker.control.records.notified(), if !ending && !wants_permit => {}
                () = sleep_until_if(next_look) => {}
            }
        }
    }

    /// Whether anything of a batch was taken in, or the lane has to end. Pre-commit, it is as much as may be committed ahead, after
    /// that was acknowledged.
    async fn take_in_from<R: Routes>(&self, work: &mut Concurrent<R>, batch: &mut Batch) -> bool {
        if self.is_post_commit() {
            while !work.fills_memory()
                && let Some(message) = batch.pop()
            {
                work.take_in(message, None, 0);
                // What stands behind an error of the partition must not be committed: that would pass over what it hides.
                if work.flow == Flow::End {
                    batch.clear();
                }
            }
            return true;
        }
        let (committed, last) = work.take_out(batch);
        if committed.is_empty() {
            return false;
        }
        self.request(last);
        // What was acknowledged before is handled meanwhile, and to its end.
        let acknowledgement = pin!(self.wait_for_acknowledgement(last));
        if work.until(acknowledgement).await == Flow::End {
            work.flow = Flow::End;
        } else {
            work.take_in_together(committed);
        }
        true
    }

    /// Says when a limit has held the partition up for long.
    fn watch<R>(&self, work: &mut Concurrent<R>, limit: Option<Limit>) {
        let (consumer, partition) = (&self.worker.origin.consumer, self.worker.origin.partition);
        match work.look_for_stall(limit) {
            None => {}
            Some(Notice::HeldUp(limit, lasted)) => tracing::warn!(
                %consumer,
                topic = %self.worker.origin.topic,
                partition,
                offset = work.first_unsettled(),
                limit = limit.name(),
                seconds = lasted.as_secs(),
                unsettled = work.load.unsettled(),
                behind_their_key = work.load.behind(),
                backing_off = self.worker.control.backing_off.records(),
                "the partition is held up by a limit; the record at this offset is the first that is not settled"
            ),
            Some(Notice::GoesOn(lasted)) => tracing::info!(
                %consumer,
                topic = %self.worker.origin.topic,
                partition,
                seconds = lasted.as_secs(),
                "the partition is no longer held up"
            ),
        }
    }

    /// At the lane's end, nothing is at work any more; what is unsettled nevertheless was committed and had no time left.
    fn log_lost<R>(&self, work: &Concurrent<R>) {
        let records = work.tracker.lock().unsettled();
        if records > 0 && !self.is_post_commit() {
            tracing::error!(
                consumer = %self.worker.origin.consumer,
                partition = %self.worker.origin,
                records,
                "records that were committed were not handled to their end in the time they had, and are lost"
            );
        }
    }

    /// Begins with what an earlier owner has settled.
    fn go_on_from<R>(&mut self, start: Start, work: &mut Concurrent<R>) {
        let (settled, foreign) = (start.settled.clone(), start.foreign.clone());
        let persisted = Persisted::new(work.tracker.clone(), start.committed, settled, foreign);
        let limit = Arc::clone(&self.worker.shared.metadata_limit);
        self.progress.persist(persisted.limited_by(limit));
        self.begin(&start);
        work.settled_before = Some(start.settled);
    }

    /// There is nothing between the last record and `next`.
    fn skip_to<R>(&self, next: i64, work: &mut Concurrent<R>) {
        work.committable = work.tracker.lock().skip_to(next).or(work.committable);
        if !self.is_post_commit() {
            self.progress.advance(next);
        }
        self.settle_up(work);
    }

    fn settle_up<R>(&self, work: &mut Concurrent<R>) {
        // What is settled of before the offsets have gone back is not what would be committed.
        if let Some(next) = work.committable.take()
            && work.starts_over.is_none()
            && self.is_post_commit()
        {
            self.progress.advance(next);
        }
        self.worker.shared.counts.add(&mut work.counts);
    }
}

impl<R> Concurrent<R> {
    fn first_unsettled(&self) -> Option<i64> {
        let tracker = self.tracker.lock();
        (tracker.unsettled() > 0).then(|| tracker.position()).flatten()
    }

    /// What was settled before is not what comes now.
    fn start_over(&mut self, from: i64) {
        self.tracker.lock().start_over(from);
        self.settled_before = self.settled_before.take().map(|_| SettledAhead::default());
        self.committable = None;
        self.starts_over = None;
    }

    /// How many records may be taken now, or what forbids it.
    fn room(&self) -> Result<usize, Limit> {
        if let Some(limit) = self.load.limit(self.backing_off()) {
            return Err(limit);
        }
        match &self.ahead {
            // To look at: less may be committed.
            Some(_) => Ok(usize::MAX),
            None if self.settled_before.is_some() => {
                let room = self.tracker.lock().room_to_persist(BATCH);
                if room > 0 { Ok(room) } else { Err(Limit::Persisted) }
            }
            None => Ok(BATCH),
        }
    }

    fn fills_memory(&self) -> bool {
        self.load.fills_memory(self.backing_off())
    }

    fn backing_off(&self) -> usize {
        self.worker.control.backing_off.records()
    }

    /// Whether what is collected waits for more, and no more can come.
    fn waits_for_nothing_else(&self, room: usize) -> bool {
        self.fills_memory() || self.starts_over.is_some() || (room == 0 && self.tasks.is_empty())
    }

    /// Looks whether a limit holds the partition up, when all that may be taken has been.
    fn look_for_stall(&mut self, limit: Option<Limit>) -> Option<Notice> {
        let has_backlog = limit.is_some() || self.load.active(self.backing_off()) > self.in_flight;
        // Where every handler that may run does, more records would only wait for one.
        let is_in_flight = has_backlog && self.permits.available_permits() == 0;
        let limit = if is_in_flight { Some(Limit::InFlight) } else { limit };
        if limit.is_none() && self.stall.due().is_none() {
            return None;
        }
        let (unsettled, settled) = (self.load.unsettled(), self.tracker.lock().settled());
        self.stall.look(limit.map(|limit| AtLimit { limit, unsettled, settled }), Instant::now())
    }

    fn reserve(&mut self, permit: OwnedSemaphorePermit) {
        if let Some(ahead) = &mut self.ahead {
            ahead.reserve(permit);
        }
    }
}

impl<R: Routes> Concurrent<R> {
    /// Takes out of a batch what may be committed now: as many records with a handler as may be committed ahead, and what is
    /// skipped in between. Also the offset of the last record among it.
    fn take_out(&mut self, batch: &mut Batch) -> (Vec<(Message, Committed)>, Option<i64>) {
        let Some(ahead) = &mut self.ahead else { return (Vec::new(), None) };
        let mut room = ahead.room(batch.len());
        let (mut committed, mut last) = (Vec::new(), None);
        while let Some(entry) = batch.entry(&self.worker.origin) {
            let mut handler = None;
            let is_error = match entry {
                Entry::Error(_) => true,
                Entry::Record(record) => {
                    handler = self.worker.route(&self.handlers, &record).0;
                    if handler.is_some() {
                        let Some(left) = room.checked_sub(1) else { break };
                        room = left;
                    }
                    last = Some(record.offset());
                    false
                }
            };
            let permit = handler.and_then(|_| ahead.take_permit());
            committed.extend(batch.pop().map(|message| (message, Committed { handler, permit })));
            if is_error {
                // To commit what stands behind it would pass over what it hides.
                break;
            }
        }
        ahead.give_back();
        (committed, last)
    }

    /// Takes in what was committed together.
    fn take_in_together(&mut self, all: Vec<(Message, Committed)>) {
        let records = all.iter().filter(|(_, committed)| committed.handler.is_some()).count();
        let round = self.ahead.as_mut().filter(|_| records > 0).map_or(0, |ahead| ahead.begin(records));
        all.into_iter().for_each(|(message, committed)| self.take_in(message, Some(committed), round));
    }

    fn take_in(&mut self, message: Message, committed: Option<Committed>, round: u64) {
        let (slot, handler, ahead) = match message.entry(&self.worker.origin) {
            Entry::Error(error) => {
                if self.worker.partition_error(&error) == Flow::End {
                    self.flow = Flow::End;
                }
                return;
            }
            Entry::Record(record) => {
                let ticket = self.tracker.lock().begin(record.offset());
                if self.settled_before.as_ref().is_some_and(|before| before.contains(record.offset())) {
                    self.settle(ticket);
                    return;
                }
                let key = if self.keyed { record.key().map(KeyHash::of) } else { None };
                let (handler, ahead) = match committed {
                    Some(Committed { handler, permit }) => (handler, permit),
                    None => (self.worker.route(&self.handlers, &record).0, None),
                };
                (Slot { ticket, key, bytes: record.bytes(), round }, handler, ahead)
            }
        };
        let Some(handler) = handler else {
            self.counts.add(Done::Skipped);
            self.settle(slot.ticket);
            return;
        };
        self.load.admit(slot.bytes);
        let waiting = Waiting { message, handler, slot, _ahead: ahead };
        let now = match slot.key {
            Some(key) if self.joins_its_key(handler, key) => Some(waiting),
            Some(key) => self.order.admit(key, waiting),
            None => Some(waiting),
        };
        if let Some(waiting) = now {
            self.start(waiting);
        }
    }

    /// Whether the record before it of the same key is collected for the same handler, and nothing waits behind that one: both
    /// may go into one batch.
    fn joins_its_key(&self, handler: usize, key: KeyHash) -> bool {
        self.collected.get(&key) == Some(&handler) && !self.order.has_waiting(key)
    }

    /// It is the record's turn: it is handled, or collected.
    fn start(&mut self, waiting: Waiting) {
        self.load.begin();
        let Some(spec) = self.handlers.rules[waiting.handler].batch else {
            self.spawn(waiting);
            return;
        };
        let index =
            self.groups.iter().position(|group| group.handler == waiting.handler).unwrap_or_else(|| {
                let most_bytes = self.load.most_bytes();
                self.groups.push(Group::new(waiting.handler, spec, most_bytes, Instant::now()));
                self.groups.len() - 1
            });
        if let Some(key) = waiting.slot.key {
            self.collected.insert(key, waiting.handler);
        }
        let bytes = waiting.slot.bytes;
        self.groups[index].push(waiting, bytes);
        if self.groups[index].is_full() {
            let group = self.groups.swap_remove(index);
            self.spawn_group(group);
        }
    }

    fn spawn(&mut self, waiting: Waiting) {
        let (handlers, worker) = (Arc::clone(&self.handlers), Arc::clone(&self.worker));
        let permits = Arc::clone(&self.permits);
        self.tasks.spawn(async move {
            let Waiting { message, handler, slot, _ahead } = waiting;
            let record = message.record(&worker.origin);
            let event_type = worker.event_type(&record);
            let done = worker.handle(&handlers, handler, record, event_type, Some(&permits)).await;
            Completed::One(done, slot)
        });
    }

    fn spawn_group(&mut self, group: Group<Waiting>) {
        for key in group.items.iter().filter_map(|waiting| waiting.slot.key) {
            self.collected.remove(&key);
        }
        let (handlers, worker) = (Arc::clone(&self.handlers), Arc::clone(&self.worker));
        let permits = Arc::clone(&self.permits);
        self.tasks.spawn(async move {
            let records = group.items.iter().map(|waiting| waiting.message.record(&worker.origin));
            let end = worker.handle_batch(&handlers, group.handler, records, Some(&permits)).await;
            Completed::Batch(end, group.items.iter().map(|waiting| waiting.slot).collect())
        });
    }

    /// Starts what has waited long enough, or all `at_once`.
    fn start_groups(&mut self, at_once: bool) {
        let now = Instant::now();
        let mut index = 0;
        while index < self.groups.len() {
            if at_once || self.groups[index].is_ready(now) {
                let group = self.groups.swap_remove(index);
                self.spawn_group(group);
            } else {
                index += 1;
            }
        }
    }

    /// Does what is to be done until `other` is.
    async fn until<T>(&mut self, mut other: Pin<&mut impl Future<Output = T>>) -> T {
        loop {
            let due = self.due();
            tokio::select! {
                biased;
                done = &mut other => return done,
                Some(completed) = self.tasks.join_next(), if !self.tasks.is_empty() => self.complete(completed),
                () = sleep_until_if(due) => self.start_groups(false),
            }
        }
    }

    /// When the first group has waited long enough.
    fn due(&self) -> Option<Instant> {
        self.groups.iter().map(|group| group.due).min()
    }

    fn complete(&mut self, completed: Result<Completed, tokio::task::JoinError>) {
        match completed {
            Ok(Completed::One(done, slot)) => {
                self.counts.add(done);
                if done == Done::Unsettled {
                    self.flow = Flow::End;
                } else {
                    self.finish(slot);
                    self.release(slot.key);
                }
            }
            Ok(Completed::Batch(end, slots)) => self.complete_batch(end, &slots),
            // A task ends with an error if it was aborted, or if the destructor of a handler's future panicked: its record
            // is not settled.
            Err(_) => {
                self.worker.lost_task();
                self.flow = Flow::End;
            }
        }
    }

    fn complete_batch(&mut self, end: BatchEnd, slots: &[Slot]) {
        self.counts.merge(end.counts);
        let (settled, unsettled) = slots.split_at(end.settled);
        settled.iter().for_each(|slot| self.finish(*slot));
        if !unsettled.is_empty() {
            self.flow = Flow::End;
            return;
        }
        let mut keys: Vec<KeyHash> = slots.iter().filter_map(|slot| slot.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| self.release(Some(key)));
    }

    /// What is behind a key's record may start, unless the lane is ending; what was committed before must.
    fn release(&mut self, key: Option<KeyHash>) {
        let may_start =
            self.ahead.is_some() || (self.flow == Flow::Continue && !self.worker.control.is_stopping());
        if may_start
            && let Some(key) = key
            && let Some(next) = self.order.release(key)
        {
            self.start(next);
        }
    }

    /// What was at work is settled.
    fn finish(&mut self, slot: Slot) {
        self.load.settle(slot.bytes);
        if let Some(ahead) = &mut self.ahead {
            ahead.settled(slot.round);
        }
        self.settle(slot.ticket);
    }

    fn settle(&mut self, ticket: Ticket) {
        self.committable = self.tracker.lock().settle(ticket).or(self.committable);
    }
}

/// Waits until `at`, if that is given; else for ever.
async fn sleep_until_if(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
