use std::{ffi::c_int, time::Duration};

/// A time as librdkafka takes it.
pub(super) fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX)
}
