//! rdkafka's handle of the mock cluster may not leave its thread, so it gets one of its own.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    mocking::MockCluster,
    producer::{BaseProducer, DefaultProducerContext, Producer},
};

use crate::{
    error::{Error, Result},
    native::{GroupTiming, set_group_timing},
};

type Mock<'c> = MockCluster<'c, DefaultProducerContext>;
type Job = Box<dyn FnOnce(&Mock<'_>) + Send>;

const TIMING: GroupTiming = GroupTiming {
    // Long enough for the members that one process starts, and shorter than librdkafka's three seconds: the mock cluster drops a
    // member whose session timeout passes meanwhile, and never answers it.
    initial_rebalance_delay: Duration::from_secs(1),
    // A rebalance takes a few heartbeats. librdkafka's three seconds each are for real clusters.
    heartbeat_interval: Duration::from_millis(50),
};

/// The thread that holds the cluster. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Host {
    jobs: mpsc::Sender<Job>,
    /// A thread that uses the cluster, and is waited for before that goes.
    guests: mpsc::Sender<JoinHandle<()>>,
}

impl Host {
    pub(super) fn start(brokers: i32) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (guests, arrived) = mpsc::channel::<JoinHandle<()>>();
        let (started, result) = mpsc::channel();
        thread::Builder::new()
            .name("evkafka-embedded".to_owned())
            .spawn(move || match owner(brokers) {
                Ok(owner) => {
                    let mock = owner.client().mock_cluster().expect("it was made with one");
                    let _ = started.send(Ok(()));
                    inbox.iter().for_each(|job| job(&mock));
                    // A client whose cluster goes first would say that it is gone.
                    arrived.into_iter().for_each(|guest| drop(guest.join()));
                }
                Err(error) => drop(started.send(Err(error))),
            })
            .map_err(Error::other)?;
        result.recv().map_err(Error::other)?.map_err(Error::other)?;
        Ok(Self { jobs, guests })
    }

    /// Has the cluster outlive a thread that finishes by itself once the cluster is dropped.
    pub(super) fn outlives(&self, guest: JoinHandle<()>) {
        // The cluster's thread ends after its host only.
        let _ = self.guests.send(guest);
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
    set_group_timing(owner.client(), TIMING);
    Ok(owner)
}
