//! What a member is told.

use std::{sync::mpsc, time::Instant};

use rdkafka::ClientConfig;

use super::plan::DrainPlan;
use crate::config::ResolvedConfig;

/// What a member needs to know.
#[derive(Clone)]
pub(crate) struct MemberSettings {
    pub(super) config: ResolvedConfig,
    /// Which of the consumer's instances it is, from 0 on.
    pub(super) instance: u32,
    /// What the client is told, but for what depends on the number of partitions.
    pub(super) client: ClientConfig,
    /// Topics that must exist although they are not read.
    pub(super) dead_letter_topics: Vec<String>,
}

impl MemberSettings {
    /// The settings of one of the consumer's `instance`s.
    pub(crate) fn new(config: &ResolvedConfig, instance: u32, dead_letter_topics: &[String]) -> Self {
        Self {
            config: config.clone(),
            instance,
            client: config.client_config(instance),
            dead_letter_topics: dead_letter_topics.to_vec(),
        }
    }
}

/// What the app says to a member.
#[derive(Debug)]
pub(super) enum Command {
    Consume,
    Shutdown(DrainPlan),
}

/// The plan by which the member is to leave, if the app says so by now.
pub(super) fn asked_to_leave(inbox: &mpsc::Receiver<Command>) -> Option<DrainPlan> {
    match inbox.try_recv() {
        Ok(Command::Shutdown(plan)) => Some(plan),
        Ok(Command::Consume) | Err(mpsc::TryRecvError::Empty) => None,
        // The app's future was dropped: nobody waits, and nobody may go on handling.
        Err(mpsc::TryRecvError::Disconnected) => Some(DrainPlan::for_loss(Instant::now())),
    }
}
