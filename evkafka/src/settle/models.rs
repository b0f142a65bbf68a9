//! How far a partition has come, with a lane and committers at work on it at the same time: all interleavings, checked by loom.
//! Run by `scripts/loom`.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::{Commit, Found, Persisted, Progress, SettledAhead, SharedTracker};
use crate::{
    record::Written,
    sync::modelled::{explore, spawn},
};

#[test]
fn what_is_acknowledged_was_settled_and_what_was_not_acknowledged_is_sent_again() {
    for answers in [[true, true], [true, false], [false, true], [false, false]] {
        explore(move || {
            let progress = Arc::new(Progress::new());
            let settled = Arc::new(AtomicI64::new(0));
            let lane = {
                let (progress, settled) = (Arc::clone(&progress), Arc::clone(&settled));
                move || {
                    for next in 1..=2 {
                        settled.store(next, Ordering::SeqCst);
                        progress.advance(next);
                    }
                }
            };
            let lane = spawn(lane);
            let mut acknowledged = 0;
            for is_accepted in answers {
                let Some(commit) = progress.begin_commit() else { continue };
                assert!(commit.offset <= settled.load(Ordering::SeqCst), "ahead of what is settled");
                assert!(commit.offset > acknowledged, "nothing new");
                progress.end_commit(is_accepted.then_some(&commit));
                if is_accepted {
                    acknowledged = commit.offset;
                    assert!(progress.is_acknowledged(acknowledged));
                }
                assert!(!progress.is_acknowledged(acknowledged + 1));
            }
            lane.join().unwrap();
            let open = progress.begin_commit().map(|commit| commit.offset);
            assert_eq!(open, (acknowledged < 2).then_some(2));
        });
    }
}

/// A commit of the committer and the last one of a revoke may be on their way at the same time. What the broker has said of one
/// holds for what that one had in it.
#[test]
fn what_persisted_progress_takes_for_committed_is_what_the_broker_has() {
    for answers in [[true, false], [false, true], [true, true]] {
        explore(move || {
            let (progress, tracker) = (Arc::new(Progress::new()), SharedTracker::default());
            progress.persist(Persisted::new(tracker.clone(), Some(0), SettledAhead::default(), None));
            (0..3).for_each(|offset| tracker.lock().begin(offset, Written::UNKNOWN));
            let committers = answers.map(|is_accepted| {
                let progress = Arc::clone(&progress);
                spawn(move || {
                    let commit = progress.begin_commit();
                    progress.end_commit(commit.as_ref().filter(|_| is_accepted));
                    commit.filter(|_| is_accepted)
                })
            });
            // The lowest is never settled.
            for offset in [2, 1] {
                tracker.lock().settle(offset);
            }
            let accepted: Vec<Commit> =
                committers.into_iter().filter_map(|committer| committer.join().unwrap()).collect();
            assert!(accepted.iter().all(|commit| commit.offset == 0));
            let is_complete = |commit: &Commit| {
                let Found::Progress(ahead) = SettledAhead::decode(0, &commit.metadata) else {
                    panic!("unreadable: {commit:?}")
                };
                assert!(!ahead.contains(0) && ahead.contains(2), "the last one was settled first: {ahead:?}");
                ahead.contains(1)
            };
            let open = progress.begin_commit();
            assert_eq!(open.is_none(), accepted.iter().any(is_complete), "{open:?}");
        });
    }
}
