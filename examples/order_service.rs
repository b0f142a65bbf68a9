//! An order service to copy. It reads CloudEvents from the topic `orders`, and records that name their type in the payload from `payments`;
//! it stores what is due in an embedded database, and returns an event when an order is paid.
//!
//! `cargo run --example order_service` runs it on a cluster inside the process, with a few orders, and ends. With `BROKERS=HOST:PORT` in the
//! environment it runs on yours, which needs the topics `orders`, `payments`, `shipments` and `orders.dead`; metrics, probes and status are
//! then on port 9000 of this machine, or at the address in `ADMIN`.

use std::{env, error::Error, sync::Arc, time::Duration};

use evkafka::{
    Admin, App, Call, ConsumerConfig, Event, EventFormat, FailurePolicy, Layer, Next, ProducerConfig, State,
    handle::Attempt, handler,
};
use redb::{Database, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Serialize, Deserialize, Event)]
#[event(topic = "orders", key = id)]
struct OrderCreated {
    id: u64,
    cents: u64,
}

#[derive(Serialize, Deserialize, Event)]
#[event(topic = "payments", key = order)]
struct OrderPaid {
    id: String,
    order: u64,
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(topic = "shipments", key = order)]
struct ShipmentRequested {
    order: u64,
}

/// What is due of each order, and what was left to pay after each payment.
const DUE: TableDefinition<u64, u64> = TableDefinition::new("due");
const LEFT: TableDefinition<&str, u64> = TableDefinition::new("left");

// The database blocks, so the handlers are plain functions, which run on threads of their own. A record may be handled again: what it has
// changed is in the store, under the id of its order or payment, and is not changed again; its event is returned again, because the process
// may have died between the store's commit and the event's acknowledgement.

#[handler]
fn on_order_created(order: OrderCreated, State(store): State<Arc<Database>>) -> Result<()> {
    let write = store.begin_write()?;
    if write.open_table(DUE)?.get(order.id)?.is_none() {
        write.open_table(DUE)?.insert(order.id, order.cents)?;
    }
    Ok(write.commit()?)
}

#[handler]
fn on_order_paid(paid: OrderPaid, State(store): State<Arc<Database>>) -> Result<Option<ShipmentRequested>> {
    let write = store.begin_write()?;
    let before = write.open_table(LEFT)?.get(&*paid.id)?.map(|left| left.value());
    let due = write.open_table(DUE)?.get(paid.order)?.ok_or("the order is unknown")?.value();
    let left = before.unwrap_or(due.saturating_sub(paid.cents));
    if before.is_none() {
        write.open_table(LEFT)?.insert(&*paid.id, left)?;
        write.open_table(DUE)?.insert(paid.order, left)?;
    }
    write.commit()?;
    Ok((left == 0).then_some(ShipmentRequested { order: paid.order }))
}

/// Passes over what load tests send.
struct NoLoadTests;

impl Layer for NoLoadTests {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        if call.headers().get("load-test").is_some() { Attempt::skip() } else { next.run(call).await }
    }
}

fn shop(store: Arc<Database>, brokers: &str) -> App {
    let statistics = Duration::from_secs(1);
    let consumer = |topic| {
        let config = ConsumerConfig::new([topic]).bootstrap_servers(brokers).statistics_interval(statistics);
        config.failure_policy(FailurePolicy::new().attempts(5).dead_letter("orders.dead"))
    };
    let orders = consumer("orders").group_id("shop-orders").event_type(["cloudevents"]);
    let payments = consumer("payments").group_id("shop-payments").event_type(["json:type"]);
    let events = ProducerConfig::new().bootstrap_servers(brokers).event_format(EventFormat::CloudEvents);
    evkafka::app! {
        title: "shop",
        state: store,
        layers: [NoLoadTests],
        consumers: { orders: orders => [on_order_created], payments: payments => [on_order_paid] },
        producers: { events: events.event_source("/shop").statistics_interval(statistics) => [ShipmentRequested] },
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    evkafka_examples::log();
    let Ok(brokers) = env::var("BROKERS") else { return demo::run().await };
    let admin = Admin::on(env::var("ADMIN").unwrap_or("127.0.0.1:9000".to_owned()));
    let store = Arc::new(Database::create("orders.redb")?);
    Ok(shop(store, &brokers).admin(admin).run().await?)
}

// That was the service. What follows tests it, and runs it without a broker.

#[cfg(test)]
mod tests {
    use evkafka::testing::{Settled, TestClient};

    use super::*;

    fn client() -> TestClient {
        TestClient::new(shop(demo::store(), "kafka:9092"))
    }

    fn paid(id: &str, order: u64, cents: u64) -> OrderPaid {
        OrderPaid { id: id.into(), order, cents }
    }

    fn shipped(t: &TestClient) -> Vec<u64> {
        t.sent::<ShipmentRequested>().iter().map(|shipment| shipment.order).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_shipped_when_it_is_paid() {
        let t = client();
        t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
        t.send(&paid("p-1", 7, 100)).await.assert_handled();
        assert_eq!(t.sent::<ShipmentRequested>(), [ShipmentRequested { order: 7 }]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_that_arrives_twice_counts_once() {
        let t = client();
        t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
        t.send(&paid("p-1", 7, 60)).await.assert_handled();
        t.send(&paid("p-1", 7, 60)).await.assert_handled();
        assert!(shipped(&t).is_empty());
        t.send(&paid("p-2", 7, 40)).await.assert_handled();
        assert_eq!(shipped(&t), [7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_before_the_acknowledgement_loses_no_shipment() {
        let t = client();
        t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
        t.hold_acknowledgements();
        let payment = t.send(&paid("p-1", 7, 100)).enqueue();
        tokio::time::sleep(Duration::from_secs(60)).await;
        t.crash_and_restart().await;
        payment.await.assert_handled();
        assert_eq!(shipped(&t), [7, 7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_for_an_unknown_order_is_a_dead_letter() {
        let t = client();
        let settled: Settled = t.send(&paid("p-1", 8, 100)).await;
        settled.assert_dead_lettered("orders.dead").assert_attempts(5);
        assert_eq!(settled.error(), Some("the handler failed: the order is unknown"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_load_test_sends_is_skipped() {
        let t = client();
        t.send(&OrderCreated { id: 7, cents: 100 }).header("load-test", "1").await.assert_skipped();
        t.record("payments").json(serde_json::json!({ "type": "OrderRefunded" })).await.assert_skipped();
    }
}

/// A cluster inside the process, and a few orders.
mod demo {
    use std::time::Duration;

    use evkafka::{
        Producer,
        embedded::{Cluster, Event},
    };
    use evkafka_examples::{expect, within};
    use redb::{ReadableTableMetadata, backends::InMemoryBackend};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    pub(super) fn store() -> Arc<Database> {
        let store = Database::builder().create_with_backend(InMemoryBackend::new());
        Arc::new(store.expect("memory has no faults"))
    }

    pub(super) async fn run() -> Result<()> {
        let cluster = Cluster::start()?;
        for topic in ["orders", "payments", "shipments", "orders.dead"] {
            cluster.create_topic(topic, 1)?;
        }
        let store = store();
        let app = shop(Arc::clone(&store), cluster.bootstrap_servers());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let service = tokio::spawn(app.run_until(async { drop(stopped.await) }));
        within(LIMIT, async { feed(&cluster, &store).await.map_err(evkafka::Error::other) }).await?;
        let letters = cluster.until_records("orders.dead", 1).await?;
        let shipments = cluster.until_records("shipments", 2).await?;
        drop(stop);
        within(LIMIT, async { service.await.map_err(evkafka::Error::other)? }).await?;

        println!("\nSent:");
        for record in shipments.iter().chain(&letters).map(|record| record.as_record()) {
            let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
            let header = |name| text(record.headers().get(name));
            let what = match record.headers().get("dead-letter-error") {
                Some(error) => text(Some(error)),
                None => header("ce_type"),
            };
            println!("  {:<12} {:<30} {what}", record.topic(), text(record.payload()));
        }
        Ok(expect(shipments.len() == 2, "two orders should be shipped")?)
    }

    async fn feed(cluster: &Cluster, store: &Database) -> Result<()> {
        let shop_front = ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers());
        let shop_front = shop_front.event_format(EventFormat::CloudEvents).event_source("/shop-front");
        let orders = Producer::new("shop-front", &shop_front)?;
        println!("Received:");
        for (id, cents) in [(1, 1290), (2, 8900), (3, 500)] {
            orders.send(&OrderCreated { id, cents }).await?;
            println!("  order {id}: {cents} cents");
        }
        // A payment for an order that is not stored yet would be tried again too, for as long as the policy says.
        while store.begin_read()?.open_table(DUE).map_or(Ok(0), |due| due.len())? < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for (id, order, cents) in [("p-1", 1, 1290), ("p-2", 2, 5000), ("p-3", 2, 3900), ("p-4", 9, 100)] {
            let payment =
                serde_json::json!({ "type": "OrderPaid", "id": id, "order": order, "cents": cents });
            cluster.send(Event::new("payments").key(order.to_string()).payload(payment.to_string())).await?;
            println!("  payment {id} of order {order}: {cents} cents");
        }
        Ok(())
    }
}
