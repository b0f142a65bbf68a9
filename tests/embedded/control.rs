//! An app that is controlled while it runs.

use std::time::{Duration, SystemTime};

use evkafka::{
    App, Control, Metadata, State,
    control::{ControlErrorKind, PartitionPhase, PartitionStatus, Pause, Scope, SeekTo},
    embedded::{Cluster, Event},
    handler, router,
};
use tokio::time::timeout;

use crate::support::{
    DEADLINE, Ledger, Log, Running, classic_config, cluster, committed, config, event, until_committed,
};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// An app with the consumer `name`, which runs, and its control.
fn start(name: &str, cluster: &Cluster, ledger: &Ledger) -> (Running, Control) {
    let app = App::new("test").state(ledger.clone());
    let config = config(cluster).commit_interval(Duration::from_millis(50));
    let app = app.consumer(name, config, router![on_order]);
    let control = app.control();
    (Running::start(app), control)
}

async fn send(cluster: &Cluster, ids: std::ops::Range<u64>) {
    cluster.send_all(ids.map(|id| event("OrderCreated", id))).await.unwrap();
}

fn partitions(control: &Control) -> Vec<PartitionStatus> {
    let status = control.status().expect("the app runs");
    status.consumers.into_iter().flat_map(|of| of.members).flat_map(|of| of.partitions).collect()
}

/// Waits until the partitions are as wanted.
async fn until(control: &Control, wanted: impl Fn(&[PartitionStatus]) -> bool) {
    let wait = async {
        while !wanted(&partitions(control)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(DEADLINE, wait).await.is_err() {
        panic!("the partitions are not as expected within {DEADLINE:?}: {}", control.status().unwrap());
    }
}

fn names(origins: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    origins.into_iter().map(|origin| origin.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_paused_for_longer_than_its_session_stays_in_its_group_and_resumes_without_loss() {
    let (log, cluster, ledger) = (Log::capture(), cluster(1), Ledger::default());
    let config = classic_config(&cluster)
        .property("max.poll.interval.ms", 3000)
        .revoke_grace(Duration::from_millis(200))
        .commit_interval(Duration::from_millis(50));
    let app = App::new("test").state(ledger.clone()).consumer("paused-for-long", config, router![on_order]);
    let control = app.control();
    let app = Running::start(app);
    send(&cluster, 0..10).await;
    ledger.until_len(10).await;
    let scope = Scope::consumer("paused-for-long");
    let paused = control.pause(scope.clone(), Pause::new("the warehouse is down")).unwrap();
    assert_eq!(names(paused), ["orders[0]"]);
    send(&cluster, 10..1_000).await;
    // More than twice as long as the session and the poll interval.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(ledger.calls().len(), 10);
    let of_partition = partitions(&control).remove(0);
    assert_eq!(of_partition.phase, PartitionPhase::Paused);
    assert_eq!((of_partition.position, of_partition.committed), (Some(10), Some(10)));
    assert_eq!(&*of_partition.paused.expect("a pause").reason, "the warehouse is down");
    let shown = control.status().unwrap().to_string();
    let line = "orders[0] paused (the warehouse is down), position 10, committed 10";
    assert!(shown.contains(line), "{shown}");
    let resumed = control.resume(scope).unwrap();
    assert_eq!(resumed.to_string(), "resumed: orders[0]");
    until_committed(&cluster, 1_000).await;
    assert!(ledger.offsets().into_iter().eq(0..1_000));
    assert!(log.lines_with(&["partitions revoked", "paused-for-long"]).is_empty());
    let [line] = &log.lines_with(&[" paused ", "paused-for-long"])[..] else { panic!("no line, or many") };
    assert!(line.contains("the warehouse is down") && line.contains("orders[0]"), "{line}");
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_for_partitions_that_go_to_another_member_and_come_back() {
    let (log, cluster, ledger) = (Log::capture(), cluster(2), Ledger::default());
    let send = async |ids: std::ops::Range<u64>| {
        let of = |id: u64| Event::new("orders").partition((id % 2) as i32).event_type("OrderCreated");
        cluster.send_all(ids.map(|id| of(id).payload(id.to_string()))).await.unwrap();
    };
    let (first, control) = start("stays-paused", &cluster, &ledger);
    send(0..2).await;
    ledger.until_len(2).await;
    control.pause(Scope::all().topic("orders"), Pause::new("maintenance")).unwrap();
    send(2..4).await;
    let (second, of_second) = start("joins-and-leaves", &cluster, &ledger);
    // It is another process's, as it were, and not paused.
    ledger.until_len(3).await;
    assert_eq!(ledger.calls()[2].consumer, "joins-and-leaves");
    until(&control, |of| of.len() == 1 && of[0].phase == PartitionPhase::Paused).await;
    until(&of_second, |of| of.len() == 1 && of[0].phase == PartitionPhase::Running).await;
    second.stop().await.unwrap();
    until(&control, |of| of.len() == 2 && of.iter().all(|of| of.position.is_some())).await;
    send(4..6).await;
    // A consumer of another group takes all of them meanwhile.
    let witness = Ledger::default();
    let app = App::new("test").state(witness.clone());
    let app = app.consumer("witness", cluster.config(["orders"], "witness"), router![on_order]);
    let app = Running::start(app);
    witness.until_len(6).await;
    app.stop().await.unwrap();
    assert!(partitions(&control).iter().all(|of| of.phase == PartitionPhase::Paused));
    assert_eq!(ledger.calls().len(), 3);
    log.until_line_with(&["assigned partition is paused", "stays-paused", "maintenance"]).await;
    let resumed = control.resume(Scope::all()).unwrap();
    assert_eq!(names(resumed.partitions), ["orders[0]", "orders[1]"]);
    ledger.until_len(6).await;
    first.stop().await.unwrap();
    let mut notes = ledger.notes();
    notes.sort_unstable();
    assert_eq!(notes, ["0", "1", "2", "3", "4", "5"], "nothing is lost, nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_at_its_deadline_and_what_is_not_owned_is_remembered() {
    let (cluster, ledger) = (cluster(1), Ledger::default());
    cluster.create_topic("refunds", 1).unwrap();
    let config = cluster.config(["orders", "^refunds.*"], "billing");
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let control = app.control();
    let app = Running::start(app);
    send(&cluster, 0..1).await;
    ledger.until_len(1).await;
    // A topic that is yet to come.
    let remembered = control.pause(Scope::all().topic("refunds-eu"), Pause::new("not yet")).unwrap();
    assert!(remembered.is_empty(), "{remembered:?}");
    let status = control.status().unwrap();
    let pause = &status.consumers[0].pauses[0];
    assert_eq!(pause.scope, Scope::consumer("orders").topic("refunds-eu"));
    assert_eq!((&*pause.reason, pause.ends_at), ("not yet", None));
    let short = Pause::new("short").ends_after(Duration::from_millis(300));
    control.pause(Scope::all().topic("orders"), short).unwrap();
    assert!(partitions(&control).iter().any(|of| of.phase == PartitionPhase::Paused));
    send(&cluster, 1..2).await;
    ledger.until_len(2).await;
    let pauses = control.status().unwrap().consumers.remove(0).pauses;
    assert_eq!(pauses.len(), 1, "only the other is left: {pauses:?}");
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sought_back_to_is_handled_again_and_what_is_sought_over_is_not() {
    let (cluster, ledger) = (cluster(1), Ledger::default());
    let (app, control) = start("seeks", &cluster, &ledger);
    let orders = || Scope::consumer("seeks").topic("orders");
    send(&cluster, 0..10).await;
    until_committed(&cluster, 10).await;
    let sought = control.seek(orders().partition(0), SeekTo::Offset(7)).await.unwrap();
    assert_eq!(names(sought), ["orders[0] continues at offset 7"]);
    ledger.until_len(13).await;
    assert_eq!(ledger.offsets()[10..], [7, 8, 9]);
    control.seek(orders(), SeekTo::Earliest).await.unwrap();
    ledger.until_len(23).await;
    assert!(ledger.offsets()[13..].iter().copied().eq(0..10));
    until_committed(&cluster, 10).await;
    control.pause(orders(), Pause::new("to skip")).unwrap();
    send(&cluster, 10..20).await;
    let sought = control.seek(orders(), SeekTo::Latest).await.unwrap();
    assert_eq!(sought[0].offset, 20);
    until_committed(&cluster, 20).await;
    control.resume(orders()).unwrap();
    send(&cluster, 20..21).await;
    until_committed(&cluster, 21).await;
    let next_year = SystemTime::now() + Duration::from_secs(365 * 86_400);
    assert_eq!(control.seek(orders(), SeekTo::Time(next_year)).await.unwrap()[0].offset, 21);
    send(&cluster, 21..22).await;
    until_committed(&cluster, 22).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets()[23..], [20, 21]);
    let (next, _) = start("seeks", &cluster, &ledger);
    send(&cluster, 22..23).await;
    until_committed(&cluster, 23).await;
    assert_eq!(ledger.offsets()[25..], [22], "the next owner begins where this one has ended");
    next.stop().await.unwrap();
}

/// Goes back to the first record, once.
#[handler(event = "Back")]
async fn back(State(control): State<Control>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "begun");
    if ledger.calls().iter().filter(|call| call.note == "begun").count() == 1 {
        let scope = Scope::all().topic(meta.topic.clone()).partition(meta.partition);
        let sought = control.seek(scope, SeekTo::Earliest).await.expect("it is here");
        ledger.note(&meta, sought.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_may_seek_in_its_own_partition_and_does_not_settle_what_it_has_left() {
    let (cluster, ledger) = (cluster(1), Ledger::default());
    let app = App::new("test").state(ledger.clone());
    let control = app.control();
    let config = config(&cluster).commit_interval(Duration::from_millis(50));
    let app = app.state(control).consumer("orders", config, router![on_order, back]);
    cluster.send_all([event("OrderCreated", 0), event("OrderCreated", 1), event("Back", 2)]).await.unwrap();
    let app = Running::start(app);
    ledger.until_len(7).await;
    until_committed(&cluster, 3).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "1", "begun", "1", "0", "1", "begun"]);
}

/// Has its app drain.
#[handler(event = "Last")]
async fn last(State(control): State<Control>, State(ledger): State<Ledger>, meta: Metadata) {
    control.drain().expect("the app runs");
    ledger.note(&meta, "last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_the_app_in_order_also_one_that_is_paused() {
    let (cluster, ledger) = (cluster(1), Ledger::default());
    let app = App::new("test").state(ledger.clone());
    let control = app.control();
    let app = app.state(control.clone()).consumer("orders", config(&cluster), router![last]);
    cluster.send_all([event("Last", 0)]).await.unwrap();
    Running::start(app).ends().await.unwrap();
    assert_eq!((ledger.notes(), committed(&cluster).await), (vec!["last".to_owned()], Some(1)));
    assert_eq!(control.drain().unwrap_err().kind(), ControlErrorKind::Ended);

    let (app, control) = start("drained-while-paused", &cluster, &ledger);
    send(&cluster, 1..2).await;
    ledger.until_len(2).await;
    control.pause(Scope::all(), Pause::new("maintenance")).unwrap();
    send(&cluster, 2..3).await;
    control.drain().unwrap();
    app.ends().await.unwrap();
    assert_eq!((ledger.calls().len(), committed(&cluster).await), (2, Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_with_the_closest_match() {
    let (cluster, ledger) = (cluster(3), Ledger::default());
    let app = App::new("test").state(ledger.clone());
    let app = app.consumer("billing", config(&cluster), router![on_order]);
    let control = app.control();
    assert_eq!(control.status().unwrap_err().kind(), ControlErrorKind::NotRunning);
    let app = Running::start(app);
    send(&cluster, 0..1).await;
    ledger.until_len(1).await;
    let pause = |scope: Scope| {
        let error = control.pause(scope, Pause::new("maintenance")).unwrap_err();
        (error.kind(), error.to_string())
    };
    assert_eq!(
        pause(Scope::consumer("biling")),
        (
            ControlErrorKind::UnknownConsumer,
            "unknown consumer `biling`; did you mean `billing`?; the app's consumers are `billing`"
                .to_owned()
        )
    );
    assert_eq!(
        pause(Scope::all().topic("order")),
        (
            ControlErrorKind::UnknownTopic,
            "unknown topic `order`; did you mean `orders`?; consumer `billing` reads `orders`".to_owned()
        )
    );
    assert_eq!(
        pause(Scope::all().topic("orders").partition(3)),
        (
            ControlErrorKind::UnknownPartition,
            "unknown partition 3 of topic `orders`, which has partitions 0 to 2".to_owned()
        )
    );
    assert!(control.status().unwrap().consumers[0].pauses.is_empty());
    let error = control.seek(Scope::all().topic("orders"), SeekTo::Offset(1)).await.unwrap_err();
    assert_eq!(error.kind(), ControlErrorKind::OffsetOutOfRange);
    assert_eq!(
        error.to_string(),
        "cannot seek to offset 1: orders[1]: the log starts at offset 0 and ends before offset 0; orders[2]: the log starts at \
         offset 0 and ends before offset 0"
    );
    cluster.broker_down(1).unwrap();
    let error = control.seek(Scope::all().partition(2), SeekTo::Latest).await.unwrap_err();
    assert_eq!(error.kind(), ControlErrorKind::OffsetUnknown);
    assert!(error.to_string().starts_with("cannot seek to the end of the log: orders[2]: "), "{error}");
    cluster.broker_up(1).unwrap();
    app.stop().await.unwrap();
    assert_eq!(control.resume(Scope::all()).unwrap_err().kind(), ControlErrorKind::Ended);
}
