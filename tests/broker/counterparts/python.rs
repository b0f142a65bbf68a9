//! The Python evkafka.

use evkafka::{ConsumerConfig, Producer, ProducerConfig};
use evkafka_tests::kafka;

use super::{flush, handled, have_written, orders, read_by};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_python_service_sends_is_handled() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "python", 4);
    have_written("python", &["evkafka_service.py", "write", &brokers, &topic], &orders());
    let handled = handled(ConsumerConfig::new([&*topic]), &brokers, orders().len()).await;
    assert_eq!(handled, orders());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_service_handles_what_is_sent() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "to-python", 4);
    let config = ProducerConfig::new().bootstrap_servers(&brokers).topic(&topic);
    let producer = Producer::new("test", &config).expect("a producer");
    for keyed in &orders() {
        producer.send(&keyed.order).key(&keyed.key).enqueue().await.expect("it is taken");
    }
    flush(&producer).await;
    let count = orders().len().to_string();
    let read = read_by("python", &["evkafka_service.py", "read", &brokers, &topic, &count]);
    let read: Vec<_> = read.into_iter().map(|(_, keyed)| keyed).collect();
    assert_eq!(read, orders());
}
