use std::collections::HashMap;

use serde::{
    Deserialize,
    de::value::{Error as PlainError, MapDeserializer},
};

use super::*;
use crate::event_type::EventTypeSource;

fn config() -> ConsumerConfig {
    ConsumerConfig::new(["orders"]).bootstrap_servers("kafka:9092").group_id("billing")
}

fn faults(config: &ConsumerConfig) -> Vec<String> {
    config
        .validate()
        .err()
        .iter()
        .flat_map(|error| error.faults().map(ToString::to_string).collect::<Vec<_>>())
        .collect()
}

fn from_toml(text: &str) -> ConsumerConfig {
    toml::from_str(&format!(
        "topics = 'orders'\nbootstrap_servers = 'kafka:9092'\ngroup_id = 'billing'\n{text}"
    ))
    .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn files_and_the_environment_say_the_same_as_code() {
    let in_code = config()
        .event_type(["header:Event-Type", "cloudevents"])
        .event_names([("com.acme.OrderCreated", "OrderCreated"), ("b", "B")])
        .event_version("suffix");
    let list = from_toml(
        "event_type = ['header:Event-Type', 'cloudevents']\nevent_version = 'suffix'\n[event_names]\n'com.acme.OrderCreated' = 'OrderCreated'\nb = 'B'",
    );
    // TOML takes a name with dots for tables.
    let one = from_toml(
        "event_type = 'header:Event-Type, cloudevents'\nevent_version = 'suffix'\n[event_names]\ncom.acme.OrderCreated = 'OrderCreated'\nb = 'B'",
    );
    let strings = [
        ("topics", "orders"),
        ("bootstrap_servers", "kafka:9092"),
        ("group_id", "billing"),
        ("event_type", "header:Event-Type,cloudevents"),
        ("event_names", "com.acme.OrderCreated=OrderCreated, b = B,"),
        ("event_version", "suffix"),
    ];
    let strings: HashMap<_, _> = strings.into_iter().collect();
    let environment: Result<_, PlainError> =
        ConsumerConfig::deserialize(MapDeserializer::new(strings.into_iter()));
    for read in [list, one, environment.unwrap()] {
        assert_eq!(read, in_code);
        assert_eq!(faults(&read), [] as [String; 0]);
    }
}

#[test]
fn the_short_form_is_one_header() {
    let types = |config: ConsumerConfig| config.event_types().to_string();
    assert_eq!(types(config()), "header:Event-Type");
    assert_eq!(types(config().event_type_header("type")), "header:type");
    assert_eq!(types(config().event_type(["json:type"])), "json:type");
    assert_eq!(
        faults(&config().event_type_header("type").event_type(["json:type"])),
        ["`event_type_header` is a short form of `event_type` = `header:type`: set one of the two"]
    );
}

#[test]
fn what_names_no_place_is_told_with_the_closest_match() {
    for (text, part) in [
        ("heder:Event-Type", "has the unknown place `heder:Event-Type`; did you mean `header:`?"),
        ("cloudevent", "has the unknown place `cloudevent`; did you mean `cloudevents`?"),
        ("json.type", "has the unknown place `json.type`"),
        ("Event-Type", "(known are `header:`, `header-ignore-case:`, `cloudevents`, `json:`"),
        ("", "has the unknown place ``"),
        ("header", "has `header`: a name has to follow `header:`"),
        ("json:", "has `json:`: a name has to follow `json:`"),
        ("topic:orders", "has `topic:orders`: write `topic` without a name"),
        ("header: Event-Type", "has `header: Event-Type`, whose name must not begin or end with white space"),
        ("constant:a\nb", "whose name must not contain control characters"),
    ] {
        let faults = faults(&config().event_type([text]));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("`event_type` ") && faults[0].contains(part), "{faults:?}");
    }
    for (text, part) in [
        ("sufix", "has the unknown place `sufix`; did you mean `suffix`?"),
        ("topic", "(known are `header:`, `header-ignore-case:`, `json:`, `suffix`, `suffix:`)"),
        ("header", "a name has to follow `header:`"),
        ("suffix: ", "whose name must not be empty"),
    ] {
        let faults = faults(&config().event_version(text));
        assert!(
            faults.len() == 1 && faults[0].starts_with("`event_version` ") && faults[0].contains(part),
            "{faults:?}"
        );
    }
}

#[test]
fn lists_that_make_no_sense_are_told() {
    assert_eq!(
        faults(&config().event_type([] as [&str; 0])),
        ["`event_type` must name at least one place, such as `header:Event-Type`"]
    );
    assert_eq!(faults(&config().event_type(["spring", "spring"])), ["`event_type` names `spring` twice"]);
    assert_eq!(
        faults(&config().event_type(["topic", "json:type", "oops"])).len(),
        2,
        "all faults are reported together"
    );
    assert_eq!(
        faults(&config().event_type(["constant:A", "json:type"])),
        [
            "`event_type` names `json:type` after `constant:A`, which answers for every record: put `json:type` first"
        ]
    );
    assert_eq!(
        faults(&config().event_names([("a", "")])),
        ["`event_names` has `a=`, whose name must not be empty"]
    );
}

#[test]
fn a_table_of_names_that_is_none_is_told() {
    for (text, part) in [
        (
            "event_names = 'a'",
            "must be a table of names, or a string such as `theirs=ours, their=our`, not `a`",
        ),
        ("event_names = 'a=b,a=c'", "has `a` twice"),
        ("event_names = 7", "not a number"),
        ("event_names = { a = 7 }", "has `a`, which must be a string, not a number"),
    ] {
        let error = toml::from_str::<ConsumerConfig>(text).unwrap_err().to_string();
        assert!(error.contains("`event_names` ") && error.contains(part), "{error}");
    }
}

#[test]
fn functions_are_the_same_if_they_are_clones() {
    let function = EventTypeSource::function(|_| None);
    let types = |function: &EventTypeSource| config().event_type([function.clone(), "topic".into()]);
    assert_eq!(types(&function), types(&function));
    assert_ne!(types(&function), types(&EventTypeSource::function(|_| None)));
    assert_eq!(faults(&types(&function)), [] as [String; 0]);
    assert!(format!("{:?}", types(&function)).contains(r#"[function, "topic"]"#));
}
