//! What is in a topic.

use std::{sync::Arc, time::Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::{TIMEOUT, fault::Fault};
use crate::{
    native::{Entry, OwnedClient, PartitionList, PartitionQueue, Place, list_offsets},
    record::{Origin, OwnedRecord},
};

/// How many records are taken at a time.
const MOST: usize = 1024;
/// How long nothing is looked at when nothing has come.
const LOOKS_AGAIN: std::time::Duration = std::time::Duration::from_millis(2);

/// The records of a topic that are there now, partition by partition. Blocks.
pub(super) fn read(client: &OwnedClient, topic: &str, partitions: usize) -> Result<Vec<OwnedRecord>, Fault> {
    let refused = |code| Fault::Refused { what: format!("topic `{topic}` cannot be read"), code };
    let ends = ends(client, topic, partitions).map_err(refused)?;
    let name: Arc<str> = topic.into();
    let mut readers: Vec<_> =
        ends.into_iter().filter_map(|(partition, end)| Reader::new(client, &name, partition, end)).collect();
    let assignment = PartitionList::of(readers.iter().map(|reader| (topic, reader.origin.partition)));
    let assign = |list: &PartitionList| client.assign(list).map_err(|_| RDKafkaErrorCode::State);
    assign(&assignment).map_err(refused)?;
    let outcome = read_all(client, &mut readers);
    client.unassign(&assignment).map_err(|_| refused(RDKafkaErrorCode::State))?;
    outcome.map_err(refused)?;
    Ok(readers.into_iter().flat_map(|reader| reader.records).collect())
}

/// Where each partition ends that has records, in order.
pub(super) fn ends(
    client: &OwnedClient,
    topic: &str,
    partitions: usize,
) -> Result<Vec<(i32, i64)>, RDKafkaErrorCode> {
    let all = || (0..).take(partitions).map(|partition| (topic, partition));
    let starts = list_offsets(client.handle(), all(), Place::Start, TIMEOUT)?;
    let ends = list_offsets(client.handle(), all(), Place::End, TIMEOUT)?;
    let start = |partition| starts.iter().find(|start| start.1 == partition).map_or(0, |start| start.2);
    let mut ends: Vec<_> = ends
        .into_iter()
        .map(|(_, partition, end)| (partition, end))
        .filter(|(partition, end)| start(*partition) < *end)
        .collect();
    ends.sort_unstable();
    Ok(ends)
}

fn read_all(client: &OwnedClient, readers: &mut [Reader]) -> Result<(), RDKafkaErrorCode> {
    let deadline = Instant::now() + TIMEOUT;
    while readers.iter().any(|reader| !reader.is_done()) {
        if Instant::now() > deadline {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        // Its errors pass, or the time does.
        client.poll(LOOKS_AGAIN);
        for reader in readers.iter_mut() {
            reader.take()?;
        }
    }
    Ok(())
}

/// One partition, up to where it ended when that was asked.
struct Reader {
    queue: PartitionQueue,
    origin: Origin,
    next: i64,
    end: i64,
    records: Vec<OwnedRecord>,
}

impl Reader {
    fn new(client: &OwnedClient, topic: &Arc<str>, partition: i32, end: i64) -> Option<Self> {
        let queue = PartitionQueue::detach(client.handle(), Arc::clone(topic), partition)?;
        let origin = Origin::new("", Arc::clone(topic), partition);
        Some(Self { queue, origin, next: 0, end, records: Vec::new() })
    }

    fn is_done(&self) -> bool {
        self.next >= self.end
    }

    fn take(&mut self) -> Result<(), RDKafkaErrorCode> {
        let mut fetch = self.queue.fetch();
        // It begins somewhere; there is nothing before it that this could contradict.
        let _ = self.queue.take(&mut fetch, MOST);
        while !self.is_done() {
            match fetch.entry(&self.origin) {
                None => break,
                Some(Entry::Error(error)) => return Err(error.code),
                Some(Entry::Record(record)) => {
                    self.next = record.offset() + 1;
                    self.records.push(OwnedRecord::copy_of(&record));
                }
            }
            fetch.advance();
        }
        // What a transaction leaves behind is no record.
        self.next = self.queue.reached().map_or(self.next, |reached| reached.max(self.next));
        Ok(())
    }
}
