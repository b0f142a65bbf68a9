//! The properties that librdkafka knows.
//!
//! evkafka looks a name up here before librdkafka sees it, for two reasons: librdkafka's own complaint about an
//! unknown name carries the value, which may be a secret, and it cannot say which name was meant.

use Kind::{Boolean, Callback, Enumeration, Flags, Float, Integer, Patterns, Text};
use Role::{Both, Consumer, Producer};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

/// Which clients take a property: the column `C/P` of librdkafka's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Consumer,
    Producer,
    Both,
}

/// What librdkafka makes of a property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    /// Not a value at all: a function or an object that only code can hand over ("see dedicated API").
    Callback,
    Enumeration,
    Flags,
    Float,
    Integer,
    Patterns,
    Text,
}

/// A property as librdkafka documents it.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) kind: Kind,
}

const fn property(name: &'static str, role: Role, kind: Kind) -> Property {
    Property { name, role, kind }
}

/// The documented property of this name.
pub(super) fn find(name: &str) -> Option<&'static Property> {
    PROPERTIES.binary_search_by(|known| known.name.cmp(name)).ok().map(|index| &PROPERTIES[index])
}

/// Properties with two names: the alias, and the name that librdkafka itself goes by. Of two values it would take either.
const ALIASES: &[(&str, &str)] = &[
    ("compression.type", "compression.codec"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("retries", "message.send.max.retries"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
];

/// The one name of a property that may have two.
pub(super) fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, canonical)| canonical)
}

/// Whether the librdkafka in use knows a property that the table does not list: one of a later version (librdkafka
/// may be linked dynamically), or one that it keeps out of its documentation.
///
/// Names without a dot are left out. Among them are hooks of librdkafka's own tests, which take the *address* of
/// a string for that of a function.
pub(super) fn is_known_to_librdkafka(name: &str) -> bool {
    name.contains('.') && librdkafka_knows(name)
}

/// Asks by setting the property, since librdkafka answers a *question* for a property without a value as if it knew
/// none of that name. It complains about the empty value only after it has found the name.
fn librdkafka_knows(name: &str) -> bool {
    match ClientConfig::new().set(name, "").create_native_config() {
        Ok(_) => true,
        Err(KafkaError::ClientConfig(reason, ..)) => reason != RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN,
        Err(_) => false,
    }
}

/// Whether the documented names of properties start so: `fetch`, of `fetch.min.bytes`.
pub(super) fn is_group(name: &str) -> bool {
    PROPERTIES.iter().any(|known| known.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// From `CONFIGURATION.md` of librdkafka 2.12.1, both of its tables, sorted by name. A name that stands in both
/// (`enable.auto.commit`, say) has the same role and kind in both, and stands here once.
#[rustfmt::skip]
pub(super) const PROPERTIES: &[Property] = &[
    property("acks", Producer, Integer),
    property("allow.auto.create.topics", Both, Boolean),
    property("api.version.fallback.ms", Both, Integer),
    property("api.version.request", Both, Boolean),
    property("api.version.request.timeout.ms", Both, Integer),
    property("auto.commit.enable", Consumer, Boolean),
    property("auto.commit.interval.ms", Consumer, Integer),
    property("auto.offset.reset", Consumer, Enumeration),
    property("background_event_cb", Both, Callback),
    property("batch.num.messages", Producer, Integer),
    property("batch.size", Producer, Integer),
    property("bootstrap.servers", Both, Text),
    property("broker.address.family", Both, Enumeration),
    property("broker.address.ttl", Both, Integer),
    property("broker.version.fallback", Both, Text),
    property("builtin.features", Both, Flags),
    property("check.crcs", Consumer, Boolean),
    property("client.dns.lookup", Both, Enumeration),
    property("client.id", Both, Text),
    property("client.rack", Both, Text),
    property("closesocket_cb", Both, Callback),
    property("compression.codec", Producer, Enumeration),
    property("compression.level", Producer, Integer),
    property("compression.type", Producer, Enumeration),
    property("connect_cb", Both, Callback),
    property("connections.max.idle.ms", Both, Integer),
    property("consume.callback.max.messages", Consumer, Integer),
    property("consume_cb", Consumer, Callback),
    property("coordinator.query.interval.ms", Consumer, Integer),
    property("debug", Both, Flags),
    property("default_topic_conf", Both, Callback),
    property("delivery.report.only.error", Producer, Boolean),
    property("delivery.timeout.ms", Producer, Integer),
    property("dr_cb", Producer, Callback),
    property("dr_msg_cb", Producer, Callback),
    property("enable.auto.commit", Consumer, Boolean),
    property("enable.auto.offset.store", Consumer, Boolean),
    property("enable.gapless.guarantee", Producer, Boolean),
    property("enable.idempotence", Producer, Boolean),
    property("enable.metrics.push", Both, Boolean),
    property("enable.partition.eof", Consumer, Boolean),
    property("enable.random.seed", Both, Boolean),
    property("enable.sasl.oauthbearer.unsecure.jwt", Both, Boolean),
    property("enable.ssl.certificate.verification", Both, Boolean),
    property("enabled_events", Both, Integer),
    property("error_cb", Both, Callback),
    property("fetch.error.backoff.ms", Consumer, Integer),
    property("fetch.max.bytes", Consumer, Integer),
    property("fetch.message.max.bytes", Consumer, Integer),
    property("fetch.min.bytes", Consumer, Integer),
    property("fetch.queue.backoff.ms", Consumer, Integer),
    property("fetch.wait.max.ms", Consumer, Integer),
    property("group.id", Consumer, Text),
    property("group.instance.id", Consumer, Text),
    property("group.protocol", Consumer, Enumeration),
    property("group.protocol.type", Consumer, Text),
    property("group.remote.assignor", Consumer, Text),
    property("heartbeat.interval.ms", Consumer, Integer),
    property("https.ca.location", Both, Text),
    property("https.ca.pem", Both, Text),
    property("interceptors", Both, Callback),
    property("internal.termination.signal", Both, Integer),
    property("isolation.level", Consumer, Enumeration),
    property("linger.ms", Producer, Float),
    property("log.connection.close", Both, Boolean),
    property("log.queue", Both, Boolean),
    property("log.thread.name", Both, Boolean),
    property("log_cb", Both, Callback),
    property("log_level", Both, Integer),
    property("max.in.flight", Both, Integer),
    property("max.in.flight.requests.per.connection", Both, Integer),
    property("max.partition.fetch.bytes", Consumer, Integer),
    property("max.poll.interval.ms", Consumer, Integer),
    property("message.copy.max.bytes", Both, Integer),
    property("message.max.bytes", Both, Integer),
    property("message.send.max.retries", Producer, Integer),
    property("message.timeout.ms", Producer, Integer),
    property("metadata.broker.list", Both, Text),
    property("metadata.max.age.ms", Both, Integer),
    property("metadata.recovery.rebootstrap.trigger.ms", Both, Integer),
    property("metadata.recovery.strategy", Both, Enumeration),
    property("msg_order_cmp", Producer, Callback),
    property("oauthbearer_token_refresh_cb", Both, Callback),
    property("offset.store.method", Consumer, Enumeration),
    property("offset.store.path", Consumer, Text),
    property("offset.store.sync.interval.ms", Consumer, Integer),
    property("offset_commit_cb", Consumer, Callback),
    property("opaque", Both, Callback),
    property("open_cb", Both, Callback),
    property("partition.assignment.strategy", Consumer, Text),
    property("partitioner", Producer, Text),
    property("partitioner_cb", Producer, Callback),
    property("plugin.library.paths", Both, Text),
    property("produce.offset.report", Producer, Boolean),
    property("queue.buffering.backpressure.threshold", Producer, Integer),
    property("queue.buffering.max.kbytes", Producer, Integer),
    property("queue.buffering.max.messages", Producer, Integer),
    property("queue.buffering.max.ms", Producer, Float),
    property("queued.max.messages.kbytes", Consumer, Integer),
    property("queued.min.messages", Consumer, Integer),
    property("queuing.strategy", Producer, Enumeration),
    property("rebalance_cb", Consumer, Callback),
    property("receive.message.max.bytes", Both, Integer),
    property("reconnect.backoff.jitter.ms", Both, Integer),
    property("reconnect.backoff.max.ms", Both, Integer),
    property("reconnect.backoff.ms", Both, Integer),
    property("request.required.acks", Producer, Integer),
    property("request.timeout.ms", Producer, Integer),
    property("resolve_cb", Both, Callback),
    property("retries", Producer, Integer),
    property("retry.backoff.max.ms", Both, Integer),
    property("retry.backoff.ms", Both, Integer),
    property("sasl.kerberos.keytab", Both, Text),
    property("sasl.kerberos.kinit.cmd", Both, Text),
    property("sasl.kerberos.min.time.before.relogin", Both, Integer),
    property("sasl.kerberos.principal", Both, Text),
    property("sasl.kerberos.service.name", Both, Text),
    property("sasl.mechanism", Both, Text),
    property("sasl.mechanisms", Both, Text),
    property("sasl.oauthbearer.assertion.algorithm", Both, Enumeration),
    property("sasl.oauthbearer.assertion.claim.aud", Both, Text),
    property("sasl.oauthbearer.assertion.claim.exp.seconds", Both, Integer),
    property("sasl.oauthbearer.assertion.claim.iss", Both, Text),
    property("sasl.oauthbearer.assertion.claim.jti.include", Both, Boolean),
    property("sasl.oauthbearer.assertion.claim.nbf.seconds", Both, Integer),
    property("sasl.oauthbearer.assertion.claim.sub", Both, Text),
    property("sasl.oauthbearer.assertion.file", Both, Text),
    property("sasl.oauthbearer.assertion.jwt.template.file", Both, Text),
    property("sasl.oauthbearer.assertion.private.key.file", Both, Text),
    property("sasl.oauthbearer.assertion.private.key.passphrase", Both, Text),
    property("sasl.oauthbearer.assertion.private.key.pem", Both, Text),
    property("sasl.oauthbearer.client.credentials.client.id", Both, Text),
    property("sasl.oauthbearer.client.credentials.client.secret", Both, Text),
    property("sasl.oauthbearer.client.id", Both, Text),
    property("sasl.oauthbearer.client.secret", Both, Text),
    property("sasl.oauthbearer.config", Both, Text),
    property("sasl.oauthbearer.extensions", Both, Text),
    property("sasl.oauthbearer.grant.type", Both, Enumeration),
    property("sasl.oauthbearer.metadata.authentication.type", Both, Enumeration),
    property("sasl.oauthbearer.method", Both, Enumeration),
    property("sasl.oauthbearer.scope", Both, Text),
    property("sasl.oauthbearer.token.endpoint.url", Both, Text),
    property("sasl.password", Both, Text),
    property("sasl.username", Both, Text),
    property("security.protocol", Both, Enumeration),
    property("session.timeout.ms", Consumer, Integer),
    property("socket.blocking.max.ms", Both, Integer),
    property("socket.connection.setup.timeout.ms", Both, Integer),
    property("socket.keepalive.enable", Both, Boolean),
    property("socket.max.fails", Both, Integer),
    property("socket.nagle.disable", Both, Boolean),
    property("socket.receive.buffer.bytes", Both, Integer),
    property("socket.send.buffer.bytes", Both, Integer),
    property("socket.timeout.ms", Both, Integer),
    property("socket_cb", Both, Callback),
    property("ssl.ca.certificate.stores", Both, Text),
    property("ssl.ca.location", Both, Text),
    property("ssl.ca.pem", Both, Text),
    property("ssl.certificate.location", Both, Text),
    property("ssl.certificate.pem", Both, Text),
    property("ssl.certificate.verify_cb", Both, Callback),
    property("ssl.cipher.suites", Both, Text),
    property("ssl.crl.location", Both, Text),
    property("ssl.curves.list", Both, Text),
    property("ssl.endpoint.identification.algorithm", Both, Enumeration),
    property("ssl.engine.id", Both, Text),
    property("ssl.engine.location", Both, Text),
    property("ssl.key.location", Both, Text),
    property("ssl.key.password", Both, Text),
    property("ssl.key.pem", Both, Text),
    property("ssl.keystore.location", Both, Text),
    property("ssl.keystore.password", Both, Text),
    property("ssl.providers", Both, Text),
    property("ssl.sigalgs.list", Both, Text),
    property("ssl_ca", Both, Callback),
    property("ssl_certificate", Both, Callback),
    property("ssl_engine_callback_data", Both, Callback),
    property("ssl_key", Both, Callback),
    property("statistics.interval.ms", Both, Integer),
    property("stats_cb", Both, Callback),
    property("sticky.partitioning.linger.ms", Producer, Integer),
    property("throttle_cb", Both, Callback),
    property("topic.blacklist", Both, Patterns),
    property("topic.metadata.propagation.max.ms", Both, Integer),
    property("topic.metadata.refresh.fast.cnt", Both, Integer),
    property("topic.metadata.refresh.fast.interval.ms", Both, Integer),
    property("topic.metadata.refresh.interval.ms", Both, Integer),
    property("topic.metadata.refresh.sparse", Both, Boolean),
    property("transaction.timeout.ms", Producer, Integer),
    property("transactional.id", Producer, Text),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_nothing_twice() {
        assert!(PROPERTIES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn librdkafka_knows_every_property_of_the_table() {
        let names = PROPERTIES.iter().map(|property| property.name);
        let unknown: Vec<_> = names.filter(|name| !librdkafka_knows(name)).collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }

    #[test]
    fn an_alias_sets_the_property_that_it_stands_for() {
        for (alias, canonical) in ALIASES {
            assert!(find(alias).is_some() && find(canonical).is_some(), "{alias}");
            match ClientConfig::new().set(*alias, "4242").create_native_config() {
                Ok(native) => assert_eq!(native.get(canonical).as_deref(), Ok("4242"), "{alias}"),
                // What the property needs was left out of this build; librdkafka says so under its own name.
                Err(error) => assert!(error.to_string().contains(&format!("\"{canonical}\"")), "{error}"),
            }
        }
    }

    #[test]
    fn finds_a_property_by_its_exact_name_only() {
        assert_eq!(find("fetch.min.bytes").unwrap().role, Consumer);
        assert_eq!(find("linger.ms").unwrap().role, Producer);
        assert_eq!(find("rebalance_cb").unwrap().kind, Callback);
        assert!(find("fetch.min").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn asks_librdkafka_about_names_that_its_documentation_leaves_out() {
        assert!(is_known_to_librdkafka("client.software.name"));
        assert!(!is_known_to_librdkafka("no.such.property"));
        assert!(!is_known_to_librdkafka("ut_handle_ProduceResponse"));
    }
}
