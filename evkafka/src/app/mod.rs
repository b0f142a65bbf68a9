//! The app: parallel consumers, each with its own settings and handlers.

mod builder;
mod check;
mod consumers;
mod loops;
mod producers;
mod run;
mod signal;

pub use self::builder::App;
