use std::{
    ffi::{CStr, c_char, c_int},
    ptr::{self, NonNull},
};

use rdkafka::{
    bindings::{
        RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_FETCH, RD_KAFKA_EVENT_LOG, RD_KAFKA_EVENT_REBALANCE,
        RD_KAFKA_EVENT_STATS, rd_kafka_event_destroy, rd_kafka_event_error_is_fatal,
        rd_kafka_event_error_string, rd_kafka_event_log, rd_kafka_event_message_next, rd_kafka_event_stats,
        rd_kafka_event_t, rd_kafka_event_topic_partition_list, rd_kafka_event_type, rd_kafka_resp_err_t,
        rd_kafka_topic_name,
    },
    config::RDKafkaLogLevel,
    error::RDKafkaErrorCode,
};

use super::{error_code::from_number, list::PartitionList};

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_event_error(event: *mut rd_kafka_event_t) -> c_int;
}

/// What a client has to say.
#[derive(Debug)]
pub(crate) enum Event {
    /// These partitions are the member's now.
    Assign(PartitionList),
    /// These partitions are to be given up.
    Revoke(PartitionList),
    /// Something is wrong, perhaps not for long.
    Error(ClientFailure),
    /// librdkafka's own log.
    Log { level: RDKafkaLogLevel, facility: String, message: String },
    /// What it reports on itself: a JSON document, of 0.7 MB if there are 1,000 partitions.
    Statistics(Box<[u8]>),
    /// A record (or an error of a partition) that did not come by its partition's own queue.
    Record { topic: String, partition: i32, offset: i64 },
    /// Nothing of interest.
    Other,
}

/// What a client says is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientFailure {
    pub(crate) code: RDKafkaErrorCode,
    /// In librdkafka's words.
    pub(crate) reason: String,
    /// Whether the client is of no use any more.
    pub(crate) is_fatal: bool,
}

impl Event {
    /// Reads an event and gives it back.
    ///
    /// # Safety
    /// The event is alive and ours, and is destroyed.
    pub(super) unsafe fn take(event: NonNull<rd_kafka_event_t>) -> Self {
        let event = event.as_ptr();
        // SAFETY: alive until it is destroyed, after which nothing that was read points into it.
        unsafe {
            let read = match rd_kafka_event_type(event) {
                RD_KAFKA_EVENT_REBALANCE => rebalance(event),
                RD_KAFKA_EVENT_ERROR => error(event),
                RD_KAFKA_EVENT_LOG => log(event),
                RD_KAFKA_EVENT_FETCH => record(event),
                RD_KAFKA_EVENT_STATS => statistics(event),
                _ => Self::Other,
            };
            rd_kafka_event_destroy(event);
            read
        }
    }
}

/// # Safety
/// A rebalance event that is alive.
unsafe fn rebalance(event: *mut rd_kafka_event_t) -> Event {
    // SAFETY: alive (caller); its list, which is copied, as long.
    let (code, list) = unsafe {
        (rd_kafka_event_error(event), PartitionList::copy(rd_kafka_event_topic_partition_list(event)))
    };
    match list {
        Some(list) if code == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS as c_int => {
            Event::Assign(list)
        }
        Some(list) if code == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS as c_int => {
            Event::Revoke(list)
        }
        _ => Event::Other,
    }
}

/// # Safety
/// An error event that is alive.
unsafe fn error(event: *mut rd_kafka_event_t) -> Event {
    // SAFETY: alive (caller), and its text as long.
    unsafe {
        match from_number(rd_kafka_event_error(event)) {
            Ok(()) => Event::Other,
            Err(code) => Event::Error(ClientFailure {
                code,
                reason: text(rd_kafka_event_error_string(event)),
                is_fatal: rd_kafka_event_error_is_fatal(event) != 0,
            }),
        }
    }
}

/// # Safety
/// A log event that is alive.
unsafe fn log(event: *mut rd_kafka_event_t) -> Event {
    let (mut facility, mut message, mut level) = (ptr::null(), ptr::null(), 0);
    // SAFETY: alive (caller), and its texts as long.
    unsafe {
        if rd_kafka_event_log(event, &mut facility, &mut message, &mut level) != 0 {
            return Event::Other;
        }
        Event::Log { level: log_level(level), facility: text(facility), message: text(message) }
    }
}

/// # Safety
/// A statistics event that is alive.
unsafe fn statistics(event: *mut rd_kafka_event_t) -> Event {
    // SAFETY: alive (caller); its text ends with a NUL, and is copied.
    unsafe {
        let json = rd_kafka_event_stats(event);
        if json.is_null() { Event::Other } else { Event::Statistics(CStr::from_ptr(json).to_bytes().into()) }
    }
}

/// # Safety
/// A fetch event that is alive.
unsafe fn record(event: *mut rd_kafka_event_t) -> Event {
    // SAFETY: alive (caller); its message is the event's, and lives as long. Its error, which may be any number, is not read.
    unsafe {
        let message = rd_kafka_event_message_next(event);
        if message.is_null() {
            return Event::Other;
        }
        let topic = (*message).rkt;
        Event::Record {
            topic: if topic.is_null() { String::new() } else { text(rd_kafka_topic_name(topic)) },
            partition: (*message).partition,
            offset: (*message).offset,
        }
    }
}

/// # Safety
/// `text` is null or ends with a NUL.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned()
}

/// The level of syslog that is meant.
fn log_level(level: c_int) -> RDKafkaLogLevel {
    use RDKafkaLogLevel as L;
    match level {
        0 => L::Emerg,
        1 => L::Alert,
        2 => L::Critical,
        3 => L::Error,
        4 => L::Warning,
        5 => L::Notice,
        6 => L::Info,
        _ => L::Debug,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::ClientConfig;

    use super::*;
    use crate::native::{OwnedClient, test_mock};

    const JOIN_GROUP: i16 = 11;

    #[test]
    fn an_error_that_librdkafka_does_not_know_is_an_unknown_error() {
        let mut settings = ClientConfig::new();
        settings.set("test.mock.num.brokers", "1").set("group.id", "billing");
        let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
        // SAFETY: the client is alive, and has a mock cluster.
        unsafe { test_mock::refuse(client.handle().as_ptr(), c"orders", JOIN_GROUP, &[9_999]) };
        client.subscribe(["orders"]).expect("librdkafka takes the topic");
        let deadline = Instant::now() + Duration::from_secs(60);
        let failure = loop {
            match client.poll(Duration::from_millis(100)) {
                Some(Event::Error(failure)) if failure.reason.contains("JoinGroup") => break failure,
                _ => assert!(Instant::now() < deadline, "the error is told"),
            }
        };
        assert_eq!((failure.code, failure.is_fatal), (RDKafkaErrorCode::Unknown, false));
        assert!(failure.reason.contains("9999"), "{failure:?}");
    }
}
