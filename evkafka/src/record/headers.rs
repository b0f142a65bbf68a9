use std::fmt;

use crate::native::NativeHeaders;

/// The headers of a record, in the order in which they were written.
///
/// A name may occur several times, and neither names nor values need be UTF-8: a producer can send any bytes.
#[derive(Clone, Copy)]
pub struct Headers<'r>(Repr<'r>);

#[derive(Clone, Copy)]
enum Repr<'r> {
    Slice(&'r [(Vec<u8>, Option<Vec<u8>>)]),
    Native(NativeHeaders<'r>),
}

impl<'r> Headers<'r> {
    pub(crate) fn from_slice(headers: &'r [(Vec<u8>, Option<Vec<u8>>)]) -> Self {
        Self(Repr::Slice(headers))
    }

    pub(crate) fn from_native(headers: NativeHeaders<'r>) -> Self {
        Self(Repr::Native(headers))
    }

    /// The value of the *last* header called `name`, as Kafka's own `lastHeader` picks it; `None` if there is no
    /// such header or if its value is null. The name is compared byte by byte, case matters.
    #[inline(always)]
    pub fn get(&self, name: &str) -> Option<&'r [u8]> {
        match self.0 {
            Repr::Slice(headers) => headers.iter().rfind(|(key, _)| key == name.as_bytes())?.1.as_deref(),
            Repr::Native(headers) => headers.last(name),
        }
    }

    /// All headers: name and value, a null value being `None`.
    ///
    /// With the feature `dynamic-linking` and another librdkafka than 2.12.1, names that contain a NUL byte end before it.
    pub fn iter(&self) -> HeadersIter<'r> {
        HeadersIter { headers: *self, next: 0 }
    }

    fn at(&self, index: usize) -> Option<(&'r [u8], Option<&'r [u8]>)> {
        match self.0 {
            Repr::Slice(headers) => {
                headers.get(index).map(|(name, value)| (name.as_slice(), value.as_deref()))
            }
            Repr::Native(headers) => headers.at(index),
        }
    }
}

impl<'r> IntoIterator for Headers<'r> {
    type Item = (&'r [u8], Option<&'r [u8]>);
    type IntoIter = HeadersIter<'r>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Names only: values may be personal data and do not belong in a log.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

/// Iterator over [`Headers`].
#[derive(Clone, Debug)]
pub struct HeadersIter<'r> {
    headers: Headers<'r>,
    next: usize,
}

impl<'r> Iterator for HeadersIter<'r> {
    type Item = (&'r [u8], Option<&'r [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.headers.at(self.next)?;
        self.next += 1;
        Some(header)
    }
}
