//! The command lines of this workspace's programs.

use std::{collections::HashMap, time::Duration};

/// Command-line options: `--name value`.
pub struct Options(HashMap<String, String>);

impl Options {
    /// # Panics
    ///
    /// If a word is not an option, or an option has no value.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Self {
        let mut options = HashMap::new();
        while let Some(name) = words.next() {
            let name = name.strip_prefix("--").expect("options begin with --").to_owned();
            options.insert(name, words.next().expect("an option has a value"));
        }
        Self(options)
    }

    /// Whether it is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Its value, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// # Panics
    ///
    /// If it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("--{name} is needed"))
    }

    /// # Panics
    ///
    /// If it is not a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).map(|text| text.parse().unwrap_or_else(|_| panic!("--{name} takes a number")))
    }

    /// Those of librdkafka, as JSON; none if it is missing.
    ///
    /// # Panics
    ///
    /// If it is not an object of strings.
    pub fn properties(&self) -> HashMap<String, String> {
        let properties = self.get("properties");
        properties.map(|text| serde_json::from_str(text).expect("an object of strings")).unwrap_or_default()
    }

    /// # Panics
    ///
    /// If it is not a number.
    pub fn millis(&self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.number(name).unwrap_or(default))
    }
}
