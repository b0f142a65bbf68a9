//! The CloudEvents SDK for Python.

use evkafka::{ConsumerConfig, Producer, ProducerConfig};
use evkafka_tests::kafka;

use super::{AcmeOrderCreated, Keyed, flush, handled, have_written, orders, read_by};

async fn is_handled(mode: &str) {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, mode, 4);
    have_written("python", &["cloud_events.py", mode, &brokers, &topic], &orders());
    let config = ConsumerConfig::new([&*topic])
        .event_type(["cloudevents"])
        .event_names([("com.acme.OrderCreated", "OrderCreated")]);
    assert_eq!(handled(config, &brokers, orders().len()).await, orders());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_sends_in_binary_mode_is_handled() {
    is_handled("write-binary").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_sends_in_structured_mode_is_handled() {
    is_handled("write-structured").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_reads_what_is_sent_with_the_headers_of_binary_mode() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "to-sdk", 4);
    let config = ProducerConfig::new().bootstrap_servers(&brokers).topic(&topic).event_type_header("ce_type");
    let producer = Producer::new("test", &config).expect("a producer");
    for Keyed { key, order } in &orders() {
        let event = AcmeOrderCreated(order);
        let sending = producer
            .send(&event)
            .key(key)
            .header("ce_specversion", "1.0")
            .header("ce_id", order.id.to_string())
            .header("ce_source", "/shop")
            .header("content-type", "application/json");
        sending.enqueue().await.expect("it is taken");
    }
    flush(&producer).await;
    let count = orders().len().to_string();
    let read = read_by("python", &["cloud_events.py", "read", &brokers, &topic, &count]);
    let name = || Some("com.acme.OrderCreated".to_owned());
    assert_eq!(read, orders().into_iter().map(|keyed| (name(), keyed)).collect::<Vec<_>>());
}
