use std::collections::HashMap;
use std::time::Duration;

use serde::de::value::{Error as PlainError, MapDeserializer};
use serde_json::json;

use super::*;
use crate::config::{AutoCommitMode, OffsetReset, OnUnavailable};
use crate::settle::{Backoff, FailurePolicy, LastStep};

fn from_toml(text: &str) -> Result<ConsumerConfig, toml::de::Error> {
    toml::from_str(text)
}

fn from_json(value: serde_json::Value) -> Result<ConsumerConfig, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// As an environment is read: strings only.
fn from_strings<const N: usize>(entries: [(&str, &str); N]) -> Result<ConsumerConfig, PlainError> {
    let entries: HashMap<String, String> =
        entries.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    ConsumerConfig::deserialize(MapDeserializer::new(entries.into_iter()))
}

fn everything() -> ConsumerConfig {
    ConsumerConfig::new(["orders", "^refunds\\..*"])
        .bootstrap_servers("kafka-1:9092,kafka-2:9092")
        .group_id("billing")
        .auto_commit_mode(AutoCommitMode::PreCommit)
        .commit_interval(Duration::from_secs(1))
        .auto_offset_reset(OffsetReset::Latest)
        .event_type_header("type")
        .event_names([("a.b", "B")])
        .event_version("suffix")
        .instances(2)
        .group_instance_id("pod-7")
        .connect_timeout(Duration::from_secs(120))
        .on_unreachable(OnUnavailable::Wait)
        .on_missing_topic(OnUnavailable::Wait)
        .revoke_grace(Duration::from_millis(250))
        .concurrency(Concurrency::PerKey { in_flight: 7 })
        .prefetch_memory_mib(16)
        .statistics_interval(Duration::from_secs(15))
        .failure_policy(
            FailurePolicy::new()
                .attempts(5)
                .attempt_timeout(Duration::from_secs(60))
                .backoff(Backoff::exponential(Duration::from_millis(20), Duration::from_secs(3)))
                .last_step(LastStep::Skip),
        )
        .property("fetch.min.bytes", 1024)
        .property("socket.keepalive.enable", true)
        .property("client.rack", "b")
}

fn smallest() -> ConsumerConfig {
    ConsumerConfig::new(["orders"]).bootstrap_servers("kafka:9092").group_id("billing")
}

#[test]
fn reads_every_setting_from_toml() {
    let config = from_toml(
        r#"
        topics = ["orders", "^refunds\\..*"]
        bootstrap_servers = ["kafka-1:9092", "kafka-2:9092"]
        group_id = "billing"
        auto_commit_mode = "pre-commit"
        commit_interval = "1s"
        auto_offset_reset = "latest"
        event_type_header = "type"
        event_names = { "a.b" = "B" }
        event_version = "suffix"
        instances = 2
        group_instance_id = "pod-7"
        connect_timeout = "2m"
        on_unreachable = "wait"
        on_missing_topic = "wait"
        revoke_grace = "250ms"
        in_flight = 7
        attempt_timeout = "1m"
        prefetch_memory_mib = 16
        statistics_interval = "15s"
        concurrency = "key"
        retry_attempts = 5
        retry_backoff = "20ms"
        retry_backoff_max = "3s"
        retry_last_step = "skip"
        properties = { "fetch.min.bytes" = 1024, "socket.keepalive.enable" = true }
        "client.rack" = "b"
        "#,
    );
    assert_eq!(config.unwrap(), everything());
}

#[test]
fn reads_every_setting_from_json() {
    let config = from_json(json!({
        "topics": ["orders", "^refunds\\..*"],
        "bootstrap_servers": "kafka-1:9092,kafka-2:9092",
        "group_id": "billing",
        "auto_commit_mode": "pre-commit",
        "commit_interval": "1s",
        "auto_offset_reset": "latest",
        "event_type_header": "type",
        "event_names": { "a.b": "B" },
        "event_version": "suffix",
        "instances": 2,
        "group_instance_id": "pod-7",
        "connect_timeout": "2m",
        "on_unreachable": "wait",
        "on_missing_topic": "wait",
        "revoke_grace": "250ms",
        "in_flight": 7,
        "attempt_timeout": "1m",
        "prefetch_memory_mib": 16,
        "statistics_interval": "15s",
        "concurrency": "key",
        "retry_attempts": 5,
        "retry_backoff": "20ms",
        "retry_backoff_max": "3s",
        "retry_last_step": "skip",
        "properties": { "fetch.min.bytes": 1024, "socket.keepalive.enable": true, "client.rack": "b" },
    }));
    assert_eq!(config.unwrap(), everything());
}

#[test]
fn reads_every_setting_from_strings() {
    let config = from_strings([
        ("topics", "orders, ^refunds\\..*"),
        ("bootstrap_servers", "kafka-1:9092, kafka-2:9092,"),
        ("group_id", "billing"),
        ("auto_commit_mode", "pre-commit"),
        ("commit_interval", "1s"),
        ("auto_offset_reset", "latest"),
        ("event_type_header", "type"),
        ("event_names", "a.b=B"),
        ("event_version", "suffix"),
        ("instances", "2"),
        ("group_instance_id", "pod-7"),
        ("connect_timeout", "2m"),
        ("on_unreachable", "wait"),
        ("on_missing_topic", "wait"),
        ("revoke_grace", "250ms"),
        ("in_flight", "7"),
        ("attempt_timeout", "1m"),
        ("prefetch_memory_mib", "16"),
        ("statistics_interval", "15s"),
        ("concurrency", "key"),
        ("retry_attempts", "5"),
        ("retry_backoff", "20ms"),
        ("retry_backoff_max", "3s"),
        ("retry_last_step", "skip"),
        ("fetch.min.bytes", "1024"),
        ("socket.keepalive.enable", "true"),
        ("client.rack", "b"),
    ]);
    assert_eq!(config.unwrap(), everything());
}

#[test]
fn every_setting_has_a_reader() {
    let is_table = |name: &&&str| ["properties", "failure_policy"].contains(*name);
    for name in Side::Consumer.settings().iter().filter(|name| !is_table(name)) {
        let mut settings = ConsumerSettings::default();
        let wrong = if *name == "event_names" { Value::Boolean(true) } else { Value::Table(Vec::new()) };
        assert!(settings.read(name, wrong).is_err(), "{name}");
    }
}

#[test]
fn settings_have_the_same_defaults_in_files_and_in_code() {
    let config =
        from_json(json!({ "topics": "orders", "bootstrap_servers": "kafka:9092", "group_id": "billing" }));
    assert_eq!(config.unwrap(), smallest());
}

#[test]
fn null_is_the_same_as_nothing() {
    let config = from_json(json!({
        "topics": ["orders"],
        "bootstrap_servers": "kafka:9092",
        "group_id": "billing",
        "group_instance_id": null,
        "instances": null,
        "properties": { "fetch.min.bytes": null },
        "client.rack": null,
    }));
    assert_eq!(config.unwrap(), smallest());
}

#[test]
fn what_is_left_out_can_be_set_in_code() {
    let config = from_json(json!({ "topics": ["orders"] })).unwrap();
    assert_eq!(config.validate().unwrap_err().faults().len(), 2);
    assert_eq!(config.bootstrap_servers("kafka:9092").group_id("billing"), smallest());
}

#[test]
fn a_property_without_quotes_is_a_property_in_toml() {
    let config = from_toml(
        r#"
        topics = "orders"
        bootstrap_servers = "kafka:9092"
        group_id = "billing"
        fetch.min.bytes = 1
        topic.blacklist = "^private"
        sasl.mechanism = "PLAIN"
        [properties]
        fetch.max.bytes = 2000000
        security.protocol = "plaintext"
        "#,
    );
    let expected = smallest()
        .property("fetch.min.bytes", 1)
        .property("sasl.mechanism", "PLAIN")
        .property("topic.blacklist", "^private")
        .property("fetch.max.bytes", 2_000_000)
        .property("security.protocol", "plaintext");
    assert_eq!(config.unwrap(), expected);
}

#[test]
fn text_that_looks_like_a_number_is_text() {
    let config =
        from_json(json!({ "group_id": "0042", "topics": ["1", "2"], "sasl.password": "0012" })).unwrap();
    assert_eq!(config.get_group_id(), "0042");
    assert_eq!(config.get_topics().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(config.get_property("sasl.password"), Some("0012"));
}

#[test]
fn reports_all_faults_of_what_is_written_at_once() {
    let error = from_json(json!({
        "topcis": ["orders"],
        "topics": [["orders"]],
        "bootstrap_servers": {},
        "group_id": ["billing"],
        "auto_commit_mode": "never",
        "commit_interval": 5,
        "auto_offset_reset": true,
        "event_type_header": "",
        "instances": -1,
        "persist_progress": "perhaps",
        "connect_timeout": "5",
        "revoke_grace": 0.5,
        "on_unreachable": "panic",
        "on_missing_topic": [],
        "enable_auto_commit": true,
        "auto_commit_interval_ms": 5,
        "debug": "cgrp",
        "fetch_min_bytes": 1,
        "rebalance_cb": "x",
        "colour": "red",
        "enable.auto.commit": true,
        "properties": { "linger.ms": 5, "fetch.min.bytes": [1], "fetch.min.byte": 1 },
    }))
    .unwrap_err();
    let mut lines: Vec<_> = error.lines().collect();
    lines.sort_unstable();
    let mut expected = vec![
        "`auto_commit_interval_ms` is evkafka's to set: use the setting `commit_interval`",
        "`auto_commit_mode` must be `post-commit` or `pre-commit`, not `never`",
        "`auto_offset_reset` must be `earliest` or `latest` or `error`, not a boolean",
        "`bootstrap_servers` must be a list of strings, not a table",
        "`colour` is an unknown setting",
        "`commit_interval` has no unit: write a whole number and a unit (`ms`, `s`, `m` or `h`), such as `250ms` or \
         `5s`",
        "`connect_timeout` has no unit: write a whole number and a unit (`ms`, `s`, `m` or `h`), such as `250ms` or \
         `5s`",
        "`debug` is a property of librdkafka: write it in the table `properties`",
        "`enable.auto.commit` is evkafka's to set: offsets are always committed for you; choose when with \
         `auto_commit_mode` (`post-commit` or `pre-commit`)",
        "`enable_auto_commit` is evkafka's to set: offsets are always committed for you; choose when with \
         `auto_commit_mode` (`post-commit` or `pre-commit`)",
        "`event_type_header` must not be empty",
        "`fetch.min.byte` is an unknown property; did you mean `fetch.min.bytes`?",
        "`fetch.min.bytes` must be a whole number, not a list",
        "`fetch_min_bytes` is an unknown setting; did you mean `fetch.min.bytes`?",
        "`group_id` must be a string, not a list",
        "`instances` must be a whole number from 0 to 4294967295",
        "`linger.ms` is a property of producers, without effect on a consumer; leave it out",
        "`on_missing_topic` must be `fail` or `wait`, not a list",
        "`on_unreachable` must be `fail` or `wait`, not `panic`",
        "`persist_progress` must be `true` or `false`",
        "`rebalance_cb` is evkafka's to set: it is a callback that evkafka sets; leave it out",
        "`revoke_grace` must be a duration, such as `250ms` or `5s`, not a number with a fraction",
        "`topcis` is an unknown setting; did you mean `topics`?",
        "`topics` must be a list of strings, and has a list in it",
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn persisted_progress_goes_with_records_side_by_side() {
    let expected = smallest().concurrency(Concurrency::Unordered { in_flight: 100 }).persist_progress(true);
    let config = from_toml(
        r#"
        topics = "orders"
        bootstrap_servers = "kafka:9092"
        group_id = "billing"
        concurrency = "unordered"
        persist_progress = true
        "#,
    );
    assert_eq!(config.unwrap(), expected);
    let config = from_strings([
        ("topics", "orders"),
        ("bootstrap_servers", "kafka:9092"),
        ("group_id", "billing"),
        ("concurrency", "unordered"),
        ("persist_progress", "true"),
    ]);
    assert_eq!(config.unwrap(), expected);
}

#[test]
fn a_setting_that_is_given_twice_is_a_fault() {
    let error = serde_json::from_str::<ConsumerConfig>(
        r#"{ "group_id": "a", "group_id": "b", "client.rack": "a", "properties": { "client.rack": "b" } }"#,
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`group_id` is given twice\n`client.rack` is given twice"), "{error}");
}

#[test]
fn a_mistyped_table_is_no_group_of_properties() {
    let error = from_json(json!({ "property": { "fetch.min.bytes": 1 } })).unwrap_err();
    assert_eq!(error, "`property` is an unknown setting; did you mean `properties`?");
}

#[test]
fn properties_must_be_a_table() {
    assert_eq!(from_json(json!({ "properties": "a=b" })).unwrap_err(), "`properties` must be a table");
}

#[test]
fn owned_properties_are_refused_however_they_are_written() {
    for value in [
        json!({ "group.id": "a" }),
        json!({ "group": { "id": "a" } }),
        json!({ "properties": { "group.id": "a" } }),
        json!({ "properties": { "group": { "id": "a" } } }),
    ] {
        let error = from_json(value).unwrap_err();
        assert_eq!(error, "`group.id` is evkafka's to set: use the setting `group_id`");
    }
}

#[test]
fn no_error_shows_a_secret() {
    let error = from_toml(
        r#"
        group_id = "billing"
        [properties]
        "sasl.password" = ["hunter2"]
        "sasl.pasword" = "hunter2"
        "sasl.oauthbearer.assertion.claim.exp.seconds" = "hunter2"
        "#,
    )
    .unwrap_err();
    assert_eq!(error.message().lines().count(), 3);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(!error.message().contains("hunter2"));
}

#[test]
fn a_configuration_that_is_no_table_is_refused_in_words() {
    let error = from_json(json!(["orders"])).unwrap_err();
    assert!(error.contains("expected a table with the settings of a consumer"), "{error}");
}

#[test]
fn nothing_is_read_before_the_app_starts() {
    let config = from_toml(
        r#"
        topics = "orders"
        bootstrap_servers = "kafka:9092"
        group_id = "billing"
        sasl.password.file = "/no/such/file"
        security.protocol.env = "EVKAFKA_NO_SUCH_VARIABLE"
        max.poll.interval.ms.env = "EVKAFKA_NO_SUCH_VARIABLE"
        revoke_grace = "6m"
        "#,
    );
    let error = config.unwrap().validate().unwrap_err();
    let settings: Vec<_> = error.faults().map(|fault| fault.setting()).collect();
    assert_eq!(settings, ["max.poll.interval.ms.env", "sasl.password.file", "security.protocol.env"]);
}

#[test]
fn what_can_be_judged_without_reading_is_judged_at_once() {
    let error = from_json(json!({
        "enable.auto.commit.file": "/etc/commit",
        "sasl.pasword.env": "PASSWORD",
        "linger.ms.env": "LINGER",
        "plugin.library.paths": "/no/such/library",
        "sasl.password.env": "",
        "sasl.username": "alice",
        "sasl.username.file": "/etc/username",
    }))
    .unwrap_err();
    for fault in [
        "`enable.auto.commit.file` is evkafka's to set",
        "`sasl.pasword.env` is an unknown property",
        "`linger.ms.env` is a property of producers",
        "`plugin.library.paths` is evkafka's to set",
        "`sasl.password.env` must not be empty",
        "`sasl.username.file` gives `sasl.username` a second value",
    ] {
        assert!(error.contains(fault), "{fault:?} is not in {error}");
    }
    assert_eq!(error.lines().count(), 6, "{error}");
}

#[test]
fn what_arrives_as_a_number_is_no_text() {
    let error = from_json(json!({
        "group_id": 42,
        "topics": [1, "2"],
        "bootstrap_servers": 9092,
        "event_type_header": 1.5,
        "group_instance_id": true,
        "dead_letter_topic": 7,
        "properties": {
            "sasl.password": 12, "ssl.key.password": 1.5, "client.id": true, "sasl.username.file": 7, "debug": 1,
            "isolation.level": 1, "topic.blacklist": 7, "client.software.name": 7,
        },
    }))
    .unwrap_err();
    let mut lines = error.lines();
    assert!(lines.all(|line| line.contains("string") && line.contains("in quotes")), "{error}");
    assert_eq!(error.lines().count(), 14, "{error}");
}

#[test]
fn what_is_a_number_may_be_one_or_a_string() {
    let config = from_json(json!({
        "properties": {
            "fetch.min.bytes": 7, "fetch.max.bytes": "2000000", "socket.keepalive.enable": true, "check.crcs": "false",
        },
    }));
    let expected = ConsumerConfig::new([] as [&str; 0])
        .property("fetch.min.bytes", 7)
        .property("fetch.max.bytes", 2_000_000)
        .property("socket.keepalive.enable", true)
        .property("check.crcs", false);
    assert_eq!(config.unwrap(), expected);
    let error =
        from_json(json!({ "fetch.min.bytes": 1.0, "fetch.max.bytes": true, "check.crcs": 1.0 })).unwrap_err();
    for fault in [
        "`fetch.min.bytes` must be a whole number, not a number with a fraction",
        "`fetch.max.bytes` must be a whole number, not a boolean",
        "`check.crcs` must be `true` or `false`",
    ] {
        assert!(error.contains(fault), "{fault:?} is not in {error}");
    }
}

/// As the config crate reads an environment, when it guesses types and when it does not.
fn from_environment(guesses: bool, entries: &[(&str, &str)]) -> Result<ConsumerConfig, String> {
    let variables = entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = config::Environment::default().try_parsing(guesses).source(Some(variables));
    let source = config::Config::builder().add_source(environment).build().unwrap();
    source.try_deserialize().map_err(|error| error.to_string())
}

#[test]
fn an_environment_loses_no_character_of_a_text() {
    let variables = [
        ("GROUP_ID", "0042"),
        ("TOPICS", "007"),
        ("GROUP_INSTANCE_ID", "1.50"),
        ("SASL.PASSWORD", "0012"),
        ("FETCH.MIN.BYTES", "1024"),
        ("SOCKET.KEEPALIVE.ENABLE", "true"),
    ];
    let config = from_environment(false, &variables).unwrap();
    assert_eq!(config.get_group_id(), "0042");
    assert_eq!(config.get_topics().collect::<Vec<_>>(), ["007"]);
    assert_eq!(config.group_instance_id.as_deref(), Some("1.50"));
    assert_eq!(config.get_property("sasl.password"), Some("0012"));

    let error = from_environment(true, &variables).unwrap_err();
    for setting in ["group_id", "topics", "group_instance_id", "sasl.password"] {
        assert!(
            error.contains(&format!("`{setting}` must be a")) && error.contains("`try_parsing`"),
            "{error}"
        );
    }
    assert!(!error.contains("12") && !error.contains("fetch") && !error.contains("keepalive"), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_is_one_fault_whatever_is_given_beside_it() {
    for (json, setting) in [
        (r#"{"concurrency": "keys", "in_flight": 50, "persist_progress": true}"#, "concurrency"),
        (r#"{"retry_backoff": "soon", "retry_backoff_max": "50ms"}"#, "retry_backoff"),
        (r#"{"retry_backoff_max": "late", "retry_backoff": "2m"}"#, "retry_backoff_max"),
    ] {
        let error = serde_json::from_str::<ConsumerConfig>(json).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{setting}` ")), "{error}");
        assert_eq!(error.matches('\n').count(), 0, "{error}");
    }
}
