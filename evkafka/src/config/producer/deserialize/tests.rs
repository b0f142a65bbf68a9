use std::collections::HashMap;
use std::time::Duration;

use serde::de::value::{Error as PlainError, MapDeserializer};
use serde_json::json;

use super::*;
use crate::config::EventFormat;

fn from_json(value: serde_json::Value) -> Result<ProducerConfig, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn reads_the_format_of_cloud_events() {
    for (name, format) in [
        ("cloudevents", EventFormat::CloudEvents),
        ("cloudevents-structured", EventFormat::CloudEventsStructured),
    ] {
        let config = from_json(json!({ "event_format": name, "event_source": "/billing" }));
        assert_eq!(config.unwrap(), ProducerConfig::new().event_format(format).event_source("/billing"));
    }
    let error = from_json(json!({ "event_format": "cloud-events", "event_source": "a b" })).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "`event_format` must be `headers` or `cloudevents` or `cloudevents-structured`, not `cloud-events`",
            "`event_source` must be a URI reference, such as `/billing`, which cannot contain ` `: write it percent-encoded",
        ]
    );
}

fn everything() -> ProducerConfig {
    ProducerConfig::new()
        .bootstrap_servers("kafka-1:9092,kafka-2:9092")
        .topic("prices")
        .event_format(EventFormat::Headers)
        .event_type_header("type")
        .event_version_header("version")
        .delivery_timeout(Duration::from_secs(30))
        .linger(Duration::ZERO)
        .forward_trace(false)
        .statistics_interval(Duration::from_secs(15))
        .property("batch.size", 1024)
        .property("socket.keepalive.enable", true)
        .property("compression.type", "lz4")
}

#[test]
fn reads_every_setting_from_toml() {
    let config: Result<ProducerConfig, _> = toml::from_str(
        r#"
        bootstrap_servers = ["kafka-1:9092", "kafka-2:9092"]
        topic = "prices"
        event_format = "headers"
        event_type_header = "type"
        event_version_header = "version"
        delivery_timeout = "30s"
        linger = "0ms"
        forward_trace = false
        statistics_interval = "15s"
        compression.type = "lz4"
        properties = { "batch.size" = 1024, "socket.keepalive.enable" = true }
        "#,
    );
    assert_eq!(config.unwrap(), everything());
}

#[test]
fn reads_every_setting_from_strings() {
    // As an environment is read.
    let entries = [
        ("bootstrap_servers", "kafka-1:9092, kafka-2:9092,"),
        ("topic", "prices"),
        ("event_format", "headers"),
        ("event_type_header", "type"),
        ("event_version_header", "version"),
        ("delivery_timeout", "30s"),
        ("linger", "0ms"),
        ("forward_trace", "false"),
        ("statistics_interval", "15s"),
        ("batch.size", "1024"),
        ("socket.keepalive.enable", "true"),
        ("compression.type", "lz4"),
    ];
    let entries: HashMap<_, _> = entries.into_iter().collect();
    let config: Result<_, PlainError> =
        ProducerConfig::deserialize(MapDeserializer::new(entries.into_iter()));
    assert_eq!(config.unwrap(), everything());
}

#[test]
fn every_setting_has_a_reader() {
    for name in Side::Producer.settings().iter().filter(|name| **name != "properties") {
        let read = ProducerSettings::default().read(name, Value::Table(Vec::new()));
        assert!(read.is_err(), "{name}");
    }
}

#[test]
fn settings_have_the_same_defaults_in_files_and_in_code() {
    let config = from_json(json!({ "bootstrap_servers": "kafka:9092", "topic": null }));
    assert_eq!(config.unwrap(), ProducerConfig::new().bootstrap_servers("kafka:9092"));
}

#[test]
fn what_is_left_out_can_be_set_in_code() {
    let config = from_json(json!({})).unwrap();
    assert_eq!(config, ProducerConfig::new());
    assert!(config.validate().is_err());
}

#[test]
fn reports_all_faults_of_what_is_written_at_once() {
    let error = from_json(json!({
        "bootstrap_server": "kafka:9092",
        "topic": 7,
        "event_type_header": "",
        "delivery_timeout": 5,
        "linger": "1s 5",
        "forward_trace": "perhaps",
        "linger_ms": 5,
        "acks": "all",
        "group_id": "billing",
        "dr_msg_cb": "x",
        "group": { "id": "billing" },
        "properties": { "fetch.min.bytes": 1, "enable.idempotence": false, "batch.siz": 7 },
    }))
    .unwrap_err();
    let mut lines: Vec<_> = error.lines().collect();
    lines.sort_unstable();
    let mut expected = vec![
        "`acks` is evkafka's to set: a producer waits for all in-sync replicas, so that nothing that is acknowledged is \
         lost; leave it out",
        "`batch.siz` is an unknown property; did you mean `batch.size`?",
        "`bootstrap_server` is an unknown setting; did you mean `bootstrap_servers`?",
        "`delivery_timeout` has no unit: write a whole number and a unit (`ms`, `s`, `m` or `h`), such as `250ms` or \
         `5s`",
        "`dr_msg_cb` is evkafka's to set: every event is acknowledged to its sender; leave it out",
        "`enable.idempotence` is evkafka's to set: a producer is always idempotent: librdkafka's retries neither duplicate \
         nor reorder events; leave it out",
        "`event_type_header` must not be empty",
        "`fetch.min.bytes` is a property of consumers, without effect on a producer; leave it out",
        "`forward_trace` must be `true` or `false`",
        "`group.id` is a property of consumers, without effect on a producer; leave it out",
        "`group_id` is an unknown setting",
        "`linger_ms` is evkafka's to set: use the setting `linger`",
        "`linger` is not a duration: write a whole number and a unit (`ms`, `s`, `m` or `h`), such as `250ms` or `5s`",
        "`topic` must be a string, not a number: write it in quotes (figment's `Env`: within the value; config's \
         `Environment`: leave `try_parsing` off)",
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn a_configuration_that_is_no_table_is_refused_in_words() {
    let error = from_json(json!(["prices"])).unwrap_err();
    assert!(error.contains("expected a table with the settings of a producer"), "{error}");
}

#[test]
fn nothing_is_read_before_the_producer_is_made() {
    let config = from_json(json!({
        "bootstrap_servers": "kafka:9092",
        "sasl.password.file": "/no/such/file",
        "max.in.flight.env": "EVKAFKA_NO_SUCH_VARIABLE",
    }));
    let error = config.unwrap().validate().unwrap_err();
    let settings: Vec<_> = error.faults().map(|fault| fault.setting()).collect();
    assert_eq!(settings, ["max.in.flight.env", "sasl.password.file"]);
}
