use std::fmt::{self, Display, Write as _};

/// Text that a line has room for.
pub(super) struct Escaped<'t>(pub(super) &'t str, pub(super) Quotes);

/// What is done with quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// They would end a label's value.
    Escape,
    Keep,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, quotes) = *self;
        text.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '\n' => f.write_str("\\n"),
            '"' if quotes == Quotes::Escape => f.write_str("\\\""),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a label's value as Prometheus does, up to its closing quotation mark; what follows that.
    fn read(text: &str) -> Option<(String, &str)> {
        let (mut value, mut chars) = (String::new(), text.chars());
        loop {
            match chars.next()? {
                '"' => return Some((value, chars.as_str())),
                '\\' => value.push(match chars.next()? {
                    'n' => '\n',
                    c => c,
                }),
                '\n' => return None,
                c => value.push(c),
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_is_read_back_as_it_was(value in any::<String>(), dangerous in r#"[\\"n\n}]{0,8}"#) {
            for value in [value, dangerous] {
                let text = format!("{}\",x", Escaped(&value, Quotes::Escape));
                prop_assert_eq!(read(&text), Some((value, ",x")));
            }
        }
    }
}
