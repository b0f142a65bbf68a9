//! How long a record that a broker refuses is sent again, and what can be done about it.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use crate::{
    client::{Fault, WriteAnswer},
    native::RawRecord,
};

/// How long one record is sent again.
#[derive(Debug)]
pub(crate) enum Patience {
    /// Until it is acknowledged or refused for good. A refusal may be doubtful since then.
    Endless { doubtful_since: Option<Instant> },
    /// Until then, if it is not refused: whoever waits for it decides.
    Until(Instant),
}

/// How long a doubtful refusal may last. Longer than a permission or a topic takes to be known to all brokers.
const PATIENCE: Duration = Duration::from_secs(30);

impl Default for Patience {
    fn default() -> Self {
        Self::Endless { doubtful_since: None }
    }
}

impl Patience {
    /// Whether a record that was not acknowledged, because of this code, is to be sent again.
    pub(crate) fn allows_another(&mut self, code: Code, now: Instant) -> bool {
        let answer = Fault::of(code).for_writing();
        match self {
            Self::Endless { doubtful_since } => endlessly(answer, doubtful_since, now),
            // librdkafka itself has tried for as long as it may.
            Self::Until(until) => !answer.is_refusal() && code != Code::MessageTimedOut && now < *until,
        }
    }
}

fn endlessly(answer: WriteAnswer, doubtful_since: &mut Option<Instant>, now: Instant) -> bool {
    match answer {
        WriteAnswer::Passing => {
            *doubtful_since = None;
            true
        }
        WriteAnswer::Unrelated => true,
        WriteAnswer::Doubtful => {
            let since = *doubtful_since.get_or_insert(now);
            now.saturating_duration_since(since) < PATIENCE
        }
        WriteAnswer::OfBatch | WriteAnswer::Final => false,
    }
}

/// What somebody can do so that the record is taken.
pub(super) fn advice_for(record: &RawRecord<'_>, code: Code) -> String {
    advice(code, record.topic, record.bytes(), record.key.is_some())
}

fn advice(code: Code, topic: &str, bytes: usize, has_key: bool) -> String {
    match code {
        Code::MessageSizeTooLarge => format!(
            "raise `max.message.bytes` of the topic `{topic}`, or compress better with the property \
             `compression.type` (the record has {bytes} bytes before compression)"
        ),
        Code::MessageBatchTooLarge => {
            format!(
                "raise `segment.bytes` of the topic `{topic}` (the record has {bytes} bytes before compression)"
            )
        }
        Code::InvalidRecord if !has_key => {
            format!(
                "the record has no key, which a compacted topic needs: set `cleanup.policy` of `{topic}` to `delete`"
            )
        }
        Code::InvalidRecord | Code::PolicyViolation => {
            format!("check which rules the brokers enforce for records of the topic `{topic}`")
        }
        Code::InvalidTimestamp => {
            format!(
                "compare the clocks of this machine and the broker, or set `message.timestamp.type` of `{topic}`"
            )
        }
        Code::TopicAuthorizationFailed => format!("grant the user WRITE on the topic `{topic}`"),
        Code::ClusterAuthorizationFailed => format!(
            "grant the user WRITE on the topic `{topic}`, and before Kafka 2.8 IDEMPOTENT_WRITE on the cluster"
        ),
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            format!("create the topic `{topic}`")
        }
        Code::UnsupportedCompressionType => {
            format!("the broker does not take this `compression.type` for the topic `{topic}`; set another")
        }
        _ => format!("see the log of the brokers of the topic `{topic}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: fn() -> Instant = Instant::now;

    #[test]
    fn what_passes_is_waited_for_as_long_as_it_takes() {
        let (mut patience, now) = (Patience::default(), T0());
        for hour in 0..100 {
            assert!(patience.allows_another(Code::NotEnoughReplicas, now + Duration::from_secs(3600 * hour)));
        }
    }

    #[test]
    fn what_is_final_is_not_tried_again() {
        for code in [Code::MessageSizeTooLarge, Code::InvalidRecord, Code::InvalidTopic] {
            assert!(!Patience::default().allows_another(code, T0()), "{code}");
        }
    }

    #[test]
    fn what_is_doubtful_is_waited_for_a_while() {
        for code in [Code::TopicAuthorizationFailed, Code::UnknownTopicOrPartition, Code::Unknown] {
            let (mut patience, now) = (Patience::default(), T0());
            assert!(patience.allows_another(code, now));
            assert!(patience.allows_another(code, now + PATIENCE / 2));
            assert!(!patience.allows_another(code, now + PATIENCE), "{code}");
        }
    }

    #[test]
    fn a_replaced_client_does_not_prolong_the_wait_and_a_broker_that_was_away_does() {
        let (mut patience, now) = (Patience::default(), T0());
        assert!(patience.allows_another(Code::ClusterAuthorizationFailed, now));
        assert!(patience.allows_another(Code::PurgeQueue, now + PATIENCE));
        assert!(!patience.allows_another(Code::ClusterAuthorizationFailed, now + PATIENCE));
        assert!(patience.allows_another(Code::BrokerTransportFailure, now + PATIENCE));
        assert!(patience.allows_another(Code::ClusterAuthorizationFailed, now + PATIENCE));
    }

    #[test]
    fn somebody_who_waits_does_so_for_a_while_for_what_passes_and_not_for_a_refusal() {
        let now = T0();
        let allows = |code, later| Patience::Until(now + PATIENCE).allows_another(code, now + later);
        for code in
            [Code::Inconsistent, Code::PurgeQueue, Code::PurgeInflight, Code::BrokerDestroy, Code::Fatal]
        {
            assert!(allows(code, Duration::ZERO) && allows(code, PATIENCE / 2), "{code}");
            assert!(!allows(code, PATIENCE), "{code}");
        }
        for code in [Code::InvalidRecord, Code::TopicAuthorizationFailed, Code::MessageTimedOut] {
            assert!(!allows(code, Duration::ZERO), "{code}");
        }
    }

    #[test]
    fn the_advice_names_topic_and_setting() {
        for (code, has_key, setting) in [
            (Code::MessageSizeTooLarge, true, "`max.message.bytes` of the topic `dead`"),
            (Code::MessageSizeTooLarge, true, "1234 bytes"),
            (Code::InvalidRecord, false, "`cleanup.policy` of `dead` to `delete`"),
            (Code::TopicAuthorizationFailed, true, "WRITE on the topic `dead`"),
            (Code::ClusterAuthorizationFailed, true, "WRITE on the topic `dead`"),
            (Code::UnknownTopicOrPartition, true, "create the topic `dead`"),
            (Code::PolicyViolation, true, "`dead`"),
            (Code::Unknown, true, "`dead`"),
        ] {
            let advice = advice(code, "dead", 1234, has_key);
            assert!(advice.contains(setting), "{code}: {advice}");
        }
    }
}
