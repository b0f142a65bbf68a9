use std::{sync::Arc, time::Duration};

use super::{
    clock::{Clock, Moment, Wall},
    histogram::{AGES, DURATIONS, LocalAges, LocalHistogram, add},
    topic::TopicNumbers,
};
use crate::{
    engine::{attempt::Done, shared::LocalCounts},
    record::Written,
    route::EventIndex,
};

/// How long what is counted stays with its lane, if the lane has no turn: as exact as timestamps are.
const TICK: Duration = Duration::from_millis(1);

/// What one lane counts. Nobody else adds to it, so that it needs no atomics.
#[derive(Debug)]
pub(in crate::engine) struct LaneNumbers {
    clock: Clock,
    /// The end of the last call, or a look at the clock after that.
    last_look: Moment,
    /// From when on what is counted is passed on.
    next_tick: Moment,
    wall: Wall,
    /// By event.
    events: Box<[EventCounts]>,
    /// Those that have counted something since it was passed on.
    touched: Vec<EventIndex>,
    ages: LocalAges,
    /// When the last record that was settled was written.
    last_settled: Written,
    counts: LocalCounts,
    topic: Arc<TopicNumbers>,
}

#[derive(Debug)]
struct EventCounts {
    is_touched: bool,
    /// The calls for single records that succeeded where the lane is. Each is a record that was received and handled, too, and counts as
    /// that when it is passed on.
    at_once: LocalHistogram,
    calls: LocalHistogram,
    received: u64,
    settled: [u64; Done::ALL.len()],
}

impl EventCounts {
    fn new() -> Self {
        Self {
            is_touched: false,
            at_once: LocalHistogram::new(&DURATIONS),
            calls: LocalHistogram::new(&DURATIONS),
            received: 0,
            settled: [0; Done::ALL.len()],
        }
    }

    fn handled_at_once(&mut self, records: u64) {
        self.received += records;
        self.settled[Done::Handled as usize] += records;
    }
}

impl LaneNumbers {
    pub(super) fn new(clock: Clock, topic: Arc<TopicNumbers>) -> Self {
        let now = clock.now();
        let wall = Wall::read(now);
        Self {
            clock,
            last_look: now,
            next_tick: now.after(TICK),
            wall,
            events: topic.events.iter().map(|_| EventCounts::new()).collect(),
            touched: Vec::with_capacity(topic.events.len()),
            ages: LocalAges::new(wall.millis_at(now)),
            last_settled: Written::UNKNOWN,
            counts: LocalCounts::default(),
            topic,
        }
    }

    /// Records were fetched: the system's clock is read, which may have been set.
    pub(in crate::engine) fn fetched(&mut self) {
        let now = self.clock.now();
        self.wall = Wall::read(now);
        self.tick(now);
    }

    /// When a call begins that begins now: when the one before ended, or the lane has looked at the clock.
    #[inline]
    pub(in crate::engine) fn begin(&self) -> Moment {
        self.last_look
    }

    /// Reads the clock.
    #[inline(always)]
    pub(in crate::engine) fn look(&mut self) -> Moment {
        let now = self.clock.now();
        self.looked(now);
        now
    }

    /// The clock was read.
    #[inline(always)]
    pub(in crate::engine) fn looked(&mut self, now: Moment) {
        self.last_look = now;
        if now >= self.next_tick {
            self.tick(now);
        }
    }

    #[cold]
    fn tick(&mut self, now: Moment) {
        self.next_tick = now.after(TICK);
        self.pass_on();
        self.ages.tick(self.wall.millis_at(now), &self.topic.ages);
    }

    /// A record that was not [received](Self::received) before is handled by a call that began then and ended `now`, when the clock was
    /// read: the next call begins then.
    #[inline(always)]
    pub(in crate::engine) fn handled_at_once(
        &mut self,
        event: EventIndex,
        written: Written,
        began: Moment,
        now: Moment,
    ) {
        self.looked(now);
        let took = now.since(began);
        if !self.touch(event).at_once.add(took) {
            self.handled_elsewhere(event, took);
        }
        self.add_age(written);
    }

    #[cold]
    fn handled_elsewhere(&mut self, event: EventIndex, took: u64) {
        let (of, shared) = (&mut self.events[event.get()], &self.topic.events[event.get()]);
        let passed_on = of.at_once.add_elsewhere(took, &DURATIONS, &shared.durations);
        of.handled_at_once(passed_on);
    }

    /// A record goes to its handler, or to where it waits for that.
    #[inline]
    pub(in crate::engine) fn received(&mut self, event: EventIndex) {
        self.touch(event).received += 1;
    }

    /// A call for records of this event has ended, if one had begun that is not counted yet.
    #[inline]
    pub(in crate::engine) fn called(&mut self, event: EventIndex, began: Moment, ended: Moment) {
        if began == Moment::NEVER {
            return;
        }
        let took = ended.since(began);
        if !self.touch(event).calls.add(took) {
            let (of, shared) = (&mut self.events[event.get()], &self.topic.events[event.get()]);
            of.calls.add_elsewhere(took, &DURATIONS, &shared.durations);
        }
    }

    /// A record that was received is settled.
    #[inline]
    pub(in crate::engine) fn settled(&mut self, event: EventIndex, done: Done, written: Written) {
        self.touch(event).settled[done as usize] += 1;
        self.add_age(written);
    }

    #[inline(always)]
    fn add_age(&mut self, written: Written) {
        self.last_settled = written;
        if !self.ages.add(written) {
            self.add_age_elsewhere(written);
        }
    }

    #[cold]
    fn add_age_elsewhere(&mut self, written: Written) {
        self.ages.add_elsewhere(written, &AGES, &self.topic.ages);
    }

    #[inline(always)]
    fn touch(&mut self, event: EventIndex) -> &mut EventCounts {
        let counts = &mut self.events[event.get()];
        if !counts.is_touched {
            touch_first(counts, &mut self.touched, event);
        }
        counts
    }

    /// Adds what was counted to what the topic has.
    pub(in crate::engine) fn pass_on(&mut self) {
        if self.touched.is_empty() {
            return;
        }
        for event in self.touched.drain(..) {
            let (of, shared) = (&mut self.events[event.get()], &self.topic.events[event.get()]);
            of.is_touched = false;
            let at_once = of.at_once.move_to(&shared.durations);
            of.handled_at_once(at_once);
            of.calls.move_to(&shared.durations);
            add(&shared.received, std::mem::take(&mut of.received));
            for ((done, count), shared) in Done::ALL.into_iter().zip(&mut of.settled).zip(&shared.settled) {
                self.counts.add(done, *count);
                add(shared, std::mem::take(count));
            }
        }
        self.ages.move_to(&self.topic.ages);
    }

    /// So many records with a type, and without one, had no handler, and were skipped.
    pub(in crate::engine) fn skipped(&mut self, unmatched: u64, untyped: u64) {
        let [.., of_others, of_untyped] = &*self.topic.events else { return };
        for (of, records) in [(of_others, unmatched), (of_untyped, untyped)] {
            add(&of.received, records);
            add(&of.settled[Done::Skipped as usize], records);
            self.counts.add(Done::Skipped, records);
        }
    }

    /// When the last record that was settled was written.
    pub(in crate::engine) fn last_settled(&self) -> Written {
        self.last_settled
    }

    /// How many records of all events were settled, which is to be passed on.
    pub(in crate::engine) fn counts(&mut self) -> &mut LocalCounts {
        self.pass_on();
        &mut self.counts
    }
}

#[cold]
fn touch_first(counts: &mut EventCounts, touched: &mut Vec<EventIndex>, event: EventIndex) {
    counts.is_touched = true;
    touched.push(event);
}

impl Drop for LaneNumbers {
    fn drop(&mut self) {
        self.pass_on();
    }
}
