//! How long, in a configuration file.
//!
//! ```text
//! duration = number unit          "250ms"  "5s"  "2 m"
//! number   = one or more digits
//! unit     = "ms" | "s" | "m" | "h"
//! ```
//!
//! White space around either part does not matter. A number alone is refused: seconds to some, milliseconds to others.

use std::time::Duration;

const GRAMMAR: &str = "write a whole number and a unit (`ms`, `s`, `m` or `h`), such as `250ms` or `5s`";

/// Reads a duration; the error says what is wrong, and goes on from the name of the setting.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    if number.is_empty() {
        return Err(format!("is not a duration: {GRAMMAR}"));
    }
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("has no unit: {GRAMMAR}")),
        _ => return Err(format!("is not a duration: {GRAMMAR}")),
    };
    let count: Option<u64> = number.parse().ok();
    count
        .and_then(|count| count.checked_mul(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| "is too long a duration".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_number_and_a_unit() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse(" 1 h "), Ok(Duration::from_secs(3600)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn asks_for_a_unit_when_there_is_none() {
        assert!(parse("5").unwrap_err().starts_with("has no unit"));
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in ["", "s", "-5s", "1.5s", "5 sec", "5S", "1m30s", "٥s"] {
            assert!(parse(text).unwrap_err().starts_with("is not a duration"), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        for text in ["18446744073709551616ms", "18446744073709551615h"] {
            assert_eq!(parse(text), Err("is too long a duration".to_owned()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
