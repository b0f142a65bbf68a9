use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// When the next line is due about something that lasts: one at once, and then at growing distances.
#[derive(Debug)]
pub(crate) struct Lasting {
    begun: Instant,
    /// When it was last heard of.
    heard: Instant,
    /// When the next line is due.
    due: Instant,
    distance: Duration,
    longest: Duration,
    /// How often it was heard of since the last line.
    untold: u64,
}

impl Lasting {
    /// It begins, and is told of now. The next line is due after `shortest`, and later ones after twice the time each, up to `longest`.
    pub(crate) fn begin(now: Instant, shortest: Duration, longest: Duration) -> Self {
        Self { begun: now, heard: now, due: now + shortest, distance: shortest, longest, untold: 0 }
    }

    /// It is heard of once more; if a line is due, how often since the last one.
    pub(crate) fn hear(&mut self, now: Instant) -> Option<u64> {
        self.heard = now;
        self.untold += 1;
        if now < self.due {
            return None;
        }
        self.distance = (self.distance * 2).min(self.longest);
        self.due = now + self.distance;
        Some(std::mem::take(&mut self.untold))
    }

    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// For how long it has not been heard of.
    pub(crate) fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }
}

/// Has a line that many records lead to logged once, and then at growing distances for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Sparse<T>(Mutex<Option<(T, Lasting)>>);

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// What was not heard of for so long is over.
const OVER: Duration = Duration::from_secs(20);

impl<T: PartialEq> Sparse<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// It happened once more; if a line is due, how often since the last one. Something else than before is told at once.
    pub(crate) fn hear(&self, what: T, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *told {
            Some((before, lasting)) if *before == what && lasting.quiet_for(now) < OVER => lasting.hear(now),
            other => {
                *other = Some((what, Lasting::begin(now, SHORTEST, LONGEST)));
                Some(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_at_growing_distances_with_how_often_it_happened() {
        let (sparse, begun) = (Sparse::new(), Instant::now());
        let told: Vec<_> = (0..3000)
            .filter_map(|tick| {
                let times = sparse.hear("full", begun + Duration::from_millis(100) * tick)?;
                Some((tick / 10, times))
            })
            .collect();
        assert_eq!(told[..4], [(0, 1), (1, 10), (3, 20), (7, 40)]);
        assert!(told.len() < 12, "{told:?}");
        assert!(told.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 60), "{told:?}");
    }

    #[test]
    fn what_is_new_or_was_over_is_told_at_once() {
        let (sparse, begun) = (Sparse::new(), Instant::now());
        assert_eq!(sparse.hear("full", begun), Some(1));
        assert_eq!(sparse.hear("full", begun), None);
        assert_eq!(sparse.hear("away", begun), Some(1));
        assert_eq!(sparse.hear("away", begun + OVER), Some(1));
    }
}
