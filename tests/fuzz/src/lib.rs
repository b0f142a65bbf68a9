//! What the fuzz targets are made of. `scripts/fuzz` runs them.

pub mod message;
pub mod secrets;
