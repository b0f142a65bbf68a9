use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Has a line that many records lead to logged once, and then at growing distances for as long as it lasts.
#[derive(Debug)]
pub(super) struct Sparse<T>(Mutex<Option<Told<T>>>);

#[derive(Debug)]
struct Told<T> {
    what: T,
    /// When it was last heard of.
    heard: Instant,
    /// When the next line is due.
    due: Instant,
    distance: Duration,
    /// How often it was heard of since the last line.
    untold: u64,
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// What was not heard of for so long is over.
const OVER: Duration = Duration::from_secs(20);

impl<T: PartialEq> Sparse<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// It happened once more; if a line is due, how often since the last one. Something else than before is told at once.
    pub(super) fn hear(&self, what: T, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *told {
            Some(told) if told.what == what && now.saturating_duration_since(told.heard) < OVER => {
                told.heard = now;
                told.untold += 1;
                if now < told.due {
                    return None;
                }
                told.distance = (told.distance * 2).min(LONGEST);
                told.due = now + told.distance;
                Some(std::mem::take(&mut told.untold))
            }
            other => {
                let first = Told { what, heard: now, due: now + SHORTEST, distance: SHORTEST, untold: 0 };
                *other = Some(first);
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
