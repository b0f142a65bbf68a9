//! How much librdkafka may fetch ahead of the handlers.

use rdkafka::config::ClientConfig;

use super::ConsumerConfig;
use crate::native::MESSAGE_BYTES;

/// What librdkafka is told for each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PerPartition {
    /// `queued.max.messages.kbytes`: with this much in its queue, a partition is not fetched.
    queue_kib: u64,
    /// `queued.min.messages`: nor with so many messages.
    queue_messages: u64,
    /// `fetch.message.max.bytes`: what one more fetch may bring. A larger record is fetched all the same.
    fetch_bytes: u64,
}

/// The least that each part of a partition's share has.
const LEAST_PART: u64 = 262_144;
/// librdkafka's own limits, which more memory does not raise.
const MOST: PerPartition =
    PerPartition { queue_kib: 65_536, queue_messages: 100_000, fetch_bytes: 1_048_576 };
/// With a quarter of this, a consumer of 1,000 partitions took 1.7 times as long for the same records: it is always waiting
/// for the next small fetch. With more it was no faster.
const LEAST_FETCH: u64 = 131_072;
/// How many times as large a fetch is expected to be once it is decompressed. Twice this, and so fetches of half the size, took less
/// memory where records are compressed better (178 MiB for 332 at fiftyfold), but skipping records got a tenth slower.
const DECOMPRESSED: u64 = 5;

impl PerPartition {
    /// One half of a part of a partition's share may wait in its queue, and the other come in while that is not yet full.
    fn of(part: u64) -> Self {
        Self {
            queue_kib: (part / 2 / 1024).min(MOST.queue_kib),
            // `queued.max.messages.kbytes` counts keys and payloads only, which small records are the least part of.
            queue_messages: (part / MESSAGE_BYTES as u64).min(MOST.queue_messages),
            fetch_bytes: (part / 2 / DECOMPRESSED).clamp(LEAST_FETCH, MOST.fetch_bytes),
        }
    }
}

/// How many bytes each part has, where `mebibytes` are shared out among `partitions` in so many parts each.
fn part_bytes(mebibytes: u32, partitions: usize, parts: u64) -> u64 {
    ((u64::from(mebibytes) << 20) / (partitions.max(1) as u64) / parts).max(LEAST_PART)
}

/// What the memory for fetched records was shared out for, when the client was created: librdkafka's limits cannot be changed
/// after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    partitions: usize,
    /// Of one partition, in all.
    bytes: u64,
    memory: u64,
    /// Of one partition, for what is collected for a batch handler or handled concurrently.
    pub(crate) work_bytes: u64,
}

impl Shares {
    /// By how many bytes `assigned` partitions may exceed the memory, if they are more than it was shared out for.
    pub(crate) fn exceeded_by(&self, assigned: usize) -> Option<u64> {
        let bytes = self.bytes.saturating_mul(assigned as u64);
        bytes.checked_sub(self.memory).filter(|excess| *excess > 0 && assigned > self.partitions)
    }

    /// How many partitions it was shared out for.
    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }
}

impl ConsumerConfig {
    /// Limits what is fetched ahead, now that the number of partitions is known.
    ///
    /// Each partition has a queue of its own, which is what lets a slow one wait without holding up the others; so what
    /// librdkafka limits for each queue has to be a share of the whole. What the user has set stays.
    ///
    /// `largest_call` is how many records a handler takes at most.
    pub(crate) fn limit_prefetch(
        &self,
        client: &mut ClientConfig,
        partitions: usize,
        largest_call: usize,
    ) -> Shares {
        let parts = self.parts(largest_call);
        let part = part_bytes(self.prefetch_memory_mib, partitions, parts);
        let share = PerPartition::of(part);
        for (names, value) in [
            (&["queued.max.messages.kbytes"][..], share.queue_kib),
            (&["queued.min.messages"], share.queue_messages),
            (&["fetch.message.max.bytes", "max.partition.fetch.bytes"][..], share.fetch_bytes),
        ] {
            if names.iter().all(|name| client.get(name).is_none()) {
                client.set(names[0], value.to_string());
            }
        }
        if client.get("fetch.max.bytes").is_none() {
            client.set("fetch.max.bytes", self.answer_bytes(client, parts).to_string());
        }
        Shares {
            partitions,
            bytes: parts * part,
            memory: u64::from(self.prefetch_memory_mib) << 20,
            work_bytes: part,
        }
    }

    /// What one answer of a broker may bring, of all partitions together: half of the part for queues and what comes into them, of
    /// which it takes four times as much once it is decompressed.
    ///
    /// librdkafka would take as much as one partition's queue may have. With 1,000 partitions an answer then brings sixteen of
    /// them, though all were asked for, and that cost the broker twice the time for the same records.
    fn answer_bytes(&self, client: &ClientConfig, parts: u64) -> u64 {
        let number =
            |name: &str, default: u64| client.get(name).map_or(default, |n| n.parse().unwrap_or(default));
        // librdkafka refuses to start with less than the one and more than the other.
        let least = number("message.max.bytes", 1_000_000);
        let most = number("receive.message.max.bytes", 100_000_000).saturating_sub(512).min(52_428_800);
        let half = (u64::from(self.prefetch_memory_mib) << 20) / parts / 2;
        (half / 4).min(most).max(least)
    }

    /// Into how many parts a partition's share of the memory goes: for its queue, for what its lane has taken out of it, for what
    /// waits to be destroyed, and for what is collected for a batch handler or handled concurrently.
    fn parts(&self, largest_call: usize) -> u64 {
        3 + u64::from(self.concurrency.in_flight().is_some() || largest_call > 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    #[test]
    fn a_few_partitions_get_what_librdkafka_gives_at_most() {
        assert_eq!(PerPartition::of(part_bytes(1_000_000, 1, 3)), MOST);
    }

    #[test]
    fn eight_partitions_share_the_default() {
        let share = PerPartition { queue_kib: 1365, queue_messages: 6990, fetch_bytes: 279_620 };
        assert_eq!(PerPartition::of(part_bytes(64, 8, 3)), share);
    }

    #[test]
    fn more_partitions_than_the_memory_was_shared_out_for_exceed_it() {
        let config = ConsumerConfig::new(["^orders"]).bootstrap_servers("127.0.0.1:1").group_id("billing");
        let config = config.resolve().unwrap();
        let shares = config.limit_prefetch(&mut config.client_config(0), 8, 1);
        assert_eq!((shares.exceeded_by(8), shares.exceeded_by(1)), (None, None));
        let twice = shares.exceeded_by(16).expect("twice as much");
        assert!((63 << 20..=64 << 20).contains(&twice), "{twice}");
        let least = config.limit_prefetch(&mut config.client_config(0), 1000, 1);
        assert_eq!(
            least.exceeded_by(1000),
            None,
            "each has the least, which is said where the setting is described"
        );
    }

    #[test]
    fn what_the_user_set_stays() {
        let config = ConsumerConfig::new(["orders"]).bootstrap_servers("127.0.0.1:1").group_id("billing");
        let config = config.property("max.partition.fetch.bytes", 5_000_000).resolve().unwrap();
        let mut client = config.client_config(0);
        config.limit_prefetch(&mut client, 1000, 1);
        assert_eq!(client.get("max.partition.fetch.bytes"), Some("5000000"));
        assert_eq!(client.get("fetch.message.max.bytes"), None);
        assert_eq!(client.get("queued.max.messages.kbytes"), Some("128"));
    }

    #[test]
    fn an_answer_brings_what_librdkafka_accepts() {
        let answer = |properties: &[(&str, u64)]| {
            let config = ConsumerConfig::new(["orders"]).bootstrap_servers("127.0.0.1:1").group_id("billing");
            let config =
                properties.iter().fold(config, |config, (name, value)| config.property(*name, *value));
            let config = config.resolve().unwrap();
            let mut client = config.client_config(0);
            config.limit_prefetch(&mut client, 1000, 1);
            client.create::<BaseConsumer>().expect("librdkafka accepts it");
            client.get("fetch.max.bytes").unwrap().to_owned()
        };
        assert_eq!(answer(&[]), "2796202");
        assert_eq!(answer(&[("message.max.bytes", 20_000_000)]), "20000000");
        assert_eq!(answer(&[("receive.message.max.bytes", 2_000_512)]), "2000000");
        assert_eq!(answer(&[("fetch.max.bytes", 3_000_000)]), "3000000");
    }

    proptest! {
        #[test]
        fn all_partitions_together_stay_within_the_memory_unless_each_has_the_least(
            mebibytes in 1u32..100_000, partitions in 1usize..100_000, parts in 3..5_u64,
        ) {
            let part = part_bytes(mebibytes, partitions, parts);
            let all = parts * partitions as u64 * part;
            prop_assert!(all <= u64::from(mebibytes) << 20 || part == LEAST_PART);
            let share = PerPartition::of(part);
            prop_assert!(share.queue_kib * 1024 + share.fetch_bytes <= part);
            prop_assert!(share.queue_messages * MESSAGE_BYTES as u64 <= part);
            let decompressed = share.fetch_bytes * DECOMPRESSED;
            prop_assert!(share.queue_kib * 1024 + decompressed <= part || share.fetch_bytes == LEAST_FETCH);
        }
    }
}
