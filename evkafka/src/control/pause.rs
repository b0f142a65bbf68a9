use std::{fmt, sync::Arc, time::Duration};

use crate::{engine::PauseOrder, record::Origin};

/// Why partitions are paused, and for how long at most.
///
/// ```
/// use std::time::Duration;
/// use evkafka::control::Pause;
///
/// let until_resumed = Pause::new("maintenance of the warehouse");
/// let an_hour_at_most = Pause::new("maintenance of the warehouse").ends_after(Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Pause(PauseOrder);

impl Pause {
    /// A pause that holds until it is resumed. The reason is in the status and in the log.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self(PauseOrder { reason: reason.into(), lasts: None })
    }

    /// It ends by itself after this time, unless it is resumed before. The clock is the tokio runtime's.
    pub fn ends_after(mut self, lasts: Duration) -> Self {
        self.0.lasts = Some(lasts);
        self
    }

    pub(super) fn order(&self) -> &PauseOrder {
        &self.0
    }
}

/// What a [`resume`](super::Control::resume) came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resumed {
    /// The partitions of this process whose records are taken again.
    pub partitions: Vec<Origin>,
    /// The partitions of this process that another pause holds, and its reason: one with a wider scope than the one that is resumed.
    pub still_paused: Vec<(Origin, Arc<str>)>,
}

impl fmt::Display for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("resumed:")?;
        if self.partitions.is_empty() {
            f.write_str(" none")?;
        }
        self.partitions.iter().try_for_each(|partition| write!(f, " {partition}"))?;
        if !self.still_paused.is_empty() {
            f.write_str("; still paused:")?;
        }
        self.still_paused.iter().try_for_each(|(partition, reason)| write!(f, " {partition} ({reason})"))
    }
}
