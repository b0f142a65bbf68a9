//! Lanes on a log in memory, under tokio's paused clock.

mod batches;
mod between;
mod controlled;
mod kept;
mod letters;
mod numbers;
mod observed;
mod sending;

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
};

use proptest::prelude::*;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::{
    config::{AutoCommitMode, Concurrency, ConsumerConfig},
    engine::{
        assignment::{Assignment, LaneHandle, TopicPartition},
        at_work::AtWork,
        attempt::Permits,
        commands::{Follower, PartitionFilter, PauseOrder},
        numbers::Moment,
        observe::Observer,
        schedule::{Cell, Held, Job, One, Slot},
        shared::{Report, Shared},
    },
    handle::{Attempt, BoxError, Context, HandlerSpec, Outcome, Requirements},
    memory::Log,
    native::CommitReply,
    record::{Origin, OwnedRecord, Written},
    route::Router,
    settle::{Backoff, FailurePolicy},
    source::Message,
};

/// A call of the handler.
#[derive(Clone, Debug)]
struct Call {
    handler: usize,
    offsets: Vec<i64>,
    /// That of the first record.
    key: Vec<u8>,
    /// What is known of each record's event.
    events: Vec<Seen>,
    attempt: u32,
    token: crate::CancellationToken,
}

/// What a handler sees of an event: its name, version and payload.
type Seen = (Option<String>, Option<u32>, Vec<u8>);

fn seen(context: &Context<'_>) -> Seen {
    let payload = context.payload().ok().flatten().unwrap_or_default();
    (context.event_name(), context.event_version(), payload.to_vec())
}

type Answer = Pin<Box<dyn Future<Output = Attempt> + Send>>;

/// The handlers, of which most tests have one that is called with all records. They may need a schema for each, as of a test format.
#[derive(Clone)]
struct Handler<const NEEDS_SCHEMA: bool = false> {
    specs: Vec<HandlerSpec>,
    call: Arc<dyn Fn(Call) -> Answer + Send + Sync>,
    /// Whether schemas can be looked up, each of which takes a while.
    registry: Arc<AtomicBool>,
}

impl<const NEEDS_SCHEMA: bool> crate::__private::Generated for Handler<NEEDS_SCHEMA> {}

impl<const NEEDS_SCHEMA: bool> crate::route::Routes for Handler<NEEDS_SCHEMA> {
    type Merge<S: crate::route::Routes> = crate::__private::Merge<Self, S>;
    const PREPARES: bool = NEEDS_SCHEMA;

    fn merge<S: crate::route::Routes>(self, other: S) -> Self::Merge<S> {
        crate::__private::merge(self, other)
    }

    type Layered<L: crate::Layer> = crate::route::Layered<L, Self>;

    fn layer<L: crate::Layer>(self, layer: L) -> Self::Layered<L> {
        crate::route::Layered::new(layer, self)
    }

    fn count(&self) -> usize {
        self.specs.len()
    }

    async fn prepare<'r>(&'r self, _: usize, _: &'r crate::record::Record<'r>) -> Result<(), BoxError> {
        sleep(LOOK_UP).await;
        if self.registry.load(SeqCst) { Ok(()) } else { Err("the registry is unavailable".into()) }
    }

    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
        self.specs.iter().copied().for_each(visit);
    }

    fn requires(&self, _: usize, _: &mut Requirements) {}

    async fn call<'c>(&self, handler: usize, context: &'c Context<'c>) -> Attempt {
        let all = if context.batch.is_empty() { std::slice::from_ref(context) } else { context.batch };
        let call = Call {
            handler,
            offsets: all.iter().map(|context| context.record.offset()).collect(),
            key: context.record.key().unwrap_or_default().to_vec(),
            events: all.iter().map(seen).collect(),
            attempt: context.attempt,
            token: context.cancellation(),
        };
        (self.call)(call).await
    }
}

/// How long a look-up takes: longer than a lane waits without looking around.
const LOOK_UP: Duration = Duration::from_secs(7);

const ONE: HandlerSpec = HandlerSpec::new("handler", &[], "");

/// A partition, its consumer, and what its group has committed.
struct Rig<const NEEDS_SCHEMA: bool = false> {
    log: Log,
    shared: Arc<Shared>,
    handlers: Arc<Routed<Handler<NEEDS_SCHEMA>>>,
    reports: mpsc::UnboundedReceiver<Report>,
    committed: Arc<AtomicI64>,
    /// How long the broker takes to answer to a commit.
    answers_after: Duration,
}

/// A lane at work, and the task that commits what it has settled.
struct Assigned {
    control: Arc<LaneControl>,
    lane: JoinHandle<()>,
    committer: JoinHandle<()>,
}

/// All partitions of a topic.
fn of_topic(topic: &str) -> PartitionFilter {
    PartitionFilter::new(Some(topic.into()), None)
}

fn maintenance() -> PauseOrder {
    PauseOrder { reason: "maintenance".into(), lasts: None }
}

fn partition() -> TopicPartition {
    ("orders".into(), 0)
}

impl Rig {
    fn new<F: Future<Output = Attempt> + Send + 'static>(
        config: &ConsumerConfig,
        spec: HandlerSpec,
        call: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::of(config, spec, call)
    }
}

impl<const NEEDS_SCHEMA: bool> Rig<NEEDS_SCHEMA> {
    fn of<F: Future<Output = Attempt> + Send + 'static>(
        config: &ConsumerConfig,
        spec: HandlerSpec,
        call: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::with_handlers(config, &[spec], call)
    }

    fn with_handlers<F: Future<Output = Attempt> + Send + 'static>(
        config: &ConsumerConfig,
        specs: &[HandlerSpec],
        call: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        let call: Arc<dyn Fn(Call) -> Answer + Send + Sync> = Arc::new(move |of| Box::pin(call(of)));
        let registry = Arc::default();
        let router = Router { routes: Handler { specs: specs.to_vec(), call, registry } };
        let handlers = Routed::new(router, config).expect("a router without conflicts");
        let (sender, reports) = mpsc::unbounded_channel();
        let largest = specs.iter().filter_map(|spec| spec.batch).map(|batch| batch.max).max();
        let shared = Shared::new("test".into(), config, largest.unwrap_or(1), Arc::default(), None, sender);
        Self {
            log: Log::default(),
            shared: Arc::new(shared),
            handlers: Arc::new(handlers),
            reports,
            committed: Arc::new(AtomicI64::new(-1)),
            answers_after: Duration::ZERO,
        }
    }

    fn write(&self, offsets: std::ops::Range<i64>) {
        for offset in offsets {
            let record = OwnedRecord::new("orders", 0, offset).key((offset % 5).to_string());
            self.log.write(record.header("Event-Type", "OrderCreated"));
        }
    }

    fn committed(&self) -> i64 {
        self.committed.load(SeqCst)
    }

    async fn until_committed(&self, offset: i64) {
        let wait = async {
            while self.committed() != offset {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(Duration::from_secs(10_000), wait).await;
        assert!(waited.is_ok(), "{} is committed, and not {offset}", self.committed());
    }

    /// The same, watched by `observer` too.
    fn watched<F: Future<Output = Attempt> + Send + 'static>(
        config: &ConsumerConfig,
        spec: HandlerSpec,
        observer: Arc<dyn Observer>,
        call: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        let rig = Self::of(config, spec, call);
        let shared = Arc::into_inner(rig.shared).expect("nobody else has it yet");
        Self { shared: Arc::new(shared.observed_by(vec![observer])), ..rig }
    }

    /// The partition is assigned, and read from where its group is.
    fn assign(&self) -> Assigned {
        let origin = Origin::new("test", "orders", 0);
        let control = LaneControl::watched(origin.clone(), Arc::clone(&self.shared.observers));
        let control = Arc::new(control);
        let committed = Some(self.committed()).filter(|committed| *committed >= 0);
        let queue = Queue::Memory(self.log.read_from(committed.unwrap_or(0)));
        self.shared.commands.admit(Follower {
            instance: 0,
            partition: partition(),
            control: Arc::downgrade(&control),
            offsets: queue.offsets(),
        });
        let (sender, start) = oneshot::channel();
        let begins = Start { committed, next: committed, ..Start::default() };
        assert!(sender.send(begins).is_ok());
        let requests = Arc::new(CommitRequests::default());
        let (at_work, predecessors) = self.shared.at_work.begin(&partition());
        let lane = Lane {
            queue,
            worker: Arc::new(Worker::new(
                origin,
                Arc::clone(&self.shared),
                Arc::clone(&control),
                at_work.clone(),
            )),
            start,
            work_bytes: 1 << 20,
            commit_requests: Arc::clone(&requests),
            predecessors,
            finished: OverGuard::new(Arc::clone(&control), Arc::clone(&self.shared), at_work),
        };
        let assignment = Assignment::default();
        assignment.insert(partition(), LaneHandle { control: Arc::clone(&control), owned: true });
        let committer =
            tokio::spawn(commit(assignment, requests, Arc::clone(&self.committed), self.answers_after));
        let lane = tokio::spawn(lane.run(Arc::clone(&self.handlers)));
        Assigned { control, lane, committer }
    }
}

/// A broker that takes each commit.
async fn commit(
    assignment: Assignment,
    requests: Arc<CommitRequests>,
    committed: Arc<AtomicI64>,
    answers_after: Duration,
) {
    let mut sent = Instant::now();
    loop {
        let _ = timeout(Duration::from_millis(100), requests.due(sent)).await;
        sent = Instant::now();
        let taken = assignment.commit_with(
            |_| true,
            |entries| {
                committed.store(entries[0].commit.offset, SeqCst);
                Ok(())
            },
        );
        if let Some(taken) = taken {
            if !answers_after.is_zero() {
                sleep(answers_after).await;
            }
            taken.answered(&CommitReply { result: Ok(()), refused: Vec::new() });
        }
    }
}

impl Assigned {
    /// The partition is revoked, and what is settled of it committed.
    async fn revoke(self, phase: Phase) {
        self.control.enter(phase);
        self.lane.await.expect("the lane finishes");
        sleep(Duration::from_secs(1)).await;
        self.committer.abort();
    }
}

/// What was called, in order.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    fn note(&self, call: &Call) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
    }

    fn offsets(&self) -> Vec<i64> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().flat_map(|call| call.offsets.clone()).collect()
    }
}

const DONE: Attempt = Attempt::Returned(Outcome::Done);

fn ways() -> [ConsumerConfig; 3] {
    let config = || ConsumerConfig::new(["orders"]);
    [
        config(),
        config().concurrency(Concurrency::PerKey { in_flight: 3 }),
        config().concurrency(Concurrency::Unordered { in_flight: 3 }),
    ]
}

fn both_modes() -> impl Iterator<Item = ConsumerConfig> {
    ways().into_iter().flat_map(|config| {
        let before = config.clone().auto_commit_mode(AutoCommitMode::PreCommit);
        [config, before]
    })
}

#[tokio::test(start_paused = true)]
async fn all_records_are_handled_and_the_end_is_committed() {
    for config in both_modes() {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::new(&config, ONE, move |call| {
            noted.note(&call);
            async move {
                if call.offsets[0] % 3 == 0 {
                    sleep(Duration::from_millis(10)).await;
                }
                DONE
            }
        });
        rig.write(0..1000);
        let assigned = rig.assign();
        rig.until_committed(1000).await;
        assigned.revoke(Phase::Stopping).await;
        let mut offsets = calls.offsets();
        offsets.sort_unstable();
        assert!(offsets.into_iter().eq(0..1000), "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backoff_of_an_hour_holds_up_the_offset_and_nothing_behind_it_that_need_not_wait() {
    for config in ways() {
        let backoff = Backoff::constant(Duration::from_secs(3600)).jitter(0.0);
        let config = config.failure_policy(FailurePolicy::new().backoff(backoff));
        let calls = Calls::default();
        let noted = calls.clone();
        let begun = Instant::now();
        let rig = Rig::new(&config, ONE, move |call| {
            noted.note(&call);
            let fails = call.offsets == [7] && call.attempt == 1;
            async move { if fails { Attempt::Failed("down".into()) } else { DONE } }
        });
        rig.write(0..20);
        let assigned = rig.assign();
        rig.until_committed(7).await;
        sleep(Duration::from_secs(3500)).await;
        let others = calls.offsets().iter().filter(|offset| **offset > 7).count();
        let free = match config.concurrency {
            Concurrency::PerPartition => 0,
            // 12 and 17 have the same key.
            Concurrency::PerKey { .. } => 10,
            Concurrency::Unordered { .. } => 12,
        };
        assert_eq!((others, rig.committed()), (free, 7), "{config:?}");
        rig.until_committed(20).await;
        assert!(begun.elapsed() >= Duration::from_secs(3600));
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_a_revocation_meets_is_handled_by_the_next_owner() {
    for config in ways() {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::new(&config, ONE.batch(10, 60_000), move |call| {
            noted.note(&call);
            async move {
                if call.offsets[0] == 10 && !call.token.is_cancelled() {
                    call.token.cancelled().await;
                    return Attempt::Returned(Outcome::Release);
                }
                DONE
            }
        });
        // The second batch is under way, and the third is collected.
        rig.write(0..25);
        let assigned = rig.assign();
        rig.until_committed(10).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(calls.offsets().len(), 20);
        assigned.revoke(Phase::Cancelled).await;
        assert_eq!(rig.committed(), 10);
        rig.write(25..30);
        let next = rig.assign();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(calls.offsets()[20..].iter().min(), Some(&10));
        next.revoke(Phase::Aborted).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_two_rebalances() {
    for config in both_modes() {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::new(&config, ONE, move |call| {
            noted.note(&call);
            async { DONE }
        });
        rig.write(0..10);
        let first = rig.assign();
        rig.until_committed(10).await;
        rig.shared.commands.pause(of_topic("orders"), &maintenance());
        rig.write(10..20);
        first.revoke(Phase::Stopping).await;
        for _ in 0..2 {
            let assigned = rig.assign();
            sleep(Duration::from_secs(3600)).await;
            assert_eq!((calls.offsets().len(), rig.committed()), (10, 10), "{config:?}");
            assigned.revoke(Phase::Stopping).await;
        }
        let last = rig.assign();
        sleep(Duration::from_secs(3600)).await;
        rig.shared.commands.resume(&of_topic("orders"));
        rig.until_committed(20).await;
        assert_eq!(calls.offsets().len(), 20);
        last.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_seek_does_not_wait_for_a_backoff_and_leaves_its_record_behind() {
    for config in ways() {
        let backoff = Backoff::constant(Duration::from_secs(3600));
        let config = config.failure_policy(FailurePolicy::new().backoff(backoff));
        let rig = Rig::new(&config, ONE, |call| async move {
            if call.offsets == [3] { Attempt::Failed("poison".into()) } else { DONE }
        });
        rig.write(0..20);
        let assigned = rig.assign();
        rig.until_committed(3).await;
        let begun = Instant::now();
        assert!(rig.shared.commands.seek(&partition(), 4));
        rig.until_committed(20).await;
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_that_go_back_are_handled_once_what_came_before_is_settled_and_are_committed_from_there() {
    for config in both_modes() {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::new(&config, ONE, move |call| {
            noted.note(&call);
            async {
                sleep(Duration::from_millis(100)).await;
                DONE
            }
        });
        rig.write(0..30);
        let assigned = rig.assign();
        while calls.offsets().len() < 10 {
            sleep(Duration::from_millis(10)).await;
        }
        // The topic is recreated.
        rig.write(0..7);
        rig.until_committed(7).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(calls.offsets().len(), 37, "{config:?}");
        assert!(calls.offsets()[30..].iter().all(|offset| *offset < 7), "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_for_decoding_is_waited_for_before_anything_is_committed_or_attempted() {
    for config in both_modes() {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::<true>::of(&config, ONE, move |call| {
            noted.note(&call);
            async { DONE }
        });
        rig.write(0..10);
        let assigned = rig.assign();
        sleep(Duration::from_secs(3600)).await;
        assert!(calls.offsets().is_empty(), "{config:?}");
        assert!(rig.committed() <= 0, "{} is committed", rig.committed());
        // Nor does a revocation wait for it.
        let begun = Instant::now();
        assigned.revoke(Phase::Stopping).await;
        assert!(begun.elapsed() < Duration::from_secs(2) && rig.committed() <= 0);
        let next = rig.assign();
        rig.handlers.routes.registry.store(true, SeqCst);
        // Lanes are woken once a second, for no reason of their own.
        let control = Arc::clone(&next.control);
        let wakes = tokio::spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                control.look.notify_one();
            }
        });
        rig.until_committed(10).await;
        wakes.abort();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(calls.offsets().len(), 10, "{config:?}");
        next.revoke(Phase::Stopping).await;
    }
}

/// What happens to a lane.
#[derive(Clone, Debug)]
enum Step {
    Seek(i64),
    Wait(u64),
    Pause,
    Resume,
    Rebalance,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..100_i64).prop_map(Step::Seek),
        5 => (0..200_u64).prop_map(Step::Wait),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => Just(Step::Rebalance),
    ];
    prop::collection::vec(step, 0..15)
}

/// Runs the steps under load, and returns what was called after the last seek, in order of each key, and what is committed in the
/// end. No two records of one key may be under way at a time.
async fn seeks(config: &ConsumerConfig, steps: Vec<Step>) -> (HashMap<Vec<u8>, Vec<i64>>, i64) {
    let calls = Calls::default();
    let under_way = Arc::new(Mutex::new(HashMap::<Vec<u8>, i32>::new()));
    let is_ordered = !matches!(config.concurrency, Concurrency::Unordered { .. });
    let (noted, counted) = (calls.clone(), Arc::clone(&under_way));
    let rig = Rig::new(config, ONE, move |call| {
        noted.note(&call);
        let counted = Arc::clone(&counted);
        async move {
            *counted.lock().unwrap().entry(call.key.clone()).or_default() += 1;
            if call.offsets[0] % 2 == 0 {
                sleep(Duration::from_millis(u64::try_from(call.offsets[0] % 7).unwrap())).await;
            }
            let mut counts = counted.lock().unwrap();
            let count = counts.get_mut(&call.key).unwrap();
            assert!(!is_ordered || *count == 1, "two of one key at a time");
            *count -= 1;
            DONE
        }
    });
    rig.write(0..100);
    let mut assigned = rig.assign();
    let mut last = None;
    for step in steps {
        match step {
            Step::Seek(to) => {
                rig.shared.commands.seek(&partition(), to);
                last = Some((to, calls.offsets().len()));
            }
            Step::Wait(millis) => sleep(Duration::from_millis(millis)).await,
            Step::Pause => drop(rig.shared.commands.pause(PartitionFilter::default(), &maintenance())),
            Step::Resume => drop(rig.shared.commands.resume(&PartitionFilter::default())),
            // A seek that has not been heard is gone with its lane.
            Step::Rebalance if last.is_none() => {
                assigned.revoke(Phase::Stopping).await;
                assigned = rig.assign();
            }
            Step::Rebalance => {}
        }
    }
    rig.shared.commands.resume(&PartitionFilter::default());
    // Taken after the last seek only.
    rig.write(100..101);
    rig.until_committed(101).await;
    let committed = rig.committed();
    assigned.revoke(Phase::Stopping).await;
    let mut by_key: HashMap<Vec<u8>, Vec<i64>> = HashMap::new();
    let (from, at) = last.unwrap_or((0, 0));
    for offset in calls.offsets().into_iter().skip(at) {
        by_key.entry(vec![(offset % 5) as u8]).or_default().push(offset);
    }
    // What was under way when the seek was asked for has finished before.
    for offsets in by_key.values_mut().filter(|_| is_ordered) {
        let begins = offsets.iter().rposition(|offset| *offset < from + 5 && *offset >= from).unwrap_or(0);
        offsets.drain(..begins);
    }
    (by_key, committed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a partition is sought in, paused and reassigned, all records from the last seek on are handled, in order of each key,
    /// and the end is committed.
    #[test]
    fn after_the_last_seek_all_that_follows_is_handled_in_order(steps in steps(), way in 0..3_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let from = steps.iter().rev().find_map(|step| match step { Step::Seek(to) => Some(*to), _ => None }).unwrap_or(0);
        let config = ways()[way].clone();
        let (by_key, committed) = runtime.block_on(seeks(&config, steps));
        prop_assert_eq!(committed, 101);
        for key in 0..5 {
            let expected: Vec<i64> = (from..101).filter(|offset| offset % 5 == key).collect();
            let mut called = by_key.get(&vec![key as u8]).cloned().unwrap_or_default();
            if expected.is_empty() {
                continue;
            }
            if matches!(config.concurrency, Concurrency::Unordered { .. }) {
                called.sort_unstable();
                prop_assert!(expected.iter().all(|offset| called.contains(offset)), "{called:?}");
            } else {
                // After a rebalance, what was settled above the committed offset comes again; nothing is passed over.
                let mut next = 0;
                for offset in &called {
                    let place = expected.iter().position(|expected| expected == offset);
                    prop_assert!(place.is_some_and(|place| place <= next), "{called:?} for {expected:?}");
                    next = next.max(place.map_or(0, |place| place + 1));
                }
                prop_assert_eq!(next, expected.len(), "{:?} for {:?}", called, expected);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_stops_the_app_is_reported_and_not_committed() {
    for config in ways() {
        let config = config.failure_policy(FailurePolicy::new().attempts(1));
        let mut rig = Rig::new(&config, ONE, |call| async move {
            if call.offsets == [5] { Attempt::Failed("poison".into()) } else { DONE }
        });
        rig.write(0..10);
        let assigned = rig.assign();
        let Report(error) = rig.reports.recv().await.expect("a report");
        assert_eq!(error.record().map(|record| record.offset), Some(5));
        assigned.revoke(Phase::Stopping).await;
        assert_eq!(rig.committed(), 5, "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_function_that_waits_for_a_thread_again_keeps_no_permit_meanwhile() {
    let policy = FailurePolicy::new().last_step(crate::settle::LastStep::Skip);
    let config = ConsumerConfig::new(["orders"]).failure_policy(policy);
    let config = config.concurrency(Concurrency::PerKey { in_flight: 1 });
    let threads = Arc::new(Mutex::new(Vec::new()));
    let (reserved, calls) = (Arc::clone(&threads), Calls::default());
    let noted = calls.clone();
    let shared = Arc::new(std::sync::OnceLock::<Arc<Shared>>::new());
    let of_handler = Arc::clone(&shared);
    // It has the only thread that is free, for which another function waits by then.
    let rig = Rig::new(&config, ONE.batch(2, 50).blocking(), move |call| {
        noted.note(&call);
        let (reserved, shared) = (Arc::clone(&reserved), of_handler.get().map(Arc::clone));
        async move {
            if call.offsets.len() == 1 {
                return DONE;
            }
            let shared = shared.expect("the rig is there");
            tokio::spawn(async move {
                let thread = shared.threads.reserve().await;
                reserved.lock().unwrap().push(thread);
            });
            tokio::task::yield_now().await;
            Attempt::UndecodableAmong(vec![(0, "bad".into())])
        }
    });
    assert_eq!(rig.shared.permits.available_permits(), 1);
    let _ = shared.set(Arc::clone(&rig.shared));
    for _ in 1..crate::handle::MOST_THREADS {
        let thread = rig.shared.threads.reserve().await;
        threads.lock().unwrap().push(thread);
    }
    rig.write(0..2);
    let assigned = rig.assign();
    while threads.lock().unwrap().len() < crate::handle::MOST_THREADS {
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(calls.offsets().len(), 2, "it waits for a thread");
    assert_eq!(rig.shared.permits.available_permits(), 1, "others may have its permit");
    threads.lock().unwrap().clear();
    rig.until_committed(2).await;
    assigned.revoke(Phase::Stopping).await;
}

/// Each handler that is under way has one.
#[test]
fn the_attempts_at_a_record_take_little_memory_beside_the_handler() {
    let rig = Rig::new(&ConsumerConfig::new(["orders"]), ONE, |_| async { DONE });
    let origin = Origin::new("test", "orders", 0);
    let worker = Arc::new(Worker::new(origin, Arc::clone(&rig.shared), Arc::default(), AtWork::default()));
    let tools = Arc::new(Tools { handlers: Arc::clone(&rig.handlers), worker });
    let bytes = Cell::<One>::new(&tools).bytes();
    // A span stays where it begins.
    let most = if cfg!(feature = "otel") { 1000 } else { 970 };
    assert!(bytes <= most, "{bytes}");
}
