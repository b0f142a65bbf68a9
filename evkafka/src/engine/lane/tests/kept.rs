//! What handlers see of a record, whether it was kept until its turn or not.

use super::*;

/// Says which event a record is.
type Form = fn(OwnedRecord, &str) -> OwnedRecord;

/// The ways to say which event a record is.
fn forms() -> Vec<(ConsumerConfig, Form)> {
    let config = || ConsumerConfig::new(["orders"]);
    let naming = crate::EventTypeSource::function(|record| {
        let name = str::from_utf8(record.headers().get("of").unwrap_or_default()).unwrap_or_default();
        Some(name.to_uppercase().replace("ORDERCREATED", "OrderCreated").into())
    });
    vec![
        (config(), |record, name| record.header("Event-Type", name).payload(PAYLOAD)),
        (config().event_names([("com.acme.OrderCreated", "OrderCreated")]), |record, name| {
            record.header("Event-Type", format!("com.acme.{name}")).payload(PAYLOAD)
        }),
        (config().event_version("header:Event-Version"), |record, name| {
            record.header("Event-Type", name).header("Event-Version", "2").payload(PAYLOAD)
        }),
        (config().event_version("suffix"), |record, name| {
            record.header("Event-Type", format!("{name}.v2")).payload(PAYLOAD)
        }),
        (config().event_type(["cloudevents"]), |record, name| {
            let record = record.header("content-type", "application/cloudevents+json");
            record.payload(format!(r#"{{"specversion":"1.0","type":"{name}","data":{PAYLOAD}}}"#))
        }),
        (config().event_type([naming]), |record, name| record.header("of", name).payload(PAYLOAD)),
        (config().event_type(["json:type"]), |record, name| {
            record.payload(format!(r#"{{"id":7,"type":"{name}"}}"#))
        }),
        (config().event_type(["json:type"]), |record, name| {
            let escaped = name.replacen('O', r"\u004f", 1);
            record.payload(format!(r#"{{"id":7,"type":"{escaped}","type":"twice"}}"#))
        }),
        (config().event_type(["header:Event-Type", "cloudevents", "json:type"]), |record, name| {
            record.payload(format!(r#"{{"id":7,"type":"{name}"}}"#))
        }),
    ]
}

const PAYLOAD: &str = r#"{"id":7}"#;

/// What the handlers see of three records of the event that has one, of three of another, and of three of the first again. Two wait for
/// the first, of whose key they are; and with batches, in order, of each three one is collected.
async fn seen_of(config: &ConsumerConfig, form: Form, batch: bool) -> [Vec<Seen>; 2] {
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
    for offset in 0..9 {
        let name = if (3..6).contains(&offset) { "OrderReturned" } else { "OrderCreated" };
        rig.log.write(form(OwnedRecord::new("orders", 0, offset).key("k"), name));
    }
    let assigned = rig.assign();
    rig.until_committed(9).await;
    assigned.revoke(Phase::Stopping).await;
    seen.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_kept_is_seen_as_one_that_was_not() {
    for (config, form) in forms() {
        let in_order = seen_of(&config, form, false).await;
        assert_eq!([in_order[0].len(), in_order[1].len()], [6, 3], "{config:?}");
        let version = config.event_version.is_some().then_some(2);
        for (name, of, payload) in &in_order[0] {
            assert_eq!((name.as_deref(), *of), (Some("OrderCreated"), version), "{config:?}");
            assert!(payload.starts_with(br#"{"id":7"#), "{payload:?}");
        }
        for way in ways() {
            let config = config.clone().concurrency(way.concurrency);
            for batch in [false, true] {
                assert_eq!(seen_of(&config, form, batch).await, in_order, "{batch} {config:?}");
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
