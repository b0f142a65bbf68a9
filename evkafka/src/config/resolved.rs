//! A configuration whose values are all there: what clients are made of.

use std::ops::Deref;

use super::fault::Faults;
use super::properties::{Elsewhere, Properties};
use super::servers::joined;
use super::side::Side;
use super::{ConfigError, ConsumerConfig};

/// A valid configuration. What it kept in files and environment variables was read when it was resolved; whatever becomes of
/// these, all clients of an app have the same values.
///
/// No other type makes a client's configuration.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedConfig(ConsumerConfig);

impl ConsumerConfig {
    /// Judges the whole configuration, reading what is kept elsewhere: an app does it once, at its start.
    ///
    /// # Errors
    /// With all faults.
    pub(crate) fn resolve(&self) -> Result<ResolvedConfig, ConfigError> {
        self.resolve_with(Elsewhere::Read)
    }

    /// The same, reading what is kept elsewhere or not.
    ///
    /// # Errors
    /// With all faults.
    pub(crate) fn resolve_with(&self, elsewhere: Elsewhere) -> Result<ResolvedConfig, ConfigError> {
        let mut faults = Faults::default();
        self.find_missing(&mut faults);
        self.find_in_settings(&mut faults);
        let properties = self.judge_properties(elsewhere, &mut faults);
        faults.into_result()?;
        let properties = properties.into_values();
        let bootstrap_servers = joined(&self.bootstrap_servers);
        Ok(ResolvedConfig(Self { properties, bootstrap_servers, ..self.clone() }))
    }

    pub(super) fn judge_properties(&self, elsewhere: Elsewhere, faults: &mut Faults) -> Properties<'_> {
        let properties = Properties::judge(Side::Consumer, &self.properties, elsewhere, faults);
        properties.judge_together(Side::Consumer, faults);
        self.find_beside_properties(&properties, faults);
        properties
    }
}

#[cfg(test)]
impl ResolvedConfig {
    /// A configuration that nobody has judged.
    pub(super) fn unchecked(config: ConsumerConfig) -> Self {
        Self(config)
    }
}

/// The settings, which are as they were written, and the properties, of which none is kept elsewhere.
impl Deref for ResolvedConfig {
    type Target = ConsumerConfig;

    fn deref(&self) -> &ConsumerConfig {
        &self.0
    }
}
