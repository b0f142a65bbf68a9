//! What an event that is sent takes, over and above librdkafka. All threads are counted: no other test may be in this program.

mod counting;

use std::time::Duration;

use evkafka::{Event, Producer, ProducerConfig, embedded::Cluster};
use serde::Serialize;

use counting::of_all_threads;

#[derive(Serialize, Event)]
#[event(topic = "prices", key = id)]
struct OrderPriced<'a> {
    id: u64,
    sku: &'a str,
}

async fn send(producer: &Producer, events: u64) {
    for id in 0..events {
        producer.send(&OrderPriced { id, sku: "sku-00042" }).enqueue().await.expect("taken");
    }
    assert!(producer.flush(Duration::from_secs(60)).await, "all is acknowledged");
}

#[tokio::test]
async fn an_event_that_is_sent_costs_one_allocation() {
    let cluster = Cluster::start().expect("a cluster");
    cluster.create_topic("prices", 1).expect("a topic");
    let config = ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers());
    let producer = Producer::new("test", &config).expect("a producer");
    // What is kept for as many as are on their way at a time.
    send(&producer, 20_000).await;
    let (events, before) = (10_000, of_all_threads());
    send(&producer, events).await;
    let allocations = of_all_threads() - before;
    // Librdkafka's are not among them; what the runtime and the threads allocate now and then is.
    assert!((events..events + events / 50).contains(&allocations), "{allocations} for {events} events");
}
