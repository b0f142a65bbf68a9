//! rdkafka's handle of the mock cluster may not leave its thread, so it gets one of its own.

use std::{sync::mpsc, thread};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};

use crate::error::{Error, Result};

type Mock = MockCluster<'static, DefaultProducerContext>;
type Job = Box<dyn FnOnce(&Mock) + Send>;

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
            .spawn(move || match MockCluster::new(brokers) {
                Ok(mock) => {
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
        job: impl FnOnce(&Mock) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::other(KafkaError::MockCluster(RDKafkaErrorCode::Fail));
        let (answer, result) = mpsc::channel();
        let job: Job = Box::new(move |mock| drop(answer.send(job(mock))));
        self.jobs.send(job).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?.map_err(Error::other)
    }
}
