//! The example's summary, against totals that are computed here from the same file.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

const PARTITIONS: [(&str, i64); 2] = [("internal", 4), ("legacy", 2)];
const SHARED: [&str; 4] = ["OrderCreated", "OrderPaid", "OrderCancelled", "InvoiceRequested"];

/// The example that cargo has built beside this test.
fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join("examples").join("orders").with_extension(env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} is not there: run `cargo build --examples` first", path.display());
    path
}

fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(example()).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// An amount without its point, in cents.
fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap()
}

/// The summary's lines by their first word; a heading's name stands before those of its table.
fn table(output: &str, heading: &str) -> BTreeMap<String, Vec<String>> {
    let lines = output.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let rows = lines.take_while(|line| line.starts_with("  ")).map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.collect())
    });
    rows.collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    /// Handled, skipped and committed, by consumer.
    consumers: BTreeMap<String, [i64; 3]>,
    /// Ordered, paid, refunded and credited, by currency.
    ledger: BTreeMap<String, [i64; 4]>,
    invoices: i64,
}

impl Expected {
    fn compute() -> Self {
        let mut expected = Self::default();
        for (cluster, partitions) in PARTITIONS {
            // Each partition gets the news that the day is over.
            expected.consumers.insert(cluster.to_owned(), [partitions, 0, partitions]);
        }
        for line in include_str!("../orders/orders.jsonl").lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            expected.add(&line);
        }
        expected
    }

    fn add(&mut self, line: &Value) {
        let (cluster, payload) = (line["cluster"].as_str().unwrap(), &line["payload"]);
        let event = line["type"].as_str().unwrap_or_default();
        let [handled, skipped, committed] = self.consumers.get_mut(cluster).unwrap();
        *committed += 1;
        let known = SHARED.contains(&event) || (event == "CreditGranted" && cluster == "internal");
        if !known {
            *skipped += 1;
            return;
        }
        *handled += 1;
        let (column, amount) = match event {
            "OrderCreated" => (0, "total_cents"),
            "OrderPaid" => (1, "amount_cents"),
            "OrderCancelled" => (2, "refund_cents"),
            "CreditGranted" => (3, "credit_cents"),
            _ => return self.invoices += 1,
        };
        let account = self.ledger.entry(payload["currency"].as_str().unwrap().to_owned()).or_default();
        account[column] += payload[amount].as_i64().unwrap();
    }

    fn read(output: &str) -> Self {
        let numbers = |words: Vec<String>| [0, 1, 2].map(|column| words[column].parse().unwrap());
        let amounts = |words: Vec<String>| [0, 1, 2, 3].map(|column| cents(&words[column]));
        let invoices = output.lines().find_map(|line| line.strip_prefix("Invoices written: "));
        Self {
            consumers: table(output, "Consumer")
                .into_iter()
                .map(|(name, row)| (name, numbers(row)))
                .collect(),
            ledger: table(output, "Ledger").into_iter().map(|(name, row)| (name, amounts(row))).collect(),
            invoices: invoices.unwrap().parse().unwrap(),
        }
    }
}

#[test]
fn a_day_is_billed_to_the_cent() {
    let output = run::<&str>([]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    assert_eq!(Expected::read(&stdout), Expected::compute(), "{stdout}");
    assert!(stdout.contains("Payments tried again: 1"), "{stdout}");
    assert!(stderr.contains("the bank does not answer for order-1042"), "{stderr}");
    // Clusters and clients that are dropped at the end say nothing of it.
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for line in ["attempt 1: the bank does not answer for order-1042", "attempt 2: the payment of order-1042"]
    {
        assert!(stdout.contains(line), "{stdout}");
    }
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "colour is for terminals");
}

#[test]
fn what_came_in_is_shown_with_where_it_was_routed() {
    let output = run::<&str>([]);
    let stdout = text(&output.stdout);
    let shown: BTreeMap<String, [i64; 2]> = table(&stdout, "Event type")
        .into_iter()
        .map(|(name, row)| (name, [row[row.len() - 2].parse().unwrap(), row[row.len() - 1].parse().unwrap()]))
        .collect();
    let mut expected =
        BTreeMap::from([("DayClosed".to_owned(), PARTITIONS.map(|(_, partitions)| partitions))]);
    for line in include_str!("../orders/orders.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let name = line["type"].as_str().unwrap_or("(none)").to_owned();
        expected.entry(name).or_default()[usize::from(line["cluster"] == "legacy")] += 1;
    }
    assert_eq!(shown, expected, "{stdout}");
    assert!(stdout.contains("OrderPaid         on_order_paid"), "{stdout}");
    assert!(stdout.contains("PriceChanged      skipped, not decoded"), "{stdout}");
}

#[test]
fn help_is_printed() {
    let output = run(["--help"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("--brokers HOST:PORT"));
}

#[test]
fn a_wrong_argument_is_named() {
    for (arguments, named) in [
        (&["--broker", "localhost:9092"][..], "unknown argument `--broker`"),
        (&["--brokers"], "`--brokers` needs a value"),
        (&["--group", "billing"], "give `--brokers` as well"),
    ] {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(text(&output.stderr).contains(named), "{}", text(&output.stderr));
    }
}

/// A process that does not outlive its test.
#[cfg(unix)]
struct Service(std::process::Child);

#[cfg(unix)]
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ctrl-C is sent by the `kill` of the system.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_there_already_is_billed_until_ctrl_c() {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
        sync::mpsc,
        thread,
        time::Duration,
    };

    use evkafka::embedded::{Cluster, Event};

    let cluster = Cluster::start().unwrap();
    cluster.create_topic("sales", 1).unwrap();
    let event = |name| Event::new("sales").event_type(name);
    let order = r#"{"order": "order-1", "currency": "EUR", "total_cents": 1290}"#;
    cluster
        .send_all([event("OrderCreated").payload(order), event("PriceChanged"), event("DayClosed")])
        .await
        .unwrap();

    let arguments = ["--brokers", cluster.bootstrap_servers(), "--topic=sales", "--group", "test"];
    let child = Command::new(example()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut service = Service(child);
    let (sender, lines) = mpsc::channel();
    let stdout = BufReader::new(service.0.stdout.take().unwrap());
    let reader = thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|l| sender.send(l)));
    let limit = Duration::from_secs(30);
    while !lines.recv_timeout(limit).unwrap().contains("the day is over") {}

    let id = service.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut rest = Vec::new();
    while let Ok(line) = lines.recv_timeout(limit) {
        rest.push(line);
    }
    assert!(service.0.wait().unwrap().success());
    reader.join().unwrap().unwrap();
    assert!(rest.iter().any(|line| line == "2 events handled"), "{rest:#?}");
    assert_eq!(cluster.committed("test", "sales").await.unwrap(), BTreeMap::from([(0, 3)]));
}
