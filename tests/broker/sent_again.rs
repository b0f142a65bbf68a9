//! Events whose batch a broker refuses because of one of them.

use std::time::Duration;

use evkafka::{Delivered, Event, Producer, ProducerConfig, SendError, SendErrorKind};
use evkafka_tests::kafka;
use serde::Serialize;
use tokio::task::JoinSet;

const EVENTS: u64 = 50;
const KEYLESS: u64 = 7;

#[derive(Serialize, Event)]
#[event(key = id)]
struct OrderPriced {
    id: u64,
}

async fn sent(producer: Producer, topic: String, id: u64) -> (u64, Result<Delivered, SendError>) {
    let event = OrderPriced { id };
    let sending = producer.send(&event).topic(topic);
    (id, if id == KEYLESS { sending.no_key().await } else { sending.await })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_key_is_the_only_one_of_its_batch_that_a_compacted_topic_refuses() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic_with(&brokers, "compacted", 1, &[("cleanup.policy", "compact")]);
    let together = ProducerConfig::new().bootstrap_servers(&brokers).linger(Duration::from_millis(500));
    let producer = Producer::new("shop", &together).unwrap();
    let mut sending = JoinSet::new();
    for id in 0..EVENTS {
        sending.spawn(sent(producer.clone(), topic.clone(), id));
    }
    for (id, sent) in sending.join_all().await {
        let refused = sent.map_err(|error| error.kind());
        assert_eq!(
            refused.map(drop),
            if id == KEYLESS { Err(SendErrorKind::Refused) } else { Ok(()) },
            "{id}"
        );
    }
    assert_eq!(kafka::end_offset(&brokers, &topic, 0), EVENTS.cast_signed() - 1);
}
