use std::{fmt::Write, ops::Range};

/// The longest key that is shown, in characters.
const LONGEST_KEY: usize = 40;

/// The longest path that is shown, in characters. Of a longer one the end is.
const LONGEST: usize = 200;

/// An array or an object that is open at some place in a document, and where in it that place is.
enum Open {
    /// The last key that was read, without its quotes.
    Object(Option<Range<usize>>),
    Array(usize),
}

/// The path to where in `document` an error is that `serde_json` found after so many bytes: `lines[2].price`; empty at the top
/// level.
///
/// `serde_json` read that far without an objection, so what is there is JSON. (Had it been asked to note the path itself, by way of
/// `serde_path_to_error`, each event type would be compiled twice.) An error that a type's own code raised after a value was read is at
/// the value's end; at the end of the object around it, if it was the last one there.
///
/// The key of a map may be personal data, and nothing here tells it from the name of a field. So a key is shown only if it looks like a
/// name in code.
pub(super) fn to(document: &[u8], end: usize) -> String {
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while at < end.min(document.len()) {
        let begin = at;
        at += 1;
        match document[begin] {
            b'{' => open.push(Open::Object(None)),
            b'[' => open.push(Open::Array(0)),
            b'}' | b']' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Open::Object(key)) => *key = None,
                Some(Open::Array(index)) => *index += 1,
                None => {}
            },
            b'"' => {
                at = end_of_string(document, at);
                if let Some(Open::Object(key @ None)) = open.last_mut() {
                    *key = Some(begin + 1..at.saturating_sub(1).max(begin + 1));
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for open in &open {
        // Writing to a string does not fail.
        let _ = match open {
            Open::Object(None) => Ok(()),
            Open::Object(Some(key)) => match name(&document[key.clone()]) {
                Some(name) if path.is_empty() => write!(path, "{name}"),
                Some(name) => write!(path, ".{name}"),
                None => write!(path, "[…]"),
            },
            Open::Array(index) => write!(path, "[{index}]"),
        };
    }
    match path.char_indices().nth_back(LONGEST) {
        None => path,
        Some((cut, character)) => format!("…{}", &path[cut + character.len_utf8()..]),
    }
}

/// Where the string ends whose first character is at `at`: behind its closing quote, or at the document's end.
fn end_of_string(document: &[u8], mut at: usize) -> usize {
    while let Some(byte) = document.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    document.len()
}

/// A key that looks like a name in code: `price`, `line-2`, `@type`. An address, a telephone number, an IBAN or a UUID does not.
fn name(key: &[u8]) -> Option<&str> {
    let key = str::from_utf8(key).ok()?;
    let first = key.chars().next()?;
    let is_name = (first.is_alphabetic() || matches!(first, '_' | '$' | '@'))
        && key.chars().skip(1).all(|character| character.is_alphanumeric() || matches!(character, '_' | '-'))
        && key.chars().filter(|character| character.is_numeric()).count() <= 3
        && key.chars().count() <= LONGEST_KEY;
    is_name.then_some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_shown_only_if_it_looks_like_a_name_in_code() {
        for shown in ["price", "_id", "$ref", "@type", "addressLine2", "unit-price", "straße"] {
            assert_eq!(name(shown.as_bytes()), Some(shown));
        }
        for hidden in [
            "",
            "jane@example.org",
            "Jane Doe",
            "+49 30 1234",
            "4711",
            "DE89370400440532013000",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "a\\u0000",
            &"x".repeat(41),
        ] {
            assert_eq!(name(hidden.as_bytes()), None, "{hidden}");
        }
    }

    #[test]
    fn a_long_path_is_cut_in_front() {
        let document = r#"{"inner":"#.repeat(100);
        let path = to(document.as_bytes(), document.len());
        assert_eq!(path.chars().count(), LONGEST + 1);
        assert!(path.starts_with('…') && path.ends_with("inner.inner"), "{path}");
    }

    proptest! {
        /// The position may come from a type's own error, which can say anything.
        #[test]
        fn any_bytes_and_any_position_give_a_short_path(
            document in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "[\\[\\]{}\",:a-z0-9. \\\\-]{0,200}".prop_map(String::into_bytes),
            ],
            end in any::<usize>(),
            near in 0..250_usize,
        ) {
            for end in [end, near] {
                prop_assert!(to(&document, end).chars().count() <= LONGEST + 1);
            }
        }
    }
}
