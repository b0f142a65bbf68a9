use std::{
    borrow::Cow,
    fmt::{self, Display, Write},
    rc::Rc,
    sync::Arc,
};

/// The key of a record that is about to be sent.
#[derive(Debug)]
pub struct EventKey<'k> {
    bytes: &'k mut Vec<u8>,
    /// Where it begins in the bytes, which are behind it those of others.
    start: usize,
    is_set: bool,
}

impl<'k> EventKey<'k> {
    /// Appends it to these bytes.
    pub(crate) fn new(bytes: &'k mut Vec<u8>) -> Self {
        Self { start: bytes.len(), bytes, is_set: false }
    }

    /// Its length; `None` if there is no key.
    pub(crate) fn len(&self) -> Option<usize> {
        self.is_set.then(|| self.bytes.len() - self.start)
    }

    /// Sets the key, in place of one that was set before.
    pub fn set<K: ToKey + ?Sized>(&mut self, key: &K) {
        self.clear();
        key.write_key(self);
    }

    /// Sets the key to these bytes, in place of what was set before.
    pub fn set_bytes(&mut self, bytes: &[u8]) {
        self.clear();
        self.bytes.extend_from_slice(bytes);
        self.is_set = true;
    }

    /// Sets the key to a text, in place of what was set before.
    pub fn set_text(&mut self, text: impl Display) {
        self.clear();
        // Bytes take whatever is written; an error would be the value's own, whose text ends there.
        let _ = write!(Text(self.bytes), "{text}");
        self.is_set = true;
    }

    /// The same text as [`set_text`](Self::set_text) makes of it, in a fraction of the time: most keys are such numbers.
    fn set_decimal(&mut self, mut number: u64) {
        const MOST: usize = 20;
        let mut digits = [0; MOST];
        let mut start = MOST;
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.set_bytes(&digits[start..]);
    }

    fn clear(&mut self) {
        self.bytes.truncate(self.start);
        self.is_set = false;
    }
}

struct Text<'b>(&'b mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// A value that can be the key of a record: text, bytes, and integers, which are written as decimal text (so that `7` and `"7"` are one
/// key, in every language). `None` is no key.
///
/// Implement it for types of your own:
///
/// ```
/// use evkafka::event::{EventKey, ToKey};
///
/// struct OrderId(u64);
///
/// impl ToKey for OrderId {
///     fn write_key(&self, key: &mut EventKey<'_>) {
///         key.set_text(format_args!("order-{}", self.0));
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a record",
    label = "not a key",
    note = "a key is text, bytes or an integer; implement `evkafka::event::ToKey` for a type of your own"
)]
pub trait ToKey {
    /// Sets the key to this value.
    fn write_key(&self, key: &mut EventKey<'_>);
}

macro_rules! keys {
    ($([$($generics:tt)*] $type:ty: $value:ident, $key:ident => $write:expr;)+) => {$(
        impl<$($generics)*> ToKey for $type {
            fn write_key(&self, $key: &mut EventKey<'_>) {
                let $value = self;
                $write
            }
        }
    )+};
}

keys! {
    [] str: text, key => key.set_bytes(text.as_bytes());
    [] String: text, key => key.set_bytes(text.as_bytes());
    [] [u8]: bytes, key => key.set_bytes(bytes);
    [] Vec<u8>: bytes, key => key.set_bytes(bytes);
    [const N: usize] [u8; N]: bytes, key => key.set_bytes(bytes);
    [T: ToKey + ?Sized] &T: value, key => (**value).write_key(key);
    [T: ToKey + ?Sized] Box<T>: value, key => (**value).write_key(key);
    [T: ToKey + ?Sized] Rc<T>: value, key => (**value).write_key(key);
    [T: ToKey + ?Sized] Arc<T>: value, key => (**value).write_key(key);
    [T: ToKey + ToOwned + ?Sized] Cow<'_, T>: value, key => (**value).write_key(key);
    [T: ToKey] Option<T>: value, key => {
        if let Some(value) = value {
            value.write_key(key);
        }
    };
}

macro_rules! integers {
    ($($type:ty)+) => {$(
        impl ToKey for $type {
            fn write_key(&self, key: &mut EventKey<'_>) {
                match u64::try_from(*self) {
                    Ok(number) => key.set_decimal(number),
                    Err(_) => key.set_text(self),
                }
            }
        }
    )+};
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

#[cfg(test)]
mod tests {
    use super::*;

    fn key<K: ToKey + ?Sized>(value: &K) -> Option<Vec<u8>> {
        let mut bytes = b"before".to_vec();
        let mut key = EventKey::new(&mut bytes);
        // What was set before is replaced.
        key.set_text("replaced");
        key.set(value);
        let len = key.len()?;
        assert_eq!(bytes.len(), len + 6);
        Some(bytes.split_off(6))
    }

    #[test]
    fn text_and_integers_are_text_and_bytes_are_bytes() {
        for written in [key("7"), key(&7_u64), key(&7_i8), key(&"7".to_owned()), key(&Cow::Borrowed("7"))] {
            assert_eq!(written.as_deref(), Some(&b"7"[..]));
        }
        assert_eq!(key(&-1_i64).as_deref(), Some(&b"-1"[..]));
        assert_eq!(key(&[0_u8, 255]).as_deref(), Some(&[0, 255][..]));
        assert_eq!(key(&Some(Arc::new("a"))).as_deref(), Some(&b"a"[..]));
    }

    #[test]
    fn an_integer_is_its_decimal_text() {
        for number in [0, 9, 10, 7_919, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(key(&number), Some(number.to_string().into_bytes()));
        }
        assert_eq!(key(&i64::MIN), Some(i64::MIN.to_string().into_bytes()));
        for number in [0, u128::from(u64::MAX) + 1, u128::MAX] {
            assert_eq!(key(&number), Some(number.to_string().into_bytes()));
        }
    }

    #[test]
    fn none_is_no_key_and_empty_is_an_empty_one() {
        assert_eq!(key(&None::<u8>), None);
        assert_eq!(key("").as_deref(), Some(&b""[..]));
    }
}
