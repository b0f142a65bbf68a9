use std::ptr::NonNull;

use rdkafka::bindings::rd_kafka_message_t;

use super::{NativeHeaders, headers::headers};
use crate::record::Headers;

/// The headers of a message, as a handler gets them.
///
/// # Safety
/// `message` must be alive, and its headers unchanged, for `'r`; no other thread may use it meanwhile.
pub unsafe fn headers_of<'r>(message: NonNull<rd_kafka_message_t>) -> Headers<'r> {
    // SAFETY: the caller's promise.
    Headers::from_native(unsafe { NativeHeaders::new(headers(message)) })
}
