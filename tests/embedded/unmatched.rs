//! What an app says of records that no handler takes.

use std::collections::BTreeSet;

use evkafka::{App, embedded::Event, handler, router};

use crate::support::{Log, Running, cluster, config, event, until_committed};

#[handler(event = "OrderCreated")]
async fn on_order_created() {}

#[handler(event = "OrderPaid")]
async fn on_order_paid() {}

/// The lines of a consumer that was sent these events and has committed them.
async fn lines_of(consumer: &str, events: Vec<Event>) -> Vec<String> {
    let log = Log::capture();
    let cluster = cluster(1);
    let sent = i64::try_from(events.len()).unwrap();
    for events in events.chunks(50) {
        cluster.send_all(events.iter().cloned()).await.unwrap();
    }
    let app = App::new("test").consumer(consumer, config(&cluster), router![on_order_created, on_order_paid]);
    let app = Running::start(app);
    until_committed(&cluster, sent).await;
    app.stop().await.unwrap();
    log.lines_with(&[&format!("consumer={consumer} ")])
}

fn with<'l>(lines: &'l [String], part: &str) -> Vec<&'l String> {
    lines.iter().filter(|line| line.contains(part)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_without_a_handler_is_named_once_with_the_event_that_was_meant() {
    let types = ["OrderCreated", "orderCreated", "\"OrderPaid\"", "com.x.OrderCreated", "InventoryCounted"];
    let events = (0..100).flat_map(|id| types.map(|name| event(name, id))).collect();
    let lines = lines_of("names-types", events).await;
    let starts = with(&lines, "handles these events");
    assert_eq!(starts.len(), 1, "{lines:#?}");
    for part in
        ["events=OrderCreated, OrderPaid", "event_type_from=\"header:Event-Type\"", "group=\"billing\""]
    {
        assert!(starts[0].contains(part), "{part:?} is not in {starts:?}");
    }
    let named = with(&lines, "no handler takes this event type");
    assert_eq!(named.len(), 4, "{lines:#?}");
    for parts in [
        ["WARN", "offset=1 event=\"orderCreated\"", "nearest=\"OrderCreated\""],
        ["WARN", "offset=2 event=\"\\\"OrderPaid\\\"\"", "nearest=\"OrderPaid\""],
        ["WARN", "offset=3 event=\"com.x.OrderCreated\"", "nearest=\"OrderCreated\""],
        ["INFO", "offset=4 event=\"InventoryCounted\"", "partition=0"],
    ] {
        let has_all = |line: &&&String| parts.iter().all(|part| line.contains(part));
        assert_eq!(named.iter().filter(has_all).count(), 1, "{parts:?}: {named:#?}");
    }
    assert!(
        named.iter().all(|line| line.contains("InventoryCounted") != line.contains("nearest=")),
        "{named:#?}"
    );
    // 400 of 500.
    assert_eq!(with(&lines, "most records have no handler").len(), 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_producers_write_another_header_is_told_so_with_its_name() {
    let events = (0..150).map(|id| {
        let event = Event::new("orders").partition(0).payload(id.to_string());
        event.header("traceparent", "x").header("event-type", "OrderCreated")
    });
    let lines = lines_of("knows-headers", events.collect()).await;
    let told = with(&lines, "most records have no handler");
    assert_eq!(told.len(), 1, "{lines:#?}");
    for part in
        ["WARN", "unmatched=0", "event_type_from=\"header:Event-Type\"", "similar_header=\"event-type\""]
    {
        assert!(told[0].contains(part), "{part:?} is not in {told:?}");
    }
    let number = |name: &str| -> u64 {
        let (_, rest) = told[0].split_once(name).expect("the field");
        rest.split(' ').next().expect("a value").parse().expect("a number")
    };
    assert!(number("records=") >= 100 && number("records=") == number("untyped="), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_any_number_size_and_bytes_lead_to_few_short_lines() {
    let hostile = (0..2000_u64).map(|id| match id % 4 {
        0 => event(&format!("Type{id}"), id),
        1 => event(&format!("{id}{}", "x".repeat(20_000)), id),
        2 => event(&format!("{id}\n2026-01-01 ERROR forged\u{1b}[31m\u{202e}"), id),
        _ => Event::new("orders").partition(0).event_type([
            0xff,
            0xfe,
            id.to_le_bytes()[0],
            id.to_le_bytes()[1],
        ]),
    });
    let lines = lines_of("meets-hostile-types", hostile.collect()).await;
    let named = with(&lines, "no handler takes this event type");
    assert_eq!(named.len(), 64, "{lines:#?}");
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), 64);
    let no_more = with(&lines, "the others will not be named");
    assert_eq!(no_more.len(), 1, "{lines:#?}");
    assert!(no_more[0].contains("named=64"), "{no_more:?}");
    assert!(lines.iter().all(|line| line.len() < 700), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains(['\u{1b}', '\u{202e}'])), "{lines:#?}");
    let log = Log::capture().text();
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01 ERROR forged")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_skips_the_lesser_part_of_its_records_is_not_warned() {
    let events = (0..300).map(|id| event(if id % 3 == 0 { "InventoryCounted" } else { "OrderCreated" }, id));
    let lines = lines_of("skips-some", events.collect()).await;
    assert_eq!(with(&lines, "no handler takes this event type").len(), 1, "{lines:#?}");
    assert!(with(&lines, "WARN").is_empty(), "{lines:#?}");
}
