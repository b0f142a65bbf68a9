//! A message of librdkafka's, to put headers on.

use std::ptr::{self, NonNull};

use evkafka::{__private::fuzzing::headers_of, Headers};
use rdkafka::bindings::*;

/// A name, and a value that may be null.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// A record that was never sent: the producer gives it back when it is told to forget what it has in its queue. It lives as long as
/// the process, and so does its producer.
pub struct Message(NonNull<rd_kafka_message_t>);

impl Message {
    pub fn new() -> Self {
        // SAFETY: the calls of a producer in their order, with what the ones before returned; nothing is destroyed.
        let message = unsafe {
            let config = rd_kafka_conf_new();
            rd_kafka_conf_set_events(config, RD_KAFKA_EVENT_DR);
            let client = rd_kafka_new(rd_kafka_type_t::RD_KAFKA_PRODUCER, config, ptr::null_mut(), 0);
            let topic = rd_kafka_topic_new(client, c"orders".as_ptr(), ptr::null_mut());
            let (nothing, any_partition) = (ptr::null_mut(), -1);
            rd_kafka_produce(topic, any_partition, 0, nothing, 0, nothing, 0, nothing);
            rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE);
            let event = rd_kafka_queue_poll(rd_kafka_queue_get_main(client), 10_000);
            rd_kafka_event_message_next(event)
        };
        Self(NonNull::new(message.cast_mut()).expect("the record comes back"))
    }

    /// What evkafka reads when the message has these headers.
    pub fn with_headers(&mut self, headers: &[Header], look: impl FnOnce(Headers<'_>)) {
        // SAFETY: the list is ours until the message gets it, which destroys the one before. The message lives for ever, and nobody
        // else has it.
        unsafe {
            let list = rd_kafka_headers_new(headers.len());
            for (name, value) in headers {
                let (start, len) = value.as_deref().map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
                let name_len = name.len() as isize;
                rd_kafka_header_add(list, name.as_ptr().cast(), name_len, start.cast(), len as isize);
            }
            rd_kafka_message_set_headers(self.0.as_ptr(), list);
            look(headers_of(self.0));
        }
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}
