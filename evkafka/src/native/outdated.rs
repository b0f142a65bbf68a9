use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

/// What a client does not find out by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outdated {
    /// librdkafka raises the producer's epoch with each batch that is refused for good, and after 32,767 begins at 0 again. Brokers refuse an
    /// epoch that is lower than the last one, each time, and librdkafka goes on with it.
    Epoch,
    /// A record was not acknowledged in time, perhaps because the client does not look where its partition is: when a topic is recreated
    /// whose leaders had changed before, it takes what it hears of the new leader for older than what it knows (librdkafka #4898).
    Metadata,
}

/// A client that is younger has not been replaced for nothing: its records wait for something else.
const YOUNG: Duration = Duration::from_secs(30);

impl Outdated {
    /// After an answer to a record of a client of this age.
    pub(super) fn after(code: RDKafkaErrorCode, age: Duration) -> Option<Self> {
        match code {
            RDKafkaErrorCode::InvalidProducerEpoch => Some(Self::Epoch),
            RDKafkaErrorCode::MessageTimedOut if age >= YOUNG => Some(Self::Metadata),
            _ => None,
        }
    }

    pub(super) fn code(self) -> RDKafkaErrorCode {
        match self {
            Self::Epoch => RDKafkaErrorCode::InvalidProducerEpoch,
            Self::Metadata => RDKafkaErrorCode::MessageTimedOut,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Epoch => "brokers know of a later epoch of this producer",
            Self::Metadata => {
                "a record was not acknowledged within `delivery_timeout`, perhaps as its topic was recreated"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_timed_out_says_nothing_of_a_young_client() {
        let timed_out = |age| Outdated::after(RDKafkaErrorCode::MessageTimedOut, age);
        assert_eq!(timed_out(YOUNG), Some(Outdated::Metadata));
        assert_eq!(timed_out(YOUNG - Duration::from_millis(1)), None);
        let refused = |code| Outdated::after(code, 10 * YOUNG);
        assert_eq!(refused(RDKafkaErrorCode::InvalidProducerEpoch), Some(Outdated::Epoch));
        assert_eq!(refused(RDKafkaErrorCode::TopicAuthorizationFailed), None);
    }
}
