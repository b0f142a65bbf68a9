use std::time::Instant;

#[cfg(test)]
use rdkafka::error::RDKafkaErrorCode;

use crate::{
    client::{ClientLog, Fault, IsOver, Lasts, Troubles},
    logged::logged,
    native::Event,
};

/// Logs what a producer's Kafka client says.
pub(super) struct ClientEvents<'l> {
    log: &'l ClientLog,
    troubles: Troubles,
    acknowledged: u64,
}

impl<'l> ClientEvents<'l> {
    pub(super) fn new(log: &'l ClientLog) -> Self {
        Self { log, troubles: Troubles::default(), acknowledged: 0 }
    }

    /// What polling the client returned, after which so many of its records were acknowledged.
    pub(super) fn hear(&mut self, event: Option<Event>, acknowledged: u64) {
        self.tell(event);
        let before = std::mem::replace(&mut self.acknowledged, acknowledged);
        if before != acknowledged {
            self.troubles.succeed(Instant::now());
        }
        self.tell_recovered();
    }

    /// What it reported last, if that lasts.
    #[cfg(test)]
    pub(super) fn last_error(&self) -> Option<RDKafkaErrorCode> {
        self.troubles.last()
    }

    fn tell(&mut self, event: Option<Event>) {
        let Self { log, troubles, .. } = self;
        match event {
            Some(Event::Error(failure)) if Fault::of(failure.code).says_nothing_new() => {}
            Some(Event::Error(failure)) => {
                let error = failure.code;
                if let Some(Lasts { times, lasted }) = troubles.hear(error, Instant::now()) {
                    logged(|| {
                        tracing::warn!(
                            target: "evkafka::producer",
                            consumer = log.consumer(),
                            producer = log.producer(),
                            %error,
                            reason = &*log.shown(&failure.reason),
                            times,
                            lasted_s = lasted.as_secs(),
                            "the producer reports an error"
                        );
                    });
                }
            }
            Some(Event::Log { level, facility, message }) => log.line(level, &facility, &message),
            _ => {}
        }
    }

    fn tell_recovered(&mut self) {
        for IsOver { error, times, lasted } in self.troubles.take_over(Instant::now()) {
            logged(|| {
                tracing::info!(
                    target: "evkafka::producer",
                    consumer = self.log.consumer(),
                    producer = self.log.producer(),
                    %error,
                    times,
                    lasted_s = lasted.as_secs(),
                    "the producer no longer reports this error"
                );
            });
        }
    }
}
