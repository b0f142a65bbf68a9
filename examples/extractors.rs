//! What a handler may take: an extractor of one's own, an optional payload, the error of a payload that does not decode,
//! the event type; and a fallback for what nothing else takes.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use evkafka::{
    DecodeError, EventType, FailurePolicy, Key, LastStep, Raw, Result, State,
    embedded::{Cluster, Event},
    handle::{Context, FromContext},
    handler,
};
use evkafka_examples::{expect, log, within};
use serde::Deserialize;
use tokio::sync::Notify;

/// On whose behalf an event was written: an extractor of this service's own. It borrows from the record's header.
struct Tenant<'r>(&'r str);

impl<'r> FromContext<'r> for Tenant<'r> {
    type Rejection = &'static str;

    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
        let tenant = context.record().headers().get("Tenant").ok_or("the record names no tenant")?;
        str::from_utf8(tenant).map(Tenant).map_err(|_| "the tenant's name is not UTF-8")
    }
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    price_cents: u32,
}

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>, Arc<Notify>);

impl Journal {
    fn note(&self, line: String) {
        println!("{line}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// A product is new, has changed, or is gone: its payload is null then (a tombstone).
#[handler(event = "Product")]
async fn on_product(
    Tenant(tenant): Tenant<'_>,
    product: Option<Product<'_>>,
    Key(key): Key<'_>,
    State(journal): State<Journal>,
) {
    let sku = String::from_utf8_lossy(key.unwrap_or_default());
    journal.note(match product {
        Some(Product { name, price_cents }) => format!("{tenant}: {sku} is {name}, {price_cents} cents"),
        None => format!("{tenant}: {sku} is gone"),
    });
}

/// One handler for several events, which deals with broken payloads itself.
#[handler(event = ["PriceRaised", "PriceLowered"])]
async fn on_price(
    EventType(event): EventType<'_>,
    price: Result<u32, DecodeError>,
    State(journal): State<Journal>,
) {
    journal.note(match price {
        Ok(cents) => format!("{event} to {cents} cents"),
        Err(error) => format!("{event}, but {error}"),
    });
}

#[handler(event = "Closed")]
async fn on_closed(State(Journal(_, done)): State<Journal>) {
    done.notify_one();
}

/// All the rest, also what has no type.
#[handler(fallback)]
async fn on_anything_else(
    event: Option<EventType<'_>>,
    payload: Option<Raw<'_>>,
    State(journal): State<Journal>,
) {
    let name = event.map_or("without a type", |EventType(name)| name);
    journal.note(format!("fallback: {name}, {} bytes", payload.map_or(0, |Raw(bytes)| bytes.len())));
}

#[tokio::main]
async fn main() -> Result<()> {
    log();
    let cluster = Cluster::start()?;
    cluster.create_topic("catalogue", 1)?;
    let event = || Event::new("catalogue").key("mug-blue");
    let mug = r#"{"name": "Blue mug", "price_cents": 1290}"#;
    cluster
        .send_all([
            event().event_type("Product").header("Tenant", "north").payload(mug),
            event().event_type("PriceRaised").payload("1390"),
            event().event_type("PriceLowered").payload("a little"),
            // The extractor rejects it, and the policy says to skip it.
            event().event_type("Product").payload(mug),
            event().event_type("Product").header("Tenant", "north"),
            event().event_type("StocktakingDone").payload("{}"),
            event().payload("42"),
            event().event_type("Closed"),
        ])
        .await?;

    let policy = FailurePolicy::new().last_step(LastStep::Skip);
    let config = cluster.config(["catalogue"], "shop").failure_policy(policy);
    let journal = Journal::default();
    let app = evkafka::app! {
        title: "shop",
        state: journal.clone(),
        consumers: { catalogue: config => [on_product, on_price, on_closed, on_anything_else] },
    };
    within(Duration::from_secs(30), app.run_until(journal.1.notified())).await?;

    let lines = journal.0.lock().unwrap_or_else(PoisonError::into_inner);
    let expected = [
        "north: mug-blue is Blue mug, 1290 cents",
        "PriceRaised to 1390 cents",
        "PriceLowered, but the payload is not a valid `u32`",
        "north: mug-blue is gone",
        "fallback: StocktakingDone, 2 bytes",
        "fallback: without a type, 2 bytes",
    ];
    expect(*lines == expected, "the journal is not what it should be")
}
