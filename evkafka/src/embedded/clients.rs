//! A thread with clients that look at the cluster. Their questions block, and so does dropping them.

use std::{
    collections::BTreeMap,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use rdkafka::{ClientConfig, error::RDKafkaErrorCode};
use tokio::sync::oneshot;

use super::fault::Fault;
use crate::{
    error::{Error, Result},
    native::OwnedClient,
};

type Job = Box<dyn FnOnce(&mut Clients) + Send>;

/// The thread. It finishes when this is dropped.
#[derive(Debug)]
pub(super) struct Looks {
    jobs: mpsc::Sender<Job>,
}

/// A client for each group that was asked for. None of them subscribes, so that none is a member.
struct Clients {
    bootstrap_servers: String,
    by_group: BTreeMap<String, OwnedClient>,
}

impl Looks {
    /// # Errors
    /// If there is no thread.
    pub(super) fn start(bootstrap_servers: String) -> Result<(Self, JoinHandle<()>)> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = thread::Builder::new().name("evkafka-embedded-looks".to_owned()).spawn(move || {
            let mut clients = Clients { bootstrap_servers, by_group: BTreeMap::new() };
            inbox.iter().for_each(|job| job(&mut clients));
        });
        Ok((Self { jobs }, thread.map_err(Error::other)?))
    }

    /// Has a client of this group find something out.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        group: &str,
        question: impl FnOnce(&OwnedClient) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        let group = group.to_owned();
        let job: Job = Box::new(move |clients| {
            // Who asked may have stopped waiting.
            if !answer.is_closed() {
                drop(answer.send(clients.of(group).and_then(question)));
            }
        });
        self.jobs.send(job).map_err(|_| Fault::Gone)?;
        answered.await.map_err(|_| Fault::Gone)?
    }
}

impl Clients {
    fn of(&mut self, group: String) -> Result<&OwnedClient, Fault> {
        if !self.by_group.contains_key(&group) {
            let mut settings = ClientConfig::new();
            settings
                .set("bootstrap.servers", &self.bootstrap_servers)
                .set("group.id", &group)
                .set("auto.offset.reset", "earliest")
                .set("enable.auto.commit", "false")
                .set("fetch.wait.max.ms", "10");
            let refused = |_| Fault::Refused {
                what: "a client cannot be created".to_owned(),
                code: RDKafkaErrorCode::InvalidArgument,
            };
            self.by_group.insert(group.clone(), OwnedClient::new(&settings).map_err(refused)?);
        }
        Ok(&self.by_group[&group])
    }
}
