//! The librdkafka properties that evkafka keeps to itself.
//!
//! Each is refused, with what to do instead, because a value of the user's would be ignored, or would break what
//! evkafka promises about records and commits.

use super::side::Side;

/// A property that is refused.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) name: &'static str,
    /// What to do instead: a clause that goes on from "is evkafka's to set: ".
    pub(super) instead: &'static str,
}

/// The refusal of the property of this name, if evkafka owns it.
pub(super) fn find(side: Side, name: &str) -> Option<&'static Owned> {
    side.owned().find(|owned| owned.name == name)
}

const COMMIT: &str = "offsets are always committed for you; choose when with `auto_commit_mode` (`post-commit` or \
                      `pre-commit`)";
const STORE: &str = "offsets are kept by the brokers; leave it out";
const SERVERS: &str = "use the setting `bootstrap_servers`";
pub(super) const HOOK: &str = "it is a callback that evkafka sets; leave it out";
const CODE: &str = "librdkafka takes it from code only; leave it out";
const STATISTICS: &str = "use the setting `statistics_interval`";
const LOG: &str = "librdkafka's log lines arrive under the log target `librdkafka`; set the level of that";

pub(super) const fn owned(name: &'static str, instead: &'static str) -> Owned {
    Owned { name, instead }
}

/// Those of every client.
pub(super) const OF_BOTH: &[Owned] = &[
    owned("bootstrap.servers", SERVERS),
    owned("metadata.broker.list", SERVERS),
    // How librdkafka talks to the program.
    owned("enabled_events", "evkafka chooses which librdkafka events it receives; leave it out"),
    owned("statistics.interval.ms", STATISTICS),
    owned("log.queue", LOG),
    owned("log_level", LOG),
    owned("background_event_cb", HOOK),
    owned("closesocket_cb", HOOK),
    owned("connect_cb", HOOK),
    owned("error_cb", HOOK),
    owned("log_cb", HOOK),
    owned("open_cb", HOOK),
    owned("resolve_cb", HOOK),
    owned("socket_cb", HOOK),
    owned("stats_cb", HOOK),
    owned("throttle_cb", HOOK),
    // It would be loaded, and run, by whoever reads the configuration; and it could intercept records and commits.
    owned("plugin.library.paths", "evkafka loads no code into the process; leave it out"),
    // What librdkafka takes from code only.
    owned("default_topic_conf", CODE),
    owned("interceptors", CODE),
    owned("opaque", CODE),
    owned(
        "oauthbearer_token_refresh_cb",
        "librdkafka fetches tokens itself with `sasl.oauthbearer.method` = `oidc` (and the feature `curl` of the crate \
         `rdkafka`)",
    ),
    owned(
        "ssl.certificate.verify_cb",
        "use `enable.ssl.certificate.verification` and `ssl.ca.location` or `ssl.ca.pem`",
    ),
    owned("ssl_ca", "use `ssl.ca.location` or `ssl.ca.pem`"),
    owned("ssl_certificate", "use `ssl.certificate.location` or `ssl.certificate.pem`"),
    owned("ssl_engine_callback_data", "use `ssl.providers`"),
    owned("ssl_key", "use `ssl.key.location` or `ssl.key.pem`"),
];

/// Those of consumers.
pub(super) const OF_CONSUMERS: &[Owned] = &[
    // When a record counts as done.
    owned("enable.auto.commit", COMMIT),
    owned("auto.commit.enable", COMMIT),
    owned("auto.commit.interval.ms", "use the setting `commit_interval`"),
    owned(
        "enable.auto.offset.store",
        "an offset is stored once its record is settled; choose when with `auto_commit_mode`",
    ),
    owned("offset.store.method", STORE),
    owned("offset.store.path", STORE),
    owned("offset.store.sync.interval.ms", STORE),
    // Which records there are to read, and as whom.
    owned("auto.offset.reset", "use the setting `auto_offset_reset`"),
    owned("group.id", "use the setting `group_id`"),
    owned(
        "group.instance.id",
        "use the setting `group_instance_id`, which is made unique for each of `instances`",
    ),
    owned("enable.partition.eof", "a handler is given records, not the ends of partitions; leave it out"),
    owned("consume.callback.max.messages", "records are not taken by callback; leave it out"),
    owned("consume_cb", HOOK),
    owned("offset_commit_cb", HOOK),
    owned("rebalance_cb", HOOK),
];

#[cfg(test)]
mod tests {
    use super::super::known::{self, Kind, PROPERTIES};
    use super::*;

    const SIDES: [Side; 2] = [Side::Consumer, Side::Producer];

    #[test]
    fn every_owned_property_is_one_of_librdkafka_and_stands_here_once() {
        for side in SIDES {
            for owned in side.owned() {
                assert!(known::find(owned.name).is_some(), "{}", owned.name);
                let times = side.owned().filter(|other| other.name == owned.name).count();
                assert_eq!(times, 1, "{}", owned.name);
            }
        }
    }

    #[test]
    fn no_property_is_owned_that_is_refused_to_that_kind_of_client_anyway() {
        for side in SIDES {
            for owned in side.owned() {
                let fault = known::find(owned.name).and_then(|property| side.judge_role(property));
                assert_eq!(fault, None, "{}", owned.name);
            }
        }
    }

    #[test]
    fn every_property_that_only_code_can_set_is_owned() {
        for side in SIDES {
            for property in PROPERTIES.iter().filter(|property| property.kind == Kind::Callback) {
                let is_refused = side.judge_role(property).is_some() || find(side, property.name).is_some();
                assert!(is_refused, "{}", property.name);
            }
        }
    }
}
