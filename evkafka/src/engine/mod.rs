//! The engine: takes a record from its partition to the commit of its offset.
//!
//! - A [`Member`](member::Member) is one member of a consumer group: a thread that polls librdkafka for rebalances and errors, and so
//!   keeps the group alive whatever the handlers do. Its session never waits.
//! - A [`Lane`](lane::Lane) is one assigned partition: a task on the user's runtime.
//! - The [committer](commit::Committer) tells the broker how far the lanes have come.
//!
//! # A record's way
//! One line, with no way back. Each step is a file:
//!
//! 1. `source/mod.rs`: `Queue::take` has it among what is fetched (Kafka: `native/queue.rs`, `native/fetch.rs`).
//! 2. `lane/run.rs`: the lane's loop takes records, in an epoch (`lane/epoch.rs`) of the partition.
//! 3. `lane/prepare.rs`: waits for what decoding needs; compiled only where a handler needs something.
//! 4. `delivery/`: post-commit, it may begin at once; pre-commit (`before.rs`), once the broker has acknowledged the offset behind it.
//! 5. `lane/offer.rs`: it is routed (`route/table.rs`), and offered to the
//! 6. `schedule/`, which says when it begins: `in_order.rs`, or `concurrent.rs` (`key_order.rs`, `calls.rs`, `permit.rs`, `tasks.rs`, `cell.rs`);
//!    `collected.rs` and `group.rs` collect for batch handlers. A record in order, and a batch whose records are all fetched
//!    (`lane/batches.rs`), stay where they are.
//! 7. `attempt/mod.rs`: attempts at one record or many, until the judge (`settle/judge.rs`) says that it is the last one. Each is a call
//!    (`attempt/guarded.rs`, in its span if there is one: `traces/`) of the routes (`route/routes.rs`), which decodes (`decode/`) and calls the user's function.
//! 8. `lane/ended.rs` looks at what became of the records; all of them leave through `lane/exit.rs`, settled or not. A dead letter leaves twice: into `lane/letters.rs`, and when it is
//!    acknowledged; so does one whose handler has returned events: `lane/sendings.rs`. Both send from a `lane/outbox.rs`.
//! 9. `lane/epoch.rs`: the tracker knows what may be committed, which goes to the progress (`settle/progress.rs`).
//! 10. `commit/committer.rs` and `commit/exchange.rs`: it is committed.
//!
//! # The protocol between lane, committer and rebalance
//! Three parties share a partition: its lane (a task), the committer (a task of the member), and the member's thread, which gives the
//! partition up when the group asks for it. What they share is the [`LaneControl`](lane::LaneControl) of the lane, and in it the
//! [`Progress`](crate::settle::Progress) of the current epoch.
//!
//! - **Phase.** `Running ⇄ Paused → Stopping → Cancelled → Aborted → Over`. The lane enters `Over`, when nothing of the partition is in
//!   use any more; all others are entered by whoever drains it (several may, the furthest counts), or pauses it. Nobody goes back but
//!   from a pause. From `Stopping` on no record is taken, and post-commit no attempt begins; from `Cancelled` on handlers are told; at
//!   `Aborted` they are dropped.
//! - **What may be committed** only grows within an epoch: the lane advances it, after a record is settled (post-commit), or ahead of
//!   that (pre-commit), and then waits for the acknowledgement before the record begins.
//! - **A commit** is collected and sent under the lock of the [assignment](assignment::Assignment), and a partition is disowned under
//!   the same lock. So none is sent for a partition after its last one, and no commit overtakes another and takes it back.
//! - **The answer** goes to the progress that the commit was of. An epoch that has ended hears it, and nobody listens.
//! - **To take back** what was to be committed ahead (pre-commit, when the lane is stopped), no commit may be on its way: one that is
//!   may be taken, and is waited for. Where its outcome stays unknown, the records count as lost and are not handled.
//! - **An epoch ends** when offsets go back, or at a seek. What was taken before is settled first (or dropped, at a seek); meanwhile
//!   commits are held at the lower of both positions. Then a new progress is installed, whose start is committed at once.
//! - **The end.** A revocation or a shutdown drains the lane, commits what it has settled, disowns the partition, and only then tells
//!   the client, so that the next owner begins after that. What does not finish in time keeps its partition's next lane of this consumer
//!   in this process from beginning: a lane, or a plain function, which its lane does not wait for (`at_work.rs`).
//!
//! `memory.rs` is the third of them where topics are in memory (`testing`); lane and committer are the same there.
//!
//! `models.rs` checks these with loom: every interleaving of the three, for each answer that a broker may give.

mod assignment;
mod at_work;
mod attempt;
mod bare;
mod commands;
mod commit;
mod deadline;
mod delivery;
mod lane;
mod member;
#[cfg(feature = "testing")]
mod memory;
#[cfg(all(test, evkafka_loom))]
mod models;
mod numbers;
mod observe;
mod partitions;
mod pipeline;
mod schedule;
mod shared;
mod start;
mod unmatched;
mod vitals;

pub use self::bare::BareEngine;
#[cfg(test)]
pub(crate) use self::vitals::LaneVitals;
#[cfg(feature = "testing")]
pub(crate) use self::{
    attempt::Done,
    delivery::Unfinished,
    memory::MemoryMember,
    observe::{MemberEvent, MemberName, Observer, PartitionEvent, RecordEvent},
};
pub(crate) use self::{
    commands::{
        Activity, Commands, Destination, NoOffset, PartitionFilter, PartitionSnapshot, PartitionVitals,
        PauseInForce, PauseOrder, Snapshot,
    },
    member::{DrainPlan, JoinFailure, Member, MemberSettings, Shutdown},
    observe::{Became, ConsumerEvent, FailureNote, Handles},
    pipeline::{Pipeline, Routed, policies, requirements},
    shared::{Report, Shared},
    vitals::{LaneEnd, MemberVitals, Members, Wait, WaitsFor},
};
