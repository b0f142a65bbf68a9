//! Where the type of an event is read, from what the settings say.

use super::{ConsumerConfig, fault::Faults, names::judge_text, suggest};
use crate::event_type::{EventTypes, KINDS, Place, PlaceFault, VERSION_KINDS, VersionPlace};

/// Where evkafka, and the Python evkafka, write it.
const DEFAULT_HEADER: &str = "Event-Type";

impl ConsumerConfig {
    /// Where this consumer reads which event a record is.
    ///
    /// What is at fault is left out: [`find_in_event_types`](Self::find_in_event_types) reports it, and an app with a fault does not start.
    pub(crate) fn event_types(&self) -> EventTypes {
        let places = match (&self.event_type, &self.event_type_header) {
            (Some(sources), _) => sources.iter().filter_map(|source| Place::of(source).ok()).collect(),
            (None, header) => vec![Place::exact_header(header.as_deref().unwrap_or(DEFAULT_HEADER))],
        };
        let version = self.event_version.as_deref().and_then(|text| VersionPlace::parse(text).ok());
        EventTypes::new(places, &self.event_names, version)
    }

    pub(super) fn find_in_event_types(&self, faults: &mut Faults) {
        if let Some(fault) = self.event_type_header.as_deref().and_then(judge_text) {
            faults.add("event_type_header", fault);
        }
        if let (Some(_), Some(header)) = (&self.event_type, &self.event_type_header) {
            faults.add(
                "event_type_header",
                format!("is a short form of `event_type` = `header:{header}`: set one of the two"),
            );
        }
        self.find_in_places(faults);
        self.find_in_names(faults);
        if let Some(text) = &self.event_version {
            match VersionPlace::parse(text) {
                Ok(place) => judge_name(text, place.name(), "event_version", faults),
                Err(fault) => faults.add("event_version", unknown(text, fault, VERSION_KINDS)),
            }
        }
    }

    fn find_in_places(&self, faults: &mut Faults) {
        let Some(sources) = &self.event_type else { return };
        if sources.is_empty() {
            faults.add("event_type", "must name at least one place, such as `header:Event-Type`");
        }
        let mut seen: Vec<Place> = Vec::with_capacity(sources.len());
        for source in sources {
            let place = match Place::of(source) {
                Ok(place) => place,
                Err((text, fault)) => {
                    faults.add("event_type", unknown(text, fault, KINDS));
                    continue;
                }
            };
            judge_name(&place.to_string(), place.name().unwrap_or("-"), "event_type", faults);
            if seen.contains(&place) {
                faults.add("event_type", format!("names `{place}` twice"));
            } else if let Some(before) = seen.iter().find(|place| place.always_answers()) {
                faults.add(
                    "event_type",
                    format!(
                        "names `{place}` after `{before}`, which answers for every record: put `{place}` first"
                    ),
                );
            }
            seen.push(place);
        }
    }

    fn find_in_names(&self, faults: &mut Faults) {
        for (theirs, ours) in &self.event_names {
            for name in [theirs, ours] {
                judge_name(&format!("{theirs}={ours}"), name, "event_names", faults);
            }
        }
    }
}

/// Adds what is wrong with a name in a setting's value.
fn judge_name(value: &str, name: &str, setting: &str, faults: &mut Faults) {
    if let Some(fault) = judge_text(name) {
        faults.add(setting, format!("has `{value}`, whose name {fault}"));
    }
}

fn unknown(text: &str, fault: PlaceFault, kinds: &[&'static str]) -> String {
    match fault {
        PlaceFault::NoName(kind) => format!("has `{text}`: a name has to follow `{kind}`"),
        PlaceFault::NeedsNoName(kind) => format!("has `{text}`: write `{kind}` without a name"),
        PlaceFault::Unknown => {
            let kind = text.split_inclusive(':').next().unwrap_or_default();
            let hint = match suggest::nearest(kind, kinds.iter().copied()) {
                Some(kind) => format!("; did you mean `{kind}`?"),
                None => String::new(),
            };
            let known: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            format!("has the unknown place `{text}`{hint} (known are {})", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
