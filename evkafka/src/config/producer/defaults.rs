//! Where the defaults of evkafka's producers differ from librdkafka's.

use crate::config::defaults::{CLIENT_ID, Default, RECONNECT, always};
use crate::send::LARGEST_RECORD;

/// In the order of their names.
///
/// `compression.type` is not among them: librdkafka's default is `none`, and so is that of Java's producer (franz-go's is snappy).
/// What pays depends on the events and on the network, a topic may compress by itself, and a consumer may lack a codec.
pub(super) const DEFAULTS: &[Default] = &[
    // A mistyped topic must be reported. librdkafka's default for producers is `true`, and a broker may comply.
    Default { name: "allow.auto.create.topics", value: "false", applies: always },
    CLIENT_ID,
    // librdkafka refuses records by their size before compression, brokers by that of compressed batches.
    Default { name: "message.max.bytes", value: LARGEST_RECORD, applies: always },
    // As Java's: keys of a service that is migrated stay in their partitions.
    Default { name: "partitioner", value: "murmur2_random", applies: always },
    RECONNECT,
];
