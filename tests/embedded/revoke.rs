//! What becomes of handlers that take long: while the partition stays, and when it goes to another member.

use std::time::Duration;

use evkafka::{App, CancellationToken, Metadata, State, embedded::Event, handler, router};

use crate::support::{Call, Ledger, Running, cluster, config, event, until_committed};

#[handler(event = "Long")]
async fn long(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    tokio::time::sleep(Duration::from_secs(7)).await;
    ledger.note(&meta, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_takes_longer_than_the_poll_interval_keeps_its_partition() {
    let cluster = cluster(1);
    cluster.send_all([event("Long", 1)]).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster)
        .property("max.poll.interval.ms", 3000)
        .revoke_grace(Duration::from_millis(500))
        .commit_interval(Duration::from_millis(100));
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![long]);
    let app = Running::start(app);
    until_committed(&cluster, 1).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["begun", "done"], "nobody else has begun it meanwhile");
}

/// Notes the end of a handler that is dropped.
struct OnDrop(Ledger, Metadata);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(&self.1, "dropped");
    }
}

#[handler(event = "Stubborn")]
async fn stubborn(token: CancellationToken, State(ledger): State<Ledger>, meta: Metadata) {
    let _on_drop = OnDrop(ledger.clone(), meta.clone());
    ledger.note(&meta, "begun");
    token.cancelled().await;
    ledger.note(&meta, "told");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_whose_partition_is_revoked_is_told_then_dropped_and_only_then_another_member_begins() {
    let cluster = cluster(2);
    let records =
        (0..2).map(|partition| Event::new("orders").partition(partition).event_type("Stubborn").payload("1"));
    cluster.send_all(records).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).revoke_grace(Duration::from_millis(500));
    let start = |name| {
        let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(5)).consumer(
            name,
            config.clone(),
            router![stubborn],
        );
        Running::start(app)
    };
    let first = start("first");
    ledger.until_len(2).await;
    let second = start("second");
    let by_second = |call: &Call| call.consumer == "second";
    ledger.until(|calls| calls.iter().any(by_second)).await;
    let calls = ledger.calls();
    let moved = calls.iter().find(|call| by_second(call)).expect("it has begun").partition;
    let of_moved: Vec<(&str, &str)> = calls
        .iter()
        .filter(|call| call.partition == moved)
        .map(|call| (&*call.consumer, &*call.note))
        .collect();
    assert_eq!(of_moved, [("first", "begun"), ("first", "told"), ("first", "dropped"), ("second", "begun")]);
    let stayed: Vec<&str> =
        calls.iter().filter(|call| call.partition != moved).map(|call| &*call.note).collect();
    assert_eq!(stayed, ["begun"], "the handler of the other partition is left alone");
    second.stop().await.unwrap();
    first.stop().await.unwrap();
}
