//! Times in the future, where a setting may say "as long as it takes".

use std::time::{Duration, Instant};

/// A time so far off that it does not come: about as tokio has it.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The time after `wait`, which may be `Duration::MAX` for "as long as it takes".
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(NEVER)
}
