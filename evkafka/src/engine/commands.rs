//! What is asked of a consumer's partitions from outside: to pause, to resume, to continue elsewhere.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{assignment::TopicPartition, lane::LaneControl};

/// Which partitions a command is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(test), expect(dead_code, reason = "its public face is yet to come"))]
pub(crate) enum Scope {
    All,
    Topic(Arc<str>),
    Partition(TopicPartition),
}

impl Scope {
    fn has(&self, partition: &TopicPartition) -> bool {
        match self {
            Self::All => true,
            Self::Topic(topic) => *topic == partition.0,
            Self::Partition(one) => one == partition,
        }
    }
}

/// The commands to a consumer's partitions. A pause outlives the lanes: whoever is assigned the partition next in this process does not
/// read it either.
#[derive(Debug, Default)]
pub(crate) struct Commands(Mutex<Commanded>);

#[derive(Debug, Default)]
struct Commanded {
    paused: HashSet<Scope>,
    lanes: Vec<(TopicPartition, Weak<LaneControl>)>,
}

impl Commands {
    /// A lane begins, which follows the commands from now on.
    pub(super) fn admit(&self, partition: &TopicPartition, lane: &Arc<LaneControl>) {
        let mut commanded = self.commanded();
        commanded.lanes.retain(|(_, lane)| lane.strong_count() > 0);
        commanded.lanes.push((partition.clone(), Arc::downgrade(lane)));
        if commanded.is_paused(partition) {
            lane.pause();
        }
    }

    /// Takes no more records of these partitions. What is under way goes on.
    #[cfg_attr(not(test), expect(dead_code, reason = "its public face is yet to come"))]
    pub(crate) fn pause(&self, scope: Scope) {
        let mut commanded = self.commanded();
        commanded.lanes_of(&scope).for_each(|(_, lane)| _ = lane.pause());
        commanded.paused.insert(scope);
    }

    /// Takes back a pause of just these partitions. Those that another pause is for too stay paused.
    #[cfg_attr(not(test), expect(dead_code, reason = "its public face is yet to come"))]
    pub(crate) fn resume(&self, scope: &Scope) {
        let mut commanded = self.commanded();
        commanded.paused.remove(scope);
        for (partition, lane) in commanded.lanes_of(scope) {
            if !commanded.is_paused(&partition) {
                lane.resume();
            }
        }
    }

    /// Has the lane of a partition continue at the offset `to`; whether there is one.
    #[cfg_attr(not(test), expect(dead_code, reason = "its public face is yet to come"))]
    pub(crate) fn seek(&self, partition: &TopicPartition, to: i64) -> bool {
        let commanded = self.commanded();
        let lanes: Vec<_> = commanded.lanes_of(&Scope::Partition(partition.clone())).collect();
        let lane = lanes.iter().rev().find(|(_, lane)| !lane.is_stopping());
        lane.inspect(|(_, lane)| lane.seek(to)).is_some()
    }

    fn commanded(&self) -> MutexGuard<'_, Commanded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commanded {
    fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.paused.iter().any(|scope| scope.has(partition))
    }

    fn lanes_of(&self, scope: &Scope) -> impl Iterator<Item = (TopicPartition, Arc<LaneControl>)> {
        let lanes = self.lanes.iter().filter(|(partition, _)| scope.has(partition));
        lanes.filter_map(|(partition, lane)| Some((partition.clone(), lane.upgrade()?)))
    }
}

#[cfg(all(test, not(evkafka_loom)))]
mod tests {
    use super::*;
    use crate::engine::lane::Phase;

    #[test]
    fn a_partition_is_paused_as_long_as_any_pause_is_for_it_also_one_that_is_assigned_later() {
        let commands = Commands::default();
        let (orders, payments) = (("orders".into(), 0), ("payments".into(), 0));
        let first = Arc::new(LaneControl::default());
        commands.admit(&orders, &first);
        commands.pause(Scope::All);
        commands.pause(Scope::Topic("orders".into()));
        let (second, other) = (Arc::new(LaneControl::default()), Arc::new(LaneControl::default()));
        commands.admit(&orders, &second);
        commands.admit(&payments, &other);
        let phases = || [&first, &second, &other].map(|lane| lane.phase());
        assert_eq!(phases(), [Phase::Paused; 3]);
        commands.resume(&Scope::All);
        assert_eq!(phases(), [Phase::Paused, Phase::Paused, Phase::Running]);
        commands.resume(&Scope::Topic("orders".into()));
        assert_eq!(phases(), [Phase::Running; 3]);
    }

    #[test]
    fn a_seek_reaches_the_lane_that_reads_the_partition() {
        let commands = Commands::default();
        let orders = ("orders".into(), 0);
        assert!(!commands.seek(&orders, 7));
        let (stopped, reads) = (Arc::new(LaneControl::default()), Arc::new(LaneControl::default()));
        commands.admit(&orders, &stopped);
        stopped.enter(Phase::Stopping);
        commands.admit(&orders, &reads);
        assert!(commands.seek(&orders, 7));
        assert!(reads.is_seek_asked_for() && !stopped.is_seek_asked_for());
    }
}
