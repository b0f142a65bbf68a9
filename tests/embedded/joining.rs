//! What keeps a member out of its group.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use evkafka::{App, ConsumerConfig, OnUnavailable, error::ErrorKind, handler, router};
use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::time::timeout;

use crate::support::{Ledger, Log, Running};

#[handler(fallback)]
async fn rest() {}

fn config(servers: &str) -> ConsumerConfig {
    ConsumerConfig::new(["orders"])
        .bootstrap_servers(servers)
        .group_id("billing")
        .property("session.timeout.ms", 2000)
        .property("heartbeat.interval.ms", 300)
}

/// The error of an app whose member is never admitted to its group.
async fn refused_with(code: RDKafkaRespErr) -> evkafka::Error {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 1, 1).unwrap();
    mock.request_errors(RDKafkaApiKey::JoinGroup, &[code; 1000]);
    let app = App::new("test").state(Ledger::default());
    let app = Running::start(app.consumer("orders", config(&mock.bootstrap_servers()), router![rest]));
    app.ends().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_timeout_that_the_brokers_reject_ends_the_app_and_names_their_limits() {
    let error = refused_with(RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT).await;
    assert_eq!(error.kind(), ErrorKind::Kafka);
    let text = error.to_string();
    for part in [
        "consumer `orders`",
        "group `billing`",
        "`session.timeout.ms` is 2000",
        "group.min.session.timeout.ms",
        "group.max.session.timeout.ms",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_with_different_assignors_are_told_of_it() {
    let error = refused_with(RDKafkaRespErr::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL).await;
    let text = error.to_string();
    for part in ["another member uses a different `partition.assignment.strategy`", "`cooperative-sticky`"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_access_to_its_group_is_told_what_to_grant() {
    let error = refused_with(RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED).await;
    let text = error.to_string();
    assert!(text.contains("group `billing`") && text.contains("READ"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_group_ends_the_app_when_it_stays_full_for_longer_than_a_dead_member_counts() {
    let begun = Instant::now();
    let error = refused_with(RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED).await;
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    let text = error.to_string();
    assert!(text.contains("group.max.size"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_full_for_a_while_is_joined_when_there_is_room() {
    let log = Log::capture();
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 1, 1).unwrap();
    mock.request_errors(
        RDKafkaApiKey::JoinGroup,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED; 2],
    );
    // The mock cluster drops a member whose session timeout passes in the first three seconds.
    let config = config(&mock.bootstrap_servers()).property("session.timeout.ms", 5000);
    let app = App::new("test").state(Ledger::default());
    let app = Running::start(app.consumer("waits-for-room", config, router![rest]));
    log.until_line_with(&["waits-for-room", "the group is full"]).await;
    log.until_line_with(&["waits-for-room", "partitions assigned"]).await;
    app.stop().await.unwrap();
}

/// A server in front of a broker, which says that this one is at a port where nobody listens.
fn server_that_advertises_nobody(broker: &str) -> String {
    let (host, port) = broker.rsplit_once(':').expect("host and port");
    let advertised = |port: u32| [host.as_bytes(), &port.to_be_bytes()].concat();
    let (from, to) = (advertised(port.parse().expect("a port")), advertised(1));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let broker = broker.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&broker).expect("the broker listens");
            let (to_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || relay(client, to_server, |_| {}));
            let (from, to) = (from.clone(), to.clone());
            thread::spawn(move || {
                relay(server, to_client, |bytes| {
                    for start in 0..bytes.len().saturating_sub(from.len() - 1) {
                        if bytes[start..].starts_with(&from) {
                            bytes[start..start + to.len()].copy_from_slice(&to);
                        }
                    }
                });
            });
        }
    });
    address
}

/// Passes on what comes, answer by answer: each begins with its length.
fn relay(mut from: TcpStream, mut to: TcpStream, change: impl Fn(&mut [u8])) {
    let mut length = [0; 4];
    while from.read_exact(&mut length).is_ok() {
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        if from.read_exact(&mut bytes).is_err() {
            break;
        }
        change(&mut bytes);
        if to.write_all(&[&length[..], &bytes].concat()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// librdkafka says the same of a server once in 30 seconds.
const TWICE_TOLD: Duration = Duration::from_secs(120);

fn behind_a_wrong_address(
    mock: &MockCluster<'_, rdkafka::producer::DefaultProducerContext>,
) -> ConsumerConfig {
    mock.create_topic("orders", 1, 1).unwrap();
    config(&server_that_advertises_nobody(&mock.bootstrap_servers()))
        .connect_timeout(Duration::from_secs(5))
        .property("reconnect.backoff.max.ms", 500)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_advertises_an_address_where_it_is_not_ends_the_app_and_is_told() {
    let mock = MockCluster::new(1).unwrap();
    let config = behind_a_wrong_address(&mock);
    let app = App::new("test").state(Ledger::default()).consumer("orders", config, router![rest]);
    let ended = timeout(TWICE_TOLD, app.run_until(std::future::pending())).await.expect("the app ends");
    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = error.to_string();
    assert!(text.contains("advertised.listeners") && text.contains(":1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_waits_for_its_cluster_says_that_a_broker_is_not_where_it_advertises() {
    let log = Log::capture();
    let mock = MockCluster::new(1).unwrap();
    let config = behind_a_wrong_address(&mock).on_unreachable(OnUnavailable::Wait);
    let app = App::new("test").state(Ledger::default());
    let app = Running::start(app.consumer("wrongly-advertised", config, router![rest]));
    log.until_line_with(&["wrongly-advertised", "advertised.listeners"]).await;
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_waits_for_its_group_says_so() {
    let log = Log::capture();
    let cluster = crate::support::cluster(2);
    let app = |consumer: &str| {
        // The mock cluster ends a rebalance a second before that.
        let config = config(cluster.bootstrap_servers()).property("session.timeout.ms", 8000);
        Running::start(App::new("test").consumer(consumer, config, router![rest]))
    };
    let first = app("is-in-the-group");
    log.until_line_with(&["partitions assigned", "is-in-the-group"]).await;
    let second = app("waits-for-the-group");
    let line = log.until_line_with(&["waiting for the group", "waits-for-the-group"]).await;
    for part in ["INFO evkafka::member", "member=1", "group=\"billing\"", "waited_s="] {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    log.until_line_with(&["partitions assigned", "waits-for-the-group"]).await;
    second.stop().await.unwrap();
    first.stop().await.unwrap();
    let said = |consumer| log.lines_with(&["waiting for the group", consumer]).len();
    assert!(said("is-in-the-group") == 0 && said("waits-for-the-group") <= 2, "{}", log.text());
}

/// A server that answers whatever it is sent with this, and its address.
fn server_that_says(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
            // Until the client has read it.
            let _ = stream.read(&mut request);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_server_behind_the_port_is_told_for_what_it_is() {
    let server = server_that_says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let config = config(&server).connect_timeout(Duration::from_secs(2));
    let app = App::new("test").consumer("orders", config, router![rest]);
    let error = Running::start(app).ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("that is an HTTP server: check the port"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_the_user_may_not_use_is_told_with_the_right_to_grant() {
    let denied = |topic: &str| {
        let mock = MockCluster::new(1).unwrap();
        for name in ["orders", "orders.dead"] {
            mock.create_topic(name, 1, 1).unwrap();
        }
        mock.topic_error(topic, RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).unwrap();
        mock
    };
    for (topic, parts) in [
        (
            "orders",
            [
                "read the topic `orders`",
                "grant READ and DESCRIBE on the topic, and READ on the group `billing`",
            ],
        ),
        (
            "orders.dead",
            ["write to the dead-letter topic `orders.dead`", "grant WRITE and DESCRIBE on the topic"],
        ),
    ] {
        let mock = denied(topic);
        let policy = evkafka::FailurePolicy::new().dead_letter("orders.dead");
        let config = config(&mock.bootstrap_servers()).failure_policy(policy);
        let app = App::new("test").consumer("orders", config, router![rest]);
        let error = Running::start(app).ends().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Security);
        for part in parts {
            assert!(error.to_string().contains(part), "{part:?} is not in {error}");
        }
    }
}
