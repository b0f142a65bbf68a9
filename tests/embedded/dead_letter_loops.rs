//! Dead letters that come back: refused at the start where that can be seen, and else stopped at the first that would go round.

use std::time::Duration;

use evkafka::{
    App, Backoff, ConsumerConfig, FailurePolicy, Metadata, State,
    embedded::{Cluster, Event},
    error::ErrorKind,
    handler, router,
};

use crate::support::{Ledger, Running};

#[handler(fallback)]
async fn always_fails(State(ledger): State<Ledger>, meta: Metadata) -> Result<(), &'static str> {
    ledger.note(&meta, format!("{}[{}]", meta.topic, meta.offset));
    Err("the ledger is closed")
}

#[handler(fallback)]
async fn takes(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{}[{}]", meta.topic, meta.offset));
}

#[handler(event = "OrderCreated")]
async fn fails() -> Result<(), &'static str> {
    Err("the ledger is closed")
}

fn to(topic: &str) -> FailurePolicy {
    FailurePolicy::new().attempts(1).backoff(Backoff::constant(Duration::from_millis(5))).dead_letter(topic)
}

fn reading<const N: usize>(topics: [&str; N], servers: &str) -> ConsumerConfig {
    ConsumerConfig::new(topics).bootstrap_servers(servers).group_id("billing")
}

fn at(topics: &str) -> ConsumerConfig {
    reading([topics], "localhost:9092")
}

fn refusal(app: &App) -> String {
    let error = app.check().expect_err("a loop");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    error.to_string()
}

#[test]
fn a_consumer_that_reads_its_own_dead_letters_is_refused() {
    let read = "consumer `c`: its dead letters come back to it without end: `c` sends them to `t.dead`, which `c` reads";
    for config in [reading(["t", "t.dead"], "localhost:9092"), at("^t.*"), at(r"^t(\.dead)?$")] {
        let app = App::new("test").consumer("c", config.clone().failure_policy(to("t.dead")), router![fails]);
        assert!(refusal(&app).contains(read), "{app:?}");
        let app = App::new("test").consumer("c", config, router![fails].failure_policy(to("t.dead")));
        assert!(refusal(&app).contains(read), "{app:?}");
    }
    for config in [at("t"), at("^t$"), at("^[^.]*$")] {
        App::new("test").consumer("c", config.failure_policy(to("t.dead")), router![fails]).check().unwrap();
    }
}

#[test]
fn consumers_that_send_each_other_their_dead_letters_are_refused() {
    let app = |third: ConsumerConfig| {
        App::new("test")
            .consumer("one", at("a").failure_policy(to("b")), router![fails])
            .consumer("two", at("^b").failure_policy(to("c")), router![fails])
            .consumer("three", third.group_id("other"), router![fails])
    };
    let text = refusal(&app(at("c").failure_policy(to("a"))));
    let all = "consumer `one`: its dead letters come back to it without end: `one` sends them to `b`, which `two` reads, `two` \
               sends them to `c`, which `three` reads, `three` sends them to `a`, which `one` reads;";
    assert!(text.contains(all) && text.matches("without end").count() == 1, "{text}");
    app(at("c")).check().unwrap();
    app(at("c").failure_policy(to("d"))).check().unwrap();
    app(reading(["c"], "elsewhere:9092").failure_policy(to("a"))).check().unwrap();
}

fn cluster_with(topics: &[&str]) -> Cluster {
    let cluster = Cluster::start().unwrap();
    topics.iter().for_each(|topic| cluster.create_topic(topic, 1).unwrap());
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_would_be_sent_to_the_topic_it_is_read_from_ends_the_app() {
    let cluster = cluster_with(&["t", "t.dead"]);
    cluster.send(Event::new("t").event_type("OrderCreated").payload("1")).await.unwrap();
    let ledger = Ledger::default();
    // No start can tell what the platform makes of `\w`.
    let config = reading([r"^t\W*\w*$"], cluster.bootstrap_servers()).failure_policy(to("t.dead"));
    let app = App::new("test").state(ledger.clone()).consumer("c", config, router![always_fails]);
    let error = Running::start(app).ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    let text = error.to_string();
    assert!(text.contains("the record at t.dead[0] offset 0, event `OrderCreated`, attempt 1"), "{text}");
    assert!(text.contains("has come through `t` → `t.dead` as a dead letter"), "{text}");
    assert_eq!(ledger.notes(), ["t[0]", "t.dead[0]"]);
    assert_eq!(cluster.committed("billing", "t.dead").await.unwrap().get(&0).copied().unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_through_two_apps_is_stopped_when_it_comes_round() {
    let cluster = cluster_with(&["a", "b"]);
    cluster.send(Event::new("a").event_type("OrderCreated").payload("1")).await.unwrap();
    let ledger = Ledger::default();
    let app = |from, target| {
        let config = reading([from], cluster.bootstrap_servers()).group_id(from).failure_policy(to(target));
        Running::start(App::new("test").state(ledger.clone()).consumer(from, config, router![always_fails]))
    };
    let (one, two) = (app("a", "b"), app("b", "a"));
    let error = two.ends().await.unwrap_err().to_string();
    assert!(error.contains("the record at b[0] offset 0") && error.contains("`a` → `b`"), "{error}");
    one.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["a[0]", "b[0]"]);
}

/// What a person does: sends a dead letter to its first topic again, with all its headers.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_sent_again_may_fail_again() {
    let cluster = cluster_with(&["t", "t.dead"]);
    let again =
        Event::new("t").event_type("OrderCreated").header("dead-letter-path", "t,t.dead").payload("1");
    cluster.send(again).await.unwrap();
    let (ledger, dead) = (Ledger::default(), Ledger::default());
    let failing = reading(["t"], cluster.bootstrap_servers()).failure_policy(to("t.dead"));
    let app =
        Running::start(App::new("test").state(ledger.clone()).consumer("c", failing, router![always_fails]));
    let reading = reading(["t.dead"], cluster.bootstrap_servers()).group_id("undertaker");
    let reader = Running::start(App::new("test").state(dead.clone()).consumer("d", reading, router![takes]));
    dead.until_len(1).await;
    app.stop().await.unwrap();
    reader.stop().await.unwrap();
    assert_eq!((ledger.notes(), dead.notes()), (vec!["t[0]".to_owned()], vec!["t.dead[0]".to_owned()]));
}
