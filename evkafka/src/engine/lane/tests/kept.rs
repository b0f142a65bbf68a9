//! What handlers see of a record, whether it was kept until its turn or not.

use super::*;

/// Says which event a record is: the record, and what its handler is to see besides the name.
type Form = fn(OwnedRecord, &str) -> (OwnedRecord, Option<u32>, String);

/// The ways to say which event a record is.
fn forms() -> Vec<(ConsumerConfig, Form)> {
    let config = || ConsumerConfig::new(["orders"]);
    let naming = crate::EventTypeSource::function(|record| {
        let name = str::from_utf8(record.headers().get("of").unwrap_or_default()).unwrap_or_default();
        Some(name.replace("order", "Order").into())
    });
    let many = ["header:Event-Type", "cloudevents", "json:type"];
    vec![
        (config(), |record, name| plain(record.header("Event-Type", name), None)),
        (
            config().event_names(
                ["OrderCreated", "OrderReturned"].map(|name| (format!("com.acme.{name}"), name)),
            ),
            |record, name| plain(record.header("Event-Type", format!("com.acme.{name}")), None),
        ),
        (config().event_version("header:Event-Version"), |record, name| {
            plain(record.header("Event-Type", name).header("Event-Version", "2"), Some(2))
        }),
        (config().event_version("suffix"), |record, name| {
            plain(record.header("Event-Type", format!("{name}.v2")), Some(2))
        }),
        (config().event_type(["cloudevents"]), structured),
        (config().event_type([naming]), |record, name| {
            plain(record.header("of", name.replace("Order", "order")), None)
        }),
        (config().event_type(["json:type"]), with_field),
        (config().event_type(["json:type"]), |record, name| {
            let escaped = name.replacen('O', r"\u004f", 1);
            let payload = format!(r#"{{"id":7,"type":"{escaped}","type":"twice"}}"#);
            (record.payload(payload.clone()), None, payload)
        }),
        // One record another than the next.
        (config().event_type(many).event_version("header:Event-Version"), |record, name| {
            match record.as_record().offset() % 5 {
                0 => with_field(record, name),
                1 => structured(record, name),
                2 => plain(record.header("Event-Type", name), None),
                3 => plain(record.header("Event-Type", name).header("Event-Version", "3"), Some(3)),
                _ => plain(record.header("ce_specversion", "1.0").header("ce_type", name), None),
            }
        }),
    ]
}

const PAYLOAD: &str = r#"{"id":7}"#;

fn plain(record: OwnedRecord, version: Option<u32>) -> (OwnedRecord, Option<u32>, String) {
    (record.payload(PAYLOAD), version, PAYLOAD.to_owned())
}

fn structured(record: OwnedRecord, name: &str) -> (OwnedRecord, Option<u32>, String) {
    let record = record.header("content-type", "application/cloudevents+json");
    let payload = format!(r#"{{"specversion":"1.0","type":"{name}","data":{PAYLOAD}}}"#);
    (record.payload(payload), None, PAYLOAD.to_owned())
}

fn with_field(record: OwnedRecord, name: &str) -> (OwnedRecord, Option<u32>, String) {
    let payload = format!(r#"{{"id":7,"type":"{name}"}}"#);
    (record.payload(payload.clone()), None, payload)
}

/// Three records of the event that has a handler, three of another, and three of the first again; and what the handlers are to see.
fn records(form: Form) -> (Vec<OwnedRecord>, [Vec<Seen>; 2]) {
    let mut expected = [Vec::new(), Vec::new()];
    let records = (0..9).map(|offset| {
        let (handler, name) =
            if (3..6).contains(&offset) { (1, "OrderReturned") } else { (0, "OrderCreated") };
        let (record, version, payload) = form(OwnedRecord::new("orders", 0, offset).key("k"), name);
        expected[handler].push((Some(name.to_owned()), version, payload.into_bytes()));
        record
    });
    (records.collect(), expected)
}

/// What the handlers see of them. Two of each three wait for the first, of whose key they are; and with batches, in order, one is
/// collected.
async fn seen_of(config: &ConsumerConfig, records: &[OwnedRecord], batch: bool) -> [Vec<Seen>; 2] {
    let seen: Arc<Mutex<[Vec<Seen>; 2]>> = Arc::default();
    let noted = Arc::clone(&seen);
    let specs = [HandlerSpec::new("on_order", &["OrderCreated"], ""), HandlerSpec::new("on_others", &[], "")];
    let specs = specs.map(|spec| if batch { spec.batch(2, 50) } else { spec });
    let rig: Rig = Rig::with_handlers(config, &specs, move |call| {
        noted.lock().unwrap()[call.handler].extend(call.events);
        async {
            sleep(Duration::from_millis(20)).await;
            DONE
        }
    });
    records.iter().for_each(|record| rig.log.write(record.clone()));
    let assigned = rig.assign();
    rig.until_committed(9).await;
    assigned.revoke(Phase::Stopping).await;
    seen.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_kept_is_seen_as_one_that_was_not() {
    for (config, form) in forms() {
        let (records, expected) = records(form);
        for way in ways() {
            let way = config.clone().concurrency(way.concurrency);
            for batch in [false, true] {
                assert_eq!(seen_of(&way, &records, batch).await, expected, "{batch} {way:?}");
            }
        }
    }
}

/// What is known of a record's event is not found out again when its turn has come.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_kept_is_not_named_again() {
    let named = Arc::new(AtomicI64::new(0));
    let counted = Arc::clone(&named);
    let naming = crate::EventTypeSource::function(move |_| {
        counted.fetch_add(1, SeqCst);
        Some("OrderCreated".to_owned().into())
    });
    let config = ConsumerConfig::new(["orders"]).event_type([naming]);
    let config = config.concurrency(Concurrency::PerKey { in_flight: 100 });
    let specs = [HandlerSpec::new("on_order", &["OrderCreated"], "")];
    let rig: Rig = Rig::with_handlers(&config, &specs, move |_| async {
        sleep(Duration::from_millis(20)).await;
        DONE
    });
    for offset in 0..9 {
        rig.log.write(OwnedRecord::new("orders", 0, offset).key("k"));
    }
    let assigned = rig.assign();
    rig.until_committed(9).await;
    assigned.revoke(Phase::Stopping).await;
    assert_eq!(named.load(SeqCst), 9);
}
