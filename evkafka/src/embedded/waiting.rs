//! Waiting for what a service does, in place of sleeping and hoping.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Cluster, fault::Fault, read::ends};
use crate::{
    error::{Error, Result},
    record::OwnedRecord,
};

/// How long anything is waited for. Only a test that fails waits so long.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long nothing is looked at when it is not there yet.
const LOOKS_AGAIN: Duration = Duration::from_millis(5);

impl Cluster {
    /// Waits until a group has committed all records that are in a topic now: each was handled, skipped or sent to the dead-letter
    /// topic. The wait takes as long as the group's [`commit_interval`](crate::ConsumerConfig::commit_interval) at least, which is short in
    /// what [`config`](Self::config) returns.
    ///
    /// # Errors
    /// If there is no such topic, the broker does not answer, or the group has not caught up within 60 s; the error says what it has
    /// committed then.
    pub async fn until_caught_up(&self, group: &str, topic: &str) -> Result<()> {
        let ends = self.ends(group, topic).await?;
        self.until_all_committed(group, topic, &ends).await
    }

    /// Where the partitions of a topic end now.
    async fn ends(&self, group: &str, topic: &str) -> Result<Vec<(i32, i64)>> {
        let partitions = self.partitions(topic).await?;
        let (name, what) = (topic.to_owned(), format!("topic `{topic}` cannot be read"));
        let ends = self.looks.ask(group, move |client| {
            ends(client, &name, partitions).map_err(|code| Fault::Refused { what, code })
        });
        ends.await.map_err(Error::other)
    }

    /// Whether a group has committed all that is in a topic now.
    #[cfg(feature = "testing")]
    pub(crate) async fn has_caught_up(&self, group: &str, topic: &str) -> Result<bool> {
        let (ends, committed) = (self.ends(group, topic).await?, self.committed(group, topic).await?);
        let has = |(partition, end): &(i32, i64)| *end == 0 || committed.get(partition) >= Some(end);
        Ok(ends.iter().all(has))
    }

    /// Waits until the brokers say how many partitions a topic has.
    #[cfg(feature = "testing")]
    pub(super) async fn until_topic(&self, topic: &str) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.partitions(topic).await {
            if begun.elapsed() > DEADLINE {
                return Err(error);
            }
            tokio::time::sleep(LOOKS_AGAIN).await;
        }
        Ok(())
    }

    /// Waits until a group has committed an offset of a partition, or a higher one.
    ///
    /// # Errors
    /// If there is no such topic or partition, the broker does not answer, or the offset is not committed within 60 s.
    pub async fn until_committed(&self, group: &str, topic: &str, partition: i32, offset: i64) -> Result<()> {
        self.check_partition(topic, Some(partition)).await?;
        self.until_all_committed(group, topic, &[(partition, offset)]).await
    }

    async fn until_all_committed(&self, group: &str, topic: &str, wanted: &[(i32, i64)]) -> Result<()> {
        let begun = Instant::now();
        loop {
            let committed = self.committed(group, topic).await?;
            let missing = |(partition, offset): &(i32, i64)| {
                let committed = committed.get(partition).copied();
                committed < Some(*offset)
            };
            let Some(missing) = wanted.iter().find(|wanted| missing(wanted)) else { return Ok(()) };
            if begun.elapsed() > DEADLINE {
                return Err(Error::other(late(group, topic, *missing, &committed)));
            }
            tokio::time::sleep(LOOKS_AGAIN).await;
        }
    }

    /// Waits until a topic has at least so many records, and returns all that it has then, as [`records`](Self::records) does.
    ///
    /// # Errors
    /// If there is no such topic, it cannot be read, or the records are not there within 60 s.
    pub async fn until_records(&self, topic: &str, count: usize) -> Result<Vec<OwnedRecord>> {
        let begun = Instant::now();
        loop {
            let records = self.records(topic).await?;
            if records.len() >= count {
                return Ok(records);
            }
            if begun.elapsed() > DEADLINE {
                return Err(Error::other(Fault::Late {
                    what: format!("topic `{topic}` did not get {count} records"),
                    waited: DEADLINE,
                    found: format!("it has {}", records.len()),
                }));
            }
            tokio::time::sleep(LOOKS_AGAIN).await;
        }
    }
}

fn late(group: &str, topic: &str, missing: (i32, i64), committed: &BTreeMap<i32, i64>) -> Fault {
    let (partition, offset) = missing;
    Fault::Late {
        what: format!(
            "group `{group}` has not committed offset {offset} of topic `{topic}`, partition {partition},"
        ),
        waited: DEADLINE,
        found: match committed.get(&partition) {
            Some(committed) => format!("it has committed {committed}"),
            None => "it has committed nothing there".to_owned(),
        },
    }
}
