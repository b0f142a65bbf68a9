//! The endpoint itself, and the end of an app.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use evkafka::{
    Admin, App, FailurePolicy, Metadata, State, admin::AdminAddress, embedded::Cluster, error::ErrorKind,
    handler, router,
};

use super::{Answer, admin, ask, get, listens, until};
use crate::support::{Ledger, Running, cluster, config, event};

#[handler(event = "OrderCreated")]
async fn on_order_created(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, id);
    if id == 13 { Err("the books are closed".to_owned()) } else { Ok(()) }
}

fn app(cluster: &Cluster, ledger: &Ledger) -> App {
    let config = config(cluster).failure_policy(FailurePolicy::new().attempts(1));
    App::new("billing").state(ledger.clone()).consumer("billing", config, router![on_order_created])
}

async fn serving(app: App, admin: Admin, address: &AdminAddress) -> (Running, SocketAddr) {
    let running = Running::start(app.admin(admin));
    let address = listens(address).await;
    until(address, "/readyz", 200).await;
    (running, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_what_is_consumed_how_far_and_what_has_failed_where() {
    let (cluster, ledger, (admin, address)) = (cluster(1), Ledger::default(), admin());
    let skips = FailurePolicy::new().attempts(1).last_step(evkafka::LastStep::Skip);
    let config = config(&cluster).failure_policy(skips);
    let app =
        App::new("billing").state(ledger.clone()).consumer("billing", config, router![on_order_created]);
    let (running, address) = serving(app, admin, &address).await;
    cluster
        .send_all((1..=40).map(|id| event("OrderCreated", if id % 2 == 0 { 13 } else { 100 + id })))
        .await
        .expect("sent");
    ledger.until_len(40).await;
    cluster.until_caught_up("billing", "orders").await.expect("it catches up");
    let status: serde_json::Value = serde_json::from_str(&ask(address, "/status").await.body).expect("JSON");
    let consumer = &status["consumers"][0];
    assert_eq!(
        (&consumer["name"], &consumer["topics"][0]),
        (&"billing".into(), &"orders".into()),
        "{status}"
    );
    let partition = &consumer["members"][0]["partitions"][0];
    assert_eq!((&partition["position"], &partition["phase"]), (&40.into(), &"running".into()), "{status}");
    let failures = consumer["failures"].as_array().expect("a list");
    let offsets: Vec<_> = failures.iter().filter_map(|failure| failure["offset"].as_i64()).collect();
    assert_eq!(offsets, (0..16).map(|n| 9 + 2 * n).collect::<Vec<i64>>(), "the last sixteen");
    let last = &failures[15];
    assert_eq!(
        (&last["event"], &last["attempt"], &last["then"]),
        (&"OrderCreated".into(), &1.into(), &"skipped".into())
    );
    assert_eq!(last["error"], "the handler failed: the books are closed");
    running.stop().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_that_say_nothing_do_not_keep_a_probe_out() {
    let (cluster, (admin, address)) = (cluster(1), admin());
    let (running, address) = serving(app(&cluster, &Ledger::default()), admin, &address).await;
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    assert_eq!(ask(address, "/livez").await.status, 200);
    drop(silent);
    let large = format!("X-Large: {}\r\n", "x".repeat(100_000));
    let refused =
        tokio::task::spawn_blocking(move || std::panic::catch_unwind(|| get(address, "/livez", &large)));
    let refused = refused.await.expect("no panic");
    assert!(refused.as_ref().is_ok_and(|answer| answer.status >= 400) || refused.is_err(), "{refused:?}");
    assert_eq!(ask(address, "/livez").await.status, 200);
    running.stop().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_in_use_is_an_error_at_the_start_that_says_so() {
    let (cluster, taken) = (cluster(1), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = taken.local_addr().expect("an address");
    let app = app(&cluster, &Ledger::default()).admin(Admin::on(address.to_string()));
    let error = Running::start(app).ends().await.expect_err("the port is in use");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let expected = format!("admin: `{address}` is in use by another process or app; choose another port");
    assert!(error.to_string().contains(&expected), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_can_reach_needs_a_token() {
    let (cluster, ledger) = (cluster(1), Ledger::default());
    let error = app(&cluster, &ledger).admin(Admin::on("0.0.0.0:0")).check().expect_err("no token");
    assert!(error.to_string().contains("set a token"), "{error}");
    let admin = Admin::on("0.0.0.0:0").token("a-token-of-some-length");
    let address = admin.address();
    let running = Running::start(app(&cluster, &ledger).admin(admin));
    let address = SocketAddr::from(([127, 0, 0, 1], listens(&address).await.port()));
    let probe: Answer = until(address, "/readyz", 200).await;
    assert_eq!(probe.body, "ok\n");
    assert_eq!(ask(address, "/status").await.status, 401);
    let answer = tokio::task::spawn_blocking(move || {
        get(address, "/status", "Authorization: Bearer a-token-of-some-length\r\n")
    });
    assert_eq!(answer.await.expect("no panic").status, 200);
    running.stop().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_fails_after_an_end_that_nobody_asked_for() {
    let (cluster, ledger) = (cluster(1), Ledger::default());
    let asked_for = app(&cluster, &ledger);
    let health = asked_for.health();
    assert!(health.live().is_ok() && !health.started().is_ok(), "it does not run yet");
    Running::start(asked_for).stop().await.expect("it ends well");
    assert_eq!(health.live().to_string(), "ok");

    let dropped = app(&cluster, &ledger);
    let health = dropped.health();
    let running = Running::start(dropped);
    while !health.ready().is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.kill().await;
    assert_eq!(
        health.live().to_string(),
        "failed\nthe app has ended, and its process has not: its future was dropped"
    );

    let fails = app(&cluster, &ledger);
    let health = fails.health();
    cluster.send(event("OrderCreated", 13)).await.expect("it is sent");
    Running::start(fails).ends().await.expect_err("a record stops it");
    let report = health.live().to_string();
    assert!(report.starts_with("failed\nthe app has ended, and its process has not: "), "{report}");
    assert!(report.contains("the books are closed"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_scrapes_while_partitions_come_and_go_hold_nothing_up() {
    const SCRAPES: usize = 600;
    let (cluster, ledger, (admin, address)) = (cluster(4), Ledger::default(), admin());
    let (running, address) = serving(app(&cluster, &ledger), admin, &address).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let scrapes = tokio::task::spawn_blocking({
        let is_over = Arc::clone(&is_over);
        move || {
            let mut scrapes = 0;
            while scrapes < SCRAPES || !is_over.load(Ordering::Relaxed) {
                for (path, accept) in [
                    ("/metrics", ""),
                    ("/metrics", "Accept: application/openmetrics-text\r\n"),
                    ("/status", ""),
                ] {
                    let answer = get(address, path, accept);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    if !accept.is_empty() {
                        assert!(answer.head.contains("application/openmetrics-text"), "{answer:?}");
                        assert!(answer.body.ends_with("# EOF\n"), "{answer:?}");
                    }
                    scrapes += 1;
                }
                std::thread::sleep(Duration::from_millis(30));
            }
        }
    });
    for round in 0..4_u64 {
        let other = app(&cluster, &ledger);
        let health = other.health();
        let other = Running::start(other);
        while !health.ready().is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let orders = (0..50).map(|id| event("OrderCreated", 100 + round * 50 + id));
        cluster.send_all(orders).await.expect("they are sent");
        other.stop().await.expect("it ends well");
    }
    cluster.until_caught_up("billing", "orders").await.expect("nothing is held up");
    is_over.store(true, Ordering::Relaxed);
    scrapes.await.expect("all scrapes are answered");
    running.stop().await.expect("it ends well");
}
