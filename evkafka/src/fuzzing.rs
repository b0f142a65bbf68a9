//! What the fuzz targets (`scripts/fuzz`) reach of what is not public.

use std::ops::Range;

pub use crate::native::headers_of;
use crate::settle::{Found, SettledAhead};

/// The records settled above a committed offset, as a commit's metadata has them.
#[derive(Debug, PartialEq, Eq)]
pub struct Ahead(SettledAhead);

/// What was found in a commit's metadata.
#[derive(Debug, PartialEq, Eq)]
pub enum Metadata {
    Progress(Ahead),
    Foreign,
    Broken,
}

impl Ahead {
    /// The runs must be in order, apart from each other, and not empty.
    pub fn new(runs: Vec<Range<i64>>) -> Self {
        Self(SettledAhead::new(runs))
    }

    pub fn contains(&self, offset: i64) -> bool {
        self.0.contains(offset)
    }

    /// How many records it is.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn encode(&self, committed: i64, limit: usize) -> String {
        self.0.encode(committed, limit)
    }

    pub fn decode(committed: i64, metadata: &str) -> Metadata {
        match SettledAhead::decode(committed, metadata) {
            Found::Progress(ahead) => Metadata::Progress(Self(ahead)),
            Found::Foreign => Metadata::Foreign,
            Found::Broken => Metadata::Broken,
        }
    }
}
