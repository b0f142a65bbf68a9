//! At most once: the broker has acknowledged an offset before its record is handled, so a record is never handled twice,
//! and one whose handler fails is gone.

use evkafka::{
    AutoCommitMode, ConsumerConfig, State,
    embedded::{Cluster, Event},
    handler,
};
use evkafka_examples::Notes;

/// Sends a text message, which nobody wants to get twice.
#[handler(event = "CodeRequested")]
async fn send_text_message(number: u64, State(notes): State<Notes>) -> Result<(), &'static str> {
    notes.add(format!("text message to {number}"));
    if number == 2 { Err("the operator does not answer") } else { Ok(()) }
}

#[tokio::main]
async fn main() -> evkafka::Result<()> {
    let cluster = Cluster::start()?;
    cluster.create_topic("codes", 1)?;
    cluster
        .send_all((1..=3).map(|n| Event::new("codes").event_type("CodeRequested").payload(n.to_string())))
        .await?;

    let notes = Notes::default();
    let codes = ConsumerConfig::new(["codes"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("text-messages")
        .auto_commit_mode(AutoCommitMode::PreCommit);
    let app = evkafka::app! {
        title: "text messages",
        state: notes.clone(),
        consumers: { codes: codes => [send_text_message] },
    };
    notes.run_until(3, app).await?;
    assert_eq!(notes.lines().len(), 3, "the one that failed was not tried again");
    println!("committed: {:?}", cluster.committed("text-messages", "codes").await?);
    Ok(())
}
