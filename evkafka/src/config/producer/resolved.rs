use std::ops::Deref;

use super::ProducerConfig;
use crate::config::ConfigError;
use crate::config::fault::Faults;
use crate::config::properties::{Elsewhere, Properties};
use crate::config::servers::{find_in_protocols, joined};
use crate::config::side::Side;

/// A valid configuration. What it kept in files and environment variables was read when it was resolved: a client that replaces
/// another has the same values, whatever became of these.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedProducerConfig(ProducerConfig);

impl ProducerConfig {
    /// Judges the whole configuration, reading what is kept elsewhere: once, when the producer is made.
    ///
    /// # Errors
    /// With all faults.
    pub(crate) fn resolve(&self) -> Result<ResolvedProducerConfig, ConfigError> {
        self.resolve_with(Elsewhere::Read)
    }

    /// The same, reading what is kept elsewhere or not.
    ///
    /// # Errors
    /// With all faults.
    pub(crate) fn resolve_with(&self, elsewhere: Elsewhere) -> Result<ResolvedProducerConfig, ConfigError> {
        let mut faults = Faults::default();
        self.find_missing(&mut faults);
        self.find_in_settings(&mut faults);
        let properties = self.judge_properties(elsewhere, &mut faults);
        faults.into_result()?;
        let properties = properties.into_values();
        let bootstrap_servers = joined(&self.bootstrap_servers);
        Ok(ResolvedProducerConfig(Self { properties, bootstrap_servers, ..self.clone() }))
    }

    pub(super) fn judge_properties(&self, elsewhere: Elsewhere, faults: &mut Faults) -> Properties<'_> {
        let properties = Properties::judge(Side::Producer, &self.properties, elsewhere, faults);
        properties.judge_together(Side::Producer, faults);
        find_in_protocols(&self.bootstrap_servers, &properties, faults);
        properties
    }
}

/// The settings, which are as they were written, and the properties, of which none is kept elsewhere.
impl Deref for ResolvedProducerConfig {
    type Target = ProducerConfig;

    fn deref(&self) -> &ProducerConfig {
        &self.0
    }
}
