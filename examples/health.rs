//! Health: what the admin endpoint says of a service whose handler is fine, and of one that is stuck.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use evkafka::{
    Admin, Error, FailurePolicy, Result,
    embedded::{Cluster, Event},
    handler,
};
use evkafka_examples::{expect, log, within};

const TOPIC: &str = "orders";

/// Order 3 waits for a warehouse that never answers.
#[handler(event = "OrderCreated")]
async fn on_order_created(id: u64) {
    if id == 3 {
        std::future::pending::<()>().await;
    }
    println!("order {id}");
}

/// What `curl` would print.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).map_err(Error::other)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").map_err(Error::other)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(Error::other)?;
    Ok(answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

#[tokio::main]
async fn main() -> Result<()> {
    log();
    let cluster = Cluster::start()?;
    cluster.create_topic(TOPIC, 1)?;
    cluster
        .send_all((1..=4).map(|id| Event::new(TOPIC).event_type("OrderCreated").payload(id.to_string())))
        .await?;

    let admin = Admin::on("127.0.0.1:0");
    let bound = admin.address();
    // By default, an attempt is dropped after five minutes, and the next one follows.
    let policy = FailurePolicy::new().attempt_timeout(Duration::MAX);
    let config = cluster.config([TOPIC], "billing").failure_policy(policy);
    let app = evkafka::app! {
        title: "billing",
        admin: admin,
        // Five minutes, unless set otherwise.
        stall_timeout: Duration::from_secs(2),
        shutdown_timeout: Duration::from_secs(1),
        consumers: { orders: config => [on_order_created] },
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watches = std::thread::spawn(move || {
        let report = watch(|| bound.get());
        drop(stop);
        report
    });
    let ended = async {
        let _ = stopped.await;
    };
    within(Duration::from_secs(60), app.run_until(ended)).await?;
    let report = watches.join().map_err(|_| Error::other("the watch panicked"))??;
    expect(report.contains("orders[0], offset 2"), "the order that is stuck is not named")
}

/// Asks until the app is not live any more, and prints what changes.
fn watch(address: impl Fn() -> Option<SocketAddr>) -> Result<String> {
    let (begun, mut last) = (Instant::now(), String::new());
    while begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
        let Some(address) = address() else { continue };
        let (live, ready) = (get(address, "/livez")?, get(address, "/readyz")?);
        let says = format!("live: {}\nready: {}\n", live.trim_end(), ready.trim_end());
        if says != last {
            println!("{says}");
            last = says;
        }
        if live.starts_with("failed") {
            return Ok(live);
        }
    }
    Err(Error::other("it was live for too long"))
}
