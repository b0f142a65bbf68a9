use super::*;
use crate::config::known::{PROPERTIES, Role};
use crate::config::side::Side;

fn config() -> ProducerConfig {
    ProducerConfig::new().bootstrap_servers("localhost:9092")
}

/// The faults, as `(setting, text)`.
fn faults(config: &ProducerConfig) -> Vec<(String, String)> {
    let Err(error) = config.validate() else { return Vec::new() };
    error.faults().map(|fault| (fault.setting().to_owned(), fault.to_string())).collect()
}

fn only_fault(config: &ProducerConfig) -> (String, String) {
    let faults = faults(config);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.into_iter().next().unwrap()
}

#[test]
fn the_servers_are_all_that_is_required() {
    assert_eq!(faults(&config()), []);
    assert_eq!(only_fault(&ProducerConfig::new()).0, "bootstrap_servers");
    assert_eq!(only_fault(&config().bootstrap_servers("kafka:port")).0, "bootstrap_servers");
    let other = config().bootstrap_servers("ssl://kafka:9092");
    assert_eq!(only_fault(&other).0, "bootstrap_servers");
    let (_, secret) = only_fault(&config().bootstrap_servers("alice:hunter2@kafka:9092"));
    assert!(!secret.contains("hunter2"), "{secret}");
}

#[test]
fn reports_all_faults_at_once() {
    let config = ProducerConfig::new()
        .topic("a b")
        .event_type_header("")
        .event_version_header(" v")
        .delivery_timeout(Duration::ZERO)
        .linger(Duration::from_secs(901))
        .property("acks", 1)
        .property("batch.siz", 1)
        .property("fetch.min.bytes", 1)
        .property("retries", 0);
    let settings: Vec<_> = faults(&config).into_iter().map(|(setting, _)| setting).collect();
    assert_eq!(
        settings,
        [
            "bootstrap_servers",
            "topic",
            "event_type_header",
            "event_version_header",
            "delivery_timeout",
            "linger",
            "acks",
            "batch.siz",
            "fetch.min.bytes",
            "retries",
        ]
    );
}

#[test]
fn events_go_to_a_topic_that_can_exist() {
    for bad in ["", " ", "a b", ".", "..", "^prices", &"a".repeat(250)] {
        assert_eq!(only_fault(&config().topic(bad)).0, "topic", "{bad:?}");
    }
    assert_eq!(faults(&config().topic("prices")), []);
}

#[test]
fn the_type_and_the_version_have_headers_of_their_own() {
    let same = config().event_type_header("type").event_version_header("type");
    assert_eq!(only_fault(&same).0, "event_version_header");
    for bad in ["", " ", "Event-Type ", "Event\nType", "Event\0Type"] {
        assert_eq!(only_fault(&config().event_type_header(bad)).0, "event_type_header", "{bad:?}");
        assert_eq!(only_fault(&config().event_version_header(bad)).0, "event_version_header", "{bad:?}");
    }
}

#[test]
fn cloud_events_have_a_source_and_no_headers_of_other_names() {
    for format in [EventFormat::CloudEvents, EventFormat::CloudEventsStructured] {
        let cloud_events = config().event_format(format);
        let (setting, fault) = only_fault(&cloud_events);
        assert!(
            setting == "event_source" && fault.contains("is required where `event_format` is `cloudevents"),
            "{fault}"
        );
        for good in ["/billing", "https://example.com/a?b#c", "urn:uuid:6e8bc430", "billing%20service"] {
            assert_eq!(faults(&cloud_events.clone().event_source(good)), [], "{good}");
        }
        for bad in ["", " ", "a b", "/bill\u{ef}ng", "<billing>", "a\0"] {
            assert_eq!(only_fault(&cloud_events.clone().event_source(bad)).0, "event_source", "{bad:?}");
        }
        let named =
            cloud_events.event_source("/billing").event_type_header("type").event_version_header("version");
        let settings: Vec<_> = faults(&named).into_iter().map(|(setting, _)| setting).collect();
        assert_eq!(settings, ["event_type_header", "event_version_header"]);
    }
    let (setting, fault) = only_fault(&config().event_source("/billing"));
    assert!(setting == "event_source" && fault.contains("an effect only with CloudEvents"), "{fault}");
}

#[test]
fn an_event_has_time_to_be_sent() {
    let second = Duration::from_secs(1);
    let times = |delivery, linger| config().delivery_timeout(delivery).linger(linger);
    for (delivery, linger, at_fault) in [
        (Duration::from_micros(999), Duration::ZERO, "delivery_timeout"),
        (LONGEST_DELIVERY + second, Duration::ZERO, "delivery_timeout"),
        (second, second, "linger"),
        (LONGEST_DELIVERY, LONGEST_LINGER + Duration::from_micros(1), "linger"),
    ] {
        assert_eq!(only_fault(&times(delivery, linger)).0, at_fault);
    }
    for (delivery, linger) in [(Duration::from_millis(1), Duration::ZERO), (LONGEST_DELIVERY, LONGEST_LINGER)]
    {
        let config = times(delivery, linger);
        assert_eq!(faults(&config), []);
        let client = config.resolve().unwrap().client_config().remove("bootstrap.servers").create();
        let _: rdkafka::producer::BaseProducer = client.expect("librdkafka accepts it");
    }
}

#[test]
fn every_owned_property_is_refused_with_what_to_do_instead() {
    for owned in Side::Producer.owned() {
        let (setting, text) = only_fault(&config().property(owned.name, "1"));
        assert_eq!(setting, owned.name);
        assert_eq!(text, format!("`{}` is evkafka's to set: {}", owned.name, owned.instead));
    }
}

#[test]
fn the_refusal_of_a_property_names_the_setting_to_use() {
    // Written out, so that a property that falls out of the table is missed.
    for (property, instead) in [
        ("acks", "leave it out"),
        ("bootstrap.servers", "bootstrap_servers"),
        ("delivery.report.only.error", "leave it out"),
        ("delivery.timeout.ms", "delivery_timeout"),
        ("dr_cb", "leave it out"),
        ("dr_msg_cb", "leave it out"),
        ("enable.idempotence", "leave it out"),
        ("enable.gapless.guarantee", "leave it out"),
        ("enabled_events", "leave it out"),
        ("linger.ms", "`linger`"),
        ("message.timeout.ms", "delivery_timeout"),
        ("msg_order_cmp", "leave it out"),
        ("partitioner_cb", "`partitioner`"),
        ("plugin.library.paths", "leave it out"),
        ("queue.buffering.max.ms", "`linger`"),
        ("queuing.strategy", "leave it out"),
        ("request.required.acks", "leave it out"),
        ("topic.acks", "leave it out"),
        ("transactional.id", "not supported yet"),
    ] {
        let (setting, text) = only_fault(&config().property(property, "true"));
        assert_eq!(setting, property);
        assert!(text.contains("evkafka's to set") && text.contains(instead), "{text}");
    }
}

#[test]
fn every_property_of_consumers_is_refused() {
    for property in PROPERTIES.iter().filter(|property| property.role == Role::Consumer) {
        let (_, text) = only_fault(&config().property(property.name, "1"));
        assert!(text.contains(property.name) && text.contains("of consumers"), "{text}");
    }
}

#[test]
fn a_producer_can_be_idempotent() {
    for (name, bad, good) in [
        ("max.in.flight", 6, 5),
        ("max.in.flight.requests.per.connection", 6, 1),
        ("retries", 0, 1),
        ("message.send.max.retries", 0, 2_147_483_647),
        ("queue.buffering.backpressure.threshold", 2, 1),
    ] {
        let (setting, text) = only_fault(&config().property(name, bad));
        assert_eq!(setting, name);
        assert!(text.contains("must be"), "{text}");
        assert_eq!(faults(&config().property(name, good)), []);
    }
}

#[test]
fn properties_are_judged_as_those_of_a_consumer() {
    for (name, value, text) in [
        ("batch.size", "1k", "must be a whole number"),
        ("batch.size", "", "must not be empty"),
        ("client.id", "a\0", "NUL"),
        ("compression.type", "brotli", "librdkafka refuses"),
        ("partitioner", "mine", "librdkafka refuses"),
        ("sasl.passwort", "hunter2", "did you mean `sasl.password`?"),
        ("security.protocol", "sasl_plaintext", "`sasl.mechanism` must be set"),
        ("sasl.password.env", "EVKAFKA_NO_SUCH", "is not set"),
        ("reconnect.backoff.max.ms", "50", "must be at least 100 with `reconnect.backoff.ms` = 100"),
        ("topic.partitioner", "murmur2", "without the prefix"),
    ] {
        let (_, fault) = only_fault(&config().property(name, value));
        assert!(fault.contains(text), "{fault}");
        assert!(!fault.contains("hunter2"), "{fault}");
    }
    for (one, other) in [
        ("compression.type", "compression.codec"),
        ("retries", "message.send.max.retries"),
        ("sasl.mechanism", "sasl.mechanisms"),
    ] {
        let value = if one.contains("compression") {
            "lz4"
        } else if one == "retries" {
            "7"
        } else {
            "PLAIN"
        };
        let (_, text) = only_fault(&config().property(one, value).property(other, value));
        assert!(text.contains("a second value"), "{text}");
    }
}
