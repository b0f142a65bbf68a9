//! What a producer wrote, fit for a log line: neither its length nor its characters are to be trusted. Keys, payloads and values of
//! headers may be personal data, and are not shown at all.

use std::fmt::{self, Write};

/// How long a value is that is not shown.
pub(crate) struct Hidden<'r>(pub(crate) Option<&'r [u8]>);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("None"),
            Some(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

/// Bytes as text of at most `limit` characters. What is not UTF-8 is replaced, what is not printable is escaped, and an ellipsis says
/// that something was cut off.
pub(crate) fn shown(bytes: &[u8], limit: usize) -> String {
    // No more is looked at than can be shown: a header may have megabytes.
    let head = &bytes[..bytes.len().min(limit.saturating_mul(4).saturating_add(4))];
    let text = String::from_utf8_lossy(head);
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(limit) {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => write!(shown, "{}", character.escape_debug()).expect("a String takes all"),
        }
    }
    if head.len() < bytes.len() || characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_long_or_hostile_is_cut_and_escaped() {
        assert_eq!(shown(b"OrderCreated", 64), "OrderCreated");
        assert_eq!(shown(b"\"OrderCreated\"", 64), "\"OrderCreated\"");
        assert_eq!(shown("Ü\n\u{1b}[31m\u{202e}x".as_bytes(), 64), "Ü\\n\\u{1b}[31m\\u{202e}x");
        assert_eq!(shown(b"\xff\xfe", 64), "\u{fffd}\u{fffd}");
        assert_eq!(shown(&[b'x'; 10_000_000], 3), "xxx…");
        assert_eq!(shown("日本語".as_bytes(), 3), "日本語");
        assert_eq!(shown("日本語x".as_bytes(), 3), "日本語…");
    }

    proptest! {
        #[test]
        fn it_is_one_short_line_whatever_it_is(bytes: Vec<u8>, limit in 0..100_usize) {
            let shown = shown(&bytes, limit);
            prop_assert!(!shown.chars().any(char::is_control));
            // The longest escape is `\u{10ffff}`.
            prop_assert!(shown.chars().count() <= limit * 10 + 1);
        }
    }
}
