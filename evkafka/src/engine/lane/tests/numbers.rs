//! What is counted of a lane.

use super::*;
use crate::{
    metrics::{
        Consumer, ConsumerMetrics, EventMetrics, Metrics, PartitionMetrics, Sources,
        fakes::{Forms, Nothing},
    },
    record::{Timestamp, TimestampKind},
    settle::FailureKind,
};

impl Rig {
    fn numbers(&self) -> ConsumerMetrics {
        self.shared.counted().metrics()
    }

    /// Those of the only topic's event.
    fn event(&self, name: &str) -> EventMetrics {
        let numbers = self.numbers();
        let events = numbers.topics.into_iter().flat_map(|topic| topic.events);
        events.into_iter().find(|event| &*event.event == name).expect("an event of this name")
    }

    pub(super) fn partition(&self) -> PartitionMetrics {
        self.numbers().partitions.into_iter().next().expect("it is assigned")
    }

    /// A record that was written so long ago.
    fn write_aged(&self, offset: i64, age: Duration) {
        let record = OwnedRecord::new("orders", 0, offset).header("Event-Type", "OrderCreated");
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
        let millis = i64::try_from((since - age).as_millis()).expect("it is not that late");
        self.log.write(record.timestamp(Timestamp { millis, kind: TimestampKind::Create }));
    }
}

const NAMED: HandlerSpec = HandlerSpec::new("handler", &["OrderCreated"], "");
const SECOND: Duration = Duration::from_secs(1);

/// What became of an event's records: received, handled, skipped, given up, sent to the dead-letter topic.
fn settled(event: &EventMetrics) -> [u64; 5] {
    [event.received, event.handled, event.skipped, event.given_up, event.dead_lettered]
}

#[tokio::test(start_paused = true)]
async fn each_record_is_counted_once_by_what_became_of_it() {
    for config in both_modes() {
        let rig = Rig::new(&config, NAMED, |call| async move {
            if call.offsets[0] % 3 == 0 {
                sleep(SECOND).await;
            }
            match call.offsets[0] % 4 {
                0 => Attempt::Returned(Outcome::Skip),
                _ => DONE,
            }
        });
        rig.write(0..100);
        for offset in 100..110 {
            rig.log
                .write(OwnedRecord::new("orders", 0, offset).header("Event-Type", format!("Type{offset}")));
        }
        rig.log.write(OwnedRecord::new("orders", 0, 110));
        let assigned = rig.assign();
        rig.until_committed(111).await;
        sleep(60 * SECOND).await;
        assert_eq!(settled(&rig.event("OrderCreated")), [100, 75, 25, 0, 0], "{config:?}");
        assert_eq!(settled(&rig.event("_other")), [10, 0, 10, 0, 0]);
        assert_eq!(settled(&rig.event("_untyped")), [1, 0, 1, 0, 0]);
        let numbers = rig.numbers();
        assert_eq!(numbers.topics[0].events.len(), 3, "no producer of records creates a series");
        assert!(numbers.commits.accepted > 0);
        assert_eq!((numbers.commits.duration.count(), numbers.commits.failed), (numbers.commits.accepted, 0));
        let partition = rig.partition();
        assert_eq!((partition.lag, partition.lag_duration), (Some(0), Some(Duration::ZERO)));
        assert_eq!((partition.in_flight, partition.queued, partition.backing_off), (0, 0, 0));
        assert_eq!(partition.committed_offset, Some(111));
        assigned.revoke(Phase::Stopping).await;
        let after = rig.numbers();
        assert!(after.partitions.is_empty(), "what is revoked has no series");
        assert_eq!(settled(&rig.event("OrderCreated")), [100, 75, 25, 0, 0], "what was counted stays");
    }
}

/// How many records are in the log at once, so that not all are in memory.
const STRETCH: i64 = 50_000;

#[tokio::test(start_paused = true)]
async fn a_million_random_event_types_are_no_more_series_than_one_in_every_form() {
    let mut rig = Rig::new(&ConsumerConfig::new(["orders"]), NAMED, |_| async { DONE });
    let metrics = Metrics::default();
    metrics.begin(Sources::new([rig.shared.counted()], None::<Arc<Nothing>>));
    let mut forms = Forms::of(&metrics);
    rig.write(0..1);
    let assigned = rig.assign();
    rig.until_committed(1).await;
    let before = forms.series();
    assert!(before.iter().all(|series| series.len() > 10), "{before:#?}");
    assigned.revoke(Phase::Stopping).await;
    let mut random = fastrand::Rng::with_seed(16);
    for from in (1..1_000_000).step_by(STRETCH as usize) {
        rig.log = Log::default();
        for offset in from..from + STRETCH {
            let event_type = format!("{:016x}", random.u64(..));
            rig.log.write(OwnedRecord::new("orders", 0, offset).header("Event-Type", event_type));
        }
        let assigned = rig.assign();
        rig.until_committed(from + STRETCH).await;
        assert_eq!(forms.series(), before);
        assigned.revoke(Phase::Stopping).await;
    }
    assert_eq!(settled(&rig.event("_other")), [1_000_000, 0, 1_000_000, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_as_long_as_its_handler_and_not_as_long_as_the_backoff() {
    for config in ways() {
        let config = config.failure_policy(
            FailurePolicy::new().attempts(3).backoff(Backoff::constant(100 * SECOND).jitter(0.0)),
        );
        let rig = Rig::new(&config, NAMED, |call| async move {
            sleep(2 * SECOND).await;
            if call.attempt < 3 { Attempt::Failed("no".into()) } else { DONE }
        });
        let assigned = rig.assign();
        sleep(100 * SECOND).await;
        rig.write(0..1);
        rig.until_committed(1).await;
        let event = rig.event("OrderCreated");
        assert_eq!(event.retried, 2);
        assert_eq!(
            event.failed.iter().find(|(kind, _)| *kind == FailureKind::Error),
            Some(&(FailureKind::Error, 2))
        );
        assert_eq!(event.failed.iter().map(|(_, count)| count).sum::<u64>(), 2);
        assert_eq!(event.duration.count(), 3, "{config:?}");
        let seconds = event.duration.sum().as_secs_f64();
        assert!((6.0..6.1).contains(&seconds), "{seconds} {config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_has_failed_once_more_than_it_was_retried() {
    let policy = FailurePolicy::new().attempts(2).last_step(crate::LastStep::Skip);
    for config in ways() {
        let rig = Rig::new(&config.failure_policy(policy.clone()), NAMED, |_| async {
            panic!("no");
            #[allow(unreachable_code)]
            DONE
        });
        rig.write(0..5);
        let assigned = rig.assign();
        rig.until_committed(5).await;
        let event = rig.event("OrderCreated");
        assert_eq!(settled(&event), [5, 0, 0, 5, 0]);
        assert_eq!(event.retried, 5);
        assert_eq!(
            event.failed.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
            [&(FailureKind::Panic, 10)]
        );
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_counted_while_a_handler_waits() {
    for config in ways() {
        let rig = Rig::new(&config, NAMED, |call| async move {
            if call.offsets[0] == 3 {
                std::future::pending::<()>().await;
            }
            DONE
        });
        (0..3).for_each(|offset| rig.write_aged(offset, 100 * SECOND));
        rig.write_aged(3, 50 * SECOND);
        let assigned = rig.assign();
        sleep(SECOND).await;
        assert_eq!(settled(&rig.event("OrderCreated")), [4, 3, 0, 0, 0], "{config:?}");
        let partition = rig.partition();
        assert_eq!((partition.lag, partition.in_flight), (Some(1), 1), "{config:?}");
        let age = partition.lag_duration.expect("the record is at hand").as_secs();
        assert!((50..90).contains(&age), "{age} {config:?}");
        let ages = &rig.numbers().topics[0].age;
        assert_eq!(ages.count(), 3);
        assert!(ages.sum() >= 300 * SECOND && ages.sum() < 600 * SECOND, "{ages:?}");
        assigned.revoke(Phase::Aborted).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_lags_and_says_so() {
    for config in both_modes() {
        let rig = Rig::new(&config, NAMED, |_| async { DONE });
        rig.write_aged(0, SECOND);
        let assigned = rig.assign();
        rig.until_committed(1).await;
        sleep(SECOND).await;
        assert_eq!(rig.partition().lag, Some(0), "{config:?}");
        rig.shared.commands.pause(of_topic("orders"), &maintenance());
        (1..8).for_each(|offset| rig.write_aged(offset, Duration::ZERO));
        sleep(SECOND).await;
        let partition = rig.partition();
        assert_eq!(
            (partition.lag, partition.is_paused, partition.in_flight),
            (Some(7), true, 0),
            "{config:?}"
        );
        let age = partition.lag_duration.expect("it was caught up before");
        assert!(age < 60 * SECOND, "{age:?}");
        rig.shared.commands.resume(&of_topic("orders"));
        rig.until_committed(8).await;
        let partition = rig.partition();
        assert_eq!((partition.lag, partition.lag_duration), (Some(0), Some(Duration::ZERO)), "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_call_and_each_of_its_records_counts() {
    const BATCH: HandlerSpec = HandlerSpec::new("handler", &["OrderCreated"], "").batch(10, 1000);
    for config in ways() {
        let rig = Rig::new(&config, BATCH, |_| async {
            sleep(SECOND).await;
            DONE
        });
        rig.write(0..20);
        let assigned = rig.assign();
        rig.until_committed(20).await;
        let event = rig.event("OrderCreated");
        assert_eq!(settled(&event), [20, 20, 0, 0, 0], "{config:?}");
        let calls = event.duration.count();
        assert!((2..=10).contains(&calls), "{calls} {config:?}");
        assert!(event.duration.sum() < (calls as u32) * SECOND + SECOND, "{event:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_lane_leaves_behind_at_an_abort_is_in_flight_no_more() {
    for config in ways() {
        let rig = Rig::new(&config, NAMED, |_| async {
            std::future::pending::<()>().await;
            DONE
        });
        rig.write(0..3);
        let assigned = rig.assign();
        sleep(SECOND).await;
        assert!(rig.partition().in_flight > 0);
        assigned.revoke(Phase::Aborted).await;
        let event = rig.event("OrderCreated");
        assert_eq!(settled(&event)[1..], [0; 4]);
        assert!(rig.numbers().partitions.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_backoff_that_a_revocation_ends_is_no_call() {
    let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(3600)));
    for config in ways() {
        let rig = Rig::new(&config.failure_policy(policy.clone()), NAMED, |_| async { panic!("not now") });
        rig.write(0..1);
        let assigned = rig.assign();
        tokio::time::sleep(Duration::from_secs(600)).await;
        assigned.revoke(Phase::Stopping).await;
        let event = rig.event("OrderCreated");
        assert_eq!((event.retried, event.duration.count()), (1, 1));
        assert!(event.duration.sum() < Duration::from_secs(1), "{:?}", event.duration.sum());
    }
}
