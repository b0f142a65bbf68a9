//! Each event at most once: its offset is committed before its handler runs, and a failure is not tried again.
//!
//! The handler asks the cluster whether that is so. Each reminder is a text message to somebody: better none than two.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use evkafka::{
    AutoCommitMode, Error, Metadata, Result, State, Text,
    embedded::{Cluster, Event},
    handler,
};
use evkafka_examples::{expect, log, within};
use tokio::sync::Notify;

const TOPIC: &str = "reminders";
const GROUP: &str = "texting";
const REMINDERS: usize = 5;

#[derive(Clone)]
struct Texting(Arc<Shared>);

struct Shared {
    cluster: Cluster,
    /// The offsets of the reminders that a handler was called for, and what was committed by then.
    calls: Mutex<Vec<(i64, Option<i64>)>>,
    done: Notify,
}

/// Sends a reminder. The second fails, and stays unsent.
#[handler(event = "ReminderDue")]
async fn on_reminder_due(
    Text(text): Text<'_>,
    State(texting): State<Texting>,
    metadata: Metadata,
) -> Result<(), Error> {
    let Shared { cluster, calls, done } = &*texting.0;
    let committed = cluster.committed(GROUP, TOPIC).await?.get(&metadata.partition).copied();
    let calls = {
        let mut calls = calls.lock().map_err(|_| Error::other("another handler panicked"))?;
        calls.push((metadata.offset, committed));
        calls.len()
    };
    if calls == REMINDERS {
        done.notify_one();
    }
    if text.contains("dentist") {
        println!("offset {}: the message could not be sent ({text})", metadata.offset);
        return Err(Error::other("the phone is switched off"));
    }
    println!("offset {}: {text}", metadata.offset);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    log();
    let cluster = Cluster::start()?;
    cluster.create_topic(TOPIC, 1)?;
    let texts =
        ["pay the rent", "see the dentist", "water the plants", "call the plumber", "return the books"];
    cluster.send_all(texts.map(|text| Event::new(TOPIC).event_type("ReminderDue").payload(text))).await?;

    let config = cluster.config([TOPIC], GROUP).auto_commit_mode(AutoCommitMode::PreCommit);
    let texting = Texting(Arc::new(Shared { cluster, calls: Mutex::default(), done: Notify::new() }));
    let app = evkafka::app! {
        title: "texting",
        state: texting.clone(),
        consumers: { reminders: config => [on_reminder_due] },
    };
    within(Duration::from_secs(30), app.run_until(texting.0.done.notified())).await?;

    let calls = texting.0.calls.lock().map_err(|_| Error::other("a handler panicked"))?;
    let offsets: Vec<i64> = calls.iter().map(|(offset, _)| *offset).collect();
    expect(offsets == [0, 1, 2, 3, 4], "a reminder was handled twice, or not at all")?;
    let before =
        calls.iter().all(|(offset, committed)| committed.is_some_and(|committed| committed > *offset));
    expect(before, "a handler ran before its offset was committed")?;
    println!("\nEach handler was called once, when the cluster had its offset already.");
    Ok(())
}
