//! For which kind of client a configuration is.

use super::known::{Property, Role};
use super::librdkafka::is_for_dead_letters;
use super::owned::{self, Owned};
use super::{consumer, producer};

/// The kind of client that a configuration is for: it decides which settings there are, and which properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Consumer,
    Producer,
}

impl Side {
    /// The names of the settings.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Consumer => consumer::SETTINGS,
            Self::Producer => producer::SETTINGS,
        }
    }

    /// The properties that evkafka keeps to itself.
    pub(super) fn owned(self) -> impl Iterator<Item = &'static Owned> {
        let own = match self {
            Self::Consumer => owned::OF_CONSUMERS,
            Self::Producer => producer::OWNED,
        };
        own.iter().chain(owned::OF_BOTH)
    }

    /// What is wrong with a property that is of use to other clients only.
    pub(super) fn judge_role(self, property: &Property) -> Option<String> {
        let (other, this) = match (self, property.role) {
            (Self::Consumer, Role::Producer) if !is_for_dead_letters(property.name) => {
                ("producers", "consumer")
            }
            (Self::Producer, Role::Consumer) => ("consumers", "producer"),
            _ => return None,
        };
        Some(format!("is a property of {other}, without effect on a {this}; leave it out"))
    }
}
