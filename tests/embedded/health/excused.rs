//! What a restart does not help: live stays good, however long it lasts.

use std::time::Duration;

use evkafka::{
    App, Backoff, Concurrency, Event, FailurePolicy, Metadata, ProducerConfig, Router, Sender, State,
    control::{PartitionPhase, Pause, Scope},
    embedded, handler,
    layer::{RateLimit, Tower},
    router,
};
use serde::{Deserialize, Serialize};

use super::{STALL, admin, ask, listens, stays_live, until};
use crate::support::{DEADLINE, Ledger, Running, cluster, config};

#[handler(event = "OrderCreated")]
async fn on_order_created(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

#[handler(event = "Poison")]
async fn on_poison(State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, "poison");
    Err("it is poisonous".to_owned())
}

#[derive(Deserialize, Serialize, Event)]
#[event(name = "Priced", topic = "prices")]
struct Priced {
    id: u64,
}

#[handler(event = "Prices")]
async fn on_prices(id: u64, sender: Sender<Priced>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "sends");
    sender.send(&Priced { id }).await.expect("it is acknowledged in the end");
    ledger.note(&meta, "sent");
}

/// What counts as stuck as soon as it may.
fn never_times_out() -> FailurePolicy {
    FailurePolicy::new().attempt_timeout(Duration::MAX)
}

fn event(event_type: &str, partition: i32, id: u64) -> embedded::Event {
    embedded::Event::new("orders").partition(partition).event_type(event_type).payload(id.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_a_poison_record_too_many_members_and_a_broker_that_is_away_do_not_fail_live() {
    let (cluster, ledger, (admin, address)) = (cluster(2), Ledger::default(), admin());
    let backoff = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(3600)));
    let config = config(&cluster).instances(3).failure_policy(backoff);
    let app = App::new("billing")
        .state(ledger.clone())
        .consumer("billing", config, router![on_order_created, on_poison])
        .stall_timeout(STALL)
        .admin(admin);
    let control = app.control();
    let running = Running::start(app);
    let address = listens(&address).await;
    until(address, "/readyz", 200).await;
    cluster.send_all([event("OrderCreated", 0, 1), event("Poison", 1, 2)]).await.expect("they are sent");
    ledger.until_len(2).await;
    control.pause(Scope::all().topic("orders").partition(0), Pause::new("a test")).expect("it runs");
    cluster.send(event("OrderCreated", 0, 3)).await.expect("it is sent");
    stays_live(address).await;
    let status = control.status().expect("it runs");
    let partitions = status.consumers[0].members.iter().flat_map(|member| &member.partitions);
    let paused = partitions.filter(|partition| partition.phase == PartitionPhase::Paused).count();
    assert_eq!(paused, 1, "{status}");
    cluster.broker_down(1).expect("there is one");
    stays_live(address).await;
    assert_eq!(ask(address, "/readyz").await.status, 200, "it has joined");
    cluster.broker_up(1).expect("there is one");
    control.resume(Scope::all().topic("orders")).expect("it runs");
    ledger.until_len(3).await;
    running.stop().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn rebalances_one_after_the_other_do_not_fail_live() {
    let (cluster, (admin, address)) = (cluster(4), admin());
    let app = || {
        let consumer = config(&cluster);
        let app = App::new("billing").state(Ledger::default()).stall_timeout(STALL);
        app.consumer("billing", consumer, router![on_order_created, on_poison])
    };
    let running = Running::start(app().admin(admin));
    let address = listens(&address).await;
    until(address, "/readyz", 200).await;
    for _ in 0..5 {
        let other = app();
        let health = other.health();
        let other = Running::start(other);
        let begun = std::time::Instant::now();
        while !health.ready().is_ok() {
            let answer = ask(address, "/livez").await;
            assert_eq!((answer.status, ask(address, "/readyz").await.status), (200, 200), "{answer:?}");
            assert!(begun.elapsed() < DEADLINE, "{}", health.ready());
        }
        other.stop().await.expect("it ends well");
        assert!(health.live().is_ok() && !health.ready().is_ok(), "its end was asked for");
    }
    running.stop().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_waits_for_a_producer_whose_broker_is_away_is_not_stuck() {
    let (cluster, prices) = (cluster(1), embedded::Cluster::start().expect("another cluster"));
    prices.create_topic("prices", 1).expect("a topic");
    let (ledger, (admin, address)) = (Ledger::default(), admin());
    let out = ProducerConfig::new().bootstrap_servers(prices.bootstrap_servers());
    let app = App::new("billing")
        .state(ledger.clone())
        .consumer("billing", config(&cluster).failure_policy(never_times_out()), router![on_prices])
        .producer("out", out, evkafka::event::Events::any())
        .stall_timeout(STALL)
        .admin(admin);
    let running = Running::start(app);
    let address = listens(&address).await;
    until(address, "/readyz", 200).await;
    prices.broker_down(1).expect("there is one");
    cluster.send(event("Prices", 0, 7)).await.expect("it is sent");
    ledger.until_len(1).await;
    stays_live(address).await;
    assert_eq!(ledger.notes(), ["sends"]);
    prices.broker_up(1).expect("there is one");
    ledger.until_len(2).await;
    running.stop().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_waits_for_its_turn_at_a_rate_limit_is_not_stuck() {
    let hour = Duration::from_secs(3600);
    waits_for_its_turn(router![on_order_created].layer(RateLimit::new(1, hour)).boxed()).await;
    let limit = tower::ServiceBuilder::new().rate_limit(1, hour);
    waits_for_its_turn(router![on_order_created].layer(Tower::new(limit)).boxed()).await;
}

async fn waits_for_its_turn(limited: Router) {
    let (cluster, ledger, (admin, address)) = (cluster(1), Ledger::default(), admin());
    let config = config(&cluster)
        .failure_policy(never_times_out())
        .concurrency(Concurrency::Unordered { in_flight: 8 });
    let app = App::new("billing")
        .state(ledger.clone())
        .consumer("billing", config, limited)
        .stall_timeout(STALL)
        .shutdown_timeout(Duration::from_secs(2))
        .admin(admin);
    let running = Running::start(app);
    let address = listens(&address).await;
    until(address, "/readyz", 200).await;
    cluster.send_all((0..4).map(|id| event("OrderCreated", 0, id))).await.expect("they are sent");
    ledger.until_len(1).await;
    stays_live(address).await;
    assert_eq!(ledger.calls().len(), 1);
    running.stop().await.expect("it ends well");
}
