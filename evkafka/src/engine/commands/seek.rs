//! Where partitions are to continue, in offsets: brokers know, and are asked on a thread of its own.

use std::{
    ops::RangeInclusive,
    thread,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::oneshot;

use crate::{
    engine::assignment::TopicPartition,
    source::{Offsets, Place},
};

/// Where to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// At a time behind the last record, that is the end.
    Place(Place),
    /// If the log has it, or ends there.
    Offset(i64),
}

/// Why it is not known where to continue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoOffset {
    /// The brokers do not say it.
    Broker(RDKafkaErrorCode),
    /// The log has other offsets; the last is that of the next record.
    OutOfRange(RangeInclusive<i64>),
    /// The operating system gives no thread, or the member has left its group.
    Unasked,
}

/// Where a partition is to continue.
pub(crate) type Located = (TopicPartition, Result<i64, NoOffset>);

/// The partitions of one member.
pub(super) struct Question {
    pub(super) offsets: Offsets,
    pub(super) partitions: Vec<TopicPartition>,
}

/// Asks for at most `timeout`, from now on, all members' clients at the same time.
pub(super) fn locate(
    questions: Vec<Question>,
    to: Destination,
    timeout: Duration,
) -> impl Future<Output = Vec<Located>> {
    let deadline = Instant::now() + timeout;
    let mut answers = Vec::new();
    for question in questions {
        let (sender, answer) = oneshot::channel();
        let partitions = question.partitions.clone();
        let asks = move || drop(sender.send(question.ask(to, deadline)));
        let thread = thread::Builder::new().name("evkafka-seek".to_owned()).spawn(asks);
        answers.push((partitions, thread.map(|_| answer)));
    }
    async {
        let mut located = Vec::new();
        for (partitions, answer) in answers {
            let answered = match answer {
                Ok(answer) => answer.await.ok(),
                Err(_) => None,
            };
            located.extend(answered.unwrap_or_else(|| unasked(partitions)));
        }
        located
    }
}

fn unasked(partitions: Vec<TopicPartition>) -> Vec<Located> {
    partitions.into_iter().map(|partition| (partition, Err(NoOffset::Unasked))).collect()
}

impl Question {
    fn ask(self, to: Destination, deadline: Instant) -> Vec<Located> {
        match to {
            Destination::Place(place) => self.place(place, deadline),
            Destination::Offset(offset) => {
                let starts = self.place(Place::Start, deadline);
                let ends = self.place(Place::End, deadline);
                let within = |((partition, start), (_, end)): (Located, Located)| {
                    let range = start.and_then(|start| Ok(start..=end?));
                    let checked = range.and_then(|range| match range.contains(&offset) {
                        true => Ok(offset),
                        false => Err(NoOffset::OutOfRange(range)),
                    });
                    (partition, checked)
                };
                starts.into_iter().zip(ends).map(within).collect()
            }
        }
    }

    /// One answer for each partition, in their order.
    fn place(&self, place: Place, deadline: Instant) -> Vec<Located> {
        let mut located = self.find(&self.partitions, place, deadline);
        let is_behind_all = |(_, found): &&Found| matches!(found, Ok(None));
        let behind: Vec<_> = located.iter().filter(is_behind_all).map(|(of, _)| of.clone()).collect();
        if !behind.is_empty() {
            let ends = self.find(&behind, Place::End, deadline);
            let unknown = located.iter_mut().filter(|(_, found)| matches!(found, Ok(None)));
            unknown.zip(ends).for_each(|(unknown, end)| *unknown = end);
        }
        let known = |(partition, found): Found| (partition, found.and_then(|at| at.ok_or(NoOffset::Unasked)));
        located.into_iter().map(known).collect()
    }

    fn find(&self, partitions: &[TopicPartition], place: Place, deadline: Instant) -> Vec<Found> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match self.offsets.find(partitions, place, left) {
            Some(Ok(found)) => {
                let named = partitions.iter().cloned().zip(found);
                named.map(|(partition, found)| (partition, found.map_err(NoOffset::Broker))).collect()
            }
            Some(Err(code)) => {
                partitions.iter().map(|partition| (partition.clone(), Err(NoOffset::Broker(code)))).collect()
            }
            None => partitions.iter().map(|partition| (partition.clone(), Err(NoOffset::Unasked))).collect(),
        }
    }
}

/// `None`: no record is that late.
type Found = (TopicPartition, Result<Option<i64>, NoOffset>);
