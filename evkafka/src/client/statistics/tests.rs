use proptest::prelude::*;
use rdkafka::{ClientConfig, mocking::MockCluster};
use serde_json::{Value, json};

use super::*;
use crate::native::{Event, OwnedClient};

/// As librdkafka writes it, with much left out.
fn document() -> Value {
    let window = |count: u64, sum: u64, max: u64| json!({ "min": 1, "max": max, "sum": sum, "cnt": count });
    json!({
        "name": "evkafka#consumer-1", "type": "consumer", "ts": 7, "msg_cnt": 12,
        "brokers": {
            "kafka-1:9092/bootstrap": {
                "name": "kafka-1:9092/bootstrap", "nodeid": -1, "source": "configured", "state": "UP",
                "connects": 1, "disconnects": 0, "req_timeouts": 0, "outbuf_cnt": 0,
            },
            ":0/internal": { "name": ":0/internal", "nodeid": -1, "source": "internal", "state": "INIT" },
            "kafka-1:9092/1": {
                "name": "kafka-1:9092/1", "nodeid": 1, "source": "learned", "state": "UP",
                "connects": 3, "disconnects": 2, "req_timeouts": 1, "outbuf_cnt": 4,
                "rtt": window(4, 10_000, 7_000), "throttle": window(2, 30, 20),
                "toppars": { "orders-0": { "topic": "orders", "partition": 0 } },
            },
            "kafka-2:9092/2": {
                "name": "kafka-2:9092/2", "nodeid": 2, "source": "learned", "state": "DOWN",
                "connects": 5, "disconnects": 0, "req_timeouts": 0, "outbuf_cnt": 0,
                "rtt": window(0, 0, 0), "throttle": window(0, 0, 0),
            },
            "GroupCoordinator": {
                "name": "GroupCoordinator", "nodeid": -1, "source": "logical", "state": "UP",
                "connects": 1, "disconnects": 0, "req_timeouts": 0, "outbuf_cnt": 0,
                "rtt": window(1, 500, 500), "throttle": window(0, 0, 0),
            },
        },
        "topics": { "orders": { "topic": "orders", "partitions": { "0": { "partition": 0, "broker": 1 } } } },
        "cgrp": {
            "state": "up", "join_state": "steady", "rebalance_age": 2_000, "rebalance_cnt": 3,
            "rebalance_reason": "group is rebalancing", "assignment_size": 1,
        },
    })
}

/// A document with these counts for broker 1.
fn counted(connects: u64, disconnects: u64) -> Value {
    json!({ "brokers": { "1": { "nodeid": 1, "connects": connects, "disconnects": disconnects } } })
}

fn hear(client: &mut ClientStatistics, document: &Value) -> Result<(), serde_json::Error> {
    client.hear(document.to_string().as_bytes(), Standing::Outside, Instant::now())
}

fn connects(statistics: &Statistics) -> Option<u64> {
    Some(statistics.read(Instant::now()).brokers.first()?.connects)
}

#[test]
fn brokers_are_known_by_their_ids_and_times_are_in_seconds() {
    let statistics = Arc::new(Statistics::default());
    let (mut client, begun) = (statistics.client(), Instant::now());
    client.hear(document().to_string().as_bytes(), Standing::Admitted, begun).unwrap();
    let Reported { brokers, membership, queued } = statistics.read(begun + Duration::from_secs(3));
    let micros = |micros| Some(Duration::from_micros(micros));
    let first = BrokerMetrics {
        id: Some(1),
        connections: 1,
        connects: 3,
        disconnects: 2,
        timed_out: 1,
        waiting: 4,
        round_trip_mean: micros(2_500),
        round_trip_max: micros(7_000),
        throttle_max: Duration::from_millis(20),
    };
    let idle = BrokerMetrics {
        id: Some(2),
        connections: 0,
        connects: 5,
        disconnects: 0,
        timed_out: 0,
        waiting: 0,
        round_trip_mean: None,
        round_trip_max: None,
        throttle_max: Duration::ZERO,
    };
    let coordinator = BrokerMetrics {
        id: None,
        connections: 1,
        connects: 1,
        round_trip_mean: micros(500),
        round_trip_max: micros(500),
        ..idle.clone()
    };
    assert_eq!(brokers, [first, idle, coordinator]);
    let age = Some(Duration::from_secs(5));
    let steady = MembershipMetrics { steady: 1, rebalance_age: age, ..MembershipMetrics::default() };
    assert_eq!((membership, queued), (Some(steady), Some(12)));
}

#[test]
fn a_member_is_steady_only_if_it_has_a_coordinator_and_nothing_to_do() {
    use Standing::{Admitted, Outside};
    for (state, join_state, standing, expected) in [
        ("up", "steady", Outside, [0, 0, 0, 1]),
        ("up", "wait-assign-call", Admitted, [0, 0, 1, 0]),
        ("up", "wait-incr-unassign-to-complete", Admitted, [0, 0, 1, 0]),
        ("up", "wait-sync", Admitted, [0, 1, 0, 0]),
        ("up", "init", Outside, [0, 1, 0, 0]),
        // It has no partitions.
        ("up", "init", Admitted, [0, 0, 0, 1]),
        ("query-coord", "steady", Admitted, [1, 0, 0, 0]),
        ("wait-broker-transport", "init", Outside, [1, 0, 0, 0]),
    ] {
        let statistics = Arc::new(Statistics::default());
        let mut client = statistics.client();
        let document = json!({ "cgrp": { "state": state, "join_state": join_state } });
        client.hear(document.to_string().as_bytes(), standing, Instant::now()).unwrap();
        let of = statistics.read(Instant::now()).membership.expect("it is a member");
        assert_eq!([of.searching, of.joining, of.rebalancing, of.steady], expected, "{state}, {join_state}");
        assert_eq!(of.rebalance_age, None);
    }
}

#[test]
fn what_several_clients_report_is_added_up() {
    let statistics = Arc::new(Statistics::default());
    let (mut one, mut other) = (statistics.client(), statistics.client());
    hear(&mut one, &document()).unwrap();
    let mut slower = document();
    slower["brokers"]["kafka-1:9092/1"]["rtt"] = json!({ "cnt": 1, "sum": 90_000, "max": 90_000 });
    slower["cgrp"] =
        json!({ "state": "up", "join_state": "wait-join", "rebalance_age": 500, "rebalance_cnt": 1 });
    hear(&mut other, &slower).unwrap();
    let Reported { brokers, membership, queued } = statistics.read(Instant::now());
    let first = &brokers[0];
    assert_eq!((first.connections, first.connects, first.disconnects, first.waiting), (2, 6, 4, 8));
    assert_eq!(first.round_trip_mean, Some(Duration::from_millis(20)), "by the number of requests");
    assert_eq!(first.round_trip_max, Some(Duration::from_millis(90)));
    let membership = membership.expect("they are members");
    assert_eq!((membership.steady, membership.joining), (1, 1));
    assert!(membership.rebalance_age.is_some_and(|age| age < Duration::from_secs(2)), "{membership:?}");
    assert_eq!(queued, Some(24));
}

#[test]
fn counts_go_on_when_a_client_a_connection_or_a_broker_is_replaced() {
    let statistics = Arc::new(Statistics::default());
    let mut first = statistics.client();
    hear(&mut first, &counted(3, 2)).unwrap();
    hear(&mut first, &counted(5, 4)).unwrap();
    assert_eq!(connects(&statistics), Some(5));
    // The broker has left the cluster, and is back: its connection counts from zero.
    hear(&mut first, &json!({})).unwrap();
    assert_eq!(statistics.read(Instant::now()).brokers, [], "its series are gone meanwhile");
    hear(&mut first, &counted(1, 0)).unwrap();
    assert_eq!(connects(&statistics), Some(6));
    // It was replaced between two reports.
    hear(&mut first, &counted(7, 3)).unwrap();
    hear(&mut first, &counted(8, 1)).unwrap();
    assert_eq!(connects(&statistics), Some(20));
    drop(first);
    assert_eq!(statistics.read(Instant::now()), Reported::default(), "nothing outlives the client");
    let mut second = statistics.client();
    assert_eq!(statistics.read(Instant::now()), Reported::default(), "nothing is reported yet");
    hear(&mut second, &counted(2, 0)).unwrap();
    assert_eq!(connects(&statistics), Some(22));
}

#[test]
fn a_document_that_cannot_be_read_says_nothing_and_the_next_one_counts_on() {
    let statistics = Arc::new(Statistics::default());
    let mut client = statistics.client();
    hear(&mut client, &counted(3, 0)).unwrap();
    // librdkafka does not escape what it is given.
    let unescaped = br#"{ "client_id": "my "app"", "brokers": {} }"#;
    let large = [br#"{ "topics": "#.to_vec(), vec![b'['; 10_000_000]].concat();
    let another_type = br#"{ "brokers": { "1": { "nodeid": "one" } } }"#;
    for malformed in [&unescaped[..], &large, b"", b"\xff\0", another_type] {
        assert!(client.hear(malformed, Standing::Outside, Instant::now()).is_err());
        assert_eq!(statistics.read(Instant::now()), Reported::default());
    }
    hear(&mut client, &counted(4, 0)).unwrap();
    assert_eq!(connects(&statistics), Some(4));
}

#[test]
fn numbers_that_have_overflown_are_none() {
    let statistics = Arc::new(Statistics::default());
    let mut client = statistics.client();
    let broker = json!({ "nodeid": 1, "connects": -5, "disconnects": u64::MAX, "outbuf_cnt": 1e300, "req_timeouts": 0.5 });
    for _ in 0..2 {
        hear(
            &mut client,
            &json!({ "brokers": { "a": broker, "b": broker, "c": { "nodeid": 1_u64 << 40 } } }),
        )
        .unwrap();
    }
    let brokers = statistics.read(Instant::now()).brokers;
    assert_eq!(brokers.len(), 1, "{brokers:?}");
    assert_eq!((brokers[0].connects, brokers[0].disconnects, brokers[0].waiting), (0, u64::MAX, u64::MAX));
}

/// What is to be seen of a member, perhaps not in one report: each is about what was answered since the previous one.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    broker: bool,
    coordinator: bool,
    steady: bool,
}

impl Seen {
    fn look(&mut self, Reported { brokers, membership, .. }: &Reported) {
        for of in brokers {
            let is_used =
                of.connections == 1 && of.connects >= 1 && of.round_trip_mean > Some(Duration::ZERO);
            match of.id {
                None => self.coordinator |= is_used,
                Some(id) => {
                    assert_eq!(id, 1, "the mock cluster's first");
                    self.broker |= is_used;
                }
            }
        }
        self.steady |= membership.is_some_and(|of| of.steady == 1 && of.rebalance_age.is_some());
    }
}

#[test]
fn librdkafkas_own_documents_are_understood() {
    let mock = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", 1, 1).expect("a topic");
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", mock.bootstrap_servers())
        .set("group.id", "billing")
        .set("heartbeat.interval.ms", "300")
        .set("statistics.interval.ms", "100");
    let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
    client.subscribe(["orders"]).expect("librdkafka takes the topic");
    let statistics = Arc::new(Statistics::default());
    let (mut reports, mut seen) = (statistics.client(), Seen::default());
    let deadline = Instant::now() + Duration::from_secs(60);
    while seen != (Seen { broker: true, coordinator: true, steady: true }) {
        match client.poll(Duration::from_millis(100)) {
            Some(Event::Statistics(json)) => {
                reports.hear(&json, Standing::Outside, Instant::now()).expect("it can be read");
                seen.look(&statistics.read(Instant::now()));
            }
            Some(Event::Assign(partitions)) => client.assign(&partitions).expect("it takes the answer"),
            _ => {}
        }
        assert!(Instant::now() < deadline, "{seen:?} {:?}", statistics.read(Instant::now()));
    }
}

/// The document without the fields at these places, counted through all its tables.
fn without(document: &mut Value, missing: &[bool], place: &mut usize) {
    let Value::Object(fields) = document else { return };
    fields.retain(|_, value| {
        let is_missing = missing.get(*place).copied().unwrap_or(false);
        *place += 1;
        without(value, missing, place);
        !is_missing
    });
}

proptest! {
    #[test]
    fn whatever_fields_are_missing_the_others_are_read(missing in prop::collection::vec(prop::bool::weighted(0.2), 120)) {
        let mut document = document();
        without(&mut document, &missing, &mut 0);
        let report = Report::read(document.to_string().as_bytes(), Standing::Outside);
        prop_assert!(report.is_ok(), "{document}: {report:?}");
        let queued = document.get("msg_cnt").and_then(Value::as_u64).unwrap_or(0);
        prop_assert_eq!(report.unwrap().queued, queued);
    }

    #[test]
    fn no_text_does_harm(place in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut text = document().to_string().into_bytes();
        let place = place.index(text.len());
        text.splice(place..(place + bytes.len()).min(text.len()), bytes);
        let _ = Report::read(&text, Standing::Outside);
        text.truncate(place);
        prop_assert!(Report::read(&text, Standing::Outside).is_err());
    }

    #[test]
    fn counts_never_decrease(steps in prop::collection::vec((0_usize..3, any::<bool>(), 0_u64..9, 0_u64..9), 1..40)) {
        let statistics = Arc::new(Statistics::default());
        let mut clients: Vec<_> = (0..3).map(|_| statistics.client()).collect();
        let mut before = (0, 0);
        for (client, is_replaced, connects, disconnects) in steps {
            if is_replaced {
                clients[client] = statistics.client();
            }
            hear(&mut clients[client], &counted(connects, disconnects)).unwrap();
            let brokers = statistics.read(Instant::now()).brokers;
            let now = (brokers[0].connects, brokers[0].disconnects);
            prop_assert!(now.0 >= before.0 && now.1 >= before.1, "{before:?} {now:?}");
            before = now;
        }
    }
}
