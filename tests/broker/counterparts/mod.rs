//! Programs in other languages: their records are handled, and they read what is sent. They are in `tests/counterparts`.

mod cloud_events;
mod partitions;
mod python;
mod spring;

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Once,
    time::Duration,
};

use evkafka::{App, ConsumerConfig, Event, Key, Producer, State, handler, router};
use evkafka_tests::kafka;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::timeout,
};

use crate::support::DEADLINE;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/counterparts");

/// What all of them call by this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Event)]
struct OrderCreated {
    id: u64,
    customer: String,
    cents: i64,
    express: bool,
    note: Option<String>,
}

/// The same under the name of its class.
#[derive(Clone, Serialize, Event)]
#[event(name = "com.acme.OrderCreated")]
struct AcmeOrderCreated<'o>(&'o OrderCreated);

/// What the programs read and write, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Keyed {
    key: Option<String>,
    order: OrderCreated,
}

/// The values that languages and libraries disagree about, if they do.
fn orders() -> Vec<Keyed> {
    let keys = [None, Some(""), Some("7"), Some("Zoë"), Some("ключ 🗝")];
    let customers = ["", "Zoë", "a \"quoted\" \\ name\n\twith a tab", "\u{0}\u{7f}\u{2028}", "🗝 ключ"];
    let cents = [0, -1, i64::MIN, i64::MAX, (1 << 53) + 1];
    let long = "ä".repeat(20_000);
    let notes = [None, Some(""), Some(&*long)];
    (0..30)
        .map(|n: usize| {
            let order = OrderCreated {
                id: if n == 29 { u64::from(u32::MAX) + 1 } else { n as u64 },
                customer: customers[n % 5].to_owned(),
                cents: cents[n / 2 % 5],
                express: n.is_multiple_of(2),
                note: notes[n % 3].map(str::to_owned),
            };
            Keyed { key: keys[n / 3 % 5].map(str::to_owned), order }
        })
        .collect()
}

/// Runs a program with these lines as its standard input, and returns what it prints.
fn run(language: &str, arguments: &[&str], lines: &[String]) -> Vec<String> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let status = Command::new(SCRIPT).arg("install").status();
        assert!(status.is_ok_and(|status| status.success()), "the counterparts could not be installed");
    });
    let mut child = Command::new("timeout")
        .args([&DEADLINE.as_secs().to_string(), SCRIPT, language])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("is piped");
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // The program may print before it has read all.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the program ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{stderr}", output.status);
    writer.join().expect("no panic").expect("the program reads all");
    String::from_utf8(output.stdout).expect("it prints text").lines().map(str::to_owned).collect()
}

/// Has a program write orders to the topic.
fn have_written(language: &str, arguments: &[&str], orders: &[Keyed]) {
    let lines: Vec<String> =
        orders.iter().map(|order| serde_json::to_string(order).expect("plain data")).collect();
    run(language, arguments, &lines);
}

/// What a program has read: of each line the type, if it knows it, and the order. In the order of their numbers.
fn read_by(language: &str, arguments: &[&str]) -> Vec<(Option<String>, Keyed)> {
    #[derive(Deserialize)]
    struct Line {
        r#type: Option<String>,
        #[serde(flatten)]
        order: Keyed,
    }
    let lines = run(language, arguments, &[]);
    let line = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut orders: Vec<(Option<String>, Keyed)> =
        lines.iter().map(line).map(|Line { r#type, order }| (r#type, order)).collect();
    orders.sort_by_key(|(_, keyed)| keyed.order.id);
    orders
}

#[handler(event = "OrderCreated")]
async fn on_order_created(
    order: OrderCreated,
    Key(key): Key<'_>,
    State(handled): State<UnboundedSender<Keyed>>,
) {
    let key = key.map(|key| String::from_utf8(key.to_vec()).expect("keys are text"));
    handled.send(Keyed { key, order }).expect("the test receives");
}

/// Consumes the topic with these settings until so many orders were handled; in the order of their numbers.
async fn handled(config: ConsumerConfig, brokers: &str, count: usize) -> Vec<Keyed> {
    let (sender, mut receiver) = unbounded_channel::<Keyed>();
    let config = config.bootstrap_servers(brokers).group_id(kafka::unique("counterparts"));
    let (stop, stopped) = oneshot::channel::<()>();
    let app = App::new("test").state(sender).consumer("orders", config, router![on_order_created]);
    let app = tokio::spawn(app.run_until(async {
        let _ = stopped.await;
    }));
    let mut orders = Vec::new();
    while orders.len() < count {
        let next = timeout(DEADLINE, receiver.recv()).await;
        orders.push(next.unwrap_or_else(|_| panic!("{} of {count} handled", orders.len())).expect("it runs"));
    }
    stop.send(()).expect("it runs");
    timeout(DEADLINE, app).await.expect("it ends").expect("no panic").expect("it ends in order");
    orders.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
    orders.sort_by_key(|keyed| keyed.order.id);
    orders
}

/// Waits until what was enqueued is acknowledged.
async fn flush(producer: &Producer) {
    assert!(producer.flush(Duration::from_secs(60)).await, "all is acknowledged");
}
