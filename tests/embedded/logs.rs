//! What an app says of itself in the log.

use std::time::Duration;

use evkafka::{App, Backoff, FailurePolicy, Metadata, State, handler, router};

use crate::support::{Ledger, Log, Running, cluster, config, event};

#[handler(event = "OrderCreated")]
async fn fails_once(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, id);
    if id == 7 && meta.attempt == 1 { Err("the ledger is closed".to_owned()) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_logged_only_if_something_is_wrong_with_it_and_a_secret_never() {
    let log = Log::capture();
    let cluster = cluster(1);
    cluster.send_all((0..1000).map(|id| event("InventoryCounted", id))).await.unwrap();
    cluster.send_all((0..1000).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)));
    let config = config(&cluster).failure_policy(policy).property("sasl.password", "hunter2");
    let app = App::new("test").state(ledger.clone()).consumer("the-quiet-one", config, router![fails_once]);
    let app = Running::start(app);
    ledger.until_len(1001).await;
    app.stop().await.unwrap();
    let log = log.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the-quiet-one")).collect();
    assert!(lines.len() < 12, "{lines:#?}");
    let failure =
        lines.iter().find(|line| line.contains("the ledger is closed")).unwrap_or_else(|| panic!("{log}"));
    for part in ["WARN", "topic=orders", "partition=0", "offset=1007", "event=\"OrderCreated\"", "attempt=1"]
    {
        assert!(failure.contains(part), "{part:?} is not in {failure}");
    }
    assert!(!log.contains("hunter2"));
}
