//! What an app says of itself in the log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use evkafka::{App, Backoff, FailurePolicy, Metadata, State, handler, router};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Ledger, Running, cluster, config, event};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[handler(event = "OrderCreated")]
async fn fails_once(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, id);
    if id == 7 && meta.attempt == 1 { Err("the ledger is closed".to_owned()) } else { Ok(()) }
}

/// The only test that installs a subscriber for the whole process: handlers run on threads of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_logged_only_if_something_is_wrong_with_it_and_a_secret_never() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    // Other tests of this process log here too, so what is looked for is unmistakable.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let cluster = cluster(1);
    cluster.send_all((0..1000).map(|id| event("InventoryCounted", id))).await.unwrap();
    cluster.send_all((0..1000).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)));
    let config = config(&cluster).failure_policy(policy).property("sasl.password", "hunter2");
    let app = App::new("test").state(ledger.clone()).consumer("the-quiet-one", config, router![fails_once]);
    let app = Running::start(app);
    ledger.until_len(1001).await;
    app.stop().await.unwrap();
    let log = log.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the-quiet-one")).collect();
    assert!(lines.len() < 12, "{lines:#?}");
    let failure =
        lines.iter().find(|line| line.contains("the ledger is closed")).unwrap_or_else(|| panic!("{log}"));
    for part in ["WARN", "topic=orders", "partition=0", "offset=1007", "event=\"OrderCreated\"", "attempt=1"]
    {
        assert!(failure.contains(part), "{part:?} is not in {failure}");
    }
    assert!(!log.contains("hunter2"));
}
