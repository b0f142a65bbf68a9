//! A running app, controlled from elsewhere: its status; to pause, resume and seek partitions; to drain it.
//!
//! ```no_run
//! use std::time::Duration;
//! use evkafka::{
//!     App, ConsumerConfig,
//!     control::{Pause, Scope, SeekTo},
//!     handler, router,
//! };
//!
//! #[handler(event = "OrderCreated")]
//! async fn on_order_created() {}
//!
//! # #[tokio::main]
//! # async fn main() -> evkafka::Result<()> {
//! let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
//! let app = App::new("billing").consumer("orders", orders, router![on_order_created]);
//! let control = app.control();
//! let running = tokio::spawn(app.run());
//!
//! // Later, for example where an operator's request arrives:
//! let scope = Scope::consumer("orders").topic("orders");
//! let pause = Pause::new("the warehouse is down").ends_after(Duration::from_secs(3600));
//! for partition in control.pause(scope.clone(), pause)? {
//!     println!("{partition} is paused");
//! }
//! println!("{}", control.status()?);
//! control.seek(scope.clone().partition(3), SeekTo::Offset(4711)).await?;
//! control.resume(scope)?;
//! control.drain()?;
//! # running.await.unwrap()
//! # }
//! ```
//!
//! # Pauses
//! - A paused partition is not read, and no record of it begins. Attempts that are under way go on, their retries included, and are
//!   committed. In pre-commit mode, records that were committed and have not begun wait too; a drain handles them, a crash loses them.
//! - The member polls and sends heartbeats, so the group does not evict it, however long the pause. What was fetched stays fetched.
//! - A pause is this process's, and for partitions, whoever owns them: it holds for those that are assigned to this process later, and
//!   again for those that come back.
//! - Each scope has one pause. A partition is paused as long as any pause is for it.
//! - A pause ends with [`Control::resume`], at its [deadline](Pause::ends_after), or with the app. A drain does not wait for it.
//!
//! # Seeks
//! - A seek is for the partitions that this process owns, and says which these are. To move a whole group, seek in each of its
//!   processes.
//! - From a seek on, no record that was taken before begins. Attempts that are under way finish, but what comes of them settles and commits
//!   nothing after the seek; records that wait for their next attempt are left.
//! - The partition continues at the new offset, which is committed at once, also if it is lower than what was committed: records that are
//!   sought back to are handled again, in pre-commit mode too.
//! - A paused partition can be sought in. It stays paused.
//! - A seek that has not taken effect when the partition is revoked, or the app ends, is dropped, which a warning in the log says.

mod error;
mod failure;
mod live;
mod pause;
mod scope;
mod seek;
mod serialize;
mod status;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tokio_util::sync::CancellationToken;

use self::seek::LOOK_UP;
pub use self::{
    error::{ControlError, ControlErrorKind},
    failure::{AfterFailure, FailureStatus},
    pause::{Pause, Resumed},
    scope::Scope,
    seek::{SeekTo, Sought},
    status::{ConsumerStatus, MemberStatus, PartitionPhase, PartitionStatus, PauseStatus, Status},
};
pub(crate) use self::{
    live::{Controlled, Drains, Live},
    serialize::{moment_if, text_if},
};
use crate::{
    engine::NoOffset,
    error::{Chain, Result as RunResult},
    health::{End, Stage},
    logged::logged,
    record::Origin,
};

/// Controls an [`App`](crate::App) while it runs: see [the module](self).
///
/// It can be cloned, kept as a state of the app, and used on any thread. It outlives the app.
///
/// # Errors
/// All its methods, while the app does not run yet ([`ControlErrorKind::NotRunning`]), and once it has ended
/// ([`ControlErrorKind::Ended`]).
#[derive(Clone, Default)]
pub struct Control(Arc<Hub>);

#[derive(Default)]
struct Hub {
    run: Mutex<Run>,
    /// Cancelled when the app is to drain.
    drain: CancellationToken,
}

/// Where the app is between its making and its end.
#[derive(Default)]
enum Run {
    #[default]
    ToCome,
    Live(Arc<Live>),
    Over(End),
}

impl Control {
    /// The consumers, their members in this process, and the partitions of these.
    ///
    /// # Errors
    /// If the app does not run.
    pub fn status(&self) -> Result<Status, ControlError> {
        let live = self.live()?;
        Ok(Status { consumers: live.consumers.iter().map(ConsumerStatus::of).collect() })
    }

    /// Takes no more records of these partitions, until they are [resumed](Self::resume) or the pause has come to its deadline.
    /// Replaces an earlier pause of the same scope.
    ///
    /// Returns the partitions of the scope that this process owns now. For the others the pause is remembered.
    ///
    /// # Errors
    /// If the app does not run, or has no such consumer, topic or partition.
    pub fn pause(&self, scope: Scope, pause: Pause) -> Result<Vec<Origin>, ControlError> {
        let live = self.live()?;
        let mut paused = Vec::new();
        for consumer in live.select(&scope)? {
            let partitions = consumer.commands.pause(scope.filter(), pause.order());
            paused.extend(partitions.into_iter().map(|partition| consumer.origin(partition)));
        }
        Ok(paused)
    }

    /// Ends the pauses of these partitions: that of this scope, and all of narrower ones. To resume what is in no pause is no error.
    ///
    /// A pause of a wider scope holds on, and keeps its partitions: to resume them, resume the wider scope.
    ///
    /// # Errors
    /// If the app does not run, or has no such consumer, topic or partition.
    pub fn resume(&self, scope: Scope) -> Result<Resumed, ControlError> {
        let live = self.live()?;
        let mut all = Resumed::default();
        for consumer in live.select(&scope)? {
            let resumption = consumer.commands.resume(&scope.filter());
            all.partitions.extend(resumption.resumed.into_iter().map(|of| consumer.origin(of)));
            let still = resumption.still_paused.into_iter();
            all.still_paused.extend(still.map(|(of, reason)| (consumer.origin(of), reason)));
        }
        Ok(all)
    }

    /// Has these partitions continue elsewhere. Where that is, the brokers are asked for ten seconds at most.
    ///
    /// Returns the partitions of the scope that this process owns, and the offset that each continues at. It does not wait for attempts
    /// that are under way, so a handler may seek in its own partition; until they have finished, the partition's
    /// [phase](PartitionStatus::phase) is [`Seeking`](PartitionPhase::Seeking).
    ///
    /// # Errors
    /// If the app does not run, or has no such consumer, topic or partition; if one of the partitions does not have the offset, or the
    /// brokers do not answer. Then all partitions stay where they are.
    ///
    /// # Cancel safety
    /// Dropped before it completes, it changes nothing.
    pub async fn seek(&self, scope: Scope, to: SeekTo) -> Result<Vec<Sought>, ControlError> {
        let live = self.live()?;
        let (mut located, mut failed) = (Vec::new(), Vec::new());
        let ask =
            |consumer: &Controlled| consumer.commands.locate(&scope.filter(), to.destination(), LOOK_UP);
        // All are asked before the first answer is waited for.
        let asked: Vec<_> = live.select(&scope)?.into_iter().map(|of| (of, ask(of))).collect();
        for (consumer, found) in asked {
            for (partition, found) in found.await {
                match found {
                    Ok(offset) => located.push((consumer, partition, offset)),
                    Err(error) => failed.push((consumer.origin(partition), error)),
                }
            }
        }
        if !failed.is_empty() {
            failed.sort_by(|(a, _): &(Origin, NoOffset), (b, _)| {
                (&a.topic, a.partition).cmp(&(&b.topic, b.partition))
            });
            return Err(ControlError::no_offset(&to.to_string(), &failed));
        }
        // The app may have ended meanwhile.
        self.live()?;
        // A partition that was revoked meanwhile is not there any more.
        located.retain(|(consumer, partition, offset)| consumer.commands.seek(partition, *offset));
        let sought = |(consumer, partition, offset): (&Controlled, _, _)| Sought {
            partition: consumer.origin(partition),
            offset,
        };
        Ok(located.into_iter().map(sought).collect())
    }

    /// Has the app drain and end, as at a signal: [`run`](crate::App::run) returns `Ok` if all goes well. Does not wait for it. Pauses
    /// do not hold it up.
    ///
    /// # Errors
    /// If the app does not run.
    pub fn drain(&self) -> Result<(), ControlError> {
        let live = self.live()?;
        if !self.0.drain.is_cancelled() {
            logged(|| tracing::info!(target: "evkafka::app", "drain requested by the control handle"));
        }
        live.drain.begin();
        self.0.drain.cancel();
        Ok(())
    }

    /// The app runs from now on.
    pub(crate) fn begin(&self, live: Live) {
        *self.run() = Run::Live(Arc::new(live));
    }

    /// Ends the app for all who control it when it is dropped.
    pub(crate) fn guard(&self) -> EndGuard {
        EndGuard { control: self.clone(), is_asked_for: false, error: None }
    }

    /// Where the app is, and what there is of it while it runs.
    pub(crate) fn stage(&self) -> (Stage, Option<Arc<Live>>) {
        let run = self.run();
        match &*run {
            Run::ToCome => (Stage::ToCome, None),
            Run::Over(end) => (Stage::Over(end.clone()), None),
            Run::Live(live) => {
                let live = Arc::clone(live);
                // What asks is anybody's: without the lock.
                drop(run);
                let overdue = live.drain.overdue();
                let stage = overdue.map_or(Stage::Runs, |overdue| Stage::Drains { overdue });
                (stage, Some(live))
            }
        }
    }

    /// Completes when the app is to drain.
    pub(crate) async fn drains(&self) {
        self.0.drain.cancelled().await;
    }

    fn live(&self) -> Result<Arc<Live>, ControlError> {
        match &*self.run() {
            Run::ToCome => Err(ControlError::not_running()),
            Run::Live(live) => Ok(Arc::clone(live)),
            Run::Over(_) => Err(ControlError::ended()),
        }
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = match &*self.run() {
            Run::ToCome => "not running yet",
            Run::Live(_) => "running",
            Run::Over(_) => "ended",
        };
        f.debug_tuple("Control").field(&run).finish()
    }
}

/// Ends an app for all who control it, however that comes about.
pub(crate) struct EndGuard {
    control: Control,
    is_asked_for: bool,
    error: Option<String>,
}

impl EndGuard {
    /// Somebody has asked for the end.
    pub(crate) fn is_asked_for(&mut self) {
        self.is_asked_for = true;
    }

    /// The app has ended.
    pub(crate) fn ends_with(&mut self, result: &RunResult<()>) {
        self.error = result.as_ref().err().map(|error| Chain(error).to_string());
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        let end = match self.is_asked_for {
            true => End::InOrder,
            false => End::ByItself { error: self.error.take(), at: SystemTime::now() },
        };
        // What is dropped may be anybody's: without the lock.
        let run = std::mem::replace(&mut *self.control.run(), Run::Over(end));
        drop(run);
    }
}

impl Controlled {
    fn origin(&self, (topic, partition): (Arc<str>, i32)) -> Origin {
        Origin::new(Arc::clone(self.commands.consumer()), topic, partition)
    }
}
