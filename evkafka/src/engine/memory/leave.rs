//! How a member in memory gives its partitions up: in a rebalance, at its end, and in a crash.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use tokio::{
    task::JoinHandle,
    time::{sleep_until, timeout_at},
};

use super::MemoryMember;
use crate::{
    engine::{
        commit::{Answer, CommitTarget, Exchange},
        lane::{LaneControl, Phase},
        member::DrainPlan,
        observe::MemberEvent,
    },
    error::{Inner, Result},
};

impl MemoryMember {
    /// The group takes all partitions from it, as in a rebalance, and gives them back.
    pub(crate) async fn rebalance(&self) {
        let now = Instant::now();
        let lanes = self.assignment.all().into_iter().map(|(_, lane)| lane.control).collect();
        self.give_up(lanes, DrainPlan::for_revoke(now, self.config.revoke_grace), now).await;
        self.assign();
    }

    /// Drains, commits, and leaves its group, within `timeout`. Called once more, it has left.
    ///
    /// # Errors
    /// If a handler does not finish in this time.
    pub(crate) async fn leave(&self, timeout: Duration) -> Result<()> {
        if !self.is_leaving.swap(true, SeqCst) {
            self.member.tell(&MemberEvent::Leaves);
        }
        let now = Instant::now();
        let lanes = self.assignment.controls();
        let are_over = self.give_up(lanes, DrainPlan::for_shutdown(now, timeout), now).await;
        self.stop_committing.cancel();
        self.member.tell(&MemberEvent::Left);
        if are_over {
            return Ok(());
        }
        Err(Inner::Shutdown { consumer: Arc::clone(&self.shared.consumer), waited: timeout }.into())
    }

    /// Drains lanes by a plan that was made `now`, and commits what those of all partitions have settled; whether they have finished.
    async fn give_up(&self, lanes: Vec<Arc<LaneControl>>, plan: DrainPlan, now: Instant) -> bool {
        let partitions: Vec<_> = self.assignment.all().into_iter().map(|(key, _)| key).collect();
        self.member.tell(&MemberEvent::Revoked { partitions: &partitions, lost: false });
        // By tokio's clock, which may be paused.
        let begun = tokio::time::Instant::now();
        let at = |instant: Instant| begun + instant.saturating_duration_since(now);
        let over = async {
            for lane in &lanes {
                lane.finished().await;
            }
        };
        let hasten = async {
            for (phase, from) in
                [(Phase::Stopping, now), (Phase::Cancelled, plan.cancel_at), (Phase::Aborted, plan.drop_at)]
            {
                if from > now {
                    sleep_until(at(from)).await;
                }
                lanes.iter().for_each(|lane| lane.enter(phase));
            }
            std::future::pending::<()>().await;
        };
        let drained = async {
            tokio::select! {
                biased;
                () = hasten => {}
                () = over => {}
            }
        };
        let are_over = timeout_at(at(plan.commit_at), drained).await.is_ok();
        if !are_over {
            self.member.tell(&MemberEvent::Blocked { partitions: &partitions });
        }
        let mut exchange =
            Exchange::new(Arc::clone(&self.assignment), CommitTarget::Memory(self.group.clone()));
        exchange.give_up(&partitions, plan.end_at);
        if let Some(Answer { reply, .. }) = exchange.answer().await
            && let Err(error) = reply.first_error()
        {
            self.member.tell(&MemberEvent::RevokedUncommitted { error });
        }
        are_over
    }

    /// Ends as a process does that is killed: what runs is dropped where it stands, and nothing more is committed.
    pub(crate) async fn crash(&self) {
        self.is_leaving.store(true, SeqCst);
        let tasks = std::mem::take(&mut *self.tasks());
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            // It is cancelled, or was over.
            let _ = task.await;
        }
    }
}
