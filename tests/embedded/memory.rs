//! What is said of the memory for fetched records.

use evkafka::{App, Metadata, State, embedded::Event, handler, router};

use crate::support::{Ledger, Log, Running, cluster, event, outgrows};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// librdkafka's limits are set when its client is created, for each partition.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_assigned_more_than_its_memory_was_shared_out_for_rejoins_with_smaller_shares() {
    let (log, cluster) = (Log::capture(), cluster(2));
    let config = outgrows(&cluster);
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("finds-more", config, router![on_order]);
    let app = Running::start(app);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    ledger.until_len(1).await;
    assert!(log.lines_with(&["finds-more", "prefetch_memory_mib"]).is_empty());
    cluster.create_topic("orders-eu", 6).unwrap();
    let line = log.until_line_with(&["finds-more", "prefetch_memory_mib"]).await;
    for part in ["WARN", "assigned=8", "shared_out_for=2", "exceeded_by_mib="] {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    let new = Event::new("orders-eu").partition(5).event_type("OrderCreated").payload("2");
    cluster.send_all([event("OrderCreated", 3), new]).await.unwrap();
    ledger.until_len(3).await;
    app.stop().await.unwrap();
    let mut notes = ledger.notes();
    notes.sort_unstable();
    assert_eq!(notes, ["1", "2", "3"], "what was handled before is committed");
    assert_eq!(log.lines_with(&["finds-more", "prefetch_memory_mib"]).len(), 1, "once is enough");
}
