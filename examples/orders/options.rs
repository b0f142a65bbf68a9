//! The command line.

use std::env;

pub(crate) const HELP: &str = "\
A billing service on evkafka.

Usage: cargo run --example orders [-- OPTIONS]

Without options it starts two Kafka clusters in its own process, gives them a day of orders, bills them, and ends.

Options:
  --brokers HOST:PORT   bill the orders of this cluster instead, until Ctrl-C
  --topic NAME          the topic to read there (default: orders); if there is none, it is created, with a day of orders
  --group NAME          the consumer group (default: billing)
  --help                show this text

RUST_LOG=info shows evkafka's log, which else has warnings and errors only.";

/// Where the orders come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Clusters of its own, and a day of orders from a file.
    Demo,
    /// A cluster that is there already.
    Cluster {
        brokers: String,
        topic: String,
        group: String,
    },
    Help,
}

impl Mode {
    pub(crate) fn from_env() -> Result<Self, String> {
        Self::parse(env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut brokers, mut topic, mut group) = (None, None, None);
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let option = match name {
                "-h" | "--help" => return Ok(Self::Help),
                "--brokers" => &mut brokers,
                "--topic" => &mut topic,
                "--group" => &mut group,
                _ => return Err(format!("unknown argument `{argument}`; `--help` lists what there is")),
            };
            let value = value.or_else(|| arguments.next()).filter(|value| !value.is_empty());
            *option = Some(value.ok_or_else(|| format!("`{name}` needs a value"))?);
        }
        let or = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        match brokers {
            Some(brokers) => {
                Ok(Self::Cluster { brokers, topic: or(topic, "orders"), group: or(group, "billing") })
            }
            None if topic.is_some() || group.is_some() => {
                Err("`--topic` and `--group` belong to a cluster: give `--brokers` as well".to_owned())
            }
            None => Ok(Self::Demo),
        }
    }
}
