//! Where librdkafka drops what it has fetched and nobody has taken.
//!
//! When a new leader's log ends before what was fetched, it goes on at that end, and drops all that it has at hand: also what lies below
//! that end, which the leader has. It compares the log with what it has fetched, not with what was taken, and says nothing of it.

use super::{PartitionQueue, Standing};

impl PartitionQueue {
    /// Whether the record at `next` was left out for this, as far as is known; then where librdkafka is to go on.
    ///
    /// It may have been compacted, too: then it is asked for once in vain. Nothing is asked for where the log may not begin before it, for
    /// `auto.offset.reset` would have its say then.
    pub(super) fn has_dropped(&mut self, next: Option<i64>) -> Option<i64> {
        match self.standing {
            Standing::Moved | Standing::Unset => {}
            Standing::Doubtful | Standing::Known => return None,
        }
        let next = next.filter(|next| self.asked_for != Some(*next))?;
        let from = self.position.start_of_the_log(&self.queue.client)?.max(next);
        let is_left_out = self.taken.first_offset().is_some_and(|first| first > from);
        is_left_out.then(|| {
            self.asked_for = Some(next);
            from
        })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rdkafka::{ClientConfig, mocking::MockCluster};
    use tokio::sync::oneshot;

    use super::super::*;
    use crate::native::{Answer, OwnedClient, OwnedProducer, RawRecord, list::PartitionList, seek};

    const RECORDS: i64 = 1_000;
    const DEADLINE: Duration = Duration::from_secs(60);

    /// Writes so many records to partition 0 of `orders`.
    fn produce(bootstrap: &str, records: i64) {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", bootstrap);
        let producer = OwnedProducer::new(&settings).expect("librdkafka takes the settings");
        let record = RawRecord { partition: Some(0), ..RawRecord::ORDER };
        let mut answered: Vec<_> = (0..records)
            .map(|_| {
                let (answer, answered) = oneshot::channel();
                producer.produce(record, Answer::One(answer)).expect("the producer takes it");
                answered
            })
            .collect();
        let deadline = Instant::now() + DEADLINE;
        while !answered.is_empty() {
            assert!(Instant::now() < deadline, "{} of {records} are not acknowledged", answered.len());
            producer.poll(Duration::from_millis(100));
            answered.retain_mut(|answered| match answered.try_recv() {
                Ok(delivery) => delivery.is_err(),
                Err(error) => error == oneshot::error::TryRecvError::Empty,
            });
        }
    }

    /// Takes records until `end`, and returns the offsets.
    fn take_to(queue: &mut PartitionQueue, end: i64) -> Vec<i64> {
        let (mut fetch, mut offsets, deadline) = (queue.fetch(), Vec::new(), Instant::now() + DEADLINE);
        while offsets.last().is_none_or(|last| last + 1 < end) {
            assert!(Instant::now() < deadline, "{offsets:?}");
            assert_eq!(queue.take(&mut fetch, 10), None);
            if fetch.is_empty() {
                thread::sleep(Duration::from_millis(1));
            }
            offsets.extend(fetch.offsets().map(|offset| offset.expect("a record")));
        }
        offsets
    }

    #[test]
    fn what_librdkafka_drops_when_it_goes_elsewhere_by_itself_comes_all_the_same() {
        let mock = MockCluster::new(1).expect("a cluster");
        mock.create_topic("orders", 1, 1).expect("a topic");
        produce(&mock.bootstrap_servers(), RECORDS);
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", mock.bootstrap_servers()).set("auto.offset.reset", "earliest");
        settings.set("group.id", "readers").set("enable.auto.commit", "false");
        // Some ten records are taken at a time; the others stay where librdkafka can drop them.
        settings.set("queued.max.messages.kbytes", "1");
        let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
        let mut queue = PartitionQueue::detach(client.handle(), "orders".into(), 0).expect("a queue");
        queue.begin_at(0);
        let mut partition = PartitionList::with_capacity(1);
        partition.add("orders", 0).offset = 0;
        client.assign(&partition).expect("it is assigned");
        let mut offsets = take_to(&mut queue, 1);
        // As when the new leader's log ends there.
        let moved = seek(client.handle(), std::iter::once(("orders", 0, RECORDS - 10)), DEADLINE);
        assert_eq!(moved.len(), 1);
        offsets.extend(take_to(&mut queue, RECORDS));
        assert!(offsets.iter().copied().eq(0..RECORDS), "{} of {RECORDS}", offsets.len());
        drop(queue);
    }
}
