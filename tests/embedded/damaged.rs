//! Batches that were damaged on the way or on a broker's disk: their checksum does not match.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use evkafka::{App, ConsumerConfig, Metadata, State, embedded::Cluster, error::ErrorKind, handler, router};

use crate::support::{Ledger, Running, cluster, committed, config, event};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// A length of one byte, as Kafka's zigzag varints are up to 63.
fn short(len: usize) -> u8 {
    u8::try_from(len * 2).ok().filter(|byte| *byte < 128).expect("a short one")
}

/// A batch of one record of the event `OrderCreated`, in Kafka's format 2, with a checksum of 0.
fn batch(payload: &str) -> Vec<u8> {
    let (name, value) = ("Event-Type", "OrderCreated");
    // Attributes, time and offset are the batch's; there is no key, and one header.
    let mut record = vec![0, 0, 0, 1, short(payload.len())];
    record.extend_from_slice(payload.as_bytes());
    record.extend_from_slice(&[short(1), short(name.len())]);
    record.extend_from_slice(name.as_bytes());
    record.push(short(value.len()));
    record.extend_from_slice(value.as_bytes());
    let mut rest = vec![0; 4]; // leader epoch
    rest.push(2); // format
    rest.extend_from_slice(&[0; 4]); // checksum
    rest.extend_from_slice(&[0; 2 + 4 + 8 + 8]); // attributes, last offset, first and last time
    rest.extend_from_slice(&[0xff; 8 + 2 + 4]); // no idempotent producer
    rest.extend_from_slice(&1_i32.to_be_bytes()); // records
    rest.push(short(record.len()));
    rest.extend_from_slice(&record);
    let mut batch = vec![0; 8]; // first offset
    batch.extend_from_slice(&i32::try_from(rest.len()).expect("a short one").to_be_bytes());
    batch.extend_from_slice(&rest);
    batch
}

/// Appends a batch to partition 0 of `orders` as it is: the mock cluster checks no checksum.
fn append(cluster: &Cluster, batch: &[u8]) {
    let sized =
        |text: &str| [&i16::try_from(text.len()).expect("short").to_be_bytes(), text.as_bytes()].concat();
    let request = [
        &[0, 0, 0, 7, 0, 0, 0, 1][..], // Produce, version 7, and a number
        &sized("test"),
        &[0xff, 0xff, 0, 1, 0, 0, 0x10, 0], // no transaction, `acks=1`, a timeout
        &[0, 0, 0, 1],
        &sized("orders"),
        &[0, 0, 0, 1, 0, 0, 0, 0],
        &i32::try_from(batch.len()).expect("short").to_be_bytes(),
        batch,
    ]
    .concat();
    let mut broker = TcpStream::connect(cluster.bootstrap_servers()).expect("a connection");
    broker.write_all(&i32::try_from(request.len()).expect("short").to_be_bytes()).expect("it is sent");
    broker.write_all(&request).expect("it is sent");
    // Its length and number, the topic with its only partition, whose error code follows its number.
    let mut answer = [0; 4 + 4 + 4 + (2 + 6) + 4 + 4 + 2];
    broker.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer[answer.len() - 2..], [0, 0], "it is appended");
}

/// An app that reads a good record, one of a batch that is damaged, and a good one.
async fn reads(with: impl Fn(ConsumerConfig) -> ConsumerConfig) -> (Cluster, Ledger, Running) {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 0)).await.unwrap();
    append(&cluster, &batch("1"));
    cluster.send(event("OrderCreated", 2)).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone());
    let app = Running::start(app.consumer("orders", with(config(&cluster)), router![on_order]));
    (cluster, ledger, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_checksum_does_not_match_reaches_no_handler_and_stops_the_app() {
    let (cluster, ledger, app) = reads(|config| config).await;
    let error = app.ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Kafka);
    let text = error.to_string();
    for part in ["consumer `orders`", "orders[0]", "offset 1", "checksum", "damaged", "`check.crcs`"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!(ledger.notes(), ["0"]);
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_need_not_be_checked() {
    let (_cluster, ledger, app) = reads(|config| config.property("check.crcs", false)).await;
    ledger.until_len(3).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "1", "2"]);
}
