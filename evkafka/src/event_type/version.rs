use std::{borrow::Cow, fmt};

use super::{
    fault::PlaceFault,
    header::{Case, HeaderName},
    json,
    place::split,
};
use crate::record::Record;

/// Where the version of an event is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VersionPlace {
    Header(HeaderName),
    /// A field of the payload.
    Json(String),
    /// Behind the name, and this between them.
    Suffix(String),
}

pub(crate) const VERSION_KINDS: &[&str] = &["header:", "header-ignore-case:", "json:", "suffix", "suffix:"];

/// What is between a name and its version, unless a setting says otherwise.
const SEPARATOR: &str = ".v";

impl VersionPlace {
    /// # Errors
    /// If the text names no place.
    pub(crate) fn parse(text: &str) -> Result<Self, PlaceFault> {
        let (kind, name) = split(text, VERSION_KINDS)?;
        Ok(match kind {
            "header:" => Self::Header(HeaderName { name: name.to_owned(), case: Case::Exact }),
            "header-ignore-case:" => Self::Header(HeaderName { name: name.to_owned(), case: Case::Ignored }),
            "json:" => Self::Json(name.to_owned()),
            "suffix" => Self::Suffix(SEPARATOR.to_owned()),
            "suffix:" => Self::Suffix(name.to_owned()),
            _ => return Err(PlaceFault::Unknown),
        })
    }

    /// The name that is a part of it: of a header, a field, or what is in front of a suffix's number.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Header(HeaderName { name, .. }) | Self::Json(name) | Self::Suffix(name) => name,
        }
    }

    /// The version that the record has beside the name.
    pub(super) fn beside(&self, record: &Record<'_>) -> Option<u32> {
        match self {
            Self::Header(header) => number(header.value(record)?),
            Self::Json(field) => number(&json::text_or_number(record.payload()?, field)?),
            Self::Suffix(_) => None,
        }
    }

    /// How long the name is without a version behind it, and that version.
    pub(crate) fn in_name(&self, name: &[u8]) -> Option<(usize, u32)> {
        let Self::Suffix(separator) = self else { return None };
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (front, digits) = name.split_at(name.len() - digits);
        let name = front.strip_suffix(separator.as_bytes()).filter(|name| !name.is_empty())?;
        Some((name.len(), number(digits)?))
    }
}

/// Takes the version off a name.
pub(super) fn cut(name: &mut Cow<'_, [u8]>, len: usize) {
    match name {
        Cow::Borrowed(name) => *name = &name[..len],
        Cow::Owned(name) => name.truncate(len),
    }
}

/// The number of a version: `2`, `v2`, and the first of `2.1.3`.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    let text = str::from_utf8(text).ok()?.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let major = text.split('.').next()?;
    // `parse` takes a plus sign.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number { major.parse().ok() } else { None }
}

/// As it is written in a configuration.
impl fmt::Display for VersionPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(header) => header.fmt(f),
            Self::Json(field) => write!(f, "json:{field}"),
            Self::Suffix(separator) => write!(f, "suffix:{separator}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number_or_begins_with_one() {
        for (text, version) in
            [("2", Some(2)), (" v2 ", Some(2)), ("V10", Some(10)), ("2.1.3", Some(2)), ("007", Some(7))]
        {
            assert_eq!(number(text.as_bytes()), version, "{text}");
        }
        for text in ["", "v", "+2", "-2", "2-beta", "two", ".2", "4294967296", "2 3", "vv2", "\u{662}"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_suffix_is_taken_off_only_where_it_is_one() {
        let suffix = VersionPlace::parse("suffix").unwrap();
        for (name, cut) in [
            ("OrderCreated.v2", Some((12, 2))),
            ("Order.v1.v12", Some((8, 12))),
            ("OrderCreated.v", None),
            ("OrderCreatedv2", None),
            ("OrderCreated.2", None),
            (".v2", None),
            ("OrderCreated.v4294967296", None),
            ("", None),
        ] {
            assert_eq!(suffix.in_name(name.as_bytes()), cut, "{name}");
        }
        let slash = VersionPlace::parse("suffix:/").unwrap();
        assert_eq!(slash.in_name(b"OrderCreated/3"), Some((12, 3)));
        assert_eq!(slash.in_name(b"OrderCreated.v3"), None);
    }
}
