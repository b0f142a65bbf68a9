//! Reads what earlier owners of partitions have settled above the committed offsets.

use std::{sync::Arc, thread, time::Duration};

use tokio::sync::oneshot;

use super::{assignment::TopicPartition, lane::LaneControl};
use crate::{
    native::{ClientHandle, committed},
    settle::{Backoff, Found, SettledAhead},
};

/// What a lane goes on from.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Where the partition is read from, if it was committed before.
    pub(super) committed: Option<i64>,
    /// Settled already, and not to be handled again.
    pub(super) settled: SettledAhead,
    /// Metadata of somebody else's, which is to stay.
    pub(super) foreign: Option<String>,
}

/// A lane that waits for its [`Recovered`].
pub(super) struct Waiting {
    pub(super) partition: TopicPartition,
    pub(super) control: Arc<LaneControl>,
    pub(super) recovered: oneshot::Sender<Recovered>,
}

/// How long the coordinator has to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells each lane what it goes on from. Tries for as long as a lane wants to know; blocks the thread.
///
/// What is committed does not change meanwhile: the partitions are ours, and nobody commits before the answer.
pub(super) fn recover(consumer: &str, client: &ClientHandle, lanes: Vec<Waiting>) {
    let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1));
    let mut attempt = 0;
    let answer = loop {
        if lanes.iter().all(|lane| lane.control.is_stopping()) {
            return;
        }
        let partitions = lanes.iter().map(|lane| (&*lane.partition.0, lane.partition.1));
        match committed(client, partitions, ANSWER_TIMEOUT) {
            Ok(answer) => break answer,
            Err(error) => {
                attempt += 1;
                tracing::warn!(consumer, %error, attempt, "the committed progress could not be read; trying again");
                thread::sleep(backoff.wait(attempt, fastrand::f64()));
            }
        }
    };
    for Waiting { partition: (topic, partition), recovered, .. } in lanes {
        let committed = answer.iter().find(|c| *c.topic == *topic && c.partition == partition);
        let read = committed.and_then(|committed| {
            let found =
                SettledAhead::decode(committed.offset?, std::str::from_utf8(&committed.metadata).ok()?);
            Some((found, String::from_utf8_lossy(&committed.metadata).into_owned()))
        });
        let nothing_ahead =
            Recovered { committed: committed.and_then(|committed| committed.offset), ..Recovered::default() };
        let what = match read {
            None => nothing_ahead,
            Some((Found::Progress(settled), _)) => {
                if settled.len() > 0 {
                    tracing::info!(consumer, %topic, partition, records = settled.len(), "settled already");
                }
                Recovered { settled, ..nothing_ahead }
            }
            Some((Found::Foreign, metadata)) => {
                tracing::warn!(
                    consumer, %topic, partition, metadata,
                    "the commit's metadata is not evkafka's: it is kept, and what is settled ahead is not persisted"
                );
                Recovered { foreign: Some(metadata), ..nothing_ahead }
            }
            Some((Found::Broken, metadata)) => {
                tracing::warn!(
                    consumer, %topic, partition, metadata,
                    "the commit's metadata cannot be read, perhaps because a later version of evkafka wrote it: what is \
                     settled ahead is handled again"
                );
                nothing_ahead
            }
        };
        // Nobody listens if the lane has been stopped meanwhile.
        let _ = recovered.send(what);
    }
}
