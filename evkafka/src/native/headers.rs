use std::{
    ffi::{CStr, CString, c_char, c_void},
    marker::PhantomData,
    ptr::{self, NonNull},
    slice,
};

use rdkafka::bindings::{
    rd_kafka_header_cnt, rd_kafka_header_get_all, rd_kafka_header_get_last, rd_kafka_headers_t,
    rd_kafka_message_headers, rd_kafka_message_t, rd_kafka_resp_err_t, rd_kafka_version,
};

/// The headers of a message that librdkafka holds.
#[derive(Clone, Copy)]
pub(crate) struct NativeHeaders<'r> {
    headers: Option<NonNull<rd_kafka_headers_t>>,
    message: PhantomData<&'r rd_kafka_message_t>,
}

// SAFETY: they are only read.
unsafe impl Send for NativeHeaders<'_> {}
// SAFETY: as above.
unsafe impl Sync for NativeHeaders<'_> {}

/// The headers of `message`, which are parsed at the first call. Headers that cannot be parsed count as none.
///
/// # Safety
/// `message` is alive, and no other thread calls this for it at the same time.
#[inline]
pub(super) unsafe fn headers(message: NonNull<rd_kafka_message_t>) -> Option<NonNull<rd_kafka_headers_t>> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is alive (caller); the result is owned by the message.
    let result = unsafe { rd_kafka_message_headers(message.as_ptr(), &mut headers) };
    NonNull::new(headers).filter(|_| result == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR)
}

impl<'r> NativeHeaders<'r> {
    /// # Safety
    /// They are a message's that is alive for `'r`.
    #[inline]
    pub(super) unsafe fn new(headers: Option<NonNull<rd_kafka_headers_t>>) -> Self {
        Self { headers, message: PhantomData }
    }

    /// Name and value of the header at `index`, in the order in which they were written.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Option<Header<'r>> {
        let (name, value) = self.raw_at(index)?;
        // SAFETY: a name of these headers, which live for `'r`; its length is read only where it is known to lie.
        let name =
            unsafe { if has_known_layout() { whole_name(name) } else { CStr::from_ptr(name).to_bytes() } };
        Some((name, value))
    }

    /// The value of the last header called `name`; `None` if there is none, or if its value is null.
    #[inline]
    pub(crate) fn last(&self, name: &str) -> Option<&'r [u8]> {
        let headers = self.headers?;
        if !has_known_layout() {
            return self.last_by_librdkafka(name);
        }
        // SAFETY: the headers live as long as their message (`'r`).
        let count = unsafe { rd_kafka_header_cnt(headers.as_ptr()) };
        (0..count).rev().find_map(|index| {
            let (other, value) = self.raw_at(index)?;
            // SAFETY: a name of these headers, whose layout is known.
            let other = unsafe { whole_name(other) };
            (other == name.as_bytes()).then_some(value)
        })?
    }

    /// The same, without looking at the names: librdkafka compares their lengths too, and so takes none for another one that it
    /// merely begins with, before a NUL.
    #[cold]
    fn last_by_librdkafka(&self, name: &str) -> Option<&'r [u8]> {
        // It cannot look for a name with a NUL.
        let name = CString::new(name).ok()?;
        let mut value: *const c_void = ptr::null();
        let mut len = 0;
        // SAFETY: the headers live as long as their message (`'r`); name and out pointers are valid.
        let result =
            unsafe { rd_kafka_header_get_last(self.headers?.as_ptr(), name.as_ptr(), &mut value, &mut len) };
        // SAFETY: `len` bytes at `value`, alive as long as the headers.
        unsafe { value_at(value, len) }.filter(|_| result == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR)
    }

    #[inline]
    fn raw_at(&self, index: usize) -> Option<(*const c_char, Option<&'r [u8]>)> {
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
        // SAFETY: `len` bytes at `value`, alive as long as the headers.
        Some((name, unsafe { value_at(value, len) }))
    }
}

/// Name and value of a header. The value may be null.
type Header<'r> = (&'r [u8], Option<&'r [u8]>);

/// # Safety
/// Unless `value` is null, `len` bytes must be there for `'r`.
#[inline]
unsafe fn value_at<'r>(value: *const c_void, len: usize) -> Option<&'r [u8]> {
    // SAFETY: the caller's promise.
    NonNull::new(value.cast_mut().cast::<u8>())
        .map(|value| unsafe { slice::from_raw_parts(value.as_ptr(), len) })
}

/// The version of librdkafka whose `rd_kafka_header_s` was looked at: 2.12.1.
const KNOWN_VERSION: i32 = 0x02_0c_01_ff;

/// Whether it is known how a header lies in memory. With `dynamic-linking`, another librdkafka may be in use.
#[inline]
fn has_known_layout() -> bool {
    // SAFETY: it returns a constant.
    unsafe { rd_kafka_version() == KNOWN_VERSION }
}

/// A header's name with all its bytes, of which any may be a NUL. librdkafka's interface has no length for it, but keeps one:
///
/// ```c
/// typedef struct rd_kafka_header_s {
///         size_t rkhdr_ser_size;
///         size_t rkhdr_value_size;
///         size_t rkhdr_name_size;
///         char *rkhdr_value;
///         char rkhdr_name[1];
/// } rd_kafka_header_t;
/// ```
///
/// # Safety
/// `name` must come from `rd_kafka_header_get_all` of a librdkafka whose layout is known, and its headers must be alive for `'r`.
#[inline]
unsafe fn whole_name<'r>(name: *const c_char) -> &'r [u8] {
    // SAFETY: the length lies two words before the name in the same allocation, and is aligned as the allocation is; so many
    // bytes follow at `name`.
    unsafe { slice::from_raw_parts(name.cast(), name.cast::<usize>().sub(2).read()) }
}

#[cfg(test)]
mod tests {
    use rdkafka::bindings::{rd_kafka_header_add, rd_kafka_headers_destroy, rd_kafka_headers_new};

    use super::*;

    /// Headers that librdkafka holds as it holds those of a message that it received.
    struct Held(NonNull<rd_kafka_headers_t>);

    impl Held {
        fn new(headers: &[Header<'_>]) -> Self {
            // SAFETY: the list is ours until it is dropped; names and values are copied, each with its length.
            unsafe {
                let list = rd_kafka_headers_new(headers.len());
                for (name, value) in headers {
                    let (start, len) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
                    let name_len = name.len() as isize;
                    rd_kafka_header_add(list, name.as_ptr().cast(), name_len, start.cast(), len as isize);
                }
                Self(NonNull::new(list).expect("a list"))
            }
        }

        fn headers(&self) -> NativeHeaders<'_> {
            NativeHeaders { headers: Some(self.0), message: PhantomData }
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            // SAFETY: nobody reads the list any more.
            unsafe { rd_kafka_headers_destroy(self.0.as_ptr()) };
        }
    }

    const WITH_NUL: &[Header<'static>] = &[
        (b"Event-Type", Some(b"Ours")),
        (b"Event-Type\0-of-somebody-else", Some(b"Theirs")),
        (b"Event-Type\0-and-null", None),
        (b"Event-Type\0", Some(b"")),
        (b"\0", None),
        (b"", Some(b"\0")),
        (b"", None),
        (b"null", None),
    ];

    #[test]
    fn a_name_with_a_nul_byte_is_read_whole() {
        let held = Held::new(WITH_NUL);
        let headers = held.headers();
        let read: Vec<_> = (0..).map_while(|index| headers.at(index)).collect();
        assert_eq!(read, WITH_NUL);
    }

    #[test]
    fn a_name_with_a_nul_byte_is_no_other_name() {
        let held = Held::new(WITH_NUL);
        for look in [NativeHeaders::last, NativeHeaders::last_by_librdkafka] {
            let last = |name| look(&held.headers(), name);
            assert_eq!(last("Event-Type"), Some(&b"Ours"[..]));
            assert_eq!(last("Event-Type\0-and-null"), None);
            assert_eq!(last("Event"), None);
            assert_eq!(last(""), None, "the last one is null");
        }
        assert_eq!(held.headers().last("Event-Type\0-of-somebody-else"), Some(&b"Theirs"[..]));
    }

    #[test]
    fn finds_the_last_header_of_a_name() {
        let held = Held::new(&[(b"n", Some(b"first")), (b"n", Some(b"last")), (b"nn", None)]);
        for look in [NativeHeaders::last, NativeHeaders::last_by_librdkafka] {
            assert_eq!(look(&held.headers(), "n"), Some(&b"last"[..]));
            assert_eq!(look(&held.headers(), "nn"), None);
            assert_eq!(look(&held.headers(), "x"), None);
        }
    }

    /// A new librdkafka has to be looked at before its memory is: is `rd_kafka_header_s` in `rdkafka_header.h` still the same?
    #[test]
    fn the_librdkafka_in_use_is_the_one_whose_layout_is_known() {
        assert!(has_known_layout());
    }
}
