//! Batches in order. One whose records are all fetched is handled in place; other records are taken out of the fetch, and collected
//! until their batch is complete.

use std::{mem, pin::pin};

use super::{
    epoch::Epoch,
    exit::{Handling, Standing},
    front::{Ending, attempted_here},
    run::Run,
    told::{queued, say_call_waits},
};
use crate::{
    engine::{
        attempt::{AttemptState, Buffers, Ended, MOST_KEPT, Opened, Permits},
        schedule::{Finished, Held, Job, Limit, Schedule, Tools},
    },
    handle::BatchSpec,
    record::Written,
    route::{Matched, Routes},
    source::{Entry, Fetched},
};

/// What one batch after the other uses.
#[derive(Default)]
pub(super) struct Scratch {
    buffers: Buffers,
    row: Row,
}

/// Records of one handler that come next.
pub(super) type Row = Vec<InRow>;

#[derive(Clone, Copy)]
pub(super) struct InRow {
    /// How many records that nobody handles are in front of it.
    pub(super) skipped: usize,
    pub(super) offset: i64,
    matched: Matched,
    written: Written,
}

/// How many records that nobody handles may be next to each other in a row. They are looked at twice.
pub(super) const MOST_SKIPPED: usize = 4;

/// How large a batch may be.
pub(super) struct Size {
    pub(super) records: usize,
    pub(super) bytes: u64,
}

impl<R: Routes> Run<R> {
    /// Offers the record that is next, which is for a batch handler, and what comes with it. The limit that is reached, if one is.
    pub(super) async fn offer_to_batch(
        &mut self,
        tools: &Tools<R>,
        matched: Matched,
        spec: BatchSpec,
    ) -> Option<Limit> {
        let Schedule::InOrder(in_order) = &self.schedule else { return None };
        let mut complete = None;
        if in_order.is_idle() {
            let size = Size { records: spec.max, bytes: in_order.most_bytes() };
            let mut row = mem::take(&mut self.scratch.row);
            let is_handled = self.handle_row(tools, matched, &size, &mut row).await;
            if !is_handled {
                complete = row.iter().find_map(|next| {
                    self.skip(tools, next.skipped);
                    self.collect(next.matched, spec)
                });
            }
            row.clear();
            if row.capacity() <= MOST_KEPT {
                self.scratch.row = row;
            }
            if is_handled {
                return self.limit();
            }
        } else {
            complete = self.collect(matched, spec);
        }
        match complete {
            Some(batch) => self.handle_collected(tools, batch).await,
            None => None,
        }
    }

    /// Handles the records that come next in place, unless their batch has to wait for more. They are added to `row`.
    async fn handle_row(&mut self, tools: &Tools<R>, first: Matched, size: &Size, row: &mut Row) -> bool {
        let (worker, buffers) = (&*tools.worker, &mut self.scratch.buffers);
        let mut opened = buffers.take_opened();
        if !look_ahead(&self.fetched, &self.epoch, tools, first, size, row, &mut opened) {
            buffers.take_back_opened(opened);
            return false;
        }
        opened.iter_mut().for_each(|(record, event)| event.open(record.payload()));
        let mut state = AttemptState::new(Permits::Unlimited, self.numbers.begin());
        let mut ending = Ending::AtOnce;
        let ended = {
            let attempts =
                worker.attempt_batch(&tools.handlers, first.handler(), &opened, buffers, &mut state);
            let (numbers, epoch) = (&mut self.numbers, &mut self.epoch);
            let (fetched, delivery, queue) = (&self.fetched, &self.delivery, &self.queue);
            let waits = || {
                ending = Ending::Later;
                let taken: usize = row.iter().map(|next| next.skipped + 1).sum();
                let queued = queued(fetched, delivery, queue) - taken;
                say_call_waits(worker, epoch, row[0].written, row.len(), queued);
                row.iter().for_each(|next| numbers.received(next.matched.event()));
                numbers.pass_on();
            };
            attempted_here(pin!(attempts), waits).await
        };
        buffers.take_back_opened(opened);
        if ending == Ending::AtOnce {
            row.iter().for_each(|next| self.numbers.received(next.matched.event()));
        }
        self.exit_row(tools, first.handler(), row, ended, state);
        true
    }

    /// The attempts at the records that come next have ended.
    fn exit_row(
        &mut self,
        tools: &Tools<R>,
        handler: usize,
        row: &[InRow],
        ended: Ended,
        state: AttemptState,
    ) {
        let now = self.numbers.look();
        match ended {
            Ended::All(done) => {
                self.numbers.called(row[0].matched.event(), state.began, now);
                for next in row {
                    self.skip(tools, next.skipped);
                    self.fetched.advance();
                    let handling = Handling::by(next.matched, next.written, state.begun);
                    self.settle(next.offset, self.delivery.round(), done, Standing::AtOnce, handling);
                }
            }
            ended => {
                let records = row.iter().map_while(|next| {
                    self.skip(tools, next.skipped);
                    self.keep(next.matched)
                });
                let records = records.collect();
                let finished = Finished::here(Job::Many { handler, records }, ended, state, now);
                self.exit_here(finished, Standing::Open);
            }
        }
    }

    /// Frees what batches would use again.
    pub(super) fn shed_memory(&mut self) {
        self.scratch = Scratch::default();
        self.schedule.shed_memory();
    }

    /// Skips so many records that come next, which have no handler.
    fn skip(&mut self, Tools { handlers, worker }: &Tools<R>, records: usize) {
        for _ in 0..records {
            let Some(Entry::Record(record)) = self.fetched.entry(&worker.origin) else { return };
            worker.meet_unmatched(handlers, &record, worker.event(&record).name(), &mut self.unmatched);
            self.exit_skipped(record.offset());
        }
    }

    /// Takes the record that is next, on which work begins that is not settled at once.
    fn keep(&mut self, matched: Matched) -> Option<Held> {
        let held = self.hold(matched)?;
        self.epoch.open(held.slot.offset, held.slot.written);
        Some(held)
    }

    /// Collects the record that is next; the batch, if it is complete.
    fn collect(&mut self, matched: Matched, spec: BatchSpec) -> Option<Job> {
        let held = self.keep(matched)?;
        self.numbers.received(matched.event());
        match &mut self.schedule {
            Schedule::InOrder(in_order) => in_order.collect(held, spec),
            Schedule::Concurrent(_) => unreachable!("it collects by key"),
        }
    }

    /// Handles records that were collected. The limit that is reached, if one is.
    pub(super) async fn handle_collected(&mut self, tools: &Tools<R>, batch: Job) -> Option<Limit> {
        let worker = &*tools.worker;
        let mut buffers = mem::take(&mut self.scratch.buffers);
        let mut opened = buffers.take_opened();
        let mut state = AttemptState::new(Permits::Unlimited, self.numbers.look());
        opened.extend(batch.records().iter().map(|held| held.opened(tools)));
        let attempts =
            worker.attempt_batch(&tools.handlers, batch.handler(), &opened, &mut buffers, &mut state);
        let waits = || {
            self.numbers.pass_on();
            self.say_under_way();
        };
        let ended = attempted_here(pin!(attempts), waits).await;
        buffers.take_back_opened(opened);
        self.scratch.buffers = buffers;
        let now = worker.clock().now();
        self.exit_here(Finished::here(batch, ended, state, now), Standing::Open);
        self.limit()
    }
}

/// Adds the records of the next batch to `row`; whether it is complete. The first of them was routed already.
pub(super) fn look_ahead<'f, R: Routes>(
    fetched: &'f Fetched,
    epoch: &Epoch,
    Tools { handlers, worker }: &'f Tools<R>,
    first: Matched,
    size: &Size,
    row: &mut Row,
    opened: &mut Vec<Opened<'f>>,
) -> bool {
    let (mut bytes, mut skipped, mut ahead) = (0, 0, 0);
    while let Some(Entry::Record(record)) = fetched.get(ahead, &worker.origin) {
        ahead += 1;
        if epoch.was_settled_before(record.offset()) {
            return false;
        }
        let (event, matched) = if row.is_empty() {
            (worker.opened_again(handlers, first, &record), Some(first))
        } else {
            let event = worker.event(&record);
            if event.panic().is_some() {
                return false;
            }
            let matched = worker.route(handlers, &event);
            (event, matched)
        };
        match matched {
            // It does not end a batch.
            None if skipped == MOST_SKIPPED => return false,
            None => skipped += 1,
            Some(matched) if matched.handler() != first.handler() => return true,
            Some(matched) => {
                row.push(InRow {
                    skipped: mem::take(&mut skipped),
                    offset: record.offset(),
                    matched,
                    written: record.written(),
                });
                bytes += record.bytes();
                opened.push((record, event));
                if row.len() >= size.records || bytes >= size.bytes {
                    return true;
                }
            }
        }
    }
    false
}
