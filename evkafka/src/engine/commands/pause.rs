use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::task::JoinHandle;

use super::filter::PartitionFilter;
use crate::engine::assignment::TopicPartition;

/// Why partitions are to be paused, and for how long at most.
#[derive(Clone, Debug)]
pub(crate) struct PauseOrder {
    pub(crate) reason: Arc<str>,
    /// `None`: until it is resumed.
    pub(crate) lasts: Option<Duration>,
}

/// A pause that holds.
#[derive(Clone, Debug)]
pub(crate) struct PauseInForce {
    pub(crate) filter: PartitionFilter,
    pub(crate) reason: Arc<str>,
    pub(crate) since: SystemTime,
    pub(crate) ends_at: Option<SystemTime>,
}

/// What a pause's end came to.
#[derive(Debug, Default)]
pub(crate) struct Resumption {
    /// How many pauses have ended.
    pub(crate) ended: usize,
    /// Whose lanes take records again.
    pub(crate) resumed: Vec<TopicPartition>,
    /// Those that another pause is for, and its reason.
    pub(crate) still_paused: Vec<(TopicPartition, Arc<str>)>,
}

/// A pause as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// Tells it from a pause of the same partitions that has replaced it.
    pub(super) id: u64,
    pub(super) pause: PauseInForce,
    /// Ends it; dropped with it.
    pub(super) timer: Option<Timer>,
}

impl Kept {
    pub(super) fn new(id: u64, filter: PartitionFilter, order: &PauseOrder) -> Self {
        let since = SystemTime::now();
        let ends_at = order.lasts.and_then(|lasts| since.checked_add(lasts));
        let pause = PauseInForce { filter, reason: Arc::clone(&order.reason), since, ends_at };
        Self { id, pause, timer: None }
    }
}

/// A task that is of no use once it is dropped.
#[derive(Debug)]
pub(super) struct Timer(pub(super) JoinHandle<()>);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
