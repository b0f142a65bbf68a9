//! Finds out where lanes begin: what their group has committed, and what an earlier owner has settled above that.
//!
//! librdkafka starts to fetch from the committed offsets by itself. What it does without one is decided here, because it does the
//! same where an offset was committed and is deleted: it is told to go on at the start of the log, and where a group without a
//! committed offset is to begin at the end, it is told where that is, once. So that is where the group begins, whatever is
//! written from then on.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::{
    assignment::TopicPartition,
    lane::LaneControl,
    observe::{MemberEvent, PartitionEvent, UnansweredStart, WatchedMember},
};
use crate::{
    client::Lasting,
    config::OffsetReset,
    native::{ClientHandle, Committed, Place, committed, list_offsets, seek},
    settle::{Backoff, Found, SettledAhead},
};

/// Where a lane begins.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// What the group has committed.
    pub(super) committed: Option<i64>,
    /// The offset of the first record, or less; `None` if that is the start of the log, wherever it is.
    pub(super) next: Option<i64>,
    /// Settled already, and not to be handled again.
    pub(super) settled: SettledAhead,
    /// Metadata of somebody else's, which is to stay.
    pub(super) foreign: Option<String>,
}

impl Start {
    /// With what the metadata of the commit of `offset` say of progress.
    pub(super) fn resume(self, lane: &LaneControl, offset: i64, metadata: &str) -> Self {
        match SettledAhead::decode(offset, metadata) {
            Found::Progress(settled) => {
                if !settled.is_empty() {
                    lane.tell(&PartitionEvent::SettledAhead { records: settled.len() });
                }
                Self { settled, ..self }
            }
            Found::Foreign => {
                lane.tell(&PartitionEvent::ForeignMetadata { metadata });
                Self { foreign: Some(metadata.to_owned()), ..self }
            }
            Found::Broken => {
                lane.tell(&PartitionEvent::BrokenMetadata { metadata });
                self
            }
        }
    }
}

/// A lane that waits for its [`Start`].
pub(super) struct Waiting {
    pub(super) partition: TopicPartition,
    pub(super) control: Arc<LaneControl>,
    pub(super) start: oneshot::Sender<Start>,
}

/// Finds the starts of the lanes of one assignment.
pub(super) struct Starts {
    pub(super) member: Arc<WatchedMember>,
    pub(super) client: Arc<ClientHandle>,
    pub(super) reset: OffsetReset,
    pub(super) persist_progress: bool,
}

/// How long a broker has to answer at first, and later on: a call cannot be interrupted, and the client is not closed meanwhile.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long it may go unsaid that there is still no answer.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// A partition that was just assigned cannot be sought in before librdkafka has begun to fetch it.
const RETRY: Backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_secs(1));

impl Starts {
    /// Tells each lane where it begins. Tries for as long as a lane wants to know; blocks the thread.
    ///
    /// What is committed does not change meanwhile: the partitions are ours, and nobody commits before the answer.
    pub(super) fn find(self, mut lanes: Vec<Waiting>) {
        let mut told = silence();
        thread::scope(|scope| {
            for attempt in 1.. {
                let Some(committed) = self.until_answered(&lanes, "committed offsets", |wait| {
                    committed(&self.client, partitions(&lanes), wait)
                }) else {
                    return;
                };
                let is_known = |lane: &Waiting| found(&committed, lane).is_none_or(|c| c.offset.is_ok());
                let (known, unknown): (Vec<_>, Vec<_>) = lanes.into_iter().partition(is_known);
                if unknown.is_empty() {
                    return self.begin(known, &committed);
                }
                // Of some a broker says nothing but an error. The others need not wait for them.
                if told.hear(Instant::now()).is_some() {
                    Self::tell_unknown(attempt, &unknown, &committed);
                }
                let starts = &self;
                scope.spawn(move || starts.begin(known, &committed));
                thread::sleep(RETRY.wait(attempt, fastrand::f64()));
                lanes = unknown.into_iter().filter(|lane| !lane.control.is_stopping()).collect();
            }
        });
    }

    fn tell_unknown(attempt: u32, lanes: &[Waiting], committed: &[Committed]) {
        for lane in lanes {
            let error = found(committed, lane).and_then(|committed| committed.offset.err());
            lane.control.tell(&PartitionEvent::StartUnknown { attempt, error });
        }
    }

    /// Tells lanes of which it is known what is committed where they begin.
    fn begin(&self, lanes: Vec<Waiting>, committed: &[Committed]) {
        let wait = SHORTEST_WAIT;
        let of = |lane: &Waiting| {
            let found = found(committed, lane)?;
            Some((found, found.offset.ok()??))
        };
        let (resumed, new): (Vec<_>, Vec<_>) = lanes.into_iter().partition(|lane| of(lane).is_some());
        let log_starts = match self.reset {
            // Best effort: without an answer, the first record tells what was deleted.
            OffsetReset::Earliest | OffsetReset::Latest => {
                list_offsets(&self.client, partitions(&resumed), Place::Start, wait).unwrap_or_default()
            }
            // If the offset is gone, the client says so in place of a record; where the log starts is not to be committed.
            OffsetReset::Error => Vec::new(),
        };
        for lane in resumed {
            let (committed, offset) = of(&lane).expect("it was looked up just now");
            let log_start = log_starts.iter().find(|(topic, partition, _)| is_of(&lane, topic, *partition));
            let start = self.resume(&lane, committed, offset, log_start.map(|(.., start)| *start));
            // Nobody listens if the lane has been stopped meanwhile.
            let _ = lane.start.send(start);
        }
        match self.reset {
            OffsetReset::Earliest | OffsetReset::Error => {
                new.into_iter().for_each(|lane| drop(lane.start.send(Start::default())));
            }
            OffsetReset::Latest => self.begin_at_the_end(new),
        }
    }

    /// Where a lane goes on whose partition has a committed offset.
    fn resume(&self, lane: &Waiting, committed: &Committed, offset: i64, log_start: Option<i64>) -> Start {
        let next = log_start.map_or(offset, |log_start| log_start.max(offset));
        if offset < next {
            lane.control.tell(&PartitionEvent::Deleted { offsets: offset..next });
        }
        let start = Start { committed: Some(offset), next: Some(next), ..Start::default() };
        match std::str::from_utf8(&committed.metadata) {
            Ok(metadata) if self.persist_progress => start.resume(&lane.control, offset, metadata),
            Ok(_) | Err(_) => start,
        }
    }

    /// Has lanes begin where their partitions end now, each as soon as that is known: a partition may be without a leader for long.
    fn begin_at_the_end(&self, lanes: Vec<Waiting>) {
        let mut lanes: Vec<(Waiting, Option<i64>)> = lanes.into_iter().map(|lane| (lane, None)).collect();
        let (begun, mut told) = (Instant::now(), silence());
        for attempt in 1.. {
            let wait = begun.elapsed().clamp(SHORTEST_WAIT, LONGEST_WAIT);
            self.find_ends(&mut lanes, wait);
            // A partition that was given up meanwhile may have been assigned again, to a lane that reads it by now.
            lanes.retain(|(lane, _)| !lane.control.is_stopping());
            let ends =
                lanes.iter().filter_map(|(lane, end)| Some((&*lane.partition.0, lane.partition.1, (*end)?)));
            let sought = seek(&self.client, ends, wait);
            let is_sought =
                |lane: &Waiting| sought.iter().any(|(topic, partition)| is_of(lane, topic, *partition));
            let (ready, waiting): (Vec<_>, Vec<_>) = lanes.into_iter().partition(|(lane, _)| is_sought(lane));
            for (lane, next) in ready {
                let _ = lane.start.send(Start { next, ..Start::default() });
            }
            lanes = waiting;
            if lanes.is_empty() {
                return;
            }
            if told.hear(Instant::now()).is_some() {
                let partitions: Vec<_> = lanes.iter().map(|(lane, _)| lane.partition.clone()).collect();
                self.tell(UnansweredStart::Ends { partitions: &partitions, attempt });
            }
            thread::sleep(RETRY.wait(attempt, fastrand::f64()));
        }
    }

    /// Asks for the ends that are not known yet: of all at once, and if that brings no answer, of each by itself.
    fn find_ends(&self, lanes: &mut [(Waiting, Option<i64>)], wait: Duration) {
        let mut unknown: Vec<_> =
            lanes.iter_mut().filter(|(lane, end)| end.is_none() && !lane.control.is_stopping()).collect();
        let partitions = unknown.iter().map(|(lane, _)| (&*lane.partition.0, lane.partition.1));
        let together = list_offsets(&self.client, partitions, Place::End, wait);
        for (lane, end) in &mut unknown {
            let (topic, partition) = (&*lane.partition.0, lane.partition.1);
            let alone;
            let ends = match &together {
                Ok(ends) => ends,
                Err(_) if lane.control.is_stopping() => continue,
                Err(_) => {
                    let only = std::iter::once((topic, partition));
                    alone = list_offsets(&self.client, only, Place::End, SHORTEST_WAIT).unwrap_or_default();
                    &alone
                }
            };
            *end = ends.iter().find(|(topic, of, _)| is_of(lane, topic, *of)).map(|(.., offset)| *offset);
        }
    }

    /// Asks until there is an answer; `None` if no lane wants to know it any more.
    fn until_answered<T>(
        &self,
        lanes: &[Waiting],
        what: &str,
        ask: impl Fn(Duration) -> Result<T, RDKafkaErrorCode>,
    ) -> Option<T> {
        let (begun, mut told) = (Instant::now(), silence());
        let mut attempt = 0;
        while !lanes.iter().all(|lane| lane.control.is_stopping()) {
            let error = match ask(begun.elapsed().clamp(SHORTEST_WAIT, LONGEST_WAIT)) {
                Ok(answer) => return Some(answer),
                Err(error) => error,
            };
            attempt += 1;
            if told.hear(Instant::now()).is_some() {
                self.tell(UnansweredStart::Request { what, error, attempt });
            }
            thread::sleep(RETRY.wait(attempt, fastrand::f64()));
        }
        None
    }

    fn tell(&self, event: UnansweredStart<'_>) {
        self.member.tell(&MemberEvent::StartsUnanswered(event));
    }
}

/// That there is no answer is not told for the first moment, and then at growing distances.
fn silence() -> Lasting {
    Lasting::begin(Instant::now(), SHORTEST_WAIT, LONGEST_SILENCE)
}

fn partitions(lanes: &[Waiting]) -> impl Iterator<Item = (&str, i32)> {
    lanes.iter().map(|lane| (&*lane.partition.0, lane.partition.1))
}

fn found<'c>(committed: &'c [Committed], lane: &Waiting) -> Option<&'c Committed> {
    committed.iter().find(|committed| is_of(lane, &committed.topic, committed.partition))
}

fn is_of(lane: &Waiting, topic: &str, partition: i32) -> bool {
    *lane.partition.0 == *topic && lane.partition.1 == partition
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, mocking::MockCluster};

    use super::*;
    use crate::{
        engine::{lane::Phase, observe::MemberName},
        native::OwnedClient,
    };

    fn lane(partition: i32) -> (Waiting, oneshot::Receiver<Start>) {
        let (start, started) = oneshot::channel();
        (Waiting { partition: ("orders".into(), partition), control: Arc::default(), start }, started)
    }

    #[test]
    fn a_partition_of_which_nobody_says_what_is_committed_keeps_no_other_waiting() {
        let cluster = MockCluster::new(1).expect("a cluster");
        cluster.create_topic("orders", 1, 1).expect("a topic");
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "billing");
        let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
        let name = MemberName { consumer: "test".into(), number: 1 };
        let starts = Starts {
            member: Arc::new(WatchedMember::new(name, Arc::default())),
            client: Arc::clone(client.handle()),
            reset: OffsetReset::Earliest,
            persist_progress: false,
        };
        // The broker has no partition 7.
        let ((present, started), (missing, not_started)) = (lane(0), lane(7));
        let control = Arc::clone(&missing.control);
        let finds = thread::spawn(move || starts.find(vec![present, missing]));
        let start = started.blocking_recv().expect("where it begins");
        assert_eq!((start.committed, start.next), (None, None));
        control.enter(Phase::Stopping);
        finds.join().expect("it ends when no lane wants to know any more");
        assert!(not_started.blocking_recv().is_err());
    }
}
