use std::{
    ffi::{CStr, c_char, c_int},
    ptr::{self, NonNull},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    bindings::{
        RD_KAFKA_EVENT_DR, RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_STATS, RD_KAFKA_PURGE_F_INFLIGHT,
        RD_KAFKA_PURGE_F_QUEUE, rd_kafka_conf_set_events, rd_kafka_event_message_next, rd_kafka_event_t,
        rd_kafka_event_type, rd_kafka_purge, rd_kafka_queue_destroy, rd_kafka_queue_get_main,
        rd_kafka_queue_poll, rd_kafka_queue_t, rd_kafka_t,
    },
    client::{Client, DefaultClientContext},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaType,
};
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::{
    Answer, Delivery, Event, RawRecord,
    error_code::{from_number, result_at},
    millis::millis,
    outdated::Outdated,
    produce::produce,
};

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_fatal_error(client: *mut rd_kafka_t, reason: *mut c_char, size: usize) -> c_int;
}

/// How many deliveries are answered at a time: whoever produces waits for the lock meanwhile.
const AT_A_TIME: usize = 64;

/// A producer that somebody has to poll.
///
/// rdkafka's own producers read the numbers of errors as values of an enumeration, also those that it lacks.
///
/// # The invariant
/// What librdkafka keeps with a record is a number ([`Unanswered`]), not a pointer. So nothing that it does or omits, such as to
/// report a record twice or not at all, can free an answer twice or leak one.
///
/// Dropping it waits for librdkafka's threads: drop it on a thread that nobody has to wait for. Whoever waits for a record that was
/// not acknowledged is then told [`BrokerDestroy`](RDKafkaErrorCode::BrokerDestroy).
pub(crate) struct OwnedProducer {
    /// Where the client's events arrive. A reference of our own, given back before the client is destroyed.
    events: NonNull<rd_kafka_queue_t>,
    /// Its drop destroys the client.
    client: Client<DefaultClientContext>,
    unanswered: Mutex<Unanswered>,
    /// Empty but for its allocations, which are used again.
    reported: Mutex<Reported>,
    /// How many records were acknowledged.
    acknowledged: AtomicU64,
    /// After what it is not to be used any more, though librdkafka goes on.
    outdated: OnceLock<Outdated>,
    created: Instant,
    /// Notified once for each record that has left the queue.
    room: Arc<Notify>,
}

// SAFETY: librdkafka's clients and queues may be used from any thread at the same time; the pointer itself is never changed.
unsafe impl Send for OwnedProducer {}
// SAFETY: as above.
unsafe impl Sync for OwnedProducer {}

impl OwnedProducer {
    /// # Errors
    /// If librdkafka does not take the settings.
    pub(crate) fn new(settings: &ClientConfig) -> Result<Self, KafkaError> {
        let native = settings.create_native_config()?;
        let events = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS;
        // SAFETY: the settings are alive. What does not come as an event is not asked for.
        unsafe { rd_kafka_conf_set_events(native.ptr(), events) };
        let client = Client::new(settings, native, RDKafkaType::RD_KAFKA_PRODUCER, DefaultClientContext)?;
        // SAFETY: the client is alive. The reference that is returned is ours.
        let events = unsafe { rd_kafka_queue_get_main(client.native_ptr()) };
        let events = NonNull::new(events).expect("every client has a queue");
        Ok(Self {
            events,
            client,
            unanswered: Mutex::default(),
            reported: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            outdated: OnceLock::new(),
            created: Instant::now(),
            room: Arc::default(),
        })
    }

    /// Puts a record into the producer's queue, which copies it; `answer` is told its delivery.
    ///
    /// # Errors
    /// If the producer does not take it (its queue is full, the topic's name is invalid, it met a [fatal error](Self::fatal_error)); then
    /// `answer` is told nothing.
    #[inline]
    pub(crate) fn produce(&self, record: RawRecord<'_>, answer: Answer) -> Result<(), RDKafkaErrorCode> {
        if self.is_outdated() {
            return Err(RDKafkaErrorCode::Fatal);
        }
        // Before the record is produced: its delivery may be reported at once, on another thread.
        let id = self.unanswered().add(answer);
        // SAFETY: the client is alive.
        let result = unsafe { produce(self.client.native_ptr(), record, ptr::without_provenance_mut(id)) };
        if let Err(code) = result {
            self.unanswered().remove(id);
            return Err(code);
        }
        Ok(())
    }

    /// Notified when a record has left the producer's queue. Others may wait for the same room, so that it may be full again; and the
    /// room may have been there before: look again some time later in any case.
    pub(crate) fn room(&self) -> &Arc<Notify> {
        &self.room
    }

    /// How many records were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits for an event, for at most `timeout` (in steps of a millisecond; zero does not wait). Deliveries are told to whoever waits
    /// for them.
    pub(crate) fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: queue and client are alive; the event is ours.
        let event = NonNull::new(unsafe { rd_kafka_queue_poll(self.events.as_ptr(), millis(timeout)) })?;
        let mut reported = std::mem::take(&mut *self.reported());
        // SAFETY: as said; it is destroyed after its deliveries were read.
        let event = unsafe {
            read_deliveries(event.as_ptr(), &mut reported.deliveries);
            Event::take(event)
        };
        // After its records have left librdkafka's queue with it: who hears of one may send the next, and needs the room.
        self.deliver(&mut reported);
        *self.reported() = reported;
        Some(event)
    }

    fn deliver(&self, Reported { deliveries, answers }: &mut Reported) {
        for some in deliveries.chunks(AT_A_TIME) {
            self.take_answers(some, answers);
            // Without the lock, which whoever is told may want.
            Answer::tell_all(answers);
            some.iter().for_each(|_| self.room.notify_one());
        }
        deliveries.clear();
    }

    fn take_answers(&self, reported: &[(usize, Delivery)], answers: &mut Vec<(Answer, Delivery)>) {
        let mut acknowledged = 0;
        let mut unanswered = self.unanswered();
        for (id, delivery) in reported {
            match delivery {
                Ok(_) => acknowledged += 1,
                // Before it is told: whoever hears of it looks for a fatal error.
                Err(code) => {
                    if let Some(outdated) = Outdated::after(*code, self.created.elapsed()) {
                        self.outdated.get_or_init(|| outdated);
                    }
                }
            }
            if let Some(answer) = unanswered.remove(*id) {
                answers.push((answer, *delivery));
            }
        }
        drop(unanswered);
        self.acknowledged.fetch_add(acknowledged, Ordering::Relaxed);
    }

    /// Takes back all records that were not acknowledged. Whether those that are in flight are written is left open. Waits for
    /// librdkafka's threads; the deliveries are reported by [`poll`](Self::poll).
    pub(crate) fn purge(&self) {
        let flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the client is alive. It fails for consumers and unknown flags only.
        unsafe { rd_kafka_purge(self.client.native_ptr(), flags) };
    }

    /// Whether the delivery of a record is not known yet.
    pub(crate) fn has_unanswered(&self) -> bool {
        !self.unanswered().answers.is_empty()
    }

    /// Whether it takes no more records although librdkafka would.
    #[inline]
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.get().is_some()
    }

    /// As if a record of a client that is not young had been answered so.
    #[cfg(test)]
    pub(crate) fn outdate(&self, code: RDKafkaErrorCode) {
        let outdated = Outdated::after(code, Duration::MAX);
        self.outdated.get_or_init(|| outdated.expect("the client is outdated by this"));
    }

    /// The error after which it takes no more records, and its text.
    pub(crate) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        let outdated = || self.outdated.get().map(|outdated| (outdated.code(), outdated.reason().to_owned()));
        self.clients_fatal_error().or_else(outdated)
    }

    /// Whether what is on its way may still be acknowledged, though it takes no more.
    pub(crate) fn may_finish(&self) -> bool {
        self.outdated.get() == Some(&Outdated::Metadata) && self.clients_fatal_error().is_none()
    }

    fn clients_fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        let mut reason = [0; 512];
        // SAFETY: client and buffer are alive; what is written into the buffer, if anything, fits and ends with a NUL.
        unsafe {
            let code = rd_kafka_fatal_error(self.client.native_ptr(), reason.as_mut_ptr(), reason.len());
            let code = from_number(code).err()?;
            Some((code, CStr::from_ptr(reason.as_ptr()).to_string_lossy().into_owned()))
        }
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unanswered(&self) -> MutexGuard<'_, Unanswered> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what became of the records that an event is of, by their numbers; of none, if it is another event.
///
/// # Safety
/// An event that is alive.
unsafe fn read_deliveries(event: *mut rd_kafka_event_t, deliveries: &mut Vec<(usize, Delivery)>) {
    let next = || {
        // SAFETY: alive (caller), and its messages as long. Their error may be any number, so that there is no reference to a whole
        // message.
        unsafe {
            let message = NonNull::new(rd_kafka_event_message_next(event).cast_mut())?.as_ptr();
            let delivery = result_at(&raw const (*message).err)
                .and_then(|()| written_to((*message).partition, (*message).offset));
            Some(((*message)._private.addr(), delivery))
        }
    };
    // SAFETY: alive (caller).
    if unsafe { rd_kafka_event_type(event) } == RD_KAFKA_EVENT_DR {
        deliveries.extend(std::iter::from_fn(next));
    }
}

/// Where a record was written that librdkafka takes for acknowledged. Without an offset it may not be.
///
/// An idempotent producer concludes from the acknowledgement of a later batch that those before it, which it still has to send again,
/// were written too, since the broker would have refused a gap. It says so without an offset. But a broker that does not know the
/// producer, as in a partition that is new, was made again or got nothing of it for a day (`producer.id.expiration.ms`), takes any
/// batch for its first: then those before it are not there. Brokers of Kafka 1 have no offset (-1) for what they take for a duplicate.
fn written_to(partition: i32, offset: i64) -> Delivery {
    if offset < 0 {
        return Err(RDKafkaErrorCode::Inconsistent);
    }
    Ok((partition, offset))
}

impl Drop for OwnedProducer {
    fn drop(&mut self) {
        // SAFETY: the reference is ours and given back once, here; the client is destroyed after it, when the fields are dropped.
        unsafe { rd_kafka_queue_destroy(self.events.as_ptr()) };
    }
}

/// What one event says of records, and who is told.
#[derive(Default)]
struct Reported {
    deliveries: Vec<(usize, Delivery)>,
    answers: Vec<(Answer, Delivery)>,
}

/// Who waits for the deliveries of records, by numbers that are used once.
#[derive(Default)]
struct Unanswered {
    last: usize,
    answers: FxHashMap<usize, Answer>,
}

impl Unanswered {
    fn add(&mut self, answer: Answer) -> usize {
        self.last = self.last.wrapping_add(1);
        self.answers.insert(self.last, answer);
        self.last
    }

    fn remove(&mut self, id: usize) -> Option<Answer> {
        self.answers.remove(&id)
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.answers.drain().for_each(|(_, answer)| answer.tell(Err(RDKafkaErrorCode::BrokerDestroy)));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Weak, mpsc},
        time::Instant,
    };

    use rdkafka::bindings::{RD_KAFKA_OFFSET_INVALID, rd_kafka_resp_err_t};
    use tokio::sync::oneshot::{self, error::TryRecvError};

    use super::*;
    use crate::native::{Unawaited, test_mock};

    const PRODUCE: i16 = 0;
    const RECORD: RawRecord<'_> = RawRecord {
        topic: "orders",
        partition: None,
        key: Some(b"7"),
        payload: None,
        headers: &[],
        timestamp: None,
    };

    fn produce(
        producer: &OwnedProducer,
        record: RawRecord<'_>,
    ) -> Result<oneshot::Receiver<Delivery>, RDKafkaErrorCode> {
        let (answer, answered) = oneshot::channel();
        producer.produce(record, Answer::One(answer)).map(|()| answered)
    }

    /// Polls until there is an answer.
    fn delivery(producer: &OwnedProducer, mut answered: oneshot::Receiver<Delivery>) -> Delivery {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match answered.try_recv() {
                Ok(delivery) => return delivery,
                Err(error) => assert_eq!(error, TryRecvError::Empty),
            }
            assert!(Instant::now() < deadline, "the delivery is reported");
            producer.poll(Duration::from_millis(100));
        }
    }

    #[test]
    fn a_refusal_that_librdkafka_does_not_know_is_an_unknown_error() {
        let mut settings = ClientConfig::new();
        settings.set("test.mock.num.brokers", "1");
        let producer = OwnedProducer::new(&settings).expect("librdkafka takes the settings");
        // SAFETY: the client is alive, and has a mock cluster.
        unsafe { test_mock::refuse(producer.client.native_ptr(), c"orders", PRODUCE, &[9_999]) };
        for expected in [Err(RDKafkaErrorCode::Unknown), Ok((0, 0))] {
            let answered = produce(&producer, RECORD).expect("the producer takes it");
            assert!(producer.has_unanswered());
            assert_eq!(delivery(&producer, answered), expected);
            assert!(!producer.has_unanswered());
        }
        assert_eq!(producer.fatal_error(), None);
    }

    #[test]
    fn a_record_is_not_acknowledged_because_a_later_one_was() {
        let mut settings = ClientConfig::new();
        settings.set("test.mock.num.brokers", "1").set("enable.idempotence", "true");
        // Each is in a request of its own, and the second is under way when the first is refused.
        settings.set("batch.num.messages", "1").set("test.mock.broker.rtt", "200");
        let producer = OwnedProducer::new(&settings).expect("librdkafka takes the settings");
        let not_leader = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as c_int;
        // SAFETY: the client is alive, and has a mock cluster.
        unsafe { test_mock::refuse(producer.client.native_ptr(), c"orders", PRODUCE, &[not_leader]) };
        let [first, second] = [(); 2].map(|()| produce(&producer, RECORD).expect("the producer takes it"));
        assert_eq!(delivery(&producer, first), Err(RDKafkaErrorCode::Inconsistent));
        assert_eq!(delivery(&producer, second), Ok((0, 0)));
        assert_eq!(producer.acknowledged(), 1);
        assert_eq!(producer.fatal_error(), None);
        let again = produce(&producer, RECORD).expect("the producer takes it");
        assert_eq!(delivery(&producer, again), Ok((0, 1)));
    }

    #[test]
    fn a_producer_whose_epoch_is_refused_takes_no_more_records() {
        let mut settings = ClientConfig::new();
        settings.set("test.mock.num.brokers", "1").set("enable.idempotence", "true");
        let producer = OwnedProducer::new(&settings).expect("librdkafka takes the settings");
        let old_epoch = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH as c_int;
        // SAFETY: the client is alive, and has a mock cluster.
        unsafe { test_mock::refuse(producer.client.native_ptr(), c"orders", PRODUCE, &[old_epoch]) };
        let refused = produce(&producer, RECORD).expect("the producer takes it");
        assert_eq!(producer.fatal_error(), None);
        assert_eq!(delivery(&producer, refused), Err(RDKafkaErrorCode::InvalidProducerEpoch));
        let (code, reason) = producer.fatal_error().expect("its epoch is refused");
        assert_eq!(code, RDKafkaErrorCode::InvalidProducerEpoch);
        assert!(reason.contains("epoch"), "{reason}");
        assert_eq!(produce(&producer, RECORD).map(drop), Err(RDKafkaErrorCode::Fatal));
    }

    #[test]
    fn an_acknowledgement_without_an_offset_is_not_one() {
        for offset in [i64::from(RD_KAFKA_OFFSET_INVALID), -1] {
            assert_eq!(written_to(0, offset), Err(RDKafkaErrorCode::Inconsistent), "{offset}");
        }
        assert_eq!(written_to(3, 0), Ok((3, 0)));
    }

    #[test]
    fn a_record_that_is_not_taken_leaves_nothing_behind() {
        let producer = OwnedProducer::new(&ClientConfig::new()).expect("librdkafka takes the settings");
        let too_large = produce(&producer, RawRecord { payload: Some(&[0; 2_000_000]), ..RECORD });
        assert_eq!(too_large.map(drop), Err(RDKafkaErrorCode::MessageSizeTooLarge));
        let misnamed = produce(&producer, RawRecord { topic: "a\0b", ..RECORD });
        assert_eq!(misnamed.map(drop), Err(RDKafkaErrorCode::InvalidTopic));
        assert!(!producer.has_unanswered());
    }

    #[test]
    fn a_producer_that_is_dropped_before_it_is_polled_leaves_nobody_waiting() {
        let producer = OwnedProducer::new(&ClientConfig::new()).expect("librdkafka takes the settings");
        let mut answered = produce(&producer, RECORD).expect("the producer takes it");
        assert_eq!(answered.try_recv(), Err(TryRecvError::Empty));
        drop(producer);
        assert_eq!(answered.try_recv(), Ok(Err(RDKafkaErrorCode::BrokerDestroy)));
    }

    /// Sends the next record as soon as it hears of one.
    struct SendsNext {
        producer: Weak<OwnedProducer>,
        next: mpsc::Sender<Result<oneshot::Receiver<Delivery>, RDKafkaErrorCode>>,
    }

    impl Unawaited for SendsNext {
        fn answered(&self, _: &'static str, delivery: Delivery) {
            assert!(delivery.is_ok(), "{delivery:?}");
            let producer = self.producer.upgrade().expect("it is polled");
            self.next.send(produce(&producer, RECORD)).expect("it is received");
        }
    }

    #[test]
    fn a_record_has_left_the_queue_when_its_delivery_is_told() {
        let mut settings = ClientConfig::new();
        settings.set("test.mock.num.brokers", "1").set("queue.buffering.max.messages", "1");
        let producer = Arc::new(OwnedProducer::new(&settings).expect("librdkafka takes the settings"));
        let (next, sent) = mpsc::channel();
        let first = Arc::new(SendsNext { producer: Arc::downgrade(&producer), next });
        producer.produce(RECORD, Answer::Nobody(first, "first")).expect("the producer takes it");
        let deadline = Instant::now() + Duration::from_secs(60);
        let second = loop {
            assert!(Instant::now() < deadline, "the delivery is told");
            producer.poll(Duration::from_millis(100));
            if let Ok(sent) = sent.try_recv() {
                break sent.expect("there is room");
            }
        };
        assert!(delivery(&producer, second).is_ok());
    }
}
