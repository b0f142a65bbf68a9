//! What is at work on the partitions of a consumer: the next lane of a partition waits for what the lanes before it have left at work.
//!
//! It is known for the whole consumer, because a partition's next lane may belong to another client of the member, after a replacement, or
//! to another member of the consumer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::assignment::TopicPartition;

/// The lanes of a consumer that are at work.
#[derive(Debug, Default)]
pub(super) struct LanesAtWork(Mutex<Lanes>);

#[derive(Debug, Default)]
struct Lanes {
    of_partitions: HashMap<TopicPartition, Vec<Predecessor>>,
    /// With so many partitions it is looked which of them are still needed.
    look_at: usize,
}

/// Held by a lane, and by each of its plain functions, which outlive it if they are at work when it is dropped.
#[derive(Clone, Debug)]
pub(super) struct AtWork(Arc<DropGuard>);

/// A lane of which something may be at work.
#[derive(Clone, Debug)]
pub(super) struct Predecessor(CancellationToken);

impl LanesAtWork {
    /// A lane begins: what it holds while it is at work, and the lanes of the same partition that it has to wait for.
    pub(super) fn begin(&self, partition: &TopicPartition) -> (AtWork, Vec<Predecessor>) {
        let over = CancellationToken::new();
        let Lanes { of_partitions, look_at } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if of_partitions.len() >= *look_at {
            of_partitions.retain(|_, lanes| lanes.iter().any(|lane| !lane.is_over()));
            *look_at = 2 * of_partitions.len() + 16;
        }
        let of_partition = of_partitions.entry(partition.clone()).or_default();
        of_partition.retain(|lane| !lane.is_over());
        let predecessors = of_partition.clone();
        of_partition.push(Predecessor(over.clone()));
        (AtWork(Arc::new(over.drop_guard())), predecessors)
    }
}

impl Default for AtWork {
    /// What nobody waits for.
    fn default() -> Self {
        Self(Arc::new(CancellationToken::new().drop_guard()))
    }
}

impl AtWork {
    /// For a plain function, which holds it until it has returned.
    pub(super) fn hold(&self) -> Arc<DropGuard> {
        Arc::clone(&self.0)
    }
}

impl Predecessor {
    /// Waits until nothing of the lane is at work any more.
    pub(super) async fn over(&self) {
        self.0.cancelled().await;
    }

    fn is_over(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        ("orders".into(), number)
    }

    #[test]
    fn a_lane_waits_for_all_that_is_at_work_on_its_partition() {
        let lanes = LanesAtWork::default();
        let (first, of_first) = lanes.begin(&partition(0));
        let function = first.hold();
        let (second, of_second) = lanes.begin(&partition(0));
        let (_other, of_other) = lanes.begin(&partition(1));
        assert_eq!((of_first.len(), of_second.len(), of_other.len()), (0, 1, 0));
        drop(first);
        assert!(!of_second[0].is_over(), "its function is at work");
        drop(second);
        let (_third, of_third) = lanes.begin(&partition(0));
        assert_eq!(of_third.len(), 1, "the second has not begun, and the first is at work");
        drop(function);
        assert!(of_second[0].is_over() && of_third[0].is_over());
        assert_eq!(lanes.begin(&partition(0)).1.len(), 1, "the third");
    }

    #[test]
    fn nothing_is_kept_of_lanes_that_are_over() {
        let lanes = LanesAtWork::default();
        for number in 0..100 {
            lanes.begin(&partition(number));
        }
        let kept = lanes.0.lock().expect("no panic").of_partitions.len();
        assert!(kept <= 16, "{kept}");
    }
}
