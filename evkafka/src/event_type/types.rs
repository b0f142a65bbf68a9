use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rustc_hash::FxBuildHasher;

use super::{
    answer::EventIdentity,
    json::FirstField,
    place::{Answer, Place},
    version::{VersionPlace, cut},
};
use crate::{handle::panic, record::Record};

/// Where a consumer reads which event a record is.
///
/// `Display` shows it as it is written in a configuration: `header:Event-Type, json:type`.
#[derive(Clone, Debug)]
pub(crate) struct EventTypes {
    /// The header, if that is all there is to look at, as it mostly is.
    header: Option<Box<str>>,
    /// The field, if that is, which may be the first.
    field: Option<FirstField>,
    pub(super) places: Vec<Place>,
    /// What others call our events.
    pub(super) names: HashMap<Vec<u8>, String, FxBuildHasher>,
    pub(super) version: Option<VersionPlace>,
}

impl EventTypes {
    /// Of the places, the first that answers wins.
    pub(crate) fn new(
        places: Vec<Place>,
        names: &BTreeMap<String, String>,
        version: Option<VersionPlace>,
    ) -> Self {
        let only = match &places[..] {
            [place] if names.is_empty() && version.is_none() => Some(place),
            _ => None,
        };
        let header = only.and_then(Place::as_exact_header).map(Box::from);
        let field = match only {
            Some(Place::Json(field)) => Some(FirstField::new(field)),
            _ => None,
        };
        let names = names.iter().map(|(theirs, ours)| (theirs.clone().into_bytes(), ours.clone())).collect();
        Self { header, field, places, names, version }
    }

    /// Whether a record can have a version.
    pub(crate) fn read_versions(&self) -> bool {
        self.version.is_some() || self.places.iter().any(Place::knows_versions)
    }

    /// Whether the version would be taken off this name, so that no record has it.
    pub(crate) fn takes_version_off(&self, name: &str) -> bool {
        self.version.as_ref().is_some_and(|version| version.in_name(name.as_bytes()).is_some())
    }

    /// The headers that are looked at.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> + Clone {
        self.places.iter().filter_map(Place::as_exact_header)
    }

    /// What is known of a record's event.
    #[inline(always)]
    pub(crate) fn event<'r>(&'r self, record: &Record<'r>) -> EventIdentity<'r> {
        if let Some(name) = &self.header {
            return EventIdentity::named(record.headers().get(name));
        }
        if let (Some(field), Some(payload)) = (&self.field, record.payload())
            && let Some(name) = field.text(payload)
        {
            return EventIdentity::named(Some(name));
        }
        self.ask(record)
    }

    #[inline(never)]
    fn ask<'r>(&'r self, record: &Record<'r>) -> EventIdentity<'r> {
        let ask = |place: &'r Place| match place {
            // Unwind safety: what a function of the user's can break is the user's to guard, as with handlers.
            Place::Function(_) => catch_unwind(AssertUnwindSafe(|| place.ask(record))),
            _ => Ok(place.ask(record)),
        };
        for place in &self.places {
            match ask(place) {
                Ok(Some(answer)) => return self.event_of(record, answer),
                Ok(None) => {}
                Err(payload) => return EventIdentity::panicked(panic::message(&*payload)),
            }
        }
        EventIdentity::default()
    }

    fn event_of<'r>(&'r self, record: &Record<'r>, answer: Answer<'r>) -> EventIdentity<'r> {
        let Answer { mut name, mut version, envelope } = answer;
        let is_ours = self.translate(&mut name);
        if let Some(place) = &self.version {
            if let Some((len, number)) = place.in_name(&name) {
                cut(&mut name, len);
                version = Some(number);
                // One entry does for all versions.
                if !is_ours {
                    self.translate(&mut name);
                }
            } else {
                version = place.beside(record).or(version);
            }
        }
        EventIdentity::new(name, version, envelope)
    }

    /// Replaces others' name for an event by ours; whether there is one.
    #[inline]
    fn translate<'r>(&'r self, name: &mut Cow<'r, [u8]>) -> bool {
        if self.names.is_empty() {
            return false;
        }
        let ours = self.names.get(&**name);
        if let Some(ours) = ours {
            *name = Cow::Borrowed(ours.as_bytes());
        }
        ours.is_some()
    }
}

impl fmt::Display for EventTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.places.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            place.fmt(f)?;
        }
        match &self.version {
            Some(version) => write!(f, "; version from {version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
