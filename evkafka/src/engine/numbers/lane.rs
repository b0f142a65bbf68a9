use std::{sync::Arc, time::Duration};

use super::{
    clock::{Clock, Moment, Wall},
    histogram::{AGES, DURATIONS, LocalHistogram, add},
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
    /// Whether the lane has waited since.
    has_waited: bool,
    /// From when on what is counted is passed on.
    next_tick: Moment,
    /// What the system's clock showed at the last tick.
    now: i64,
    wall: Wall,
    /// By event.
    events: Box<[EventCounts]>,
    /// Those that have counted something since it was passed on.
    touched: Vec<EventIndex>,
    ages: LocalHistogram<15>,
    /// When the last record that was settled was written.
    last_settled: Written,
    counts: LocalCounts,
    topic: Arc<TopicNumbers>,
}

#[derive(Debug)]
struct EventCounts {
    is_touched: bool,
    received: u64,
    settled: [u64; Done::ALL.len()],
    durations: LocalHistogram<15>,
}

impl LaneNumbers {
    pub(super) fn new(clock: Clock, topic: Arc<TopicNumbers>) -> Self {
        let now = clock.now();
        let wall = Wall::read(now);
        let event = |_: &_| EventCounts {
            is_touched: false,
            received: 0,
            settled: [0; Done::ALL.len()],
            durations: LocalHistogram::new(&DURATIONS),
        };
        Self {
            clock,
            last_look: now,
            has_waited: false,
            next_tick: now.after(TICK),
            now: wall.millis_at(now),
            wall,
            events: topic.events.iter().map(event).collect(),
            touched: Vec::with_capacity(topic.events.len()),
            ages: LocalHistogram::new(&AGES),
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

    /// The lane has waited, or others had their turn.
    #[inline]
    pub(in crate::engine) fn waited(&mut self) {
        self.has_waited = true;
    }

    /// When a call begins that begins now: when the one before ended, unless the lane has waited since.
    #[inline]
    pub(in crate::engine) fn begin(&mut self) -> Moment {
        if self.has_waited {
            self.look();
        }
        self.last_look
    }

    /// Reads the clock.
    #[inline]
    pub(in crate::engine) fn look(&mut self) -> Moment {
        let now = self.clock.now();
        self.looked(now);
        now
    }

    /// The clock was read.
    #[inline]
    pub(in crate::engine) fn looked(&mut self, now: Moment) {
        self.last_look = now;
        self.has_waited = false;
        if now >= self.next_tick {
            self.tick(now);
        }
    }

    #[cold]
    fn tick(&mut self, now: Moment) {
        self.now = self.wall.millis_at(now);
        self.next_tick = now.after(TICK);
        self.pass_on();
    }

    /// A record goes to its handler, or to where it waits for that; or has no handler.
    #[inline]
    pub(in crate::engine) fn received(&mut self, event: EventIndex) {
        self.event(event).received += 1;
    }

    /// A call for records of this event has ended.
    #[inline]
    pub(in crate::engine) fn called(&mut self, event: EventIndex, began: Moment, ended: Moment) {
        self.event(event).durations.add(ended.since(began), &DURATIONS);
    }

    /// A record is settled; when it was written, if it has a handler.
    #[inline]
    pub(in crate::engine) fn settled(&mut self, event: EventIndex, done: Done, written: Written) {
        self.event(event).settled[done as usize] += 1;
        if let Some(written_at) = written.millis() {
            self.last_settled = written;
            self.ages.add(u64::try_from(self.now - written_at).unwrap_or(0), &AGES);
        }
    }

    #[inline]
    fn event(&mut self, event: EventIndex) -> &mut EventCounts {
        let counts = &mut self.events[event.get()];
        if !counts.is_touched {
            counts.is_touched = true;
            self.touched.push(event);
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
            add(&shared.received, std::mem::take(&mut of.received));
            for ((done, count), shared) in Done::ALL.into_iter().zip(&mut of.settled).zip(&shared.settled) {
                self.counts.add(done, *count);
                add(shared, std::mem::take(count));
            }
            of.durations.move_to(&shared.durations);
        }
        self.ages.move_to(&self.topic.ages);
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

impl Drop for LaneNumbers {
    fn drop(&mut self) {
        self.pass_on();
    }
}
