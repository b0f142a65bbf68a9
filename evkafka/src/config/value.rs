//! A value as it stands in a configuration, before anybody knows what it is for.
//!
//! Taking values in as they are, and judging them afterwards, is what lets one wrong value be reported together with
//! all the others. It is also what makes sources alike that deliver numbers, and those that know only strings.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::choice::Choice;
use super::duration;
use super::known::Kind;

/// No `Debug`: it may hold a secret.
pub(super) enum Value {
    /// `null`: as if the setting were not there.
    Nothing,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

/// What to do about text that does not arrive as such. figment takes what is in quotes for text; the config crate takes quotes for
/// a part of the text, but guesses nothing unless it is told to.
const QUOTES: &str =
    "write it in quotes (figment's `Env`: within the value; config's `Environment`: leave `try_parsing` off)";

/// What is wrong with a value; goes on from the name of the setting.
pub(super) type Judged<T> = Result<T, String>;

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// What to do if this was meant for text; goes on from what is wrong.
    fn advice(&self) -> String {
        match self {
            Self::Boolean(_) | Self::Integer(_) | Self::Float(_) => format!(": {QUOTES}"),
            Self::Nothing | Self::Text(_) | Self::List(_) | Self::Table(_) => String::new(),
        }
    }

    /// A string, and nothing that would have to be written out as one: a source that takes `0042` for a number has lost what a
    /// group or a password is made of before it arrives here.
    pub(super) fn text(self) -> Judged<String> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(format!("must be a string, not {}{}", other.kind(), other.advice())),
        }
    }

    /// The value of a property of librdkafka.
    pub(super) fn property(self, kind: Kind) -> Judged<String> {
        match (kind, self) {
            (Kind::Boolean, Self::Boolean(boolean)) => Ok(boolean.to_string()),
            (Kind::Integer | Kind::Float, Self::Integer(number)) => Ok(number.to_string()),
            (Kind::Float, Self::Float(number)) => Ok(number.to_string()),
            (_, Self::Text(text)) => Ok(text),
            (Kind::Boolean, _) => Err("must be `true` or `false`".to_owned()),
            (Kind::Integer, other) => Err(format!("must be a whole number, not {}", other.kind())),
            (Kind::Float, other) => Err(format!("must be a number, not {}", other.kind())),
            (_, other) => other.text(),
        }
    }

    /// A list of strings, or one string with commas in it.
    pub(super) fn list(self) -> Judged<Vec<String>> {
        match self {
            Self::List(values) => values
                .into_iter()
                .map(|value| match value {
                    Self::Text(text) => Ok(text),
                    value => {
                        let advice = value.advice();
                        Err(format!("must be a list of strings, and has {} in it{advice}", value.kind()))
                    }
                })
                .collect(),
            Self::Text(text) => Ok(text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()),
            value => Err(format!("must be a list of strings, not {}{}", value.kind(), value.advice())),
        }
    }

    /// A table of names, in which a table stands for a name with dots; or one string with `a=b` and commas.
    pub(super) fn names(self) -> Judged<BTreeMap<String, String>> {
        const FORM: &str = "must be a table of names, or a string such as `theirs=ours, their=our`";
        let mut names = BTreeMap::new();
        match self {
            Self::Table(entries) => add_names(None, entries, &mut names)?,
            Self::Text(text) => {
                for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
                    let (theirs, ours) =
                        pair.split_once('=').ok_or_else(|| format!("{FORM}, not `{pair}`"))?;
                    add_name(theirs.trim().to_owned(), ours.trim().to_owned(), &mut names)?;
                }
            }
            value => return Err(format!("{FORM}, not {}", value.kind())),
        }
        Ok(names)
    }

    /// A boolean; some sources have only strings.
    pub(super) fn boolean(self) -> Judged<bool> {
        let boolean = match &self {
            Self::Boolean(boolean) => Some(*boolean),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        boolean.ok_or_else(|| "must be `true` or `false`".to_owned())
    }

    /// A whole number.
    pub(super) fn number(self) -> Judged<u32> {
        let number = match &self {
            Self::Integer(number) => u32::try_from(*number).ok(),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| format!("must be a whole number from 0 to {}", u32::MAX))
    }

    /// A duration with its unit; see [`duration`].
    pub(super) fn duration(self) -> Judged<Duration> {
        match self {
            Self::Text(text) => duration::parse(&text),
            Self::Integer(number) if number >= 0 => duration::parse(&number.to_string()),
            other => Err(format!("must be a duration, such as `250ms` or `5s`, not {}", other.kind())),
        }
    }

    /// One of a few names.
    pub(super) fn choice<C: Choice>(self) -> Judged<C> {
        let given = match &self {
            Self::Text(text) => {
                let text = text.trim();
                if let Some((_, choice)) = C::NAMES.iter().find(|(name, _)| *name == text) {
                    return Ok(choice.clone());
                }
                format!("`{text}`")
            }
            other => other.kind().to_owned(),
        };
        let names: Vec<_> = C::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
        Err(format!("must be {}, not {given}", names.join(" or ")))
    }
}

fn add_names(
    prefix: Option<&str>,
    entries: Vec<(String, Value)>,
    names: &mut BTreeMap<String, String>,
) -> Judged<()> {
    for (name, value) in entries {
        let name = match prefix {
            Some(prefix) => format!("{prefix}.{name}"),
            None => name,
        };
        match value {
            Value::Nothing => {}
            Value::Table(entries) => add_names(Some(&name), entries, names)?,
            value => {
                let ours = value.text().map_err(|fault| format!("has `{name}`, which {fault}"))?;
                add_name(name, ours, names)?;
            }
        }
    }
    Ok(())
}

fn add_name(theirs: String, ours: String, names: &mut BTreeMap<String, String>) -> Judged<()> {
    if names.contains_key(&theirs) {
        return Err(format!("has `{theirs}` twice"));
    }
    names.insert(theirs, ours);
    Ok(())
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean, a list or a table")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(Value::Boolean(boolean))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        // What is beyond is no number that anything here could take.
        Ok(Value::Integer(i128::try_from(number).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = table.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Table(entries))
    }
}
