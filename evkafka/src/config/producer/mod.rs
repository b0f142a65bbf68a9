//! The configuration of a producer, by the rules that hold for consumers.

mod config;
mod defaults;
mod deserialize;
mod idempotence;
mod librdkafka;
mod owned;
mod resolved;
mod validate;

pub use self::config::ProducerConfig;
pub(crate) use self::resolved::ResolvedProducerConfig;
pub(super) use self::{config::SETTINGS, idempotence::judge_idempotence, owned::OWNED};
