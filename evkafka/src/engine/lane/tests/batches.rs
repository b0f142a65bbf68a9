//! Batches in order, in place and collected.

use rdkafka::error::RDKafkaErrorCode;

use super::{
    super::batches::{MOST_SKIPPED, Row, Size, look_ahead},
    *,
};
use crate::{engine::schedule::Tools, source::PartitionError};

const MOST: u32 = 4;
/// How long a batch waits for more.
const WITHIN: Duration = Duration::from_millis(50);
const ORDERS: HandlerSpec = HandlerSpec::new("on_orders", &["OrderCreated"], "").batch(MOST, 50);
const PAYMENTS: HandlerSpec = HandlerSpec::new("on_payments", &["PaymentReceived"], "").batch(MOST, 50);
const RETURN: HandlerSpec = HandlerSpec::new("on_return", &["OrderReturned"], "");

/// What a record is, by the handler that takes it.
const EVENTS: [&str; 4] = ["OrderCreated", "PaymentReceived", "OrderReturned", "InventoryCounted"];
const NOBODYS: usize = 3;

/// Records that are written at one time, and the offset of the first.
fn write(rig: &Rig, from: i64, events: &[usize]) {
    for (offset, event) in (from..).zip(events) {
        let record = OwnedRecord::new("orders", 0, offset);
        rig.log.write(record.header("Event-Type", EVENTS[*event]));
    }
}

/// How the calls are to be made: in order, each batch as large as it can be, of what was written at one time.
fn calls_of(written: &[Vec<usize>]) -> Vec<(usize, Vec<i64>)> {
    let (mut calls, mut offset) = (Vec::<(usize, Vec<i64>)>::new(), 0);
    for events in written {
        let mut may_join = false;
        for event in events {
            if *event != NOBODYS {
                match calls.last_mut().filter(|(handler, offsets)| {
                    may_join && handler == event && *event < 2 && offsets.len() < MOST as usize
                }) {
                    Some((_, offsets)) => offsets.push(offset),
                    None => calls.push((*event, vec![offset])),
                }
                may_join = true;
            }
            offset += 1;
        }
    }
    calls
}

/// What comes of the first attempt at a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Succeeds,
    Waits,
    Fails,
    /// Its first record cannot be decoded.
    IsUndecodable,
}

fn first() -> impl Strategy<Value = First> {
    prop_oneof![
        4 => Just(First::Succeeds),
        1 => Just(First::Waits),
        1 => Just(First::Fails),
        1 => Just(First::IsUndecodable),
    ]
}

async fn handle(config: &ConsumerConfig, written: &[Vec<usize>], firsts: Vec<First>) {
    let calls = Calls::default();
    let (noted, seen) = (calls.clone(), Arc::new(Mutex::new(std::collections::HashSet::new())));
    let first_of = move |offset: i64| firsts[usize::try_from(offset).unwrap() % firsts.len()];
    let of_model = first_of.clone();
    let mut rig = Rig::with_handlers(config, &[ORDERS, PAYMENTS, RETURN], move |call| {
        noted.note(&call);
        let first = seen.lock().unwrap().insert(call.offsets[0]).then(|| first_of(call.offsets[0]));
        async move {
            match first {
                None | Some(First::Succeeds) => DONE,
                Some(First::Waits) => {
                    sleep(Duration::from_secs(1)).await;
                    DONE
                }
                Some(First::Fails) => Attempt::Failed("not now".into()),
                Some(First::IsUndecodable) if call.handler < 2 => {
                    Attempt::UndecodableAmong(vec![(0, "bad".into())])
                }
                Some(First::IsUndecodable) => Attempt::Undecodable("bad".into()),
            }
        }
    });
    let assigned = rig.assign();
    let mut offset = 0;
    for events in written {
        write(&rig, offset, events);
        offset += events.len() as i64;
        rig.until_committed(offset).await;
        sleep(2 * WITHIN).await;
    }
    assigned.revoke(Phase::Stopping).await;
    let mut expected = Vec::new();
    let mut given_up = 0;
    for (handler, offsets) in calls_of(written) {
        expected.push((handler, offsets.clone()));
        match of_model(offsets[0]) {
            First::Succeeds | First::Waits => {}
            First::Fails => expected.push((handler, offsets)),
            First::IsUndecodable => {
                given_up += 1;
                // Of those that are left, the first has its first attempt.
                let mut rest = &offsets[1..];
                while !rest.is_empty() {
                    expected.push((handler, rest.to_vec()));
                    match of_model(rest[0]) {
                        First::Succeeds | First::Waits => break,
                        First::Fails => {
                            expected.push((handler, rest.to_vec()));
                            break;
                        }
                        First::IsUndecodable => {
                            given_up += 1;
                            rest = &rest[1..];
                        }
                    }
                }
            }
        }
    }
    let made: Vec<_> = {
        let calls = calls.0.lock().unwrap();
        calls.iter().map(|call| (call.handler, call.offsets.clone())).collect()
    };
    match config.auto_commit_mode {
        AutoCommitMode::PostCommit => assert_eq!(made, expected),
        // What was committed together is handled together.
        AutoCommitMode::PreCommit => {
            let all = |calls: &[(usize, Vec<i64>)]| {
                calls
                    .iter()
                    .flat_map(|(handler, offsets)| {
                        offsets.iter().map(|offset| (*handler, *offset)).collect::<Vec<_>>()
                    })
                    .collect::<Vec<_>>()
            };
            assert_eq!(all(&made), all(&expected));
        }
    }
    let (counts, all) = (&rig.shared.counts, || written.iter().flatten());
    let skipped = all().filter(|event| **event == NOBODYS).count() as u64;
    assert_eq!((counts.skipped(), counts.given_up()), (skipped, given_up));
    assert_eq!(counts.handled() + skipped + given_up, all().count() as u64);
    assert!(rig.reports.try_recv().is_err(), "nothing is reported");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_batch_is_as_large_as_the_order_of_its_partition_allows(
        written in prop::collection::vec(prop::collection::vec(0..4_usize, 1..40), 1..5),
        firsts in prop::collection::vec(first(), 1..12),
        commits_before in any::<bool>(),
    ) {
        // Otherwise which fail depends on how many are committed together.
        let firsts = if commits_before { vec![First::Succeeds, First::Waits] } else { firsts };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let policy = FailurePolicy::new().last_step(crate::settle::LastStep::Skip);
        let config = ConsumerConfig::new(["orders"]).failure_policy(policy);
        let config = if commits_before { config.auto_commit_mode(AutoCommitMode::PreCommit) } else { config };
        runtime.block_on(handle(&config, &written, firsts));
    }
}

/// The offsets of the next batch of at most three records of 1000 bytes each, if it is complete.
fn complete(events: &[usize], ends_with_error: bool) -> Option<Vec<i64>> {
    let config = ConsumerConfig::new(["orders"]);
    let rig: Rig = Rig::with_handlers(&config, &[ORDERS, PAYMENTS, RETURN], |_| async { DONE });
    for (offset, event) in (0..).zip(events) {
        let record = OwnedRecord::new("orders", 0, offset).payload([0; 1000]);
        rig.log.write(record.header("Event-Type", EVENTS[*event]));
    }
    if ends_with_error {
        let (code, reason) = (RDKafkaErrorCode::BrokerTransportFailure, String::new());
        rig.log.fail(PartitionError { code, offset: None, reason });
    }
    let origin = Origin::new("test", "orders", 0);
    let worker = Worker::new(origin.clone(), Arc::clone(&rig.shared), Arc::default(), AtWork::default());
    let tools = Tools { handlers: Arc::clone(&rig.handlers), worker: Arc::new(worker) };
    let mut queue = Queue::Memory(rig.log.read_from(0));
    let mut fetched = queue.fetched();
    assert_eq!(queue.take(&mut fetched, 100), None);
    let Some(crate::source::Entry::Record(first)) = fetched.entry(&origin) else { panic!("no record") };
    let first = tools.worker.route(&tools.handlers, &tools.worker.event(&first)).expect("a handler");
    let (epoch, size) = (Epoch::resume(Start::default(), None), Size { records: 3, bytes: 3500 });
    let (mut row, mut opened) = (Row::new(), Vec::new());
    let is_complete = look_ahead(&fetched, &epoch, &tools, first, &size, &mut row, &mut opened);
    assert_eq!(row.len(), opened.len());
    assert_eq!(row.iter().map(|next| next.skipped as i64 + 1).sum::<i64>(), row.last().unwrap().offset + 1);
    is_complete.then(|| row.iter().map(|next| next.offset).collect())
}

#[tokio::test]
async fn a_batch_is_handled_in_place_if_it_waits_for_no_other_record() {
    assert_eq!(complete(&[0, 1], false), Some(vec![0]), "another handler's record is next");
    assert_eq!(complete(&[0, 0, 2], false), Some(vec![0, 1]));
    assert_eq!(complete(&[0, 0, 0, 0], false), Some(vec![0, 1, 2]), "three are enough");
    assert_eq!(complete(&[0, NOBODYS, 0, NOBODYS, 1], false), Some(vec![0, 2]));
    assert_eq!(complete(&[0, 0], false), None, "a third may come");
    assert_eq!(complete(&[0, 0], true), None);
    assert_eq!(complete(&[0, NOBODYS], false), None);
    let skipped = |records| [&[0][..], &vec![NOBODYS; records], &[1]].concat();
    assert_eq!(complete(&skipped(MOST_SKIPPED), false), Some(vec![0]));
    assert_eq!(complete(&skipped(MOST_SKIPPED + 1), false), None);
}

/// The records of a batch that is handled where they are wait with it, and go to the next owner if it does not end in time.
#[tokio::test(start_paused = true)]
async fn a_batch_that_is_cut_short_is_handled_again_as_a_whole() {
    for phase in [Phase::Cancelled, Phase::Aborted] {
        let calls = Calls::default();
        let noted = calls.clone();
        let config = ConsumerConfig::new(["orders"]);
        let rig = Rig::with_handlers(&config, &[ORDERS, PAYMENTS, RETURN], move |call| {
            noted.note(&call);
            let is_first = noted.0.lock().unwrap().len() == 1;
            async move {
                if is_first {
                    call.token.cancelled().await;
                    std::future::pending::<()>().await;
                }
                DONE
            }
        });
        write(&rig, 0, &[0, NOBODYS, 0, 1]);
        let assigned = rig.assign();
        sleep(Duration::from_secs(1)).await;
        let partition = rig.partition();
        assert_eq!(partition.in_flight, 2, "both records of the batch");
        assigned.control.enter(phase);
        sleep(Duration::from_secs(1)).await;
        assigned.revoke(Phase::Aborted).await;
        assert_eq!(rig.committed(), 0, "nothing of it is settled");
        let assigned = rig.assign();
        rig.until_committed(4).await;
        assigned.revoke(Phase::Stopping).await;
        assert_eq!(calls.offsets(), [0, 2, 0, 2, 3]);
    }
}

/// While one batch waits, what is said of the partition is of that batch, and not of the one before it.
#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_the_batch_that_waits() {
    let rig = Rig::with_handlers(&ConsumerConfig::new(["orders"]), &[ORDERS, PAYMENTS], |call| async move {
        if call.handler == 1 {
            std::future::pending::<()>().await;
        }
        DONE
    });
    let assigned = rig.assign();
    write(&rig, 0, &[0, 0, 0]);
    // They are collected, and wait for a fourth.
    sleep(WITHIN / 5).await;
    assert_eq!(rig.partition().in_flight, 3);
    write(&rig, 3, &[1, 1, 0]);
    sleep(WITHIN / 5).await;
    assert_eq!(rig.partition().in_flight, 2);
    assigned.revoke(Phase::Aborted).await;
}

/// A round of a pre-commit may be large, and all that share a thread are to have their turn.
#[tokio::test]
async fn a_large_round_yields_to_other_tasks() {
    const RECORDS: usize = 50_000;
    let turns = Arc::new(AtomicI64::new(0));
    let others = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            loop {
                turns.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    let in_turns = Arc::new(Mutex::new(HashMap::<i64, usize>::new()));
    let noted = Arc::clone(&in_turns);
    let config = ConsumerConfig::new(["orders"]).auto_commit_mode(AutoCommitMode::PreCommit);
    let rig: Rig = Rig::with_handlers(&config, &[ORDERS.batch(64, 50)], move |call| {
        *noted.lock().unwrap().entry(turns.load(SeqCst)).or_default() += call.offsets.len();
        async { DONE }
    });
    write(&rig, 0, &[0; RECORDS]);
    let assigned = rig.assign();
    rig.until_committed(RECORDS as i64).await;
    assigned.revoke(Phase::Stopping).await;
    others.abort();
    let most = in_turns.lock().unwrap().values().copied().max();
    // A round grows to thousands. The lane may be woken in between.
    assert!(most.is_some_and(|most| (64..1000).contains(&most)), "{most:?} records in one turn");
}

#[tokio::test(start_paused = true)]
async fn headers_count_towards_the_byte_limit_of_a_batch() {
    let calls = Calls::default();
    let noted = calls.clone();
    let rig: Rig =
        Rig::with_handlers(&ConsumerConfig::new(["orders"]), &[ORDERS.batch(100, 50)], move |call| {
            noted.note(&call);
            async { DONE }
        });
    for offset in 0..100 {
        let record = OwnedRecord::new("orders", 0, offset).header("Event-Type", "OrderCreated");
        rig.log.write(record.header("Signature", vec![0; 100 << 10]));
    }
    let assigned = rig.assign();
    rig.until_committed(100).await;
    // The partition's share of the memory is a mebibyte.
    let most = calls.0.lock().unwrap().iter().map(|call| call.offsets.len()).max();
    assert_eq!(most, Some(11));
    assigned.revoke(Phase::Stopping).await;
}

/// What names events has to give the same answer each time. One that does not loses no record that a handler takes, and ends no lane.
#[tokio::test(start_paused = true)]
async fn an_inconsistent_naming_function_loses_no_record() {
    for other in ["PaymentReceived", "OrderReturned", "nobody's"] {
        let last = AtomicI64::new(-1);
        let naming = crate::EventTypeSource::function(move |record| {
            let is_first_look = last.fetch_max(record.offset(), SeqCst) < record.offset();
            Some(if is_first_look { "OrderCreated" } else { other }.into())
        });
        let config = ConsumerConfig::new(["orders"]).event_type([naming]);
        let calls = Calls::default();
        let noted = calls.clone();
        let mut rig: Rig = Rig::with_handlers(&config, &[ORDERS, PAYMENTS, RETURN], move |call| {
            noted.note(&call);
            async { DONE }
        });
        let assigned = rig.assign();
        // One at a time, and many.
        for offset in 0..20 {
            write(&rig, offset, &[0]);
            rig.until_committed(offset + 1).await;
        }
        for offset in 20..50 {
            write(&rig, offset, &[0]);
        }
        rig.until_committed(50).await;
        assigned.revoke(Phase::Stopping).await;
        assert!(calls.offsets().into_iter().eq(0..50), "{other}");
        assert!(rig.reports.try_recv().is_err(), "nothing is reported");
    }
}
