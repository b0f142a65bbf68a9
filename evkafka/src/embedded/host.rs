//! rdkafka's handle of the mock cluster may not leave its thread, so it gets one of its own.

use std::{sync::mpsc, thread, time::Duration};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    mocking::MockCluster,
    producer::{BaseProducer, DefaultProducerContext, Producer},
};

use crate::{
    error::{Error, Result},
    native::set_initial_rebalance_delay,
};

type Mock<'c> = MockCluster<'c, DefaultProducerContext>;
type Job = Box<dyn FnOnce(&Mock<'_>) + Send>;

/// How long a group waits for more members after the first. Long enough for those that one process starts, and shorter than
/// librdkafka's three seconds: the mock cluster drops a member whose session timeout passes meanwhile, and never answers it.
const INITIAL_REBALANCE_DELAY: Duration = Duration::from_secs(1);

/// The thread that holds the cluster. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Host {
    jobs: mpsc::Sender<Job>,
}

impl Host {
    pub(super) fn start(brokers: i32) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (started, result) = mpsc::channel();
        thread::Builder::new()
            .name("evkafka-embedded".to_owned())
            .spawn(move || match owner(brokers) {
                Ok(owner) => {
                    let mock = owner.client().mock_cluster().expect("it was made with one");
                    let _ = started.send(Ok(()));
                    inbox.iter().for_each(|job| job(&mock));
                }
                Err(error) => drop(started.send(Err(error))),
            })
            .map_err(Error::other)?;
        result.recv().map_err(Error::other)?.map_err(Error::other)?;
        Ok(Self { jobs })
    }

    /// Has the cluster's thread do something, and waits for it.
    pub(super) fn with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Mock<'_>) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::other(KafkaError::MockCluster(RDKafkaErrorCode::Fail));
        let (answer, result) = mpsc::channel();
        let job: Job = Box::new(move |mock| drop(answer.send(job(mock))));
        self.jobs.send(job).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?.map_err(Error::other)
    }
}

/// A client whose only purpose is to own a mock cluster: one that is made by itself has settings that cannot be reached.
fn owner(brokers: i32) -> Result<BaseProducer, KafkaError> {
    let owner: BaseProducer =
        ClientConfig::new().set("test.mock.num.brokers", brokers.to_string()).create()?;
    set_initial_rebalance_delay(owner.client(), INITIAL_REBALANCE_DELAY);
    Ok(owner)
}
