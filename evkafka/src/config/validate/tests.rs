use std::time::{Duration, Instant};

use proptest::prelude::*;
use rdkafka::consumer::BaseConsumer;

use super::super::known::{self, Role};
use super::super::properties::BROKER_SIDE;
use super::super::side::Side;
use super::*;
use crate::engine::DrainPlan;
use crate::{Backoff, Concurrency, FailurePolicy};

fn config() -> ConsumerConfig {
    ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing")
}

/// The faults, as `(setting, text)`.
fn faults(config: &ConsumerConfig) -> Vec<(String, String)> {
    let Err(error) = config.validate() else { return Vec::new() };
    error.faults().map(|fault| (fault.setting().to_owned(), fault.to_string())).collect()
}

fn only_fault(config: &ConsumerConfig) -> (String, String) {
    let faults = faults(config);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.into_iter().next().unwrap()
}

/// The only fault of a configuration with this property.
fn judge(name: &str, value: &str) -> String {
    only_fault(&config().property(name, value)).1
}

#[test]
fn the_smallest_configuration_has_no_fault() {
    assert_eq!(config().validate(), Ok(()));
}

#[test]
fn progress_is_persisted_only_where_it_can_be_ahead() {
    let config = config().persist_progress(true);
    assert_eq!(only_fault(&config).0, "persist_progress");
    let side_by_side = config.concurrency(Concurrency::Unordered { in_flight: 2 });
    assert_eq!(side_by_side.validate(), Ok(()));
    assert_eq!(only_fault(&side_by_side.auto_commit_mode(AutoCommitMode::PreCommit)).0, "persist_progress");
}

#[test]
fn a_value_may_be_kept_elsewhere() {
    let path = std::env::temp_dir().join(format!("evkafka-validate-{}", std::process::id()));
    std::fs::write(&path, "7\n").unwrap();
    let with_file = |name: &str| config().property(name, path.display());
    let good = with_file("fetch.min.bytes.file");
    assert_eq!(good.validate(), Ok(()));
    let client = good.resolve().unwrap().client_config(0);
    assert_eq!(client.get("fetch.min.bytes"), Some("7"));
    assert_eq!(client.get("fetch.min.bytes.file"), None);
    let twice = with_file("fetch.min.bytes.file").property("fetch.min.bytes", 8);
    assert!(only_fault(&twice).1.contains("a second value"), "{:?}", only_fault(&twice));
    std::fs::write(&path, "hunter2").unwrap();
    let (_, wrong) = only_fault(&with_file("fetch.min.bytes.file"));
    let (_, owned) = only_fault(&with_file("enable.auto.commit.file"));
    std::fs::remove_file(&path).unwrap();
    assert!(wrong.contains("librdkafka refuses"), "{wrong}");
    assert!(owned.contains("evkafka's to set"), "{owned}");
    assert!(judge("sasl.password.env", "EVKAFKA_NO_SUCH").contains("which is not set"));
}

#[test]
fn ordinary_properties_have_no_fault() {
    let config = config().properties([
        ("fetch.min.bytes", "1024"),
        ("socket.keepalive.enable", "true"),
        ("isolation.level", "read_uncommitted"),
        ("partition.assignment.strategy", "range,roundrobin"),
        ("group.protocol", "classic"),
        ("topic.blacklist", "^private"),
        ("topic.metadata.refresh.interval.ms", "1000"),
        ("sasl.password", "hunter2"),
        ("auto.create.topics.enable", ""),
    ]);
    assert_eq!(only_fault(&config).0, "auto.create.topics.enable");
}

#[test]
fn reports_all_faults_at_once() {
    let config = ConsumerConfig::new(["a b", "orders", "orders"])
        .instances(0)
        .commit_interval(Duration::ZERO)
        .event_type_header("")
        .property("enable.auto.commit", true)
        .property("linger.ms", 5)
        .property("fetch.min.byte", 5)
        .property("fetch.min.bytes", 0);
    let settings: Vec<_> = faults(&config).into_iter().map(|(setting, _)| setting).collect();
    assert_eq!(
        settings,
        [
            "bootstrap_servers",
            "group_id",
            "topics",
            "topics",
            "event_type_header",
            "instances",
            "commit_interval",
            "enable.auto.commit",
            "fetch.min.byte",
            "fetch.min.bytes",
            "linger.ms",
        ]
    );
}

#[test]
fn what_is_required_must_be_there() {
    let nothing = ConsumerConfig::new([] as [&str; 0]).bootstrap_servers(" , ").group_id(" ");
    let settings: Vec<_> = faults(&nothing).into_iter().map(|(setting, _)| setting).collect();
    assert_eq!(settings, ["topics", "bootstrap_servers", "group_id"]);
}

#[test]
fn a_topic_must_have_a_name_that_topics_can_have() {
    let topics = |topic: &str| {
        faults(&ConsumerConfig::new([topic]).bootstrap_servers("localhost:9092").group_id("billing")).len()
    };
    for bad in ["", "a,b", "a b", "a/b", "ä", ".", "..", "a\0", "^a\0", &"a".repeat(250)] {
        assert_eq!(topics(bad), 1, "{bad:?}");
    }
    for good in ["a", "A.b_c-9", "...", "^orders\\..*", "^a{1,2}", &"a".repeat(249)] {
        assert_eq!(topics(good), 0, "{good:?}");
    }
}

#[test]
fn no_text_may_contain_nul() {
    let config = config()
        .bootstrap_servers("a\0")
        .group_id("a\0")
        .event_type_header("a\0")
        .group_instance_id("a\0")
        .property("client.id", "a\0")
        .property("a\0", "b");
    assert_eq!(faults(&config).len(), 6);
    assert!(!config.validate().unwrap_err().to_string().contains('\0'));
    assert_eq!(judge("client.id", "a\0"), "`client.id` must not contain a NUL character");
}

#[test]
fn every_owned_property_is_refused_with_what_to_do_instead() {
    for owned in Side::Consumer.owned() {
        let (setting, text) = only_fault(&config().property(owned.name, "1"));
        assert_eq!(setting, owned.name);
        assert_eq!(text, format!("`{}` is evkafka's to set: {}", owned.name, owned.instead));
    }
}

#[test]
fn the_refusal_of_a_property_names_the_setting_to_use() {
    // Written out, so that a property that falls out of the table is missed.
    for (property, instead) in [
        ("auto.commit.enable", "auto_commit_mode"),
        ("auto.commit.interval.ms", "commit_interval"),
        ("auto.offset.reset", "auto_offset_reset"),
        ("bootstrap.servers", "bootstrap_servers"),
        ("enable.auto.commit", "auto_commit_mode"),
        ("enable.auto.offset.store", "auto_commit_mode"),
        ("enable.partition.eof", "leave it out"),
        ("group.id", "group_id"),
        ("group.instance.id", "group_instance_id"),
        ("metadata.broker.list", "bootstrap_servers"),
        ("offset.store.method", "leave it out"),
        ("offset_commit_cb", "leave it out"),
        ("rebalance_cb", "leave it out"),
        ("topic.auto.offset.reset", "auto_offset_reset"),
        ("topic.enable.auto.commit", "auto_commit_mode"),
    ] {
        let (setting, text) = only_fault(&config().property(property, "true"));
        assert_eq!(setting, property);
        assert!(text.contains("evkafka's to set") && text.contains(instead), "{text}");
    }
}

#[test]
fn every_property_of_producers_is_refused() {
    let producers = known::PROPERTIES.iter().filter(|property| property.role == Role::Producer);
    // Dead letters may be compressed.
    for property in producers.filter(|property| !property.name.starts_with("compression.")) {
        let (_, text) = only_fault(&config().property(property.name, "1"));
        assert!(text.contains(property.name) && text.contains("producers"), "{text}");
    }
}

#[test]
fn an_unknown_property_is_refused_with_the_nearest_name() {
    let (_, text) = only_fault(&config().property("sasl.passwort", "hunter2"));
    assert_eq!(text, "`sasl.passwort` is an unknown property; did you mean `sasl.password`?");
    let (_, text) = only_fault(&config().property("colour", "red"));
    assert_eq!(text, "`colour` is an unknown property");
    let (_, text) = only_fault(&config().property("", "red"));
    assert_eq!(text, "`` is an unknown property");
}

#[test]
fn the_prefix_of_topic_properties_is_no_way_in() {
    for (property, instead) in [
        ("topic.fetch.min.bytes", "`fetch.min.bytes`"),
        ("topic.client.software.name", "is an unknown property"),
        ("topic.topic.auto.offset.reset", "is an unknown property"),
    ] {
        let (_, text) = only_fault(&config().property(property, "1"));
        assert!(text.contains(instead), "{text}");
    }
}

#[test]
fn the_hooks_of_librdkafkas_own_tests_are_out_of_reach() {
    let (_, text) = only_fault(&config().property("ut_handle_ProduceResponse", "1"));
    assert!(text.contains("is an unknown property"), "{text}");
}

#[test]
fn says_why_librdkafka_refuses_a_value() {
    let (_, text) = only_fault(&config().property("fetch.min.bytes", 0));
    assert!(text.contains("outside allowed range 1..100000000"), "{text}");
    let (_, text) = only_fault(&config().property("fetch.min.bytes", "many"));
    assert!(text.contains("Invalid value"), "{text}");
    let (_, text) = only_fault(&config().property("group.protocol", "modern"));
    assert!(text.contains("modern"), "{text}");
}

#[test]
fn faults_do_not_show_what_may_be_secret() {
    // Neither by a wrong name, nor by a value that librdkafka refuses, nor where a secret does not belong.
    let secret = "hunter2\0";
    let config = config()
        .bootstrap_servers("alice:hunter2@kafka:9092")
        .property("sasl.pasword", secret)
        .property("sasl.password", secret)
        .property("ssl.key.pem", "hunter2")
        .property("ssl.keystore.password", secret)
        .property("sasl.oauthbearer.assertion.claim.exp.seconds", "hunter2")
        .property("enable.sasl.oauthbearer.unsecure.token", secret);
    let error = config.validate().unwrap_err();
    assert!(error.faults().len() >= 5);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let other_protocol =
        ConsumerConfig::new(["orders"]).bootstrap_servers("SSL://alice:hunter2@kafka:9092").group_id("b");
    let (_, text) = only_fault(&other_protocol);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn the_grace_of_a_revoke_must_end_before_the_brokers_lose_patience() {
    assert_eq!(only_fault(&config().revoke_grace(Duration::from_secs(300))).0, "revoke_grace");
    assert_eq!(faults(&config().revoke_grace(Duration::from_secs(240))), []);
    assert_eq!(faults(&config().revoke_grace(Duration::ZERO)), []);
    let patient = config().property("max.poll.interval.ms", 600_000);
    assert_eq!(faults(&patient.clone().revoke_grace(Duration::from_secs(300))), []);
    assert_eq!(only_fault(&patient.revoke_grace(Duration::from_secs(600))).0, "revoke_grace");
}

#[test]
fn a_revoke_that_takes_too_long_with_all_that_adds_to_its_grace_is_told_with_its_parts() {
    let hasty = config().property("max.poll.interval.ms", 10_000).property("session.timeout.ms", 6_000);
    let (name, fault) = only_fault(&hasty.clone().revoke_grace(Duration::from_millis(9_900)));
    assert_eq!(name, "revoke_grace");
    assert!(fault.contains("up to 17080 ms") && fault.contains("which is 10000 ms"), "{fault}");
    assert_eq!(faults(&hasty.revoke_grace(Duration::from_millis(3_900))), []);
}

proptest! {
    /// The group rebalances from a heartbeat before the member is told, and the brokers count from then.
    #[test]
    fn each_accepted_grace_has_a_revoke_end_in_time(
        grace in 0_u64..400_000, interval in 1_000_u64..500_000, heartbeat in 100_u64..10_000,
    ) {
        let config = config()
            .property("max.poll.interval.ms", interval)
            .property("heartbeat.interval.ms", heartbeat)
            .revoke_grace(Duration::from_millis(grace));
        // The interval may have a fault of its own, beside the session timeout.
        let is_accepted = faults(&config).iter().all(|(setting, _)| setting != "revoke_grace");
        let now = Instant::now();
        let end = DrainPlan::for_revoke(now, Duration::from_millis(grace)).end_at;
        let takes = end - now + Duration::from_millis(heartbeat);
        prop_assert!(!is_accepted || takes < Duration::from_millis(interval), "{takes:?}");
        // And none is rejected that has more than a second to spare.
        prop_assert!(is_accepted || takes + Duration::from_secs(1) > Duration::from_millis(interval), "{takes:?}");
    }
}

#[test]
fn the_new_group_protocol_leaves_some_things_to_the_brokers() {
    for name in BROKER_SIDE {
        let value = if name.ends_with(".ms") { "6000" } else { "range" };
        assert_eq!(faults(&config().property(*name, value)), []);
        let new = config().property("group.protocol", "consumer").property(*name, value);
        assert_eq!(only_fault(&new).0, *name);
    }
}

#[test]
fn a_static_member_must_have_a_name() {
    assert_eq!(only_fault(&config().group_instance_id("")).0, "group_instance_id");
    assert_eq!(faults(&config().group_instance_id("pod-7")), []);
}

#[test]
fn sasl_wants_a_mechanism_that_is_built_in() {
    let (name, text) = only_fault(&config().property("security.protocol", "SASL_PLAINTEXT"));
    assert_eq!(name, "sasl.mechanism");
    assert!(text.contains("must be set with this `security.protocol`"), "{text}");

    let plain = config().property("security.protocol", "sasl_plaintext").property("sasl.mechanism", "PLAIN");
    plain.validate().expect("needs no feature");

    let built_in =
        cfg!(any(feature = "tls", feature = "tls-vendored", feature = "sasl", feature = "sasl-vendored"));
    if built_in {
        config().property("sasl.mechanism", "SCRAM-SHA-256").validate().expect("its feature is enabled");
    } else {
        let fault = judge("sasl.mechanism", "SCRAM-SHA-256");
        assert!(fault.contains("enable evkafka's feature `tls`"), "{fault}");
    }
}

/// A file with a value that is kept elsewhere, for as long as a test runs.
struct Kept(std::path::PathBuf);

impl Kept {
    fn new(test: &str, value: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evkafka-{test}-{}", std::process::id()));
        std::fs::write(&path, value).unwrap();
        Self(path)
    }

    /// The configuration with a property whose value is in the file.
    fn given_to(&self, config: ConsumerConfig, property: &str) -> ConsumerConfig {
        config.property(format!("{property}.file"), self.0.display())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_grace_of_a_revoke_is_compared_with_the_value_that_is_kept_elsewhere() {
    let long = Kept::new("long-poll", "600000");
    let patient = long.given_to(config(), "max.poll.interval.ms").revoke_grace(Duration::from_secs(360));
    assert_eq!(faults(&patient), []);
    let short = Kept::new("short-poll", "60000");
    let hasty = short.given_to(config().property("session.timeout.ms", 45000), "max.poll.interval.ms");
    let (setting, text) = only_fault(&hasty.revoke_grace(Duration::from_secs(120)));
    assert_eq!(setting, "revoke_grace");
    assert!(text.contains("60000 ms"), "{text}");
}

#[test]
fn the_group_protocol_that_is_kept_elsewhere_counts() {
    let new = Kept::new("group-protocol", "consumer\n");
    let config = new.given_to(config(), "group.protocol").property("session.timeout.ms", 6000);
    assert_eq!(only_fault(&config).0, "session.timeout.ms");
}

#[test]
fn a_security_protocol_that_is_kept_elsewhere_demands_a_mechanism() {
    let sasl = Kept::new("security-protocol", "SASL_PLAINTEXT");
    let without = sasl.given_to(config(), "security.protocol");
    assert_eq!(only_fault(&without).0, "sasl.mechanism");
    let plain = Kept::new("mechanism", "PLAIN");
    assert_eq!(faults(&plain.given_to(without, "sasl.mechanisms")), []);
}

#[test]
fn a_value_that_cannot_be_read_is_the_only_fault() {
    // It is not judged as if it were not there.
    for config in [
        config()
            .property("max.poll.interval.ms.env", "EVKAFKA_NO_SUCH")
            .revoke_grace(Duration::from_secs(360)),
        config()
            .property("security.protocol", "sasl_plaintext")
            .property("sasl.mechanism.env", "EVKAFKA_NO_SUCH"),
    ] {
        let (setting, text) = only_fault(&config);
        assert!(setting.ends_with(".env") && text.contains("is not set"), "{text}");
    }
}

#[test]
fn a_property_has_one_value_under_whatever_names() {
    let file = Kept::new("one-value", "PLAIN");
    let mechanism = file.given_to(config(), "sasl.mechanism");
    for twice in [
        mechanism.clone().property("sasl.mechanism", "PLAIN"),
        mechanism.clone().property("sasl.mechanism.env", "PATH"),
        mechanism.clone().property("sasl.mechanisms", "PLAIN"),
        config().property("fetch.message.max.bytes", 2000).property("max.partition.fetch.bytes", 3000),
    ] {
        let faults = faults(&twice);
        assert!(faults.iter().any(|(_, text)| text.contains("a second value")), "{faults:?}");
    }
}

#[test]
fn no_configuration_loads_a_library() {
    let (_, text) = only_fault(&config().property("plugin.library.paths", "/no/such/library"));
    assert!(text.contains("evkafka's to set"), "{text}");
}

#[test]
fn what_may_be_a_secret_in_the_wrong_place_is_not_shown() {
    for name in ["sasl.password.file", "sasl.password.env"] {
        let (_, text) = only_fault(&config().property(name, "hunter2 or so"));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_number_is_one_as_a_whole() {
    for (name, value) in [
        ("session.timeout.ms", "10s"),
        ("fetch.min.bytes", "010"),
        ("fetch.min.bytes", "1.5"),
        ("fetch.min.bytes", "0x10"),
    ] {
        let text = judge(name, value);
        assert!(text.contains("must be a whole number"), "{text}");
    }
    assert_eq!(faults(&config().property("fetch.min.bytes", " 7 ")), []);
}

#[test]
fn a_value_is_not_empty() {
    for name in ["client.rack", "sasl.password", "fetch.min.bytes", "sasl.password.file", "sasl.password.env"]
    {
        assert!(judge(name, "").contains("must not be empty"), "{name}: {}", judge(name, ""));
    }
    let empty = Kept::new("empty", "\n");
    let (setting, text) = only_fault(&empty.given_to(config(), "sasl.password"));
    assert_eq!(setting, "sasl.password.file");
    assert!(text.contains("is empty"), "{text}");
}

/// Some editors begin a file with a mark that says that it is UTF-8.
#[test]
fn the_mark_at_the_beginning_of_a_file_belongs_to_no_value() {
    let file = Kept::new("marked", "\u{feff}SASL_PLAINTEXT\r\n");
    let config = file.given_to(config(), "security.protocol").property("sasl.mechanism", "PLAIN");
    assert_eq!(config.resolve().unwrap().client_config(0).get("security.protocol"), Some("sasl_plaintext"));
    let password = Kept::new("marked-password", "\u{feff}hunter2");
    let config = password.given_to(config, "sasl.password");
    assert_eq!(config.resolve().unwrap().client_config(0).get("sasl.password"), Some("hunter2"));
}

#[cfg(unix)]
#[test]
fn a_pipe_to_which_nobody_writes_is_not_waited_for_for_ever() {
    let pipe = Kept(std::env::temp_dir().join(format!("evkafka-pipe-{}", std::process::id())));
    assert!(std::process::Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    let (sender, judged) = std::sync::mpsc::channel();
    let config = pipe.given_to(config(), "sasl.password");
    std::thread::spawn(move || sender.send(only_fault(&config)));
    let (setting, text) = judged.recv_timeout(std::time::Duration::from_secs(20)).expect("a fault");
    assert_eq!(setting, "sasl.password.file");
    assert!(text.contains("cannot be read: nothing could be read from it within 5s"), "{text}");
}

#[test]
fn what_was_resolved_stays_whatever_becomes_of_the_file() {
    let file = Kept::new("vanishes", "SASL_PLAINTEXT\n");
    let config = file.given_to(config(), "security.protocol").property("sasl.mechanism", "PLAIN");
    let resolved = config.resolve().unwrap();
    drop(file);
    for client in [resolved.client_config(0), resolved.client_config(1), resolved.producer_config()] {
        assert_eq!(client.get("security.protocol"), Some("sasl_plaintext"));
    }
    // Read again, it is a fault: a client without it would go without encryption.
    assert_eq!(only_fault(&config).0, "security.protocol.file");
}

#[test]
fn a_text_is_what_brokers_and_producers_can_write() {
    for bad in ["", " ", " billing", "billing ", "bil\nling", "billing\u{7f}", &"b".repeat(40_000)] {
        assert_eq!(only_fault(&config().group_id(bad)).0, "group_id", "{bad:?}");
    }
    for bad in ["", " ", "Event-Type ", "\tEvent-Type", "Event\nType", "Event\rType"] {
        assert_eq!(only_fault(&config().event_type_header(bad)).0, "event_type_header", "{bad:?}");
    }
    for good in ["billing", "billing (v2)", "Abrechnung für alle"] {
        assert_eq!(faults(&config().group_id(good).event_type_header(good)), []);
    }
}

#[test]
fn a_static_member_has_a_name_that_brokers_accept() {
    // With several instances, each adds its number.
    let longest = "p".repeat(249);
    for bad in ["", " ", "pod 7", "pod/7", ".", "..", "pod-ä", &"p".repeat(250)] {
        assert_eq!(only_fault(&config().group_instance_id(bad)).0, "group_instance_id", "{bad:?}");
    }
    assert_eq!(faults(&config().group_instance_id(&longest)), []);
    assert_eq!(only_fault(&config().group_instance_id(&longest).instances(2)).0, "group_instance_id");
    assert_eq!(faults(&config().group_instance_id(".").instances(2)), []);
}

#[test]
fn dead_letters_go_to_a_topic_that_can_exist() {
    let to = |topic: &str| config().failure_policy(FailurePolicy::new().dead_letter(topic));
    for bad in ["", " ", "a b", ".", "..", "a\0", "^dead", &"a".repeat(250)] {
        assert_eq!(only_fault(&to(bad)).0, "dead_letter_topic", "{bad:?}");
    }
    assert_eq!(faults(&to("orders.dead")), []);
    assert_eq!(
        only_fault(&to("orders.dead").auto_commit_mode(AutoCommitMode::PreCommit)).0,
        "dead_letter_topic"
    );
}

#[test]
fn a_policy_has_times_that_can_be_kept() {
    let with = |policy| config().failure_policy(policy);
    let second = Duration::from_secs(1);
    assert_eq!(only_fault(&with(FailurePolicy::new().attempt_timeout(Duration::ZERO))).0, "attempt_timeout");
    assert_eq!(faults(&with(FailurePolicy::new().attempt_timeout(Duration::MAX))), []);
    let backoff = |initial, max| with(FailurePolicy::new().backoff(Backoff::exponential(initial, max)));
    assert_eq!(only_fault(&backoff(2 * second, second)).0, "retry_backoff");
    assert_eq!(faults(&backoff(second, second)), []);
}

#[test]
fn numbers_have_a_most() {
    assert_eq!(only_fault(&config().instances(u32::MAX)).0, "instances");
    assert_eq!(faults(&config().instances(256)), []);
    let in_flight = |in_flight| config().concurrency(Concurrency::Unordered { in_flight });
    assert_eq!(only_fault(&in_flight(u32::MAX)).0, "in_flight");
    assert_eq!(faults(&in_flight(1_000_000)), []);
    assert_eq!(only_fault(&config().prefetch_memory_mib(u32::MAX)).0, "prefetch_memory_mib");
    assert_eq!(faults(&config().prefetch_memory_mib(1 << 20)), []);
    let (_, text) = only_fault(&config().instances(257));
    assert!(text.contains("at most 256"), "{text}");
}

#[test]
fn a_server_has_a_host_and_a_port() {
    let at = |servers: &str| faults(&config().bootstrap_servers(servers)).len();
    for bad in [
        ":9092",
        "kafka:",
        "kafka:port",
        "kafka:0",
        "kafka:65536",
        "kafka:9092/orders",
        "kafka 1:9092",
        "http://kafka:9092",
        "kafka-1:9092,kafka-2:nein",
        "[::1]:x",
        "SSL://kafka:9092",
    ] {
        assert_eq!(at(bad), 1, "{bad}");
    }
    for good in [
        "kafka",
        "kafka:9092",
        " kafka-1:9092 , kafka-2:9092,",
        "PLAINTEXT://kafka:9092",
        "[::1]:9092",
        "::1",
        "plaintext://kafka",
    ] {
        assert_eq!(at(good), 0, "{good}");
    }
    let resolved = config().bootstrap_servers(" kafka-1 , kafka-2:9093,").resolve().unwrap();
    assert_eq!(resolved.client_config(0).get("bootstrap.servers"), Some("kafka-1,kafka-2:9093"));
}

#[test]
fn a_server_that_is_written_otherwise_is_told_with_what_to_write() {
    let told = |servers: &str| only_fault(&config().bootstrap_servers(servers)).1;
    for (servers, part) in [
        ("kafka://kafka-1:9092", "write `kafka-1:9092`, without `kafka://`"),
        ("http://kafka:9092/", "write `kafka:9092`, without `http://`"),
        ("tcp://", "write `host:port`, without `tcp://`"),
        ("kafka:99092", "whose port is not from 1 to 65535"),
        ("kafka:0", "whose port is not from 1 to 65535"),
        ("kafka:port", "is not `host:port`"),
    ] {
        assert!(told(servers).contains(part), "{servers}: {}", told(servers));
    }
}

#[test]
fn a_property_that_would_have_no_effect_is_rejected_with_the_reason() {
    let (setting, text) = only_fault(&config().property("statistics.interval.ms", 1000));
    assert_eq!(setting, "statistics.interval.ms");
    assert!(text.contains("use the setting `statistics_interval`"), "{text}");
}

#[test]
fn a_bad_pattern_is_told_with_what_is_wrong_with_it() {
    let told = |topic: &str| {
        let config = ConsumerConfig::new([topic]).bootstrap_servers("kafka:9092").group_id("billing");
        only_fault(&config).1
    };
    for (pattern, part) in [
        (r"^orders-\d+$", r"write `[0-9]` in place of `\d`"),
        (r"^orders,\D$", r"write `[^0-9]` in place of `\D`"),
        ("^(orders", "Unmatched ("),
        ("^(?:orders)", "which have no `(?…)`"),
    ] {
        assert!(told(pattern).contains(part), "{pattern}: {}", told(pattern));
    }
    let escaped = ConsumerConfig::new([r"^orders\\d"]).bootstrap_servers("kafka:9092").group_id("billing");
    assert_eq!(faults(&escaped), [], "that is a backslash and the letter");
}

#[test]
fn a_pattern_of_topics_is_a_regular_expression() {
    let topics = |topic: &str| {
        faults(&ConsumerConfig::new([topic]).bootstrap_servers("kafka:9092").group_id("billing"))
    };
    for bad in ["^(", "^a[", "^*"] {
        assert_eq!(topics(bad).len(), 1, "{bad}");
        assert!(topics(bad)[0].1.contains(&format!("`{bad}`")), "{:?}", topics(bad));
    }
    for good in ["^a", "^a{1,2}", "^(orders|refunds)\\..*$"] {
        assert_eq!(topics(good), [], "{good}");
    }
}

#[test]
fn properties_that_contradict_each_other_are_told_before_librdkafka_refuses_them() {
    let with = |properties: &[(&str, u32)]| {
        properties.iter().fold(config(), |config, (name, value)| config.property(*name, *value))
    };
    for (properties, at_fault) in [
        (&[("max.poll.interval.ms", 30_000)][..], "max.poll.interval.ms"),
        (&[("session.timeout.ms", 400_000)], "session.timeout.ms"),
        (&[("session.timeout.ms", 3000), ("heartbeat.interval.ms", 3000)], "session.timeout.ms"),
        (&[("reconnect.backoff.max.ms", 99)], "reconnect.backoff.max.ms"),
        (&[("reconnect.backoff.ms", 10_001)], "reconnect.backoff.ms"),
        (&[("fetch.max.bytes", 999_999)], "fetch.max.bytes"),
        (&[("receive.message.max.bytes", 1_000_511)], "receive.message.max.bytes"),
        (
            &[("receive.message.max.bytes", 3_000_000), ("fetch.max.bytes", 3_000_000)],
            "receive.message.max.bytes",
        ),
    ] {
        let contradictory = with(properties);
        assert_eq!(only_fault(&contradictory).0, at_fault);
    }
    for properties in [
        &[("max.poll.interval.ms", 45_000)][..],
        &[
            ("max.poll.interval.ms", 400_000),
            ("session.timeout.ms", 300_000),
            ("heartbeat.interval.ms", 299_999),
        ],
        &[("fetch.max.bytes", 1_000_000), ("receive.message.max.bytes", 1_000_512)],
        &[("message.max.bytes", 200_000_000)],
    ] {
        let config = with(properties);
        assert_eq!(faults(&config), [], "{properties:?}");
        let client =
            config.resolve().unwrap().client_config(0).remove("bootstrap.servers").create::<BaseConsumer>();
        client.expect("librdkafka accepts them");
    }
    let new = config().property("group.protocol", "consumer").property("max.poll.interval.ms", 30_000);
    assert_eq!(faults(&new), []);
}
