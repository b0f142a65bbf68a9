use super::*;
use crate::{event_type::EventTypeSource, record::OwnedRecord};

const SPRING: &str = "__TypeId__";
const CLOUD_EVENT: &str = r#"{"specversion":"1.0","type":"A","data":{"id":1}}"#;

fn types(places: &[&str]) -> EventTypes {
    with(places, &[], None)
}

fn with(places: &[&str], names: &[(&str, &str)], version: Option<&str>) -> EventTypes {
    let places =
        places.iter().map(|place| Place::of(&EventTypeSource::from(*place)).expect("a place")).collect();
    let names = names.iter().map(|(theirs, ours)| ((*theirs).to_owned(), (*ours).to_owned())).collect();
    EventTypes::new(places, &names, version.map(|version| VersionPlace::parse(version).expect("a place")))
}

fn record() -> OwnedRecord {
    OwnedRecord::new("orders", 0, 7)
}

/// The name and the version.
fn seen(types: &EventTypes, record: &OwnedRecord) -> Option<(String, Option<u32>)> {
    let record = record.as_record();
    let event = types.event(&record);
    Some((String::from_utf8_lossy(event.name()?).into_owned(), event.version()))
}

fn name(types: &EventTypes, record: &OwnedRecord) -> Option<String> {
    seen(types, record).map(|(name, _)| name)
}

#[test]
fn every_place_answers_for_the_records_that_have_it() {
    for (place, record, expected) in [
        ("header:Event-Type", record().header("Event-Type", "A"), Some("A")),
        ("header:Event-Type", record().header("event-type", "A"), None),
        ("header:Event-Type", record().header("Event-Type", "B").header("Event-Type", "A"), Some("A")),
        ("header:Event-Type", record().header("Event-Type", "A").null_header("Event-Type"), None),
        ("header-ignore-case:Event-Type", record().header("event-TYPE", "A"), Some("A")),
        (
            "header-ignore-case:Event-Type",
            record().header("Event-Type", "B").header("event-type", "A"),
            Some("A"),
        ),
        ("header-ignore-case:Event-Type", record().header("Event-Types", "A"), None),
        (
            "cloudevents",
            record().header("ce_type", "A").payload(CLOUD_EVENT.replace("\"A\"", "\"B\"")),
            Some("A"),
        ),
        ("cloudevents", record().header("CE_TYPE", "A"), None),
        ("cloudevents", record().payload(CLOUD_EVENT), Some("A")),
        ("cloudevents", record().payload(r#"{"type":"A"}"#), None),
        ("cloudevents", record().header("content-type", "application/json").payload(CLOUD_EVENT), Some("A")),
        (
            "cloudevents",
            record()
                .header("Content-Type", "Application/CloudEvents+json; charset=UTF-8")
                .payload(r#"{"type":"A"}"#),
            Some("A"),
        ),
        // Structured mode has its attributes in the payload, whatever else is there.
        (
            "cloudevents",
            record()
                .header("content-type", "application/cloudevents+avro")
                .header("ce_type", "A")
                .payload("avro"),
            None,
        ),
        ("json:type", record().payload(r#"{"type":"A"}"#), Some("A")),
        ("json:type", record().payload(r#"{"id":1,"ty\u0070e":"\u0041"}"#), Some("A")),
        ("json:type", record(), None),
        ("topic", record(), Some("orders")),
        ("constant:A", record(), Some("A")),
        ("spring", record().header(SPRING, "com.acme.A"), Some("com.acme.A")),
        (
            "masstransit",
            record().payload(r#"{"messageType":["urn:message:Acme:A","urn:message:B"]}"#),
            Some("Acme:A"),
        ),
        ("masstransit", record().payload(r#"{"messageType":["urn:message:\u0041"]}"#), Some("A")),
        ("masstransit", record().payload(r#"{"messageType":[]}"#), None),
        (
            "nservicebus",
            record().header("NServiceBus.EnclosedMessageTypes", "Acme.A, Acme, Version=1.0.0.0;Acme.I, Acme"),
            Some("Acme.A"),
        ),
        ("axon", record().header("axon-message-type", "com.acme.A"), Some("com.acme.A")),
    ] {
        assert_eq!(name(&types(&[place]), &record).as_deref(), expected, "{place} {record:?}");
    }
}

#[test]
fn the_first_place_that_answers_wins() {
    let all = types(&["header:Event-Type", "cloudevents", "json:type", "constant:Z"]);
    let json = record().payload(r#"{"type":"C"}"#);
    for (record, expected) in [
        (json.clone().header("Event-Type", "A").header("ce_type", "B"), "A"),
        // What answers, answers, even if it matches no handler.
        (json.clone().header("Event-Type", ""), ""),
        (json.clone().null_header("Event-Type").header("ce_type", "B"), "B"),
        (json.clone(), "C"),
        (record(), "Z"),
    ] {
        assert_eq!(name(&all, &record).as_deref(), Some(expected), "{record:?}");
    }
}

#[test]
fn a_name_that_lies_in_the_record_is_borrowed() {
    for (place, record) in [
        ("json:type", record().payload(r#"{"id":1,"type":"OrderCreated"}"#)),
        ("cloudevents", record().payload(CLOUD_EVENT)),
        ("spring", record().header(SPRING, "A")),
    ] {
        let types = types(&[place]);
        let record = record.as_record();
        let event = types.event(&record);
        assert!(event.is_borrowed(), "{place}");
    }
}

#[test]
fn names_of_others_are_translated() {
    let names = [("com.acme.OrderCreated", "OrderCreated"), ("a", "B"), ("B", "C")];
    let types = with(&["spring", "json:type"], &names, None);
    for (theirs, ours) in
        [("com.acme.OrderCreated", "OrderCreated"), ("a", "B"), ("B", "C"), ("other", "other")]
    {
        assert_eq!(name(&types, &record().header(SPRING, theirs)).as_deref(), Some(ours));
        assert_eq!(
            name(&types, &record().payload(format!(r#"{{"type":"{theirs}"}}"#))).as_deref(),
            Some(ours)
        );
    }
}

#[test]
fn versions_are_read_beside_the_name_or_taken_off_it() {
    let of = |version, names: &[_], record: OwnedRecord| {
        seen(&with(&["header:Event-Type", "axon"], names, version), &record.header("Event-Type", "A.v3"))
    };
    let v = |name: &str, version| Some((name.to_owned(), version));
    assert_eq!(of(None, &[], record()), v("A.v3", None));
    assert_eq!(of(Some("suffix"), &[], record()), v("A", Some(3)));
    assert_eq!(of(Some("suffix:.v"), &[("A", "B")], record()), v("B", Some(3)));
    assert_eq!(of(Some("suffix"), &[("A.v3", "B")], record()), v("B", None));
    assert_eq!(of(Some("suffix"), &[("A.v3", "B.v4"), ("B", "C")], record()), v("B", Some(4)));
    assert_eq!(of(Some("header:V"), &[], record().header("V", "2")), v("A.v3", Some(2)));
    assert_eq!(of(Some("header:V"), &[], record().header("v", "2")), v("A.v3", None));
    assert_eq!(of(Some("header-ignore-case:V"), &[], record().header("v", "2")), v("A.v3", Some(2)));
    assert_eq!(of(Some("header:V"), &[], record().header("V", "latest")), v("A.v3", None));
    assert_eq!(of(Some("json:v"), &[], record().payload(r#"{"v":2}"#)), v("A.v3", Some(2)));
    let axon = record().header("axon-message-type", "A").header("axon-message-revision", "2.0");
    assert_eq!(seen(&types(&["axon"]), &axon), v("A", Some(2)));
    assert_eq!(
        seen(&with(&["axon"], &[], Some("header:V")), &axon.clone().header("V", "5")),
        v("A", Some(5))
    );
    assert_eq!(seen(&with(&["axon"], &[], Some("header:V")), &axon), v("A", Some(2)));
}

fn function(
    name: impl for<'r> Fn(&Record<'r>) -> Option<Cow<'r, str>> + Send + Sync + 'static,
) -> EventTypes {
    let place = Place::of(&EventTypeSource::function(name)).expect("a place");
    EventTypes::new(vec![place, Place::Topic], &BTreeMap::new(), None)
}

#[test]
fn a_function_may_borrow_and_make_up_names_and_pass_on_to_the_next_place() {
    let by_key = function(|record| {
        let key = str::from_utf8(record.key()?).ok()?;
        Some(key.split_once('/').map_or(Cow::Owned(format!("key-{key}")), |(event, _)| Cow::Borrowed(event)))
    });
    for (record, expected) in [(record().key("A/1"), "A"), (record().key("A"), "key-A"), (record(), "orders")]
    {
        assert_eq!(name(&by_key, &record).as_deref(), Some(expected));
    }
}

#[test]
fn a_function_that_panics_names_nothing_and_is_told() {
    let record = record();
    let types = function(|_| panic!("no {}", "luck"));
    let record = record.as_record();
    let event = types.event(&record);
    assert_eq!((event.panic(), event.name()), (Some("no luck"), None));
}

#[test]
fn shows_what_is_read_as_it_is_written() {
    let places = [
        "header:Event-Type",
        "header-ignore-case:e",
        "cloudevents",
        "json:type",
        "spring",
        "masstransit",
        "nservicebus",
        "axon",
        "topic",
    ];
    assert_eq!(types(&places).to_string(), places.join(", "));
    assert_eq!(with(&["constant:A"], &[], Some("suffix")).to_string(), "constant:A; version from suffix:.v");
    assert_eq!(function(|_| None).to_string(), "a function, topic");
}
