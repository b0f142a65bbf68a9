//! Dead letters on their way: nothing is committed before they are acknowledged, and their order is that of their records.

use rdkafka::error::RDKafkaErrorCode;

use super::*;
use crate::{
    memory::Cluster,
    send::{ReliableProducer, Sends},
};

/// A lane whose handler fails at each record, which then becomes a dead letter.
fn failing(config: &ConsumerConfig, spec: HandlerSpec) -> (Rig, Cluster) {
    let policy = FailurePolicy::new().attempts(1).dead_letter("dead");
    let failed = |_| async { Attempt::Failed("it is closed".into()) };
    let rig = Rig::new(&config.clone().failure_policy(policy), spec, failed);
    let cluster = Cluster::default();
    let letters = ReliableProducer::in_memory("test".into(), cluster.clone(), Sends::DeadLetters);
    let shared = Arc::into_inner(rig.shared).expect("nobody else has it yet");
    let shared = Arc::new(Shared { dead_letters: Some(letters), ..shared });
    (Rig { shared, ..rig }, cluster)
}

/// The offsets of the records that have a dead letter, in its topic's order.
fn dead(cluster: &Cluster) -> Vec<i64> {
    let offset = |record: &OwnedRecord| {
        let offset = record.as_record().headers().get("dead-letter-offset").expect("it says which").to_vec();
        String::from_utf8(offset).unwrap().parse().unwrap()
    };
    cluster.records("dead").iter().map(offset).collect()
}

/// Whether they are in the order of each key, where records are handled in it.
fn has_its_order(config: &ConsumerConfig, dead: &[i64]) -> bool {
    matches!(config.concurrency, Concurrency::Unordered { .. })
        || (0..5).all(|key| dead.iter().filter(|offset| *offset % 5 == key).is_sorted())
}

fn ways_and_batches() -> impl Iterator<Item = (ConsumerConfig, HandlerSpec)> {
    ways().into_iter().flat_map(|config| [(config.clone(), ONE), (config, ONE.batch(10, 50))])
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_before_its_letter_is_acknowledged_and_others_are_handled_meanwhile() {
    for (config, spec) in ways_and_batches() {
        let (rig, cluster) = failing(&config, spec);
        cluster.hold_acknowledgements();
        rig.write(0..100);
        let assigned = rig.assign();
        sleep(Duration::from_secs(3600)).await;
        assert!(rig.committed() <= 0, "{config:?}: {} is committed", rig.committed());
        assert_eq!(dead(&cluster).len(), 100, "{config:?}");
        cluster.acknowledge();
        rig.until_committed(100).await;
        assigned.revoke(Phase::Stopping).await;
        assert_eq!(dead(&cluster).len(), 100, "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn letters_wait_for_room_and_go_in_the_order_of_their_records() {
    for (config, spec) in ways_and_batches() {
        let (rig, cluster) = failing(&config, spec);
        cluster.limit_room(Some(10));
        rig.write(0..100);
        let assigned = rig.assign();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(dead(&cluster).len(), 10, "{config:?}");
        cluster.limit_room(None);
        rig.until_committed(100).await;
        assigned.revoke(Phase::Stopping).await;
        let dead = dead(&cluster);
        assert_eq!(dead.len(), 100, "{config:?}");
        assert!(has_its_order(&config, &dead), "{config:?}: {dead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_a_broker_cannot_take_now_is_sent_again_before_later_ones_of_its_key() {
    for (config, spec) in ways_and_batches() {
        let (rig, cluster) = failing(&config, spec);
        cluster.refuse("dead", [RDKafkaErrorCode::NotEnoughReplicas; 20]);
        rig.write(0..50);
        let assigned = rig.assign();
        rig.until_committed(50).await;
        assigned.revoke(Phase::Stopping).await;
        let mut dead = dead(&cluster);
        assert!(has_its_order(&config, &dead), "{config:?}: {dead:?}");
        dead.sort_unstable();
        assert!(dead.into_iter().eq(0..50), "{config:?}");
    }
}

/// How long a lane that is told to stop lets letters arrive that are not acknowledged.
async fn stops_after(rig: &Rig, assigned: Assigned, phase: Phase) -> Duration {
    let begun = Instant::now();
    assigned.control.enter(phase);
    assigned.lane.await.expect("the lane finishes");
    assigned.committer.abort();
    assert!(rig.committed() <= 0, "{} is committed", rig.committed());
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_stops_gives_letters_a_moment_and_those_that_are_not_acknowledged_are_sent_again() {
    for (config, spec) in ways_and_batches() {
        let (rig, cluster) = failing(&config, spec);
        cluster.hold_acknowledgements();
        rig.write(0..10);
        for (phase, least, most) in [(Phase::Stopping, 400, 700), (Phase::Cancelled, 0, 50)] {
            let assigned = rig.assign();
            sleep(Duration::from_secs(1)).await;
            let took = stops_after(&rig, assigned, phase).await;
            let within = Duration::from_millis(least)..Duration::from_millis(most);
            assert!(within.contains(&took), "{config:?}: {took:?} after {phase:?}");
        }
        cluster.acknowledge();
        let next = rig.assign();
        rig.until_committed(10).await;
        next.revoke(Phase::Stopping).await;
        let mut dead = dead(&cluster);
        dead.sort_unstable();
        assert!(dead.into_iter().eq((0..10).flat_map(|offset| [offset; 3])), "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_while_the_lane_stops_is_committed() {
    for (config, spec) in ways_and_batches() {
        let (rig, cluster) = failing(&config, spec);
        cluster.hold_acknowledgements();
        rig.write(0..10);
        let assigned = rig.assign();
        sleep(Duration::from_secs(1)).await;
        assigned.control.enter(Phase::Stopping);
        sleep(Duration::from_millis(300)).await;
        assert!(!assigned.lane.is_finished(), "{config:?}");
        cluster.acknowledge();
        rig.until_committed(10).await;
        assigned.revoke(Phase::Stopping).await;
        assert_eq!(dead(&cluster).len(), 10, "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_refused_for_good_ends_the_app_and_leaves_its_record() {
    for (config, spec) in ways_and_batches() {
        let (mut rig, cluster) = failing(&config, spec);
        cluster.refuse_all("dead", RDKafkaErrorCode::InvalidRecord);
        rig.write(0..10);
        let assigned = rig.assign();
        let Report(error) = rig.reports.recv().await.expect("the app ends");
        let text = format!("{error:?}");
        for part in ["dead", "orders", "offset 0"] {
            assert!(text.contains(part), "{config:?}: {text}");
        }
        assigned.revoke(Phase::Stopping).await;
        assert!(rig.committed() <= 0, "{config:?}: {} is committed", rig.committed());
    }
}
