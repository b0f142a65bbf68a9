use std::time::{Duration, Instant};

/// What a lane's task, or one of its attempts, waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// A handler. An attempt may take as long as `limit`, if there is one.
    Handler { path: &'static str, offset: i64, limit: Option<Duration> },
    /// The next attempt at a record, or a batch that begins with it.
    Backoff { offset: i64, wait: Duration },
    /// A permit or a thread, which other attempts have.
    Turn,
    /// What the brokers have of the partition.
    Broker,
    /// What earlier lanes of the partition have left at work.
    Predecessor,
}

impl WaitsFor {
    /// How long that may take by itself; `None` if it is up to others.
    pub(crate) fn allowed(&self) -> Option<Duration> {
        match self {
            Self::Handler { limit, .. } => Some(limit.unwrap_or_default()),
            Self::Backoff { wait, .. } => Some(*wait),
            Self::Predecessor => Some(Duration::ZERO),
            Self::Turn | Self::Broker => None,
        }
    }
}

/// A wait that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) what: WaitsFor,
    pub(crate) lasted: Duration,
}

impl Wait {
    /// For how long it has lasted longer than it may; `None` if that is up to others.
    pub(crate) fn late_by(&self) -> Option<Duration> {
        self.what.allowed().map(|allowed| self.lasted.saturating_sub(allowed))
    }
}

/// What is waited for, each in a place of its own.
#[derive(Debug, Default)]
pub(super) struct Waits {
    places: Vec<Option<Open>>,
    free: Vec<u32>,
    /// How many waits have begun.
    begun: u64,
}

#[derive(Debug)]
struct Open {
    what: WaitsFor,
    /// When it was first seen.
    since: Option<Instant>,
    /// Whether it waits for something that is not the handler's.
    is_excused: bool,
}

impl Waits {
    pub(super) fn begin(&mut self, what: WaitsFor) -> u32 {
        self.begun = self.begun.wrapping_add(1);
        let open = Some(Open { what, since: None, is_excused: false });
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = open;
                place
            }
            None => {
                self.places.push(open);
                // Each takes memory elsewhere, of which there is not enough for as many.
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
            }
        }
    }

    pub(super) fn end(&mut self, place: u32) {
        if self.places[place as usize].take().is_some() {
            self.free.push(place);
        }
    }

    /// An excused wait begins or ends. What comes after it has all the time there is.
    pub(super) fn excuse(&mut self, place: u32, is_excused: bool) {
        if let Some(open) = &mut self.places[place as usize] {
            (open.is_excused, open.since) = (is_excused, None);
        }
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether there are any.
    pub(super) fn are_open(&self) -> bool {
        self.free.len() < self.places.len()
    }

    /// Whether there are any in which the lane's own task is.
    pub(super) fn of_the_lane_are_open(&self) -> bool {
        let mut open = self.places.iter().flatten();
        open.any(|open| matches!(open.what, WaitsFor::Broker | WaitsFor::Predecessor))
    }

    /// The one that has lasted longest beyond what it may. Those that nobody has seen begin now.
    pub(super) fn look(&mut self, now: Instant) -> Option<Wait> {
        let seen = self.places.iter_mut().flatten().filter(|open| !open.is_excused).map(|open| {
            let since = *open.since.get_or_insert(now);
            Wait { what: open.what, lasted: now.saturating_duration_since(since) }
        });
        seen.filter_map(|wait| Some((wait.late_by()?, wait)))
            .max_by_key(|(late_by, _)| *late_by)
            .map(|(_, wait)| wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn handler(offset: i64, limit: u32) -> WaitsFor {
        WaitsFor::Handler { path: "on_order", offset, limit: Some(SECOND * limit) }
    }

    #[test]
    fn the_wait_that_is_latest_is_seen_and_not_what_is_up_to_others() {
        let (mut waits, start) = (Waits::default(), Instant::now());
        assert_eq!(waits.look(start), None);
        let turn = waits.begin(WaitsFor::Turn);
        assert_eq!(waits.look(start), None);
        let (slow, quick) = (waits.begin(handler(1, 100)), waits.begin(handler(2, 10)));
        waits.look(start);
        let found = |waits: &mut Waits, seconds| {
            waits.look(start + SECOND * seconds).map(|wait| (wait.what, wait.lasted))
        };
        assert_eq!(found(&mut waits, 50), Some((handler(2, 10), SECOND * 50)));
        waits.end(quick);
        assert_eq!(found(&mut waits, 120), Some((handler(1, 100), SECOND * 120)));
        waits.end(slow);
        assert!(waits.are_open());
        waits.end(turn);
        assert!(!waits.are_open() && waits.begun() == 3);
    }

    #[test]
    fn a_place_is_used_again_and_its_time_begins_anew() {
        let (mut waits, start) = (Waits::default(), Instant::now());
        let place = waits.begin(handler(1, 0));
        waits.look(start);
        waits.end(place);
        assert_eq!(waits.begin(handler(2, 0)), place);
        let seen = waits.look(start + SECOND * 9).expect("it waits");
        assert_eq!((seen.what, seen.lasted), (handler(2, 0), Duration::ZERO));
    }

    #[test]
    fn an_excused_wait_is_not_counted_against_the_handler() {
        let (mut waits, start) = (Waits::default(), Instant::now());
        let place = waits.begin(handler(1, 0));
        waits.look(start);
        waits.excuse(place, true);
        assert_eq!(waits.look(start + SECOND * 1000), None);
        waits.excuse(place, false);
        assert_eq!(waits.look(start + SECOND * 1001).map(|wait| wait.lasted), Some(Duration::ZERO));
        assert_eq!(waits.look(start + SECOND * 1009).map(|wait| wait.lasted), Some(SECOND * 8));
    }
}
