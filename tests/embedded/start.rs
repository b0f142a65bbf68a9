//! What is refused before anything is consumed.

use std::time::Duration;

use evkafka::{
    App, AutoCommitMode, ConsumerConfig, FailurePolicy, Metadata, OnUnavailable, Router, State,
    embedded::Cluster, error::ErrorKind, handler, router,
};

use tokio::time::timeout;

use crate::support::{DEADLINE, Ledger, Running, cluster, committed, config, event};

#[derive(Clone)]
struct Database;

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

#[handler(event = ["OrderCreated", "OrderPaid"])]
async fn on_order_too(State(_database): State<Database>) {}

#[handler(fallback)]
async fn rest() {}

#[handler(fallback)]
async fn rest_too() {}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_an_app_are_told_at_once_and_nothing_is_consumed() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let other_spelling = config(&cluster).bootstrap_servers(
        format!(" PLAINTEXT://{} ,localhost:1", cluster.bootstrap_servers()).to_uppercase(),
    );
    let app = App::new("test")
        .state(1_u8)
        .state(2_u8)
        .consumer("orders", config(&cluster), router![on_order, rest].merge(router![on_order_too, rest_too]))
        .consumer("orders", other_spelling, router![on_order])
        .consumer("bad", ConsumerConfig::new(["x"]).property("enable.auto.commit", true), router![rest])
        .consumer("idle", config(&cluster), Router::new());
    let error = app.run_until(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    for fault in [
        "there are two states of type `u8`",
        "consumer `idle`: its router has no handlers",
        "consumer `orders`: the event type `OrderCreated` has two handlers, `embedded::start::on_order` and \
         `embedded::start::on_order_too`",
        "consumer `orders`: there are two fallback handlers, `embedded::start::rest` and `embedded::start::rest_too`",
        "2 consumers are called `orders`",
        "share the group `billing` and the topic `orders` on one cluster",
        "the app has no state of type `embedded::start::Database`, which `embedded::start::on_order_too` needs",
        "the app has no state of type `embedded::support::Ledger`, which `embedded::start::on_order` needs",
        "consumer `bad`: `enable.auto.commit`",
        "consumer `bad`: `group_id`",
        "consumer `bad`: `bootstrap_servers`",
    ] {
        assert!(text.contains(fault), "{fault:?} is not in {text}");
    }
    assert_eq!(committed(&cluster).await, None);
}

#[tokio::test]
async fn an_app_without_a_consumer_is_refused() {
    let error = App::new("test").run_until(std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("the app has no consumer"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_may_share_a_group_on_different_clusters_or_topics() {
    let (one, two) = (cluster(1), cluster(1));
    one.create_topic("refunds", 1).unwrap();
    let refunds =
        ConsumerConfig::new(["refunds"]).bootstrap_servers(one.bootstrap_servers()).group_id("billing");
    let app = App::new("test")
        .consumer("one", config(&one), router![rest])
        .consumer("two", config(&two), router![rest])
        .consumer("refunds", refunds, router![rest]);
    app.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named() {
    let cluster = cluster(1);
    let config = ConsumerConfig::new(["orders", "oders"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("billing");
    let error = App::new("test")
        .consumer("c", config, router![rest])
        .run_until(std::future::pending())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingTopic);
    assert!(error.to_string().contains("has no topic `oders`;"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_can_wait_for_its_topic_while_another_goes_on() {
    let (here, there) = (cluster(1), Cluster::start().unwrap());
    here.send(event("OrderCreated", 1)).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test")
        .state(ledger.clone())
        .consumer("here", config(&here), router![on_order])
        .consumer("there", config(&there).on_missing_topic(OnUnavailable::Wait), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(1).await;
    there.create_topic("orders", 1).unwrap();
    there.send(event("OrderCreated", 2)).await.unwrap();
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_is_named_in_time() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let config =
        config(&cluster).connect_timeout(Duration::from_secs(1)).property("sasl.password", "hunter2");
    let app = App::new("test").consumer("c", config, router![rest]);
    let error = Running::start(app).ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = format!("{error:?}");
    assert!(text.contains(cluster.bootstrap_servers()) && text.contains("within 1s"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

/// The connection takes an answer, and the look at the cluster another: more than the time that it has to answer at first.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_takes_long_to_answer_is_waited_for_as_long_as_the_settings_say() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    cluster.round_trip_time(1, Duration::from_millis(700)).unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("c", config(&cluster), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(1).await;
    cluster.round_trip_time(1, Duration::ZERO).unwrap();
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_can_wait_for_its_cluster() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    cluster.broker_down(1).unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster)
        .connect_timeout(Duration::from_millis(300))
        .on_unreachable(OnUnavailable::Wait)
        .property("reconnect.backoff.max.ms", 200);
    let app = App::new("test").state(ledger.clone()).consumer("c", config, router![on_order]);
    let app = Running::start(app);
    // Long enough for the first look to have failed; should it not have, the test shows less, and does not fail.
    tokio::time::sleep(Duration::from_millis(700)).await;
    cluster.broker_up(1).unwrap();
    ledger.until_len(1).await;
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_waits_for_its_cluster_can_be_stopped() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let config =
        config(&cluster).connect_timeout(Duration::from_millis(300)).on_unreachable(OnUnavailable::Wait);
    // To wait for the end of the wait would be for ever.
    let app = App::new("test").shutdown_timeout(Duration::MAX).consumer("c", config, router![rest]);
    Running::start(app).stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_looks_at_its_cluster_for_the_first_time_can_be_stopped() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let config = config(&cluster).connect_timeout(Duration::MAX);
    let app = App::new("test").shutdown_timeout(Duration::MAX).consumer("c", config, router![rest]);
    timeout(DEADLINE, Running::start(app).stop()).await.expect("it does not wait for the cluster").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_the_time_there_is_may_be_given() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).connect_timeout(Duration::MAX).commit_interval(Duration::MAX);
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::MAX).consumer(
        "c",
        config,
        router![on_order],
    );
    let app = Running::start(app);
    ledger.until_len(1).await;
    app.stop().await.unwrap();
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_entry_among_the_servers_makes_no_two_clusters_one() {
    let (one, two) = (cluster(1), cluster(1));
    let with_comma =
        |cluster: &Cluster| config(cluster).bootstrap_servers(format!("{},", cluster.bootstrap_servers()));
    let app = App::new("test").consumer("one", with_comma(&one), router![rest]).consumer(
        "two",
        with_comma(&two),
        router![rest],
    );
    app.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_librdkafka_refuses_is_told_without_its_value() {
    let cluster = cluster(1);
    let config =
        config(&cluster).property("ssl.key.password", "hunter2").property("sasl.mechanisms", "hunter3");
    let error = App::new("test")
        .consumer("c", config, router![rest])
        .run_until(std::future::pending())
        .await
        .unwrap_err();
    let text = format!("{error:?} {error}");
    assert!(!text.contains("hunter2") && !text.is_empty(), "{text}");
}

#[test]
fn consumers_of_one_group_must_not_share_a_topic_by_way_of_a_pattern() {
    let faults_with = |one: [&str; 2], other: [&str; 2]| {
        let at = |topics| ConsumerConfig::new(topics).bootstrap_servers("kafka:9092").group_id("billing");
        faults(App::new("test").consumer("a", at(one), router![rest]).consumer("b", at(other), router![rest]))
    };
    for (one, other) in [(["^ord", "x"], ["y", "orders"]), (["y", "orders"], ["^orders$", "x"])] {
        let faults = faults_with(one, other);
        assert!(faults.len() == 1 && faults[0].contains("the topic `orders` on one cluster"), "{faults:?}");
    }
    assert_eq!(faults_with(["^ord", "x"], ["y", "refunds"]), [] as [&str; 0]);
}

/// What is wrong with an app of consumers of the orders, one fault a line.
fn faults(app: App) -> Vec<String> {
    let Err(error) = app.check() else { return Vec::new() };
    error.to_string().lines().skip(1).map(|line| line.trim_start_matches("  - ").to_owned()).collect()
}

fn billing() -> ConsumerConfig {
    ConsumerConfig::new(["orders"]).bootstrap_servers("kafka:9092").group_id("billing")
}

#[test]
fn a_policy_of_a_router_is_checked_like_that_of_a_consumer() {
    let with = |config: ConsumerConfig, policy: FailurePolicy| {
        faults(App::new("test").consumer("c", config, router![rest].failure_policy(policy)))
    };
    for topic in ["", "a b", "..", "a\0", "^dead"] {
        let faults = with(billing(), FailurePolicy::new().dead_letter(topic));
        assert_eq!(faults.len(), 1, "{topic:?}: {faults:?}");
        for part in ["consumer `c`", "`embedded::start::rest`", "`dead_letter_topic`"] {
            assert!(faults[0].contains(part), "{part} is not in {faults:?}");
        }
    }
    assert_eq!(with(billing(), FailurePolicy::new().attempt_timeout(Duration::ZERO)).len(), 1);
    let before = billing().auto_commit_mode(AutoCommitMode::PreCommit);
    assert_eq!(with(before.clone(), FailurePolicy::new().dead_letter("orders.dead")).len(), 1);
    assert_eq!(with(before, FailurePolicy::new()), [] as [&str; 0]);
    assert_eq!(with(billing(), FailurePolicy::new().dead_letter("orders.dead")), [] as [&str; 0]);
}

#[test]
fn a_policy_that_many_handlers_share_has_its_faults_once() {
    let policy = FailurePolicy::new().dead_letter("a b");
    let faults = faults(App::new("test").state(Database).consumer(
        "c",
        billing(),
        router![on_order_too, rest].failure_policy(policy),
    ));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("`embedded::start::on_order_too`, `embedded::start::rest`"), "{faults:?}");
}

#[test]
fn a_consumer_has_a_name_that_can_be_told() {
    for name in ["", " ", "orders ", "or\nders", "or\0ders"] {
        let faults = faults(App::new("test").consumer(name, billing(), router![rest]));
        assert_eq!(faults.len(), 1, "{name:?}: {faults:?}");
    }
    assert_eq!(faults(App::new("test").consumer("orders of all", billing(), router![rest])), [] as [&str; 0]);
}

#[test]
fn no_two_members_of_a_group_have_one_static_id() {
    let refunds = || ConsumerConfig::new(["refunds"]).bootstrap_servers("kafka:9092").group_id("billing");
    let both = |one: ConsumerConfig, two: ConsumerConfig| {
        faults(App::new("test").consumer("one", one, router![rest]).consumer("two", two, router![rest]))
    };
    for (one, two) in [
        (billing().group_instance_id("pod"), refunds().group_instance_id("pod")),
        (billing().group_instance_id("pod").instances(2), refunds().group_instance_id("pod-1")),
        (billing().group_instance_id("pod").instances(2), refunds().group_instance_id("pod").instances(3)),
    ] {
        let faults = both(one, two);
        assert_eq!(faults.len(), 1, "{faults:?}");
        for part in ["`one`", "`two`", "`billing`", "group_instance_id"] {
            assert!(faults[0].contains(part), "{part} is not in {faults:?}");
        }
    }
    for (one, two) in [
        (billing().group_instance_id("pod"), refunds().group_instance_id("pod-1")),
        (billing().group_instance_id("pod").instances(2), refunds().group_instance_id("pod-2")),
        (billing().group_instance_id("pod"), refunds().group_instance_id("pod").group_id("refunds")),
        (
            billing().group_instance_id("pod"),
            refunds().group_instance_id("pod").bootstrap_servers("elsewhere:9092"),
        ),
        (billing(), refunds()),
    ] {
        assert_eq!(both(one, two), [] as [&str; 0]);
    }
}

#[test]
fn a_shutdown_takes_some_time() {
    let app = App::new("test").shutdown_timeout(Duration::ZERO).consumer("c", billing(), router![rest]);
    let faults = faults(app);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("`shutdown_timeout` must be longer than zero"), "{faults:?}");
}

#[tokio::test]
async fn compression_without_dead_letters_is_refused() {
    let config = || {
        ConsumerConfig::new(["orders"])
            .bootstrap_servers("localhost:9092")
            .group_id("billing")
            .property("compression.type", "lz4")
    };
    let app = App::new("test").consumer("c", config(), router![rest]);
    let error = app.check().unwrap_err().to_string();
    assert!(error.contains("consumer `c`: `compression.type` compresses dead letters"), "{error}");
    let policy = FailurePolicy::new().dead_letter("dead");
    App::new("test").consumer("c", config().failure_policy(policy.clone()), router![rest]).check().unwrap();
    let router = router![rest].failure_policy(policy);
    App::new("test").consumer("c", config(), router).check().unwrap();
}
