use std::{
    ffi::{CString, c_char, c_int, c_void},
    ptr,
};

use rdkafka::{
    bindings::{
        RD_KAFKA_MSG_F_COPY, rd_kafka_error_destroy, rd_kafka_error_t, rd_kafka_header_add,
        rd_kafka_headers_destroy, rd_kafka_headers_new, rd_kafka_produceva, rd_kafka_t, rd_kafka_vtype_t,
        rd_kafka_vtype_t as T, rd_kafka_vu_s__bindgen_ty_1 as Value,
        rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 as Memory, rd_kafka_vu_t,
    },
    error::RDKafkaErrorCode,
};

use super::error_code::from_number;

// As in rdkafka's bindings, but that the error comes as a number.
unsafe extern "C" {
    fn rd_kafka_error_code(error: *const rd_kafka_error_t) -> c_int;
}

/// `RD_KAFKA_PARTITION_UA` of librdkafka's header, a macro that the bindings leave out.
const ANY_PARTITION: i32 = -1;
/// What librdkafka replaces by its clock.
const NOW: i64 = 0;

/// A record to produce. rdkafka's own interface takes header names as `str` only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord<'r> {
    pub(crate) topic: &'r str,
    /// `None` leaves it to the key, or to chance.
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<&'r [u8]>,
    pub(crate) payload: Option<&'r [u8]>,
    /// Names and values. A value may be null.
    pub(crate) headers: &'r [RawHeader<'r>],
    /// In milliseconds since 1970; `None` is the time at which the client takes it.
    pub(crate) timestamp: Option<i64>,
}

/// A header's name and value, of any bytes.
pub(crate) type RawHeader<'r> = (&'r [u8], Option<&'r [u8]>);

#[cfg(test)]
impl RawRecord<'static> {
    /// One for tests.
    pub(crate) const ORDER: Self = Self {
        topic: "orders",
        partition: None,
        key: None,
        payload: Some(b"7"),
        headers: &[],
        timestamp: None,
    };
}

impl RawRecord<'_> {
    /// Its size, without what the protocol adds.
    pub(crate) fn bytes(&self) -> usize {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + len(*value));
        len(self.key) + len(self.payload) + headers.sum::<usize>()
    }
}

/// Hands a record to a producer, which copies it. Its delivery is reported with `opaque`.
///
/// # Errors
/// When the producer does not take it (its queue is full, the topic's name is invalid); then nothing is reported.
///
/// # Safety
/// `producer` is a client that is alive.
#[inline]
pub(super) unsafe fn produce(
    producer: *mut rd_kafka_t,
    record: RawRecord<'_>,
    opaque: *mut c_void,
) -> Result<(), RDKafkaErrorCode> {
    let topic = TopicName::new(record.topic).map_err(|InvalidName| RDKafkaErrorCode::InvalidTopic)?;
    // SAFETY: creates a list of our own, given to librdkafka or destroyed below.
    let headers = unsafe { rd_kafka_headers_new(record.headers.len()) };
    for (name, value) in record.headers {
        let (value, len) = value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
        // SAFETY: the list is ours; name and value are copied, each with its length (a slice has at most `isize::MAX`
        // bytes). It fails only for lists that may not be changed.
        unsafe {
            rd_kafka_header_add(
                headers,
                name.as_ptr().cast(),
                name.len() as isize,
                value.cast(),
                len as isize,
            );
        }
    }
    let arguments = [
        argument(T::RD_KAFKA_VTYPE_TOPIC, Value { cstr: topic.as_ptr() }),
        argument(T::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: RD_KAFKA_MSG_F_COPY }),
        argument(T::RD_KAFKA_VTYPE_KEY, Value { mem: memory(record.key) }),
        argument(T::RD_KAFKA_VTYPE_VALUE, Value { mem: memory(record.payload) }),
        argument(T::RD_KAFKA_VTYPE_HEADERS, Value { headers }),
        argument(T::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: opaque }),
        argument(T::RD_KAFKA_VTYPE_PARTITION, Value { i32_: record.partition.unwrap_or(ANY_PARTITION) }),
        argument(T::RD_KAFKA_VTYPE_TIMESTAMP, Value { i64_: record.timestamp.unwrap_or(NOW) }),
    ];
    // SAFETY: the client is alive (caller); each argument has the field that its type asks for; key and payload are copied
    // (`F_COPY`); on success the headers belong to librdkafka.
    let error = unsafe { rd_kafka_produceva(producer, arguments.as_ptr(), arguments.len()) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is ours; after it the headers are still ours too, and nobody else knows them.
    unsafe {
        let code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        rd_kafka_headers_destroy(headers);
        Err(from_number(code).err().unwrap_or(RDKafkaErrorCode::Fail))
    }
}

/// What most names of topics fit into, with a NUL. Kafka's longest has 249 bytes.
const SHORT: usize = 64;

/// A topic's name with a NUL behind it.
#[allow(
    clippy::large_enum_variant,
    reason = "it stays on the stack: an allocation for each record would be felt"
)]
enum TopicName {
    Short([u8; SHORT]),
    Long(CString),
}

/// It has a NUL in it.
struct InvalidName;

impl TopicName {
    fn new(name: &str) -> Result<Self, InvalidName> {
        if name.len() >= SHORT {
            return CString::new(name).map(Self::Long).map_err(|_| InvalidName);
        }
        if name.as_bytes().contains(&0) {
            return Err(InvalidName);
        }
        let mut short = [0; SHORT];
        short[..name.len()].copy_from_slice(name.as_bytes());
        Ok(Self::Short(short))
    }

    fn as_ptr(&self) -> *const c_char {
        match self {
            Self::Short(bytes) => bytes.as_ptr().cast(),
            Self::Long(name) => name.as_ptr(),
        }
    }
}

#[inline(always)]
fn argument(vtype: rd_kafka_vtype_t, u: Value) -> rd_kafka_vu_t {
    rd_kafka_vu_t { vtype, u }
}

/// Null stays null: an empty slice has an address.
#[inline]
fn memory(bytes: Option<&[u8]>) -> Memory {
    let (ptr, size) = bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
    Memory { ptr: ptr.cast_mut().cast(), size }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn name(text: &str) -> Option<String> {
        let name = TopicName::new(text).ok()?;
        // SAFETY: it ends with a NUL, and is alive.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        Some(name.to_str().expect("as it came").to_owned())
    }

    #[test]
    fn a_topics_name_of_any_length_ends_with_a_nul() {
        for len in [0, 1, SHORT - 2, SHORT - 1, SHORT, 249, 1_000] {
            let text = "t".repeat(len);
            assert_eq!(name(&text), Some(text));
        }
    }

    #[test]
    fn a_topics_name_with_a_nul_is_refused() {
        for text in [
            "\0",
            "a\0",
            "\0a",
            "a\0b",
            &format!("{}\0", "t".repeat(SHORT - 1)),
            &format!("{}\0", "t".repeat(300)),
        ] {
            assert_eq!(name(text), None, "{text:?}");
        }
    }
}
