//! What is said of the memory for fetched records.

use evkafka::{App, ConsumerConfig, handler, router};

use crate::support::{Log, Running, cluster};

#[handler(fallback)]
async fn ignore() {}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_a_pattern_finds_later_are_said_to_exceed_the_memory() {
    let (log, cluster) = (Log::capture(), cluster(2));
    let config = ConsumerConfig::new(["^orders"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("billing")
        .prefetch_memory_mib(1)
        .properties([("session.timeout.ms", 3000), ("heartbeat.interval.ms", 300)])
        .property("topic.metadata.refresh.interval.ms", 200);
    let app = App::new("test").consumer("finds-more", config, router![ignore]);
    let app = Running::start(app);
    log.until_line_with(&["finds-more", "partitions assigned"]).await;
    assert!(log.lines_with(&["finds-more", "prefetch_memory_mib"]).is_empty());
    cluster.create_topic("orders-eu", 6).unwrap();
    let line = log.until_line_with(&["finds-more", "prefetch_memory_mib"]).await;
    for part in ["WARN", "assigned=8", "shared_out_for=2", "exceeded_by_mib="] {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    app.stop().await.unwrap();
}
