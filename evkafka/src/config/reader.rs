//! Reading a configuration of either kind of client: every entry is taken, all faults are reported at the end.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::fault::Faults;
use super::known::{self, Kind};
use super::property::{judge_name, unknown};
use super::side::Side;
use super::value::{Judged, Value};
use super::{ConfigError, owned, suggest};

/// What a [`Reader`] reads into.
pub(super) trait Settings: Default {
    /// The configuration, once it is read.
    type Config;

    const SIDE: Side;

    /// Takes the value of a setting: any of [`Side::settings`] but `properties`.
    ///
    /// # Errors
    /// With what is wrong with the value.
    fn read(&mut self, name: &str, value: Value) -> Judged<()>;

    fn properties(&mut self) -> &mut BTreeMap<String, String>;

    /// The settings that may stand in a table of this name, too.
    fn table(name: &str) -> Option<&'static [&'static str]> {
        let _ = name;
        None
    }

    /// A value that cannot be read is one fault; what is given beside it is not to be judged by the default.
    fn take_as_given(&mut self, name: &str) {
        let _ = name;
    }

    /// Judges what was read. `is_given` says whether a setting was.
    fn finish(self, is_given: &dyn Fn(&str) -> bool, faults: &mut Faults) -> Self::Config;
}

/// Reads a configuration.
///
/// # Errors
/// If it has faults: with all of them.
pub(super) fn read<'de, S: Settings, D: Deserializer<'de>>(deserializer: D) -> Result<S::Config, D::Error> {
    deserializer.deserialize_map(ConfigVisitor::<S>(PhantomData))
}

struct ConfigVisitor<S>(PhantomData<S>);

impl<'de, S: Settings> Visitor<'de> for ConfigVisitor<S> {
    type Value = S::Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match S::SIDE {
            Side::Consumer => "a table with the settings of a consumer",
            Side::Producer => "a table with the settings of a producer",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<S::Config, A::Error> {
        let mut reader = Reader::<S>::default();
        while let Some((name, value)) = table.next_entry()? {
            reader.read(name, value);
        }
        reader.finish().map_err(A::Error::custom)
    }
}

/// A configuration, as far as it was read.
#[derive(Default)]
pub(super) struct Reader<S> {
    settings: S,
    seen: HashSet<String>,
    faults: Faults,
}

impl<S: Settings> Reader<S> {
    pub(super) fn read(&mut self, name: String, value: Value) {
        if matches!(value, Value::Nothing) {
            return;
        }
        if !S::SIDE.settings().contains(&name.as_str()) {
            return self.read_other(name, value);
        }
        if !self.seen.insert(name.clone()) {
            return self.faults.add(name, "is given twice");
        }
        if name == "properties" {
            return match value {
                Value::Table(entries) => self.read_properties(None, entries),
                _ => self.faults.add(name, "must be a table"),
            };
        }
        if let Some(among) = S::table(&name) {
            return self.read_table(&name, among, value);
        }
        if let Err(fault) = self.settings.read(&name, value) {
            self.settings.take_as_given(&name);
            self.faults.add(name, fault);
        }
    }

    /// A table of settings. What is in it is not to stand beside it too.
    fn read_table(&mut self, table: &str, among: &'static [&'static str], value: Value) {
        match value {
            Value::Table(entries) => {
                entries.into_iter().for_each(|(name, value)| self.read_among(table, among, name, value));
            }
            _ => self.faults.add(table, "must be a table"),
        }
    }

    /// A setting that is one of those of a table.
    pub(super) fn read_among(
        &mut self,
        table: &str,
        among: &'static [&'static str],
        name: String,
        value: Value,
    ) {
        if among.contains(&name.as_str()) {
            return self.read(name, value);
        }
        if !matches!(value, Value::Nothing) {
            let what = format!("setting of a {}", table.replace('_', " "));
            let fault = unknown(&what, suggest::among(&name, among));
            self.faults.add(name, fault);
        }
    }

    /// A name that is not a setting: a property, or a mistake.
    fn read_other(&mut self, name: String, value: Value) {
        // Other clients write it `enable_auto_commit`.
        let dotted = if name.contains('.') { name.clone() } else { name.replace('_', ".") };
        if let Some(owned) = owned::find(S::SIDE, &name).or_else(|| owned::find(S::SIDE, &dotted)) {
            return self.faults.add(name, format!("is evkafka's to set: {}", owned.instead));
        }
        match value {
            Value::Table(entries) if name.contains('.') || known::is_group(&name) => {
                self.read_properties(Some(&name), entries);
            }
            value if name.contains('.') => self.read_property(name, value),
            _ if known::find(&name).is_some() => {
                self.faults.add(name, "is a property of librdkafka: write it in the table `properties`");
            }
            _ => {
                let suggestion = suggest::setting_or_property(S::SIDE, &name);
                self.faults.add(name, unknown("setting", suggestion));
            }
        }
    }

    /// A table of properties, in which a table stands for a name with dots.
    fn read_properties(&mut self, prefix: Option<&str>, entries: Vec<(String, Value)>) {
        for (name, value) in entries {
            let name = match prefix {
                Some(prefix) => format!("{prefix}.{name}"),
                None => name,
            };
            match value {
                Value::Nothing => {}
                Value::Table(entries) => self.read_properties(Some(&name), entries),
                value => self.read_property(name, value),
            }
        }
    }

    fn read_property(&mut self, name: String, value: Value) {
        // A name that is none has a fault of its own, whatever its value.
        let value = match judge_name(S::SIDE, &name) {
            Some(fault) => Err(fault),
            None => value.property(kind(&name)),
        };
        let properties = self.settings.properties();
        match value {
            Err(fault) => self.faults.add(name, fault),
            Ok(_) if properties.contains_key(&name) => self.faults.add(name, "is given twice"),
            Ok(value) => drop(properties.insert(name, value)),
        }
    }

    fn finish(self) -> Result<S::Config, ConfigError> {
        self.finish_as(S::finish)
    }

    /// Has what was read judged and finished by `finish`.
    pub(super) fn finish_as<C>(
        mut self,
        finish: impl FnOnce(S, &dyn Fn(&str) -> bool, &mut Faults) -> C,
    ) -> Result<C, ConfigError> {
        let config = finish(self.settings, &|name| self.seen.contains(name), &mut self.faults);
        self.faults.into_result().map(|()| config)
    }
}

/// What the value of a property is. One of which nothing is known, and where a value is kept, are text.
fn kind(name: &str) -> Kind {
    known::find(name).map_or(Kind::Text, |property| property.kind)
}
