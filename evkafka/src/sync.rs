//! What threads share of a partition's progress: the standard library's and tokio's means, or loom's while `scripts/loom` goes
//! through all the ways in which the threads can come in between each other.

#[cfg(all(test, evkafka_loom))]
pub(crate) mod modelled;

#[cfg(all(test, evkafka_loom))]
pub(crate) use self::modelled::{AtomicBool, AtomicI64, Mutex, MutexGuard, Notify};
#[cfg(not(all(test, evkafka_loom)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicI64},
};
#[cfg(not(all(test, evkafka_loom)))]
pub(crate) use tokio::sync::Notify;
