use std::ffi::CStr;

use rdkafka::{
    bindings::{rd_kafka_error_destroy, rd_kafka_error_string, rd_kafka_error_t, rd_kafka_resp_err_t},
    error::RDKafkaErrorCode,
};

/// The error with this number.
#[inline]
pub(super) fn from_number(code: i32) -> Result<(), RDKafkaErrorCode> {
    match code {
        0 => Ok(()),
        code => Err(known(code)),
    }
}

/// Reads the error of a message or a partition. A broker may give it a code that librdkafka passes on and does not know itself,
/// which must not be taken for a value of the enumeration.
///
/// # Safety
/// `error` may be read as a number of 32 bits.
#[inline]
pub(super) unsafe fn result_at(error: *const rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: the caller's promise; the enumeration has the layout of the number.
    from_number(unsafe { error.cast::<i32>().read() })
}

/// # Safety
/// `error` is null or an error of our own, which is destroyed.
pub(super) unsafe fn into_result(error: *mut rd_kafka_error_t) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: an error of our own (caller), whose text lives as long.
    unsafe {
        let text = CStr::from_ptr(rd_kafka_error_string(error)).to_string_lossy().into_owned();
        rd_kafka_error_destroy(error);
        Err(text)
    }
}

#[cold]
fn known(code: i32) -> RDKafkaErrorCode {
    rd_kafka_resp_err_t::try_from(code).map_or(RDKafkaErrorCode::Unknown, Into::into)
}

/// The error codes that librdkafka has and rdkafka has a name for, each once.
#[cfg(test)]
pub(crate) fn all_error_codes() -> Vec<RDKafkaErrorCode> {
    let (mut table, mut count) = (std::ptr::null(), 0);
    // SAFETY: librdkafka writes the address and the length of a table of its own, which is never changed. The codes may be numbers
    // that the enumeration lacks, so that there is no reference to an element.
    unsafe {
        rdkafka::bindings::rd_kafka_get_err_descs(&mut table, &mut count);
        (0..count)
            .filter(|index| !(*table.add(*index)).name.is_null())
            .filter_map(|index| result_at(&raw const (*table.add(index)).code).err())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_librdkafka_does_not_know_is_an_unknown_error() {
        let read = |code: i32| {
            // SAFETY: it points to a number.
            unsafe { result_at((&raw const code).cast()) }
        };
        assert_eq!(read(0), Ok(()));
        assert_eq!(read(3), Err(RDKafkaErrorCode::UnknownTopicOrPartition));
        // INCONSISTENT_TOPIC_ID, an answer to Fetch since Kafka 3.1.
        assert_eq!(read(103), Err(RDKafkaErrorCode::Unknown));
    }
}
