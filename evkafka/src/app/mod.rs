//! The app: parallel consumers, each with its own settings and handlers.

mod builder;
mod check;
mod consumers;
mod loops;
#[cfg(feature = "testing")]
mod memory;
mod producers;
mod run;
mod signal;

pub use self::builder::App;
#[cfg(feature = "testing")]
pub(crate) use self::memory::{MemoryApp, MemoryConsumer};
