//! Events that handlers return.

use rdkafka::error::RDKafkaErrorCode;
use serde::Serialize;
use tokio::sync::Notify;

use super::{
    sendings::{Arrival, Sendings, Sent},
    *,
};
use crate::{
    Event,
    event::EventKey,
    handle::{States, attempt_of},
    memory::{Cluster, Produced},
    send::{Outlet, Outlets, RecordForm, ReliableProducer, Sends},
    settle::LastStep,
    traces::Tracing,
};

/// Returned for the record at `offset`.
#[derive(Clone, Serialize)]
struct Priced {
    offset: i64,
}

impl Event for Priced {
    const NAME: &'static str = "Priced";
    const TOPIC: Option<&'static str> = Some("prices");

    fn key(&self, key: &mut EventKey<'_>) {
        key.set(&(self.offset % 5));
    }
}

impl crate::event::IntoEvents for Priced {
    fn encode(self, outbox: &mut crate::event::Outbox) -> Result<(), crate::event::EncodeError> {
        outbox.add(&self)
    }

    fn specs(visit: &mut dyn FnMut(&'static crate::event::EventSpec)) {
        visit(crate::event::EventSpec::of::<Self>());
    }
}

/// A lane whose handler returns an event for each record, `copies` times.
struct Pricing {
    rig: Rig,
    calls: Calls,
    cluster: Cluster,
}

impl Pricing {
    fn new(config: &ConsumerConfig, spec: HandlerSpec, copies: usize) -> Self {
        let calls = Calls::default();
        let noted = calls.clone();
        let rig = Rig::new(config, spec, move |call| {
            noted.note(&call);
            async move {
                if call.offsets[0] % 7 == 3 {
                    sleep(Duration::from_millis(1)).await;
                }
                let offsets = call.offsets.iter();
                let events = offsets.flat_map(|offset| (0..copies).map(|_| Priced { offset: *offset }));
                attempt_of(events.collect::<Vec<_>>())
            }
        });
        let cluster = Cluster::default();
        let shared = Arc::into_inner(rig.shared).expect("nobody else has it yet");
        let shared = shared.with_states(states(&cluster));
        let letters = ReliableProducer::in_memory("test".into(), cluster.clone(), Sends::DeadLetters);
        let shared = Shared { dead_letters: Some(letters), ..shared };
        Self { rig: Rig { shared: Arc::new(shared), ..rig }, calls, cluster }
    }

    /// The offsets that the events in `topic` are of, in its order.
    fn sent(&self, topic: &str) -> Vec<i64> {
        let produced = self
            .cluster
            .produced()
            .into_iter()
            .filter(|produced| produced.record.as_record().topic() == topic);
        produced.map(|produced| offset(&produced)).collect()
    }
}

fn form() -> RecordForm {
    RecordForm::of(&crate::ProducerConfig::new().forward_trace(false))
}

fn states(cluster: &Cluster) -> Arc<States> {
    let producer = ReliableProducer::in_memory("out".into(), cluster.clone(), Sends::Events);
    let mut outlets = Outlets::default();
    let outlet = Arc::new(Outlet::new("out".into(), producer, form(), &Tracing::default()));
    outlets.add(crate::event::EventSpec::of::<Priced>(), &outlet);
    let mut states = States::default();
    states.set_outlets(outlets);
    Arc::new(states)
}

fn offset(produced: &Produced) -> i64 {
    let record = produced.record.as_record();
    let payload: serde_json::Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
    assert_eq!(record.headers().get("Event-Type"), Some(&b"Priced"[..]));
    payload["offset"].as_i64().unwrap()
}

/// For each key, in their order.
fn is_in_order_by_key(offsets: &[i64]) -> bool {
    (0..5).all(|key| offsets.iter().filter(|offset| *offset % 5 == key).is_sorted())
}

const BATCH: HandlerSpec = ONE.batch(10, 50);

fn each() -> impl Iterator<Item = (ConsumerConfig, HandlerSpec)> {
    both_modes().flat_map(|config| [(config.clone(), ONE), (config, BATCH)])
}

#[tokio::test(start_paused = true)]
async fn what_is_returned_is_sent_once_and_in_the_order_of_each_key() {
    for (config, spec) in each() {
        let pricing = Pricing::new(&config, spec, 1);
        pricing.rig.write(0..500);
        let assigned = pricing.rig.assign();
        pricing.rig.until_committed(500).await;
        assigned.revoke(Phase::Stopping).await;
        let mut sent = pricing.sent("prices");
        let is_by_key = !matches!(config.concurrency, Concurrency::Unordered { .. });
        assert!(!is_by_key || is_in_order_by_key(&sent), "{config:?}: {sent:?}");
        sent.sort_unstable();
        assert!(sent.into_iter().eq(0..500), "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_offset_is_not_committed_before_its_events_are_acknowledged_and_others_are_handled_meanwhile() {
    for (config, spec) in ways().into_iter().flat_map(|config| [(config.clone(), ONE), (config, BATCH)]) {
        let pricing = Pricing::new(&config, spec, 2);
        pricing.cluster.hold_acknowledgements();
        pricing.rig.write(0..100);
        let assigned = pricing.rig.assign();
        sleep(Duration::from_secs(3600)).await;
        let committed = pricing.rig.committed();
        assert!(committed <= 0, "{config:?}: {committed} is committed");
        assert_eq!((pricing.calls.offsets().len(), pricing.sent("prices").len()), (100, 200), "{config:?}");
        pricing.cluster.acknowledge();
        pricing.rig.until_committed(100).await;
        assigned.revoke(Phase::Stopping).await;
        assert_eq!(pricing.calls.offsets().len(), 100, "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_at_the_lanes_end_is_handled_again() {
    for config in ways() {
        let pricing = Pricing::new(&config, ONE, 1);
        pricing.cluster.hold_acknowledgements();
        pricing.rig.write(0..10);
        let assigned = pricing.rig.assign();
        sleep(Duration::from_secs(1)).await;
        // A stop alone lets what is on its way arrive.
        assigned.control.enter(Phase::Stopping);
        sleep(Duration::from_secs(1)).await;
        assert!(!assigned.lane.is_finished());
        assigned.revoke(Phase::Cancelled).await;
        assert!(pricing.rig.committed() <= 0, "{config:?}");
        pricing.cluster.acknowledge();
        let next = pricing.rig.assign();
        pricing.rig.until_committed(10).await;
        next.revoke(Phase::Stopping).await;
        let mut sent = pricing.sent("prices");
        sent.sort_unstable();
        assert!(sent.into_iter().eq((0..10).flat_map(|offset| [offset, offset])), "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_waited_for_and_changes_no_order() {
    for (config, spec) in each() {
        let pricing = Pricing::new(&config, spec, 3);
        pricing.cluster.limit_room(Some(10));
        pricing.rig.write(0..100);
        let assigned = pricing.rig.assign();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(pricing.sent("prices").len(), 10, "{config:?}");
        let called = pricing.calls.offsets().len();
        assert!(called < 100, "{config:?}: {called} records were handled with no room for what came of them");
        pricing.cluster.limit_room(None);
        pricing.rig.until_committed(100).await;
        assigned.revoke(Phase::Stopping).await;
        let mut sent = pricing.sent("prices");
        let is_by_key = !matches!(config.concurrency, Concurrency::Unordered { .. });
        assert!(!is_by_key || is_in_order_by_key(&sent), "{config:?}: {sent:?}");
        sent.sort_unstable();
        assert!(sent.into_iter().eq((0..100).flat_map(|offset| [offset; 3])), "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_broker_cannot_take_now_is_sent_again_without_another_call() {
    for (config, spec) in each() {
        let pricing = Pricing::new(&config, spec, 1);
        pricing.cluster.refuse("prices", [RDKafkaErrorCode::NotEnoughReplicas; 20]);
        pricing.rig.write(0..100);
        let assigned = pricing.rig.assign();
        pricing.rig.until_committed(100).await;
        assigned.revoke(Phase::Stopping).await;
        let (mut called, mut sent) = (pricing.calls.offsets(), pricing.sent("prices"));
        called.sort_unstable();
        sent.sort_unstable();
        assert!(called.into_iter().eq(0..100) && sent.into_iter().eq(0..100), "{config:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_the_policys_last_step_and_no_other_attempt() {
    let refused = [RDKafkaErrorCode::InvalidRecord];
    for config in ways() {
        for (last_step, committed, letters) in [
            (LastStep::Stop, 0, 0),
            (LastStep::Skip, 10, 0),
            (LastStep::DeadLetter { topic: "dead".into() }, 10, 1),
        ] {
            let policy = FailurePolicy::new().last_step(last_step.clone());
            let mut pricing = Pricing::new(&config.clone().failure_policy(policy), ONE, 1);
            pricing.cluster.refuse("prices", refused);
            pricing.rig.write(0..10);
            let assigned = pricing.rig.assign();
            if matches!(last_step, LastStep::Stop) {
                let Report(error) = pricing.rig.reports.recv().await.expect("the app ends");
                let text = format!("{error:?}");
                for part in ["Priced", "prices", "offset 0"] {
                    assert!(text.contains(part), "{text}");
                }
                assert!(pricing.rig.committed() <= committed);
            } else {
                pricing.rig.until_committed(committed).await;
            }
            assigned.revoke(Phase::Stopping).await;
            let called = pricing.calls.offsets().iter().filter(|offset| **offset == 0).count();
            assert_eq!(called, 1, "{config:?}");
            let dead = pricing
                .cluster
                .produced()
                .into_iter()
                .filter(|produced| produced.record.as_record().topic() == "dead");
            assert_eq!(dead.count(), letters, "{config:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_event_is_refused_is_given_up_as_a_whole() {
    let policy = FailurePolicy::new().last_step(LastStep::DeadLetter { topic: "dead".into() });
    for config in ways() {
        let pricing = Pricing::new(&config.failure_policy(policy.clone()), BATCH, 1);
        pricing.cluster.refuse("prices", [RDKafkaErrorCode::InvalidRecord]);
        pricing.rig.write(0..10);
        let assigned = pricing.rig.assign();
        pricing.rig.until_committed(10).await;
        assigned.revoke(Phase::Stopping).await;
        let dead = pricing
            .cluster
            .produced()
            .into_iter()
            .filter(|produced| produced.record.as_record().topic() == "dead");
        assert!(dead.count() > 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_seek_waits_for_what_is_on_its_way_and_none_of_it_settles_what_comes_after() {
    for config in both_modes() {
        let pricing = Pricing::new(&config, ONE, 1);
        pricing.cluster.hold_acknowledgements();
        pricing.rig.write(0..20);
        let assigned = pricing.rig.assign();
        sleep(Duration::from_secs(1)).await;
        assert!(pricing.rig.shared.commands.seek(&partition(), 5));
        sleep(Duration::from_secs(1)).await;
        pricing.cluster.acknowledge();
        sleep(Duration::from_secs(10)).await;
        pricing.rig.until_committed(20).await;
        assigned.revoke(Phase::Stopping).await;
        let mut after_the_seek = pricing.sent("prices");
        after_the_seek.drain(..after_the_seek.len() - 15);
        after_the_seek.sort_unstable();
        assert!(after_the_seek.into_iter().eq(5..20), "{config:?}");
    }
}

/// So many events of one record.
fn events_of_one(events: usize) -> (Sent, crate::event::Outgoing) {
    events_of(std::iter::repeat_n(0, events))
}

/// The events of a call that returns one for each of these offsets.
fn events_of(offsets: impl IntoIterator<Item = i64>) -> (Sent, crate::event::Outgoing) {
    let table = crate::route::RouteTable::new(&[ONE]).expect("no conflict");
    let message = Message::Memory(Arc::new(OwnedRecord::new("orders", 0, 0)));
    let slot = Slot { offset: 0, key: None, bytes: 0, round: 0, written: Written::UNKNOWN };
    let job = Job::One(Held { message, matched: table.find(None).expect("a handler"), slot });
    let events: Vec<_> = offsets.into_iter().map(|offset| Priced { offset }).collect();
    let Attempt::Sends(outgoing) = attempt_of(events) else { panic!("there are events") };
    (Sent { job, attempts: 1, begun: None }, outgoing)
}

/// What a lane sends with, what wakes it, and where it sends to.
fn sendings(cluster: &Cluster) -> (Sendings, Arc<Notify>, Arc<Outlets>) {
    let (look, outlets) = (Arc::new(Notify::new()), Arc::clone(states(cluster).outlets()));
    (Sendings::new(Arc::clone(&outlets), Arc::clone(&look), u64::MAX), look, outlets)
}

/// How many events were acknowledged, and refused.
fn counted(outlets: &Outlets) -> (u64, u64) {
    let of_producer = |counted: &Arc<_>| crate::metrics::Producer::metrics(&**counted).events;
    let events: Vec<_> = outlets.counted().iter().flat_map(of_producer).collect();
    (events.iter().map(|event| event.sent).sum(), events.iter().map(|event| event.failed).sum())
}

async fn is_woken(look: &Notify) -> bool {
    timeout(Duration::from_secs(1), look.notified()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_any_more_keeps_no_later_one_from_waking_the_lane() {
    let cluster = Cluster::default();
    let (mut sendings, look, outlets) = sendings(&cluster);
    cluster.hold_acknowledgements();
    // The first of two is held, and the second waits for room, and is refused.
    cluster.limit_room(Some(1));
    let (sent, outgoing) = events_of_one(2);
    sendings.send(sent, outgoing, |_, _| Vec::new());
    cluster.refuse("prices", [RDKafkaErrorCode::InvalidRecord]);
    cluster.limit_room(None);
    assert!(matches!(sendings.next(), Some(Arrival::Refused(..))));
    assert!(is_woken(&look).await);
    cluster.acknowledge();
    assert!(is_woken(&look).await && sendings.next().is_none());
    cluster.hold_acknowledgements();
    let (sent, outgoing) = events_of_one(1);
    sendings.send(sent, outgoing, |_, _| Vec::new());
    assert_eq!(counted(&outlets), (1, 1), "it was written, and is counted");
    cluster.acknowledge();
    assert!(is_woken(&look).await, "the lane sleeps, and its event is acknowledged");
    assert!(matches!(sendings.next(), Some(Arrival::Acknowledged(..))));
}

#[tokio::test(start_paused = true)]
async fn what_a_producer_does_not_take_wakes_the_lane() {
    let cluster = Cluster::default();
    let (mut sendings, look, _) = sendings(&cluster);
    cluster.take_nothing(RDKafkaErrorCode::MessageSizeTooLarge);
    let (sent, outgoing) = events_of_one(1);
    sendings.send(sent, outgoing, |_, _| Vec::new());
    assert!(is_woken(&look).await, "the lane sleeps, and its event is refused");
}

#[tokio::test(start_paused = true)]
async fn what_a_client_has_lost_is_sent_again_in_order_and_before_later_events_of_its_key() {
    for lost in [1, 7, 30, 50] {
        let cluster = Cluster::default();
        let (mut sendings, look, _) = sendings(&cluster);
        cluster.refuse("prices", vec![RDKafkaErrorCode::PurgeQueue; lost]);
        // The lane hears what has become of the first only after it has sent the next.
        for calls in [0..30, 30..45, 45..60] {
            let (sent, outgoing) = events_of(calls);
            sendings.send(sent, outgoing, |_, _| Vec::new());
        }
        let mut acknowledged = 0;
        while acknowledged < 3 {
            match sendings.next() {
                Some(Arrival::Acknowledged(_)) => acknowledged += 1,
                Some(Arrival::Refused(_, error)) => panic!("{error}"),
                None => {
                    let due = sendings.due().unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
                    let _ = tokio::time::timeout_at(due, look.notified()).await;
                }
            }
        }
        let mut sent: Vec<_> = cluster.produced().iter().map(offset).collect();
        assert!(is_in_order_by_key(&sent), "{lost}: {sent:?}");
        sent.sort_unstable();
        assert!(sent.into_iter().eq(0..60), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_records_whose_events_are_on_their_way_count_as_memory() {
    for config in ways() {
        let pricing = Pricing::new(&config, ONE, 1);
        pricing.cluster.hold_acknowledgements();
        for offset in 0..100 {
            let record = OwnedRecord::new("orders", 0, offset).key(offset.to_string());
            pricing.rig.log.write(record.header("Event-Type", "OrderCreated").payload(vec![b' '; 1 << 18]));
        }
        let assigned = pricing.rig.assign();
        sleep(Duration::from_secs(60)).await;
        // The lane has a mebibyte.
        let called = pricing.calls.offsets().len();
        assert!((4..20).contains(&called), "{config:?}: {called} records are kept");
        pricing.cluster.acknowledge();
        pricing.rig.until_committed(100).await;
        assigned.revoke(Phase::Stopping).await;
    }
}

#[derive(Serialize)]
struct Audited;

impl Event for Audited {
    const NAME: &'static str = "Audited";
    const TOPIC: Option<&'static str> = Some("audit");

    fn key(&self, _: &mut EventKey<'_>) {}
}

#[tokio::test(start_paused = true)]
async fn each_event_of_a_call_has_the_headers_that_its_own_producer_forwards() {
    for is_audit_first in [true, false] {
        let rig = Rig::new(&ConsumerConfig::new(["orders"]), ONE, move |_| async move {
            let (priced, mut outbox) = (Priced { offset: 0 }, crate::event::Outbox::default());
            if is_audit_first {
                outbox.add(&Audited).and_then(|()| outbox.add(&priced)).unwrap();
            } else {
                outbox.add(&priced).and_then(|()| outbox.add(&Audited)).unwrap();
            }
            outbox.into_outgoing().map_or(Attempt::Returned(Outcome::Done), Attempt::Sends)
        });
        let (cluster, mut outlets) = (Cluster::default(), Outlets::default());
        for (spec, forwarded) in [
            (crate::event::EventSpec::of::<Priced>(), &["traceparent"][..]),
            (crate::event::EventSpec::of::<Audited>(), &[]),
        ] {
            let form = form().forwarding(forwarded);
            let producer = ReliableProducer::in_memory("out".into(), cluster.clone(), Sends::Events);
            outlets.add(spec, &Arc::new(Outlet::new("out".into(), producer, form, &Tracing::default())));
        }
        let mut states = States::default();
        states.set_outlets(outlets);
        let shared = Arc::into_inner(rig.shared).expect("nobody else has it yet");
        let rig = Rig { shared: Arc::new(shared.with_states(Arc::new(states))), ..rig };
        let record = OwnedRecord::new("orders", 0, 0).header("traceparent", "00-1");
        rig.log.write(record.header("Event-Type", "OrderCreated"));
        let assigned = rig.assign();
        rig.until_committed(1).await;
        assigned.revoke(Phase::Stopping).await;
        let produced = cluster.produced();
        assert_eq!(produced.len(), 2);
        for produced in produced {
            let record = produced.record.as_record();
            let expected = (record.topic() == "prices").then_some(&b"00-1"[..]);
            assert_eq!(record.headers().get("traceparent"), expected, "{}", record.topic());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_does_not_end_later_because_other_lanes_go_on_enqueueing() {
    for config in both_modes() {
        let pricing = Pricing::new(&config, ONE, 1);
        pricing.rig.write(0..10);
        let assigned = pricing.rig.assign();
        pricing.rig.until_committed(10).await;
        let outlets = Arc::clone(pricing.rig.shared.states.outlets());
        let outlet = &outlets.of(crate::event::EventSpec::of::<Priced>()).expect("it is sent").outlet;
        let on_its_way = outlet.unawaited("Priced");
        let begun = Instant::now();
        assigned.control.enter(Phase::Stopping);
        assigned.lane.await.expect("the lane finishes");
        assigned.committer.abort();
        let took = begun.elapsed();
        // Not at once: what its own handlers have enqueued may be acknowledged meanwhile.
        assert!(took > Duration::from_millis(100) && took < Duration::from_secs(1), "{config:?}: {took:?}");
        on_its_way.tell(Ok((0, 0)));
        assert!(outlet.is_flushed());
    }
}
