//! What an observer sees of a lane.

use super::*;
use crate::{
    engine::observe::{ConsumerEvent, MemberEvent, MemberName, PartitionEvent, RecordEvent},
    handle::Outcome,
};

/// Keeps what it sees, in words.
#[derive(Default)]
struct Collected(Mutex<Vec<String>>);

impl Collected {
    fn note(&self, said: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    }

    /// What was seen since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, but for commits, which come at times of their own: all others, and the last of these.
    fn take_with_commit(&self) -> (Vec<String>, Option<String>) {
        let (commits, others): (Vec<_>, Vec<_>) =
            self.take().into_iter().partition(|said| said.starts_with("committed"));
        (others, commits.into_iter().last())
    }
}

/// The offsets of one call's records, and which attempt it is.
fn called(context: &Context<'_>) -> String {
    let all = if context.batch.is_empty() { std::slice::from_ref(context) } else { context.batch };
    let offsets: Vec<_> = all.iter().map(|context| context.record.offset()).collect();
    format!("{offsets:?} #{}", context.attempt)
}

impl Observer for Collected {
    fn record(&self, origin: &Origin, event: &RecordEvent<'_>) {
        assert_eq!((&*origin.consumer, origin.to_string().as_str()), ("test", "orders[0]"));
        self.note(match event {
            RecordEvent::Received { record, event_type, handler } => {
                assert_eq!(event_type, &Some(&b"OrderCreated"[..]));
                let for_nobody = if handler.is_none() { " for nobody" } else { "" };
                format!("received {}{for_nobody}", record.offset())
            }
            RecordEvent::SettledBefore { offset } => format!("settled before {offset}"),
            RecordEvent::Unmatched { event_type, nearest, .. } => {
                format!("unmatched {} ({nearest:?})", String::from_utf8_lossy(event_type))
            }
            RecordEvent::Unprepared { offset, .. } => format!("unprepared {offset}"),
            RecordEvent::Begun { context } => format!("begun {}", called(context)),
            RecordEvent::WaitsForThread { offset, .. } => format!("waits for a thread {offset}"),
            RecordEvent::Retried { context, failure, wait } => {
                format!("retried {} in {wait:?}: {:?}", called(context), failure.kind())
            }
            RecordEvent::GivenUp { context, failure } => {
                format!("given up {}: {:?}", called(context), failure.kind())
            }
            RecordEvent::Stopped { context, failure } => {
                format!("stopped {}: {:?}", called(context), failure.kind())
            }
            RecordEvent::Released { context, .. } => format!("released {}", called(context)),
            RecordEvent::Unfinished { context, becomes } => {
                format!("unfinished {} {becomes:?}", called(context))
            }
            RecordEvent::LetterSent { context, topic, .. } => {
                format!("letter sent {} {topic}", called(context))
            }
            RecordEvent::LetterRefused { context, topic, fault, .. } => {
                format!("letter refused {} {topic} {fault:?}", called(context))
            }
            RecordEvent::LetterUnsent { context, topic, .. } => {
                format!("letter unsent {} {topic}", called(context))
            }
            RecordEvent::EventsUnsent { context, becomes } => {
                format!("events unsent {} {becomes:?}", called(context))
            }
            RecordEvent::Settled { offset, handler, how, after } => {
                format!("settled {offset} {how:?} by {handler:?} after {after:?}")
            }
            RecordEvent::Unsettled { offset } => format!("unsettled {offset}"),
        });
    }

    fn partition(&self, _: &Origin, event: &PartitionEvent<'_>) {
        self.note(match event {
            PartitionEvent::Begins { committed, next } => format!("begins {committed:?} {next:?}"),
            PartitionEvent::Entered(phase) => format!("{phase:?}"),
            PartitionEvent::Deleted { offsets } => format!("deleted {offsets:?}"),
            PartitionEvent::GoneBack { from } => format!("gone back to {from}"),
            PartitionEvent::AssignedPaused { reason } => format!("assigned paused: {reason}"),
            PartitionEvent::Sought { to } => format!("sought {to}"),
            PartitionEvent::SeekDropped => "seek dropped".to_owned(),
            PartitionEvent::HeldUp(held_up) => {
                format!("held up by {:?} for {:?}", held_up.limit, held_up.lasted)
            }
            PartitionEvent::GoesOn { lasted } => format!("goes on after {lasted:?}"),
            PartitionEvent::Committed { offset, after } => format!("committed {offset} after {after:?}"),
            PartitionEvent::Lost { records } => format!("lost {records}"),
            PartitionEvent::PerhapsLost { up_to } => format!("perhaps lost up to {up_to:?}"),
            _ => "of the start, or a broker".to_owned(),
        });
    }

    fn member(&self, _: &MemberName, _: &MemberEvent<'_>) {
        unreachable!("there is no member")
    }

    fn consumer(&self, _: &str, event: &ConsumerEvent<'_>) {
        self.note(match event {
            ConsumerEvent::Paused { order, assigned, .. } => {
                format!("paused {} of {}", order.reason, assigned.len())
            }
            ConsumerEvent::Resumed { resumption, .. } => format!("resumed {}", resumption.resumed.len()),
            ConsumerEvent::PauseEnded { resumed, .. } => format!("pause ended of {}", resumed.len()),
            ConsumerEvent::MostlyUnmatched(_) => "mostly unmatched".to_owned(),
            _ => "of the consumer".to_owned(),
        });
    }
}

/// A lane on these offsets that has come to where nothing happens any more, which is after a minute.
async fn watch<F: Future<Output = Attempt> + Send + 'static>(
    config: &ConsumerConfig,
    spec: HandlerSpec,
    offsets: std::ops::Range<i64>,
    call: impl Fn(Call) -> F + Send + Sync + 'static,
) -> (Rig, Assigned, Arc<Collected>) {
    let seen = Arc::new(Collected::default());
    let rig = Rig::watched(config, spec, Arc::<Collected>::clone(&seen), call);
    rig.write(offsets);
    let assigned = rig.assign();
    sleep(Duration::from_secs(60)).await;
    (rig, assigned, seen)
}

fn config(policy: FailurePolicy) -> ConsumerConfig {
    ConsumerConfig::new(["orders"]).failure_policy(policy)
}

fn retries() -> FailurePolicy {
    FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(7)).jitter(0.0))
}

/// In order and concurrently, where all that is told is the same as long as there is one record at a time.
fn both(policy: &FailurePolicy) -> [ConsumerConfig; 2] {
    [config(policy.clone()), config(policy.clone()).concurrency(Concurrency::PerKey { in_flight: 3 })]
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_once_is_seen_from_its_fetch_to_its_commit() {
    for config in both(&retries()) {
        let (_rig, assigned, seen) = watch(&config, ONE, 0..1, |call| async move {
            sleep(Duration::from_millis(10)).await;
            if call.attempt == 1 { Attempt::Failed("down".into()) } else { DONE }
        })
        .await;
        assigned.revoke(Phase::Stopping).await;
        let expected = [
            "begins None None",
            "received 0",
            "begun [0] #1",
            "retried [0] #1 in 7s: Error",
            "begun [0] #2",
            "settled 0 Handled by Some(0) after Some(7.02s)",
            "Stopping",
            "Over",
        ];
        let (seen, committed) = seen.take_with_commit();
        assert_eq!(seen, expected, "{config:?}");
        assert_eq!(committed.as_deref(), Some("committed 1 after Some(0ns)"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_nothing_matches_is_settled_without_having_begun() {
    const OTHERS: HandlerSpec = HandlerSpec::new("handler", &["OrderPaid"], "");
    for config in both(&retries()) {
        let (_rig, assigned, seen) = watch(&config, OTHERS, 0..2, |_| async { unreachable!() }).await;
        let expected = [
            "begins None None",
            "received 0 for nobody",
            "received 1 for nobody",
            "unmatched OrderCreated (None)",
            "settled 0 Skipped by None after None",
            "settled 1 Skipped by None after None",
            "committed 2 after Some(0ns)",
        ];
        assert_eq!(seen.take(), expected, "{config:?}");
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_skip_give_up_or_be_cut_short() {
    for config in both(&retries().attempts(1).last_step(crate::LastStep::Skip)) {
        let (_rig, assigned, seen) = watch(&config, ONE, 0..3, |call| async move {
            match call.offsets[0] {
                0 => Attempt::Returned(Outcome::Skip),
                1 => Attempt::Failed("poison".into()),
                _ => std::future::pending().await,
            }
        })
        .await;
        assigned.revoke(Phase::Aborted).await;
        let mut expected = vec![
            "begins None None",
            "received 0",
            "received 1",
            "received 2",
            "begun [0] #1",
            "settled 0 Skipped by Some(0) after Some(0ns)",
            "begun [1] #1",
            "given up [1] #1: Error",
            "settled 1 GivenUp by Some(0) after Some(0ns)",
            "begun [2] #1",
            "Aborted",
            "unfinished [2] #1 ComesAgain",
            "unsettled 2",
            "Over",
        ];
        let (mut seen, _) = seen.take_with_commit();
        if config.concurrency != Concurrency::PerPartition {
            // Each record has its own order only.
            seen.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(seen, expected, "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_record_of_a_batch_is_settled_by_itself_and_its_attempts_are_one() {
    for config in both(&retries()) {
        let (_rig, assigned, seen) = watch(&config, ONE.batch(3, 1000), 0..3, |call| async move {
            sleep(Duration::from_millis(100)).await;
            if call.attempt == 1 { Attempt::Failed("down".into()) } else { DONE }
        })
        .await;
        let (seen, committed) = seen.take_with_commit();
        let expected = [
            "begins None None",
            "received 0",
            "received 1",
            "received 2",
            "begun [0, 1, 2] #1",
            "retried [0, 1, 2] #1 in 7s: Error",
            "begun [0, 1, 2] #2",
            "settled 0 Handled by Some(0) after Some(7.2s)",
            "settled 1 Handled by Some(0) after Some(7.2s)",
            "settled 2 Handled by Some(0) after Some(7.2s)",
        ];
        assert_eq!(seen, expected, "{config:?}");
        assert_eq!(committed.as_deref(), Some("committed 3 after Some(0ns)"));
        assigned.revoke(Phase::Stopping).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_refused_leaves_its_record_unsettled() {
    // A record of the topic that its dead letter is for.
    for config in both(&retries().attempts(1).dead_letter("orders")) {
        let (_rig, assigned, seen) =
            watch(&config, ONE, 0..1, |_| async { Attempt::Failed("poison".into()) }).await;
        let (seen, _) = seen.take_with_commit();
        let expected = [
            "begins None None",
            "received 0",
            "begun [0] #1",
            "letter refused [0] #1 orders Loop(\"`orders`\")",
            "unsettled 0",
            "Over",
        ];
        assert_eq!(seen, expected, "{config:?}");
        assigned.committer.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_a_seek_and_offsets_that_go_back_are_seen() {
    for config in both(&retries()) {
        let (rig, assigned, seen) = watch(&config, ONE, 0..3, |_| async { DONE }).await;
        seen.take();
        rig.shared.commands.pause(PartitionFilter::default(), &maintenance());
        rig.shared.commands.pause(PartitionFilter::default(), &maintenance());
        rig.write(3..4);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(seen.take(), ["Paused", "paused maintenance of 1", "paused maintenance of 1"]);
        rig.shared.commands.resume(&PartitionFilter::default());
        sleep(Duration::from_secs(60)).await;
        let taken = ["begun [3] #1", "settled 3 Handled by Some(0) after Some(0ns)"];
        let resumed =
            ["Running", "resumed 1", "received 3", taken[0], taken[1], "committed 4 after Some(0ns)"];
        assert_eq!(seen.take(), resumed);
        assert!(rig.shared.commands.seek(&partition(), 3));
        sleep(Duration::from_secs(60)).await;
        let mut sought = seen.take();
        sought.retain(|said| said != "committed 3 after Some(0ns)");
        assert_eq!(sought, ["sought 3", "received 3", taken[0], taken[1], "committed 4 after Some(0ns)"]);
        // The topic is recreated.
        rig.write(0..1);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(seen.take()[..2], ["received 0", "gone back to 0"]);
        assigned.revoke(Phase::Stopping).await;
        let end = seen.take();
        assert_eq!(end[end.len() - 2..], ["Stopping", "Over"]);
    }
}

/// It waits for what is under way, which a revocation does not wait for any less.
#[tokio::test(start_paused = true)]
async fn a_seek_that_comes_to_nothing_and_a_pause_that_was_there_before_are_seen() {
    for config in both(&retries()) {
        let (rig, assigned, seen) = watch(&config, ONE, 0..1, |_| async {
            sleep(Duration::from_secs(3600)).await;
            DONE
        })
        .await;
        assert!(rig.shared.commands.seek(&partition(), 0));
        sleep(Duration::from_secs(1)).await;
        assigned.revoke(Phase::Stopping).await;
        let end = seen.take();
        assert_eq!(end[end.len() - 2..], ["seek dropped", "Over"], "{config:?}: {end:?}");
        rig.shared.commands.pause(PartitionFilter::default(), &maintenance());
        let next = rig.assign();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(seen.take()[1..3], ["Paused", "assigned paused: maintenance"], "{config:?}");
        next.revoke(Phase::Stopping).await;
    }
}

/// Without an observer there is no time to tell, so that nobody has read a clock.
#[tokio::test(start_paused = true)]
async fn the_time_is_told_only_to_observers() {
    let rig = Rig::new(&config(retries()), ONE, |_| async { DONE });
    assert!(rig.shared.observers.now().is_none());
    let worker = Worker::new(
        Origin::new("test", "orders", 0),
        Arc::clone(&rig.shared),
        Arc::default(),
        AtWork::default(),
    );
    assert!(!worker.is_watched());
    let record = OwnedRecord::new("orders", 0, 0);
    let mut state = crate::engine::attempt::AttemptState::new(Permits::Unlimited, Moment::default());
    let event = crate::event_type::EventIdentity::default();
    let open = crate::engine::attempt::Open::One(worker.context(record.as_record(), &event));
    worker.attempt(&rig.handlers, 0, open, &mut state).await;
    assert!(state.begun.is_none());
}
