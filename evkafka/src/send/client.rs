use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::sync::Notify;

use super::client_events::ClientEvents;
use crate::{
    client::{ClientLog, ClientReports, Standing},
    native::{Answer, Event, OwnedProducer, RawRecord},
};

/// How often the polling thread looks whether the client is still in use. Events wake it at once.
const LOOKS_AGAIN: Duration = Duration::from_millis(100);

/// How long records that were taken back may take to be reported. After that their senders are dropped.
const PURGE_TIMEOUT: Duration = Duration::from_secs(5);

/// One librdkafka client, with a thread that polls it. When it is dropped, that thread destroys it and finishes.
pub(super) struct Client {
    producer: Arc<OwnedProducer>,
    ending: Arc<Ending>,
    /// Those of the clients before this one whose records are sent again: before they are known, nothing is sent that would be written
    /// first.
    after: Vec<Arc<Ending>>,
}

/// Whether all records of a client that was replaced are answered.
#[derive(Debug, Default)]
pub(super) struct Ending(AtomicBool);

impl Ending {
    fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Client {
    /// One that is replaced may finish what is on its way, as long as `owner` is there. One that replaces another begins to take records
    /// `after` them.
    ///
    /// # Errors
    /// If librdkafka rejects the settings, or there is no thread.
    pub(super) fn new(
        log: ClientLog,
        settings: &ClientConfig,
        owner: Weak<()>,
        after: Vec<Arc<Ending>>,
    ) -> Result<Self, KafkaError> {
        let producer = Arc::new(OwnedProducer::new(settings)?);
        let ending = Arc::<Ending>::default();
        spawn(Arc::clone(&producer), log, owner, Arc::clone(&ending))
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { producer, ending, after })
    }

    /// What a client that replaces this one waits for: not for this one, if it finishes what it has.
    pub(super) fn endings(&self) -> Vec<Arc<Ending>> {
        let own = (!self.producer.may_finish()).then_some(&self.ending);
        self.after.iter().chain(own).filter(|before| !before.is_over()).cloned().collect()
    }

    /// Puts a record into the queue, as [`OwnedProducer::produce`] does.
    ///
    /// # Errors
    /// As there; and [`Retry`](RDKafkaErrorCode::Retry) if it might be written before one that was sent before it and is sent again.
    #[inline]
    pub(super) fn enqueue(&self, record: RawRecord<'_>, answer: Answer) -> Result<(), RDKafkaErrorCode> {
        let is_early = self.after.iter().any(|before| !before.is_over());
        // In this order: what the client before has lost is told before its end.
        if is_early || answer.has_unheard_failures() {
            return Err(RDKafkaErrorCode::Retry);
        }
        self.producer.produce(record, answer)
    }

    /// Notified when there is room in the queue again, as [`OwnedProducer::room`] says.
    pub(super) fn room(&self) -> Arc<Notify> {
        Arc::clone(self.producer.room())
    }

    /// Whether it takes no more records although librdkafka would.
    pub(super) fn is_outdated(&self) -> bool {
        self.producer.is_outdated()
    }

    #[cfg(test)]
    pub(super) fn outdate(&self, code: RDKafkaErrorCode) {
        self.producer.outdate(code);
    }

    /// The error after which an idempotent client takes no more records, and its text.
    pub(super) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.fatal_error()
    }
}

fn spawn(
    producer: Arc<OwnedProducer>,
    log: ClientLog,
    owner: Weak<()>,
    ending: Arc<Ending>,
) -> io::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(format!("evkafka-producer-{}", log.name()));
    thread.spawn(move || serve(producer, &log, &owner, ending))
}

/// Polls a client for as long as anybody waits for its records, and destroys it.
fn serve(producer: Arc<OwnedProducer>, log: &ClientLog, owner: &Weak<()>, ending: Arc<Ending>) {
    // Where the thread panics, too.
    let over = Over(ending);
    let mut client = ClientEvents::new(log);
    let producer = poll_while_shared(producer, &mut client, log.reports(), owner);
    poll_while_it_may_finish(&producer, &mut client, owner);
    finish(&producer, &mut client, owner);
    if producer.has_unanswered() {
        // Its drop answers them.
        drop(producer);
    }
    drop(over);
}

/// What a client says that nobody uses any more, that its broker is gone for example, is of no interest, unless it was replaced.
fn is_owned(owner: &Weak<()>) -> bool {
    owner.strong_count() > 0
}

/// Says at its drop that all records of a client are answered.
struct Over(Arc<Ending>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

/// Polls the producer until nobody else uses it, so that it is this thread that destroys it: that waits for librdkafka's threads,
/// which the runtime's must not.
fn poll_while_shared(
    mut producer: Arc<OwnedProducer>,
    client: &mut ClientEvents<'_>,
    mut reports: ClientReports,
    owner: &Weak<()>,
) -> OwnedProducer {
    loop {
        let event = producer.poll(LOOKS_AGAIN);
        match Arc::try_unwrap(producer) {
            Ok(last) => {
                if is_owned(owner) {
                    client.hear(event, last.acknowledged());
                }
                return last;
            }
            Err(shared) => producer = shared,
        }
        match event {
            Some(Event::Statistics(json)) => reports.hear(&json, Standing::Outside),
            event => client.hear(event, producer.acknowledged()),
        }
    }
}

/// Polls a producer that was replaced until what it has is answered.
fn poll_while_it_may_finish(producer: &OwnedProducer, client: &mut ClientEvents<'_>, owner: &Weak<()>) {
    while producer.may_finish() && producer.has_unanswered() && is_owned(owner) {
        client.hear(producer.poll(LOOKS_AGAIN), producer.acknowledged());
    }
}

/// Takes back what was not acknowledged, and has it answered.
fn finish(producer: &OwnedProducer, client: &mut ClientEvents<'_>, owner: &Weak<()>) {
    producer.purge();
    let deadline = Instant::now() + PURGE_TIMEOUT;
    while producer.has_unanswered() && Instant::now() < deadline {
        let event = producer.poll(LOOKS_AGAIN);
        if is_owned(owner) {
            client.hear(event, producer.acknowledged());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rdkafka::mocking::MockCluster;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{logged::Panics, native::Delivery};

    const DEADLINE: Duration = Duration::from_secs(60);

    fn enqueue(client: &Client) -> oneshot::Receiver<Delivery> {
        let (answer, answered) = oneshot::channel();
        client.enqueue(RawRecord::ORDER, Answer::One(answer)).expect("the client takes it");
        answered
    }

    fn producer(servers: &str) -> (Arc<OwnedProducer>, ClientLog) {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", servers).set("linger.ms", "0");
        let log = ClientLog::new("orders".into(), &settings);
        (Arc::new(OwnedProducer::new(&settings).expect("librdkafka takes the settings")), log)
    }

    fn started(servers: &str) -> (Client, JoinHandle<()>) {
        let (producer, log) = producer(servers);
        let ending = Arc::<Ending>::default();
        let thread = spawn(Arc::clone(&producer), log, Weak::new(), Arc::clone(&ending)).expect("a thread");
        (Client { producer, ending, after: Vec::new() }, thread)
    }

    fn join(thread: JoinHandle<()>) {
        let (done, finished) = mpsc::channel();
        thread::spawn(move || done.send(thread.join()));
        finished.recv_timeout(DEADLINE).expect("the thread finishes").expect("it does not panic");
    }

    /// Drops a client with records that no broker acknowledges, and returns what became of them.
    fn dropped_with_records(client: Client, thread: JoinHandle<()>) -> Vec<Delivery> {
        let answers = (0..100).map(|_| enqueue(&client));
        let answers: Vec<_> = answers.collect();
        drop(client);
        join(thread);
        answers.into_iter().map(|mut answer| answer.try_recv().expect("an answer")).collect()
    }

    #[test]
    fn a_client_that_is_dropped_answers_what_no_broker_was_sent() {
        // Nobody listens at this port.
        let (client, thread) = started("127.0.0.1:1");
        let deliveries = dropped_with_records(client, thread);
        assert_eq!(deliveries, [Err(RDKafkaErrorCode::PurgeQueue); 100]);
    }

    #[test]
    fn a_client_that_is_dropped_answers_what_a_broker_has_not_acknowledged() {
        let mock = MockCluster::new(1).expect("a cluster");
        mock.create_topic("orders", 1, 1).expect("a topic");
        let (client, thread) = started(&mock.bootstrap_servers());
        let first = enqueue(&client).blocking_recv();
        assert_eq!(first, Ok(Ok((0, 0))));
        mock.broker_round_trip_time(1, DEADLINE).expect("a broker");
        for delivery in dropped_with_records(client, thread) {
            use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
            assert!(matches!(delivery, Err(PurgeQueue | PurgeInflight)), "{delivery:?}");
        }
    }

    #[test]
    fn a_client_is_polled_although_the_subscriber_panics() {
        // Nobody listens at this port, which the client reports.
        let (producer, log) = producer("127.0.0.1:1");
        let owner = Arc::new(());
        let owned = Arc::downgrade(&owner);
        let client = Client { producer: Arc::clone(&producer), ending: Arc::default(), after: Vec::new() };
        let (subscriber, panics) = Panics::new();
        let polls = move || {
            let mut client = ClientEvents::new(&log);
            let producer = poll_while_shared(producer, &mut client, log.reports(), &owned);
            finish(&producer, &mut client, &owned);
        };
        let thread = thread::spawn(|| tracing::subscriber::with_default(subscriber, polls));
        panics.recv_timeout(DEADLINE).expect("the error is reported");
        assert_eq!(dropped_with_records(client, thread), [Err(RDKafkaErrorCode::PurgeQueue); 100]);
    }

    #[test]
    fn what_a_client_says_that_was_replaced_is_heard_while_its_records_are_waited_for() {
        let mock = MockCluster::new(1).expect("a cluster");
        mock.create_topic("orders", 1, 1).expect("a topic");
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", mock.bootstrap_servers()).set("linger.ms", "0");
        settings.set("message.timeout.ms", "3000");
        let log = ClientLog::new("orders".into(), &settings);
        let producer = Arc::new(OwnedProducer::new(&settings).expect("librdkafka takes the settings"));
        let (owner, shared) = (Arc::new(()), Arc::downgrade(&producer));
        let client = Client { producer: Arc::clone(&producer), ending: Arc::default(), after: Vec::new() };
        let owned = Arc::downgrade(&owner);
        let thread = thread::spawn(move || {
            let mut client = ClientEvents::new(&log);
            let producer = poll_while_shared(producer, &mut client, log.reports(), &owned);
            assert_eq!(client.last_error(), None);
            poll_while_it_may_finish(&producer, &mut client, &owned);
            client.last_error()
        });
        assert_eq!(enqueue(&client).blocking_recv(), Ok(Ok((0, 0))));
        mock.broker_round_trip_time(1, DEADLINE).expect("a broker");
        let waits = enqueue(&client);
        client.outdate(RDKafkaErrorCode::MessageTimedOut);
        drop(client);
        let deadline = Instant::now() + DEADLINE;
        while shared.upgrade().is_some() {
            assert!(Instant::now() < deadline, "nobody else uses the client");
            thread::yield_now();
        }
        mock.broker_down(1).expect("a broker");
        assert_eq!(waits.blocking_recv(), Ok(Err(RDKafkaErrorCode::MessageTimedOut)));
        let heard = thread.join().expect("it does not panic");
        assert_eq!(heard, Some(RDKafkaErrorCode::BrokerTransportFailure));
    }
}
