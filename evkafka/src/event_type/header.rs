use std::fmt;

use crate::record::{Headers, Record};

/// A header that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderName {
    pub(super) name: String,
    pub(super) case: Case,
}

/// Whether letters of another case match too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    /// Of ASCII letters.
    Ignored,
}

impl HeaderName {
    /// The value of the last such header, unless it is null.
    pub(super) fn value<'r>(&self, record: &Record<'r>) -> Option<&'r [u8]> {
        match self.case {
            Case::Exact => record.headers().get(&self.name),
            Case::Ignored => last_ignoring_case(record.headers(), &self.name),
        }
    }
}

pub(super) fn last_ignoring_case<'r>(headers: Headers<'r>, name: &str) -> Option<&'r [u8]> {
    headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).last()?.1
}

/// As it is written in a configuration.
impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.case {
            Case::Exact => "header",
            Case::Ignored => "header-ignore-case",
        };
        write!(f, "{kind}:{}", self.name)
    }
}
