//! The properties of producers that evkafka keeps to itself.

use crate::config::owned::{HOOK, Owned, owned};

const ACKS: &str =
    "a producer waits for all in-sync replicas, so that nothing that is acknowledged is lost; leave it out";
const DELIVERY: &str = "use the setting `delivery_timeout`";
const GAPLESS: &str =
    "one event that a broker refuses would end the client and all that is on its way; leave it out";
const LINGER: &str = "use the setting `linger`";
const REPORTS: &str = "every event is acknowledged to its sender; leave it out";
const TRANSACTIONS: &str = "transactions are not supported yet; leave it out";

pub(in crate::config) const OWNED: &[Owned] = &[
    // What counts as sent.
    owned("acks", ACKS),
    owned("request.required.acks", ACKS),
    owned(
        "enable.idempotence",
        "a producer is always idempotent: librdkafka's retries neither duplicate nor reorder events; leave it out",
    ),
    owned("enable.gapless.guarantee", GAPLESS),
    owned("queuing.strategy", "events are sent in order, which idempotence demands; leave it out"),
    owned("delivery.report.only.error", REPORTS),
    owned("dr_cb", REPORTS),
    owned("dr_msg_cb", REPORTS),
    owned("transactional.id", TRANSACTIONS),
    owned("transaction.timeout.ms", TRANSACTIONS),
    // When.
    owned("message.timeout.ms", DELIVERY),
    owned("delivery.timeout.ms", DELIVERY),
    owned("linger.ms", LINGER),
    owned("queue.buffering.max.ms", LINGER),
    // How librdkafka talks to the program.
    owned("partitioner_cb", "choose one by name with `partitioner`"),
    owned("msg_order_cmp", HOOK),
];
