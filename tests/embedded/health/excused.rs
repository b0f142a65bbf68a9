//! What a handler waits for, and a restart does not help: live stays good, however long it lasts.

use std::time::Duration;

use evkafka::{
    App, Concurrency, Event, FailurePolicy, Metadata, ProducerConfig, Router, Sender, State, embedded,
    handler,
    layer::{RateLimit, Tower},
    router,
};
use serde::{Deserialize, Serialize};

use super::{STALL, admin, listens, stays_live, until};
use crate::support::{Ledger, Running, cluster, config};

#[handler(event = "OrderCreated")]
async fn on_order_created(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
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
