//! All log lines of the framework have one schema.
//!
//! [`Schema`] looks at every line of every test of this process that captures the log; the test in here has most of them logged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use evkafka::{
    App, Backoff, FailurePolicy, LastStep, Metadata, State, embedded::Event as Record, handler, router,
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::support::{Ledger, Log, Running, cluster, config, event, until_committed};

/// The targets, and the fields that each line has.
const TARGETS: &[(&str, &[&str])] = &[
    ("evkafka::app", &[]),
    ("evkafka::consumer", &["consumer"]),
    ("evkafka::member", &["consumer", "member"]),
    ("evkafka::partition", &["consumer", "topic", "partition"]),
    ("evkafka::record", &["consumer", "topic", "partition", "offset"]),
    ("evkafka::producer", &[]),
    ("librdkafka", &["facility"]),
];

/// Fields that are integers, always.
const INTEGERS: &[&str] =
    &["member", "partition", "offset", "attempt", "times", "records", "wait_ms", "lasted_s"];
/// Fields that are text, always.
const TEXTS: &[&str] =
    &["consumer", "producer", "topic", "event", "error", "reason", "group", "dead_letter_topic"];
/// No other name may stand for one of these.
const FORBIDDEN: &[&str] = &["err", "cause", "event_type", "from", "up_to", "millis", "seconds_"];

/// What was found in all lines.
#[derive(Default)]
struct Found {
    /// Lines that are not as they should be, and why.
    faults: BTreeSet<String>,
    /// The messages of each target.
    messages: BTreeMap<String, BTreeSet<String>>,
}

static FOUND: Mutex<Found> = Mutex::new(Found { faults: BTreeSet::new(), messages: BTreeMap::new() });

pub(crate) struct Schema;

#[derive(Default)]
struct Fields(BTreeMap<&'static str, (bool, String)>);

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), (true, value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), (true, value.to_string()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), (false, value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), (false, format!("{value:?}")));
    }
}

impl<S: Subscriber> Layer<S> for Schema {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        let is_ours = target.starts_with("evkafka") || target == "librdkafka";
        if !is_ours {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults(target, &fields.0) {
            found.faults.insert(format!("{fault}: {target} {:?}", fields.0));
        }
        if let Some((_, message)) = fields.0.get("message").filter(|_| target != "librdkafka") {
            found.messages.entry(target.to_owned()).or_default().insert(message.clone());
        }
    }
}

fn faults(target: &str, fields: &BTreeMap<&'static str, (bool, String)>) -> Vec<String> {
    let Some((_, required)) = TARGETS.iter().find(|(known, _)| *known == target) else {
        return vec![format!("the target {target} is none of those that are documented")];
    };
    let missing = required.iter().filter(|name| !fields.contains_key(*name)).map(|name| format!("no {name}"));
    let wrong = fields.iter().filter_map(|(name, (is_integer, value))| {
        if INTEGERS.contains(name) && !is_integer {
            Some(format!("{name} is no integer"))
        } else if TEXTS.contains(name) && *is_integer {
            Some(format!("{name} is a number"))
        } else if FORBIDDEN.contains(name) {
            Some(format!("{name} is called otherwise"))
        } else if value.contains(char::is_control) && target != "librdkafka" {
            Some(format!("{name} has more than one line"))
        } else if *name == "message" && value.contains('"') && target != "librdkafka" {
            Some("the message is not constant".to_owned())
        } else {
            None
        }
    });
    missing.chain(wrong).collect()
}

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, id);
    if id % 7 == 3 { Err("the ledger is closed\nfor good".to_owned()) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_lines_of_a_run_have_one_schema() {
    let log = Log::capture();
    let cluster = cluster(4);
    cluster.create_topic("orders.dead", 1).unwrap();
    let app = |consumer: &str, policy: FailurePolicy| {
        let config =
            config(&cluster).failure_policy(policy.backoff(Backoff::constant(Duration::from_millis(1))));
        let ledger = Ledger::default();
        let config = config.instances(2).commit_interval(Duration::from_millis(100));
        let app = App::new("test").state(ledger.clone()).consumer(consumer, config, router![on_order]);
        (Running::start(app), ledger)
    };
    let events = |from: u64| {
        let orders = (from..from + 40).map(|id| event("OrderCreated", id));
        let others = (0..120).map(|id| event("ordercreated", id));
        let broken = Record::new("orders").partition(0).event_type("OrderCreated").payload("{");
        orders.chain(others).chain([broken])
    };
    cluster.send_all(events(0)).await.unwrap();
    let letters = FailurePolicy::new().attempts(2).dead_letter("orders.dead");
    let (letters, _) = app("schema-letters", letters);
    until_committed(&cluster, 161).await;
    cluster.broker_down(1).unwrap();
    log.until_line_with(&["the Kafka client reports an error", "schema-letters"]).await;
    cluster.broker_up(1).unwrap();
    cluster.send_all(events(0)).await.unwrap();
    until_committed(&cluster, 322).await;
    letters.stop().await.unwrap();
    cluster.send_all(events(0)).await.unwrap();
    let (skips, _) = app("schema-skips", FailurePolicy::new().attempts(2).last_step(LastStep::Skip));
    until_committed(&cluster, 483).await;
    skips.stop().await.unwrap();
    cluster.send_all(events(0)).await.unwrap();
    let (stops, _) = app("schema-stops", FailurePolicy::new().attempts(2));
    stops.ends().await.unwrap_err();

    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let Found { faults, messages } = &*found;
    assert!(faults.is_empty(), "{faults:#?}");
    for target in ["evkafka::app", "evkafka::consumer", "evkafka::member", "evkafka::record"] {
        assert!(messages.get(target).is_some_and(|messages| messages.len() > 1), "{messages:#?}");
    }
    for member in [1, 2] {
        let parts =
            ["partitions assigned", "consumer=schema-letters", &format!("member={member} "), "member_id="];
        assert!(!log.lines_with(&parts).is_empty(), "{parts:?}");
    }
}

#[test]
fn a_line_that_is_not_as_it_should_be_is_found() {
    let line = |fields: &[(&'static str, bool, &str)]| -> BTreeMap<_, _> {
        fields.iter().map(|(name, is_integer, value)| (*name, (*is_integer, (*value).to_owned()))).collect()
    };
    let good = [("consumer", false, "c"), ("topic", false, "t"), ("partition", true, "0")];
    assert!(faults("evkafka::partition", &line(&good)).is_empty());
    assert_eq!(faults("evkafka::partition", &line(&good[..2])), ["no partition"]);
    assert_eq!(
        faults("evkafka::app", &line(&[("partition", false, "orders[0]")])),
        ["partition is no integer"]
    );
    assert_eq!(faults("evkafka::app", &line(&[("error", false, "a\nb")])), ["error has more than one line"]);
    assert_eq!(faults("evkafka::engine", &line(&[])).len(), 1);
}
