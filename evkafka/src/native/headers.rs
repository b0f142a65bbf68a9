use std::{
    ffi::{CStr, c_char, c_void},
    marker::PhantomData,
    ptr::{self, NonNull},
    slice,
};

use rdkafka::bindings::{
    rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers, rd_kafka_message_t,
    rd_kafka_resp_err_t,
};

/// The headers of a message that librdkafka holds.
#[derive(Clone, Copy)]
pub(crate) struct NativeHeaders<'r> {
    headers: Option<NonNull<rd_kafka_headers_t>>,
    message: PhantomData<&'r rd_kafka_message_t>,
}

// SAFETY: after `of` has had them parsed, the headers are only read.
unsafe impl Send for NativeHeaders<'_> {}
// SAFETY: as above.
unsafe impl Sync for NativeHeaders<'_> {}

impl<'r> NativeHeaders<'r> {
    /// The headers of `message`, which are parsed at the first call. Headers that cannot be parsed count as none.
    ///
    /// # Safety
    /// `message` must be alive for `'r`, and no other thread may call this for the same message at the same time.
    pub(super) unsafe fn of(message: NonNull<rd_kafka_message_t>) -> Self {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive (caller); the result is owned by the message.
        let result = unsafe { rd_kafka_message_headers(message.as_ptr(), &mut headers) };
        let found = result == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        Self { headers: NonNull::new(headers).filter(|_| found), message: PhantomData }
    }

    /// Name and value of the header at `index`, in the order in which they were written.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Option<(&'r [u8], Option<&'r [u8]>)> {
        let headers = self.headers?;
        let mut name: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut len = 0;
        // SAFETY: the headers live as long as their message (`'r`); the out pointers are valid.
        let result =
            unsafe { rd_kafka_header_get_all(headers.as_ptr(), index, &mut name, &mut value, &mut len) };
        if result != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: librdkafka ends the name with a NUL and keeps it as long as the headers. Any bytes may precede it.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes();
        let value = NonNull::new(value.cast_mut().cast::<u8>())
            // SAFETY: `len` bytes at `value`, alive as long as the headers.
            .map(|value| unsafe { slice::from_raw_parts(value.as_ptr(), len) });
        Some((name, value))
    }
}
