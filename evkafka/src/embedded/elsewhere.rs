//! A cluster that is not in this process, where the test client makes topics of its own.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::fault::Fault;

/// How long a cluster may take to make topics.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Elsewhere(AdminClient<DefaultClientContext>);

impl Elsewhere {
    /// # Errors
    /// If there is no client.
    pub(super) fn at(servers: &str) -> Result<Self, KafkaError> {
        ClientConfig::new().set("bootstrap.servers", servers).create().map(Self)
    }

    /// Makes a topic with the brokers' number of replicas.
    pub(super) async fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), Fault> {
        let new = NewTopic::new(topic, partitions.into(), TopicReplication::Fixed(-1));
        let created = self.0.create_topics(&[new], &options()).await;
        match created.map(|results| results.into_iter().next()) {
            Ok(Some(Ok(_))) => Ok(()),
            Ok(Some(Err((topic, RDKafkaErrorCode::TopicAlreadyExists)))) => Err(Fault::TopicExists { topic }),
            Ok(Some(Err((_, code)))) => Err(not_created(topic, code)),
            Ok(None) => Err(not_created(topic, RDKafkaErrorCode::Unknown)),
            Err(error) => {
                Err(not_created(topic, error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)))
            }
        }
    }

    /// Deletes topics, as far as the brokers do that.
    pub(super) async fn delete_topics(&self, topics: &[String]) {
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        let _ = self.0.delete_topics(&topics, &options()).await;
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT))
}

fn not_created(topic: &str, code: RDKafkaErrorCode) -> Fault {
    Fault::Refused { what: format!("topic `{topic}` was not created"), code }
}
