use std::ptr::NonNull;

use rdkafka::{
    ClientConfig,
    bindings::{rd_kafka_IsolationLevel_t, rd_kafka_t},
};

/// Keeps a librdkafka client from being destroyed while something of it is in use.
#[derive(Debug)]
pub(crate) struct ClientHandle {
    client: NonNull<rd_kafka_t>,
    /// With so many bytes in its queue, a partition is not fetched.
    pub(super) queue_bytes: usize,
    /// Up to where it reads.
    pub(super) isolation_level: rd_kafka_IsolationLevel_t,
}

// SAFETY: librdkafka's client may be used from any thread at the same time; the pointer itself is never changed.
unsafe impl Send for ClientHandle {}
// SAFETY: as above.
unsafe impl Sync for ClientHandle {}

impl ClientHandle {
    /// # Safety
    /// `client` outlives every use of the handle.
    pub(super) unsafe fn new(client: NonNull<rd_kafka_t>, settings: &ClientConfig) -> Self {
        Self { client, queue_bytes: queue_bytes(settings), isolation_level: isolation_level(settings) }
    }

    pub(super) fn as_ptr(&self) -> *mut rd_kafka_t {
        self.client.as_ptr()
    }
}

/// What may wait in a partition's queue, by the settings or librdkafka's default.
fn queue_bytes(settings: &ClientConfig) -> usize {
    let kib = settings.get("queued.max.messages.kbytes").and_then(|kib| kib.parse::<usize>().ok());
    kib.unwrap_or(65_536).saturating_mul(1024)
}

/// Up to where partitions are read, by the settings or librdkafka's default.
fn isolation_level(settings: &ClientConfig) -> rd_kafka_IsolationLevel_t {
    match settings.get("isolation.level") {
        Some(level) if level.eq_ignore_ascii_case("read_uncommitted") => {
            rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
        }
        Some(_) | None => rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
    }
}
