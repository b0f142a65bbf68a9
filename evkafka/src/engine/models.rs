//! A lane, the task that commits and the thread that revokes, at work on a partition at the same time: all interleavings, checked
//! by loom. Run by `scripts/loom`.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use rdkafka::error::RDKafkaErrorCode;

use super::{
    assignment::{Assignment, LaneHandle, Sent, TopicPartition},
    delivery::{Acknowledgement, acknowledgement},
    lane::{LaneControl, Phase},
};
use crate::{
    native::{CommitEntry, CommitReply},
    settle::Progress,
    sync::modelled::{block_on, explore, spawn},
};

fn partition() -> TopicPartition {
    ("orders".into(), 0)
}

/// One partition, and the lane of it.
fn assigned() -> (Arc<Assignment>, LaneHandle) {
    let lane = LaneHandle { control: Arc::new(LaneControl::default()), owned: true };
    let assignment = Assignment::default();
    assignment.insert(partition(), lane.clone());
    (Arc::new(assignment), lane)
}

/// What arrives at the broker of the only partition, in the order in which it was sent.
#[derive(Debug, Default)]
struct Broker {
    /// loom's: what others do between collecting and sending must be seen.
    arrived: crate::sync::Mutex<Vec<i64>>,
    committed: AtomicI64,
}

impl Broker {
    fn receive(&self, entries: &[CommitEntry]) -> Result<(), RDKafkaErrorCode> {
        self.arrived.lock().unwrap().extend(entries.iter().map(|entry| entry.commit.offset));
        Ok(())
    }

    fn last_arrived(&self) -> i64 {
        self.arrived.lock().unwrap().last().copied().unwrap_or(0)
    }

    fn committed(&self) -> i64 {
        self.committed.load(Ordering::SeqCst)
    }

    /// Takes or refuses what has just arrived, and answers.
    fn answer(&self, sent: &Sent, is_accepted: bool) {
        if is_accepted {
            self.committed.store(self.last_arrived(), Ordering::SeqCst);
            sent.answered(&CommitReply { result: Ok(()), refused: Vec::new() });
        } else {
            sent.answered(&CommitReply::refused(RDKafkaErrorCode::RebalanceInProgress));
        }
    }
}

/// Pre-commit, with a committer whose commits are answered in this way and a lane that is stopped at any time.
fn pre_commit(answers: [bool; 2], abort: bool) -> BTreeSet<Acknowledgement> {
    let ends = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&ends);
    explore(move || {
        let (assignment, lane) = assigned();
        let broker = Arc::new(Broker::default());
        let committer = {
            let (assignment, broker) = (Arc::clone(&assignment), Arc::clone(&broker));
            spawn(move || {
                for is_accepted in answers {
                    if let Some(sent) = assignment.commit_with(|_| true, |entries| broker.receive(entries)) {
                        broker.answer(&sent, is_accepted);
                    }
                }
            })
        };
        let stopper = {
            let control = Arc::clone(&lane.control);
            spawn(move || {
                control.enter(Phase::Stopping);
                if abort {
                    control.enter(Phase::Aborted);
                }
            })
        };
        let mut not_acknowledged = None;
        for next in 1..=2 {
            lane.control.progress().advance(next);
            let end = block_on(acknowledgement(&lane.control, &lane.control.progress(), next));
            seen.lock().unwrap().insert(end);
            if end != Acknowledgement::Given {
                not_acknowledged = Some((next, end));
                break;
            }
            assert!(broker.committed() >= next, "{next} is handled before it is committed");
        }
        committer.join().unwrap();
        stopper.join().unwrap();
        if let Some((next, end)) = not_acknowledged {
            let later = assignment.commit_with(|_| true, |entries| broker.receive(entries));
            assert!(later.is_none(), "nobody is going to handle it");
            assert!(end == Acknowledgement::Unknown || broker.committed() < next, "{next} was taken back");
        }
    });
    Arc::into_inner(ends).expect("the model is over").into_inner().unwrap()
}

#[test]
fn pre_commit_handles_what_is_acknowledged_and_what_is_taken_back_is_never_committed() {
    use Acknowledgement::{Given, TakenBack};
    for answers in [[true, true], [false, true], [true, false]] {
        assert_eq!(pre_commit(answers, false), BTreeSet::from([Given, TakenBack]), "{answers:?}");
    }
}

#[test]
fn pre_commit_that_is_cut_short_commits_nothing_more() {
    use Acknowledgement::{Given, TakenBack, Unknown};
    assert_eq!(pre_commit([true, true], true), BTreeSet::from([Given, TakenBack, Unknown]));
}

/// The lane goes on settling while it is revoked, as one whose handler cannot be brought to an end.
#[test]
fn no_commit_takes_another_back_and_none_is_sent_after_the_revoke() {
    explore(|| {
        let (assignment, lane) = assigned();
        let broker = Arc::new(Broker::default());
        let is_revoked = Arc::new(AtomicBool::new(false));
        let receive = {
            let (broker, is_revoked) = (Arc::clone(&broker), Arc::clone(&is_revoked));
            move |entries: &[CommitEntry]| {
                let (before, offset) = (broker.last_arrived(), entries[0].commit.offset);
                assert!(!is_revoked.load(Ordering::SeqCst), "the next owner may have committed more");
                assert!(offset >= before, "{offset} takes {before} back");
                broker.receive(entries)
            }
        };
        let committer = {
            let (assignment, receive) = (Arc::clone(&assignment), receive.clone());
            spawn(move || {
                for _ in 0..2 {
                    if let Some(sent) = assignment.commit_with(|_| true, &receive) {
                        sent.answered(&CommitReply { result: Ok(()), refused: Vec::new() });
                    }
                }
            })
        };
        let member = {
            let assignment = Arc::clone(&assignment);
            spawn(move || {
                let sent = assignment.disown_with(&[partition()], receive);
                is_revoked.store(true, Ordering::SeqCst);
                if let Some(sent) = sent {
                    sent.answered(&CommitReply::timed_out());
                }
            })
        };
        for next in 1..=2 {
            lane.control.progress().advance(next);
        }
        committer.join().unwrap();
        member.join().unwrap();
        assert!(assignment.is_empty());
    });
}

/// Offsets go back while a commit may be on its way. What the broker has in the end is where the next stretch begins.
#[test]
fn what_is_committed_in_the_end_is_where_the_last_stretch_begins() {
    explore(|| {
        let (assignment, lane) = assigned();
        let broker = Arc::new(Broker::default());
        let committer = {
            let (assignment, broker) = (Arc::clone(&assignment), Arc::clone(&broker));
            spawn(move || {
                for _ in 0..2 {
                    if let Some(sent) = assignment.commit_with(|_| true, |entries| broker.receive(entries)) {
                        broker.answer(&sent, true);
                    }
                }
            })
        };
        lane.control.progress().advance(9);
        let next = Arc::new(Progress::new());
        next.begin(2);
        lane.control.install(Arc::clone(&next));
        assert!(!next.is_acknowledged(3));
        committer.join().unwrap();
        if let Some(sent) = assignment.commit_with(|_| true, |entries| broker.receive(entries)) {
            broker.answer(&sent, true);
        }
        assert_eq!(broker.committed(), 2);
        assert!(next.is_acknowledged(2));
    });
}
