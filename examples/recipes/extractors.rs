//! What a handler can take: an extractor of one's own, tombstones, payloads that do not decode, and all the rest.

use evkafka::{
    ConsumerConfig, DecodeError, EventType, State,
    embedded::{Cluster, Event},
    handle::{Context, FromContext},
    handler,
};
use evkafka_examples::Notes;
use serde::Deserialize;

/// Who a record belongs to: an extractor of this service's own.
struct Tenant(String);

impl<'r> FromContext<'r> for Tenant {
    type Rejection = &'static str;

    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
        let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
        Ok(Self(String::from_utf8_lossy(tenant).into_owned()))
    }
}

#[derive(Deserialize)]
struct Profile<'a> {
    name: &'a str,
}

/// Takes the newest profile, or `None` for a tombstone: the profile was deleted.
#[handler(event = "ProfileChanged")]
async fn on_profile_changed(
    profile: Option<Profile<'_>>,
    Tenant(tenant): Tenant,
    State(notes): State<Notes>,
) {
    match profile {
        Some(profile) => notes.add(format!("{tenant}: profile of {}", profile.name)),
        None => notes.add(format!("{tenant}: profile deleted")),
    }
}

/// Deals with what does not decode itself.
#[handler(event = "Measured")]
async fn on_measured(measured: Result<f64, DecodeError>, State(notes): State<Notes>) {
    match measured {
        Ok(value) => notes.add(format!("measured {value}")),
        Err(error) => notes.add(format!("not measured: {error}")),
    }
}

/// Takes what no other handler matches.
#[handler(fallback)]
async fn on_anything_else(event: Option<EventType<'_>>, State(notes): State<Notes>) {
    notes.add(format!("something else: {}", event.map_or("no type", |event| event.0)));
}

#[tokio::main]
async fn main() -> evkafka::Result<()> {
    let cluster = Cluster::start()?;
    cluster.create_topic("events", 1)?;
    let profile = || Event::new("events").event_type("ProfileChanged").header("tenant", "acme").key("u-1");
    cluster
        .send_all([
            profile().payload(r#"{"name": "Ada"}"#),
            profile(),
            Event::new("events").event_type("Measured").payload("21.5"),
            Event::new("events").event_type("Measured").payload("warm"),
            Event::new("events").event_type("Restarted"),
            Event::new("events"),
        ])
        .await?;

    let notes = Notes::default();
    let events =
        ConsumerConfig::new(["events"]).bootstrap_servers(cluster.bootstrap_servers()).group_id("extractors");
    let app = evkafka::app! {
        title: "extractors",
        state: notes.clone(),
        consumers: { events: events => [on_profile_changed, on_measured, on_anything_else] },
    };
    notes.run_until(6, app).await?;
    assert_eq!(notes.lines()[1], "acme: profile deleted");
    assert_eq!(notes.lines()[5], "something else: no type");
    Ok(())
}
