//! Lanes that are paused, resumed and sent elsewhere.

use super::*;

/// Each record takes a tenth of a second.
fn noting(calls: &Calls) -> impl Fn(Call) -> Answer + Send + Sync + 'static {
    let noted = calls.clone();
    move |call| {
        noted.note(&call);
        Box::pin(async {
            sleep(Duration::from_millis(100)).await;
            DONE
        })
    }
}

fn everything() -> PartitionFilter {
    PartitionFilter::default()
}

#[tokio::test(start_paused = true)]
async fn a_lane_goes_on_by_itself_at_the_deadline_of_its_pause() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls));
        rig.write(0..10);
        let hour = Some(Duration::from_secs(3600));
        rig.shared.commands.pause(everything(), &PauseOrder { lasts: hour, ..maintenance() });
        let assigned = rig.assign();
        sleep(Duration::from_secs(3500)).await;
        assert_eq!(calls.offsets().len(), 0, "{config:?}");
        sleep(Duration::from_secs(200)).await;
        assert_eq!((calls.offsets().len(), rig.committed()), (10, 10), "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_lets_what_is_under_way_finish_and_loses_nothing() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls));
        rig.write(0..200);
        let assigned = rig.assign();
        sleep(Duration::from_millis(1050)).await;
        rig.shared.commands.pause(everything(), &maintenance());
        sleep(Duration::from_secs(60)).await;
        let handled = calls.offsets().len();
        assert!((1..100).contains(&handled), "{config:?}: {handled}");
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(calls.offsets().len(), handled, "{config:?}");
        rig.shared.commands.resume(&everything());
        rig.until_committed(200).await;
        sleep(Duration::from_secs(60)).await;
        let mut offsets = calls.offsets();
        offsets.sort_unstable();
        assert!(offsets.into_iter().eq(0..200), "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

/// Pre-commit too: what was committed before the pause is handled, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_pause_and_handles_what_is_committed() {
    for config in both_modes() {
        let is_ahead = config.auto_commit_mode == AutoCommitMode::PreCommit;
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls));
        rig.write(0..200);
        let assigned = rig.assign();
        sleep(Duration::from_millis(1050)).await;
        rig.shared.commands.pause(everything(), &maintenance());
        sleep(Duration::from_secs(3600)).await;
        let before = calls.offsets().len();
        let ended = timeout(Duration::from_secs(60), assigned.revoke(Phase::Stopping)).await;
        assert!(ended.is_ok(), "{config:?}");
        let handled = calls.offsets().len();
        assert_eq!(rig.committed(), handled as i64, "{config:?}");
        assert!(
            if is_ahead { handled >= before } else { handled == before },
            "{config:?}: {before}, {handled}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_is_sought_in_and_stays_paused() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls));
        rig.write(0..20);
        let assigned = rig.assign();
        rig.until_committed(20).await;
        // Pre-commit, they are handled after that.
        sleep(Duration::from_secs(60)).await;
        rig.shared.commands.pause(everything(), &maintenance());
        assert!(rig.shared.commands.seek(&partition(), 15));
        rig.until_committed(15).await;
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(calls.offsets().len(), 20, "{config:?}");
        let snapshot = rig.shared.commands.snapshot().partitions.remove(0);
        assert_eq!((snapshot.position, snapshot.committed), (Some(15), Some(15)), "{config:?}");
        rig.shared.commands.resume(&everything());
        rig.until_committed(20).await;
        sleep(Duration::from_secs(60)).await;
        let mut again = calls.offsets().split_off(20);
        again.sort_unstable();
        assert_eq!(again, [15, 16, 17, 18, 19], "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

/// At most once, that is but for what somebody has sought back to.
#[tokio::test(start_paused = true)]
async fn what_is_sought_back_to_is_handled_once_more_and_not_twice() {
    for config in both_modes() {
        let calls = Calls::default();
        let rig = Rig::new(&config, ONE, noting(&calls));
        rig.write(0..40);
        let assigned = rig.assign();
        rig.until_committed(40).await;
        sleep(Duration::from_secs(60)).await;
        assert!(rig.shared.commands.seek(&partition(), 30));
        // Another, while the first is on its way.
        assert!(rig.shared.commands.seek(&partition(), 35));
        rig.until_committed(40).await;
        sleep(Duration::from_secs(60)).await;
        let mut again = calls.offsets().split_off(40);
        again.sort_unstable();
        assert_eq!(again, [35, 36, 37, 38, 39], "{config:?}");
        assigned.revoke(Phase::Stopping).await;
        let next = rig.assign();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(calls.offsets().len(), 45, "{config:?}: the next owner begins where this one has ended");
        next.revoke(Phase::Stopping).await;
    }
}

/// What waits behind its key, or is collected for a batch, has not begun.
#[tokio::test(start_paused = true)]
async fn nothing_that_was_taken_before_a_pause_begins_in_it() {
    let batch = ONE.batch(50, 1000);
    let specs = [ONE, batch];
    for (config, spec) in both_modes().flat_map(|config| specs.map(|spec| (config.clone(), spec))) {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::new(&config, spec, move |call| {
            noted.note(&call);
            async {
                sleep(Duration::from_secs(10)).await;
                DONE
            }
        });
        rig.write(0..40);
        let assigned = rig.assign();
        sleep(Duration::from_millis(500)).await;
        rig.shared.commands.pause(everything(), &maintenance());
        // What was due at the moment of the pause.
        sleep(Duration::from_millis(1)).await;
        let begun = calls.offsets().len();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(calls.offsets().len(), begun, "{config:?}, {spec:?}");
        assert!(begun < 40 || spec.batch.is_some(), "{config:?}");
        let permits = rig.shared.permits.available_permits();
        assert!(permits > 0, "{config:?}: a paused lane keeps no permit from others");
        rig.shared.commands.resume(&everything());
        rig.until_committed(40).await;
        sleep(Duration::from_secs(600)).await;
        let mut offsets = calls.offsets();
        offsets.sort_unstable();
        assert!(offsets.into_iter().eq(0..40), "{config:?}, {spec:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}
