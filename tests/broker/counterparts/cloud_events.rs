//! The CloudEvents SDK for Python.

use evkafka::{ConsumerConfig, EventFormat, Producer, ProducerConfig};
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
async fn the_sdk_reads_what_is_sent_in_both_modes() {
    let brokers = kafka::brokers();
    for format in [EventFormat::CloudEvents, EventFormat::CloudEventsStructured] {
        let topic = kafka::create_topic(&brokers, "to-sdk", 4);
        let config = ProducerConfig::new().bootstrap_servers(&brokers).topic(&topic);
        let config = config.event_format(format).event_source("/shop");
        let producer = Producer::new("test", &config).expect("a producer");
        for Keyed { key, order } in &orders() {
            let event = AcmeOrderCreated(order);
            producer.send(&event).key(key).enqueue().await.expect("it is taken");
        }
        flush(&producer).await;
        let count = orders().len().to_string();
        let read = read_by("python", &["cloud_events.py", "read", &brokers, &topic, &count]);
        let name = || Some("com.acme.OrderCreated".to_owned());
        let expected: Vec<_> = orders().into_iter().map(|keyed| (name(), keyed)).collect();
        assert_eq!(read, expected, "{format:?}");
    }
}
