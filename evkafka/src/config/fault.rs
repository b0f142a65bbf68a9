use std::fmt;

use crate::error::one_line;

/// Everything that is wrong with a configuration.
///
/// It displays as one line per fault. Values of librdkafka properties that may be secret are not part of it.
///
/// ```
/// use evkafka::ConsumerConfig;
///
/// let error = ConsumerConfig::new(["orders"])
///     .bootstrap_servers("localhost:9092")
///     .property("enable.auto.commit", true)
///     .property("fetch.min.byte", 1)
///     .validate()
///     .unwrap_err();
///
/// let settings: Vec<_> = error.faults().map(|fault| fault.setting()).collect();
/// assert_eq!(settings, ["group_id", "enable.auto.commit", "fetch.min.byte"]);
/// assert!(error.to_string().contains("did you mean `fetch.min.bytes`?"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

impl ConfigError {
    /// The faults: at least one, in the order in which they were found.
    pub fn faults(&self) -> impl ExactSizeIterator<Item = &Fault> {
        self.faults.iter()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong with a configuration.
///
/// It displays as one line: the name of the setting, what is wrong with it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    setting: String,
    text: String,
}

impl Fault {
    /// The setting or property at fault, as it was written.
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", one_line(&self.setting), one_line(&self.text))
    }
}

/// Faults, as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault. `text` goes on from the name of the setting: "must not be empty".
    pub(super) fn add(&mut self, setting: impl Into<String>, text: impl Into<String>) {
        self.0.push(Fault { setting: setting.into(), text: text.into() });
    }

    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError { faults: self.0 }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_one_line_per_fault() {
        let mut faults = Faults::default();
        faults.add("group_id", "must not be empty");
        faults.add("a\nb", "is unknown\u{1b}[31m");
        let error = faults.into_result().unwrap_err();
        assert_eq!(error.to_string(), "`group_id` must not be empty\n`a\\nb` is unknown\\u{1b}[31m");
        assert_eq!(error.faults().len(), 2);
    }

    #[test]
    fn no_fault_is_no_error() {
        assert_eq!(Faults::default().into_result(), Ok(()));
    }
}
