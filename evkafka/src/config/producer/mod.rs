//! The configuration of a producer, by the rules that hold for consumers.

mod config;
mod defaults;
mod deserialize;
mod event_format;
mod idempotence;
mod librdkafka;
mod owned;
mod resolved;
mod validate;

pub(crate) use self::resolved::ResolvedProducerConfig;
pub use self::{config::ProducerConfig, event_format::EventFormat};
pub(super) use self::{config::SETTINGS, idempotence::judge_idempotence, owned::OWNED};
