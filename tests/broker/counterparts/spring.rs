//! Spring for Apache Kafka, whose type is the name of a Java class.

use evkafka::{ConsumerConfig, Producer, ProducerConfig};
use evkafka_tests::kafka;

use super::{AcmeOrderCreated, flush, handled, have_written, orders, read_by};

#[tokio::test(flavor = "multi_thread")]
async fn what_spring_sends_is_handled() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "spring", 4);
    have_written("spring", &["SpringService.java", "write", &brokers, &topic], &orders());
    let config = ConsumerConfig::new([&*topic])
        .event_type(["spring"])
        .event_names([("com.acme.OrderCreated", "OrderCreated")]);
    assert_eq!(handled(config, &brokers, orders().len()).await, orders());
}

#[tokio::test(flavor = "multi_thread")]
async fn spring_reads_what_is_sent_as_the_class_that_the_event_names() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "to-spring", 4);
    let config =
        ProducerConfig::new().bootstrap_servers(&brokers).topic(&topic).event_type_header("__TypeId__");
    let producer = Producer::new("test", &config).expect("a producer");
    for keyed in &orders() {
        let event = AcmeOrderCreated(&keyed.order);
        producer.send(&event).key(&keyed.key).enqueue().await.expect("it is taken");
    }
    flush(&producer).await;
    let count = orders().len().to_string();
    let read = read_by("spring", &["SpringService.java", "read", &brokers, &topic, &count]);
    let class = || Some("com.acme.OrderCreated".to_owned());
    assert_eq!(read, orders().into_iter().map(|keyed| (class(), keyed)).collect::<Vec<_>>());
}
