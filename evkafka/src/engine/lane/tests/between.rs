//! What happens while something else is on its way: a commit, a seek, a drain.

use rdkafka::error::RDKafkaErrorCode;

use super::*;
use crate::source::PartitionError;

async fn is_committed(rig: &Rig, offset: i64) {
    let waited = timeout(Duration::from_secs(100), rig.until_committed(offset)).await;
    assert!(waited.is_ok(), "{} is committed, and not {offset}", rig.committed());
}

fn noting(calls: &Calls, lasts: Duration) -> impl Fn(Call) -> Answer + Send + Sync + 'static {
    let noted = calls.clone();
    move |call| {
        noted.note(&call);
        Box::pin(async move {
            if !lasts.is_zero() {
                sleep(lasts).await;
            }
            DONE
        })
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_that_go_back_while_a_commit_is_waited_for_leave_nothing_behind() {
    for config in both_modes() {
        let calls = Calls::default();
        let mut rig = Rig::new(&config, ONE, noting(&calls, Duration::ZERO));
        rig.answers_after = Duration::from_millis(50);
        rig.write(0..1);
        let assigned = rig.assign();
        sleep(Duration::from_millis(10)).await;
        rig.write(0..7);
        is_committed(&rig, 7).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(calls.offsets().len(), 8, "{config:?}: {:?}", calls.offsets());
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_transaction_behind_what_is_not_handled_yet_is_committed() {
    for config in both_modes() {
        let calls = Calls::default();
        let mut rig = Rig::new(&config, ONE, noting(&calls, Duration::from_millis(100)));
        rig.answers_after = Duration::from_millis(50);
        rig.write(0..10);
        rig.log.reach(12);
        let assigned = rig.assign();
        is_committed(&rig, 12).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(calls.offsets().len(), 10, "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_waits_for_what_is_at_work_on_its_partition_unless_it_is_stopped() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls, Duration::ZERO));
        rig.write(0..1);
        let (at_work, _) = rig.shared.at_work.begin(&partition());
        let stopped = rig.assign();
        sleep(Duration::from_secs(100)).await;
        stopped.revoke(Phase::Stopping).await;
        let next = rig.assign();
        sleep(Duration::from_secs(100)).await;
        assert!(calls.offsets().is_empty(), "{config:?}");
        drop(at_work);
        is_committed(&rig, 1).await;
        next.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_seek_leaves_behind_takes_up_no_room() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls, Duration::from_millis(100)));
        let permits = rig.shared.ahead.available_permits();
        rig.write(0..100);
        let assigned = rig.assign();
        for _ in 0..20 {
            sleep(Duration::from_millis(150)).await;
            assert!(rig.shared.commands.seek(&partition(), 0));
        }
        is_committed(&rig, 100).await;
        sleep(Duration::from_secs(60)).await;
        assert_eq!(calls.offsets().into_iter().max(), Some(99), "{config:?}");
        assert_eq!(rig.shared.ahead.available_permits(), permits, "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_an_error_of_the_partition_is_not_committed_before_it_is_judged() {
    for config in both_modes() {
        let calls = Calls::default();
        let mut rig = Rig::new(&config, ONE, noting(&calls, Duration::from_secs(1)));
        rig.write(0..5);
        let error =
            PartitionError { code: RDKafkaErrorCode::BadMessage, offset: Some(5), reason: String::new() };
        rig.log.fail(error);
        rig.write(6..10);
        let assigned = rig.assign();
        let Report(error) = rig.reports.recv().await.expect("a report");
        assigned.revoke(Phase::Stopping).await;
        assert_eq!((rig.committed(), calls.offsets().len()), (5, 5), "{config:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_seek_that_a_drain_overtakes_does_not_hold_it_up() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls, Duration::from_millis(100)));
        rig.write(0..50);
        let assigned = rig.assign();
        sleep(Duration::from_millis(1050)).await;
        assert!(rig.shared.commands.seek(&partition(), 0));
        let ended = timeout(Duration::from_secs(60), assigned.revoke(Phase::Stopping)).await;
        assert!(ended.is_ok(), "{config:?}");
        let handled = calls.offsets().len() as i64;
        assert!(rig.committed() <= handled, "{config:?}: {} of {}", handled, rig.committed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_outlasts_an_epoch_is_watched_on() {
    let config = ConsumerConfig::new(["orders"]).concurrency(Concurrency::PerKey { in_flight: 1 });
    let calls = Calls::default();
    let rig = Rig::new(&config, ONE, noting(&calls, Duration::ZERO));
    rig.write(0..10);
    let assigned = rig.assign();
    is_committed(&rig, 10).await;
    // Another lane has all permits.
    let permits = Arc::clone(&rig.shared.permits).acquire_owned().await.unwrap();
    rig.write(10..20);
    sleep(Duration::from_secs(1)).await;
    assert!(rig.shared.commands.seek(&partition(), 0));
    sleep(Duration::from_secs(1)).await;
    drop(permits);
    is_committed(&rig, 20).await;
    assert_eq!(calls.offsets().len(), 30);
    assigned.revoke(Phase::Stopping).await;
}

#[tokio::test(start_paused = true)]
async fn all_that_was_handled_is_counted() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls, Duration::from_millis(10)));
        rig.write(0..50);
        let assigned = rig.assign();
        sleep(Duration::from_millis(105)).await;
        assigned.revoke(Phase::Stopping).await;
        assert_eq!(rig.shared.counts.handled(), calls.offsets().len() as u64, "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_that_waited_for_one_of_their_key_do_not_take_the_thread_for_themselves() {
    let config = ConsumerConfig::new(["orders"]).concurrency(Concurrency::PerKey { in_flight: 1 });
    let calls = Calls::default();
    let (noted, goes_on) = (calls.clone(), Arc::new(tokio::sync::Notify::new()));
    let waits = Arc::clone(&goes_on);
    let rig = Rig::new(&config, ONE, move |call| {
        noted.note(&call);
        let waits = Arc::clone(&waits);
        async move {
            if call.offsets == [0] {
                waits.notified().await;
            }
            DONE
        }
    });
    for offset in 0..1500 {
        let record = OwnedRecord::new("orders", 0, offset).key("one");
        rig.log.write(record.header("Event-Type", "OrderCreated"));
    }
    let assigned = rig.assign();
    sleep(Duration::from_secs(1)).await;
    goes_on.notify_one();
    let (mut before, mut most) = (calls.offsets().len(), 0);
    assert_eq!(before, 1);
    while before < 1500 {
        tokio::task::yield_now().await;
        let now = calls.offsets().len();
        most = most.max(now - before);
        before = now;
    }
    // 300 or fewer on a quiet machine. How many it is follows from measured time, and so from what else the machine does.
    assert!(most <= 1000, "{most} at a time");
    assigned.revoke(Phase::Stopping).await;
}

#[tokio::test(start_paused = true)]
async fn offsets_that_go_back_are_handled_once_the_batch_that_was_collected_is() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE.batch(10, 1000), noting(&calls, Duration::ZERO));
        rig.write(0..3);
        let assigned = rig.assign();
        sleep(Duration::from_millis(500)).await;
        rig.write(0..1);
        is_committed(&rig, 1).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(calls.offsets().len(), 4, "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_partition_with_nothing_before_it_does_not_hold_up_what_is_behind_it() {
    for config in both_modes() {
        let rig = Rig::new(&config, ONE, noting(&Calls::default(), Duration::ZERO));
        let assigned = rig.assign();
        sleep(Duration::from_secs(1)).await;
        for _ in 0..20 {
            let reason = String::new();
            let code = RDKafkaErrorCode::BrokerTransportFailure;
            rig.log.fail(PartitionError { code, offset: None, reason });
        }
        rig.write(0..1);
        is_committed(&rig, 1).await;
        assigned.revoke(Phase::Stopping).await;
    }
}

/// What happens to a lane while it is at work.
#[derive(Clone, Debug)]
enum Meanwhile {
    Wait(u64),
    Write(i64),
    GoBack(i64),
    Pause,
    Resume,
    Fail,
    Rebalance(Phase),
    Seek(i64),
}

fn meanwhile(seeks: bool) -> impl Strategy<Value = Vec<Meanwhile>> {
    let step = prop_oneof![
        6 => (0..300_u64).prop_map(Meanwhile::Wait),
        4 => (1..40_i64).prop_map(Meanwhile::Write),
        2 => (1..40_i64).prop_map(Meanwhile::GoBack),
        1 => Just(Meanwhile::Pause),
        1 => Just(Meanwhile::Resume),
        1 => Just(Meanwhile::Fail),
        1 => Just(Meanwhile::Rebalance(Phase::Stopping)),
        1 => Just(Meanwhile::Rebalance(Phase::Cancelled)),
        if seeks { 3 } else { 1 } => (0..60_i64).prop_map(move |to| if seeks { Meanwhile::Seek(to) } else { Meanwhile::Wait(1) }),
    ];
    prop::collection::vec(step, 0..25)
}

/// Each stretch of the partition has offsets of its own, below those of the one before.
async fn run_meanwhile(
    config: &ConsumerConfig,
    spec: HandlerSpec,
    answers_after: u64,
    steps: Vec<Meanwhile>,
) {
    const STRETCH: i64 = 10_000;
    let calls = Calls::default();
    let noted = calls.clone();
    let under_way = Arc::new(Mutex::new(std::collections::HashSet::<i64>::new()));
    let twice = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (set, overlap) = (Arc::clone(&under_way), Arc::clone(&twice));
    let is_keyed = !matches!(config.concurrency, Concurrency::Unordered { .. });
    let mut rig = Rig::new(config, spec, move |call| {
        noted.note(&call);
        let (set, overlap) = (Arc::clone(&set), Arc::clone(&overlap));
        async move {
            let mut keys: Vec<i64> = call.offsets.iter().map(|offset| offset % 5).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in &keys {
                if !set.lock().unwrap().insert(*key) && is_keyed {
                    overlap.store(true, SeqCst);
                }
            }
            let lasts = u64::try_from(call.offsets[0] % 4).unwrap() * 10;
            if lasts > 0 {
                sleep(Duration::from_millis(lasts)).await;
            }
            keys.iter().for_each(|key| _ = set.lock().unwrap().remove(key));
            DONE
        }
    });
    rig.answers_after = Duration::from_millis(answers_after);
    let (mut from, mut end) = (100 * STRETCH, 100 * STRETCH);
    let mut assigned = rig.assign();
    for step in &steps {
        match step {
            Meanwhile::Wait(millis) => sleep(Duration::from_millis(*millis)).await,
            Meanwhile::Write(count) => {
                rig.write(end..end + count);
                end += count;
            }
            Meanwhile::GoBack(count) => {
                from -= STRETCH;
                end = from + count;
                rig.write(from..end);
            }
            Meanwhile::Pause => drop(rig.shared.commands.pause(PartitionFilter::default(), &maintenance())),
            Meanwhile::Resume => drop(rig.shared.commands.resume(&PartitionFilter::default())),
            Meanwhile::Fail => {
                let reason = String::new();
                rig.log.fail(PartitionError {
                    code: RDKafkaErrorCode::BrokerTransportFailure,
                    offset: None,
                    reason,
                });
            }
            Meanwhile::Rebalance(phase) => {
                let ended = timeout(Duration::from_secs(1000), assigned.revoke(*phase)).await;
                assert!(ended.is_ok(), "the lane does not end");
                assigned = rig.assign();
            }
            Meanwhile::Seek(to) => {
                rig.shared.commands.seek(&partition(), from + to);
            }
        }
    }
    rig.shared.commands.resume(&PartitionFilter::default());
    sleep(Duration::from_secs(50)).await;
    rig.write(end + 100..end + 101);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(rig.committed(), end + 101, "the end is committed");
    let ended = timeout(Duration::from_secs(1000), assigned.revoke(Phase::Stopping)).await;
    assert!(ended.is_ok(), "the lane does not end");
    assert!(!twice.load(SeqCst), "two of one key at a time");
    let all = calls.offsets();
    let has_sought = steps.iter().any(|step| matches!(step, Meanwhile::Seek(_)));
    let mut sorted = all.clone();
    sorted.sort_unstable();
    if !has_sought {
        sorted.dedup();
        let last: Vec<i64> =
            sorted.iter().copied().filter(|offset| *offset >= from && *offset < from + STRETCH).collect();
        assert!(last.iter().copied().eq((from..end).chain([end + 100])), "{last:?} of {from}..{end}");
        if config.auto_commit_mode == AutoCommitMode::PreCommit {
            assert_eq!(sorted.len(), all.len(), "twice: {all:?}");
        }
    }
    assert_eq!(rig.shared.permits.available_permits(), config.concurrency.in_flight().unwrap_or(1) as usize);
    assert_eq!(rig.shared.counts.handled(), all.len() as u64);
    let report = rig.reports.try_recv();
    assert!(report.is_err(), "nothing is reported");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever happens meanwhile, all of the last stretch is handled, in a drain that has time once, and its end is committed.
    #[test]
    fn whatever_happens_meanwhile_the_end_is_committed(
        steps in prop_oneof![meanwhile(false), meanwhile(true)],
        way in 0..6_usize,
        batches in any::<bool>(),
        persists in any::<bool>(),
        answers_after in prop_oneof![Just(0), 1..100_u64],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let mut config = both_modes().nth(way).unwrap();
        if persists && way % 2 == 0 && way > 0 {
            config = config.persist_progress(true);
        }
        let spec = if batches { ONE.batch(4, 30) } else { ONE };
        runtime.block_on(run_meanwhile(&config, spec, answers_after, steps));
    }
}
