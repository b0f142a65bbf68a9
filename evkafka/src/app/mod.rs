//! The app: parallel consumers, each with its own settings and handlers.

#[cfg(feature = "admin")]
mod admin;
mod builder;
mod check;
mod consumers;
#[cfg(feature = "testing")]
mod facts;
mod loops;
#[cfg(feature = "testing")]
mod memory;
#[cfg(all(feature = "testing", feature = "embedded"))]
mod on_cluster;
mod producers;
#[cfg(feature = "metrics")]
mod publish;
mod run;
mod signal;

pub use self::builder::App;
#[cfg(all(feature = "testing", feature = "embedded"))]
pub(crate) use self::on_cluster::ProducerFacts;
#[cfg(feature = "testing")]
pub(crate) use self::{
    facts::ConsumerFacts,
    memory::{MemoryApp, MemoryConsumer},
};
