//! Reading the configuration of a producer.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};

use super::ProducerConfig;
use crate::config::fault::Faults;
use crate::config::reader::{self, Settings};
use crate::config::side::Side;
use crate::config::value::{Judged, Value};

impl<'de> Deserialize<'de> for ProducerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reader::read::<ProducerSettings, D>(deserializer)
    }
}

#[derive(Default)]
struct ProducerSettings(ProducerConfig);

impl Settings for ProducerSettings {
    type Config = ProducerConfig;

    const SIDE: Side = Side::Producer;

    fn read(&mut self, name: &str, value: Value) -> Judged<()> {
        let config = &mut self.0;
        match name {
            "bootstrap_servers" => config.bootstrap_servers = value.list()?.join(","),
            "topic" => config.topic = Some(value.text()?),
            "event_format" => config.event_format = value.choice()?,
            "event_source" => config.event_source = Some(value.text()?),
            "event_type_header" => config.event_type_header = Some(value.text()?),
            "event_version_header" => config.event_version_header = Some(value.text()?),
            "delivery_timeout" => config.delivery_timeout = value.duration()?,
            "linger" => config.linger = value.duration()?,
            "forward_trace" => config.forward_trace = value.boolean()?,
            "statistics_interval" => config.statistics_interval = Some(value.duration()?),
            _ => unreachable!("`{name}` is in the list of settings, but nobody reads it"),
        }
        Ok(())
    }

    fn properties(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.0.properties
    }

    fn finish(self, _: &dyn Fn(&str) -> bool, faults: &mut Faults) -> ProducerConfig {
        self.0.find_written(faults);
        self.0
    }
}

#[cfg(test)]
mod tests;
