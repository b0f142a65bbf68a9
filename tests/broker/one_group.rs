//! Two consumers of one app in one group, which rebalance each other.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use evkafka::{App, ConsumerConfig, State, handler, router};
use evkafka_tests::kafka::{self, Record};

use crate::support::DEADLINE;

const RECORDS: u64 = 200;

type Handled = Arc<Mutex<Vec<u64>>>;

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(handled): State<Handled>) {
    handled.lock().expect("no panic").push(id);
}

/// Has both handle records until there are so many more, and shuts the app down: it may be that one of them is joining the group, or
/// is asked for partitions. How long the shutdown took.
async fn shut_down_after(more: usize, topics: &[String; 2], group: &str, handled: &Handled) -> Duration {
    let config =
        |topic: &String| ConsumerConfig::new([topic]).bootstrap_servers(kafka::brokers()).group_id(group);
    let app = App::new("test")
        .state(Arc::clone(handled))
        .consumer("created", config(&topics[0]), router![on_order])
        .consumer("paid", config(&topics[1]), router![on_order]);
    let count = || handled.lock().expect("no panic").len();
    let (wanted, mut told) = (count() + more, Instant::now());
    let runs = app.run_until(async {
        while count() < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        told = Instant::now();
    });
    let ended = tokio::time::timeout(DEADLINE, runs).await.expect("they handle what there is");
    ended.expect("it shuts down in time, and everything that was handled is committed");
    told.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_consumers_share_a_group_shuts_down_in_time_while_they_rebalance() {
    let topics =
        ["one-group-created", "one-group-paid"].map(|name| kafka::create_topic(&kafka::brokers(), name, 4));
    let (group, handled) = (kafka::unique("one-group"), Handled::default());
    let record = |id: u64| Record::new(id.to_string()).header("Event-Type", "OrderCreated");
    let mut written = 0;
    for more in [1, 1, 2, 10, 50, 100] {
        for topic in &topics {
            kafka::produce(&kafka::brokers(), topic, (written..written + RECORDS).map(record));
            written += RECORDS;
        }
        let took = shut_down_after(more, &topics, &group, &handled).await;
        // Far below the app's time for it: nobody waits for anybody's session.
        assert!(took < Duration::from_secs(15), "after {more}: {took:?}");
    }
    let committed: i64 = kafka::committed_offsets(&kafka::brokers(), &group).values().sum();
    let handled = handled.lock().expect("no panic").clone();
    assert_eq!(committed, i64::try_from(handled.len()).expect("few"), "{handled:?}");
    let mut distinct = handled;
    distinct.sort_unstable();
    assert!(distinct.is_sorted_by(|one, next| one < next), "one was handled twice: {distinct:?}");
}
