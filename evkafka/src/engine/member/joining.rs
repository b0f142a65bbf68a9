//! What keeps a member out of its group. librdkafka tries again for ever, and says of it no more than an error, if that.

use std::{
    fmt,
    time::{Duration, Instant},
};

use rdkafka::ClientConfig;

use crate::{
    client::{Fault, JoinAnswer, MemberAnswer},
    config::{ConsumerConfig, OnUnavailable},
    native::ClientFailure,
};

/// Why a group does not admit a member. It does not pass by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JoinFailure {
    /// `session.timeout.ms` has this value.
    SessionTimeout(String),
    Full,
    /// `partition.assignment.strategy` has this value.
    Strategy(String),
    Forbidden,
    InstanceId,
    /// A broker is to be reached at this address, and is not.
    Address(String),
}

impl fmt::Display for JoinFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionTimeout(millis) => write!(
                f,
                "`session.timeout.ms` is {millis}, which the brokers reject: they accept what lies between their \
                 `group.min.session.timeout.ms` (by default 6000) and `group.max.session.timeout.ms` (by default 1800000)"
            ),
            Self::Full => f.write_str(
                "the group is full: run fewer members, or raise the brokers' `group.max.size` (with `group.protocol` = \
                 `consumer`, their `group.consumer.max.size`)",
            ),
            Self::Strategy(strategy) => write!(
                f,
                "another member uses a different `partition.assignment.strategy` (here it is `{strategy}`) or \
                 `group.protocol`; all members of a group need one in common"
            ),
            Self::Forbidden => f.write_str("this user is not allowed to use it; grant READ on the group"),
            Self::InstanceId => {
                f.write_str("another member uses the same `group_instance_id`: each process needs one of its own")
            }
            Self::Address(address) => write!(
                f,
                "a broker advertises the address `{address}`, which cannot be reached from here: check the brokers' \
                 `advertised.listeners`"
            ),
        }
    }
}

/// What is to be done about an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may pass.
    Wait,
    /// The same, and the user should know.
    Warn(JoinFailure),
    /// It does not pass.
    Fail(JoinFailure),
}

/// A member's way into its group.
#[derive(Debug)]
pub(super) struct Joining {
    session_timeout: String,
    strategy: String,
    /// How long the group may be full: a member that died without a word counts for as long as its session lasts.
    full_for: Duration,
    /// How long brokers may be out of reach; `None` once the group has admitted the member, and they are known to be where they say.
    unreachable_for: Option<Duration>,
    on_unreachable: OnUnavailable,
    /// The servers that were given by the user: if they go away, that is nothing new.
    given: Vec<String>,
    full: Option<Obstacle>,
    unreachable: Option<(String, Obstacle)>,
}

/// What may pass.
#[derive(Clone, Copy, Debug)]
struct Obstacle {
    since: Instant,
    /// When the user was last told of it.
    told: Option<Instant>,
}

/// Between the end of a dead member's session and the next attempt to join.
const MARGIN: Duration = Duration::from_secs(5);
/// How often the user is told of what lasts.
const AGAIN: Duration = Duration::from_secs(30);
/// librdkafka's name of the connection to the group's coordinator.
const COORDINATOR: &str = "GroupCoordinator: ";

impl Joining {
    pub(super) fn new(config: &ConsumerConfig, client: &ClientConfig) -> Self {
        let session_timeout = client.get("session.timeout.ms").unwrap_or("45000").to_owned();
        let session = Duration::from_millis(session_timeout.parse().unwrap_or(45_000));
        Self {
            session_timeout,
            strategy: client.get("partition.assignment.strategy").unwrap_or("range,roundrobin").to_owned(),
            full_for: session + MARGIN,
            unreachable_for: Some(config.connect_timeout),
            on_unreachable: config.on_unreachable,
            given: config.servers().collect(),
            full: None,
            unreachable: None,
        }
    }

    /// The group has admitted the member.
    pub(super) fn joined(&mut self) {
        (self.full, self.unreachable, self.unreachable_for) = (None, None, None);
    }

    /// What an error comes to. What does not pass and is not about joining is left to the caller.
    pub(super) fn judge(&mut self, failure: &ClientFailure, now: Instant) -> Verdict {
        let fault = Fault::of(failure.code);
        match fault.for_member() {
            MemberAnswer::NotAdmitted(JoinAnswer::SessionTimeout) => {
                Verdict::Fail(JoinFailure::SessionTimeout(self.session_timeout.clone()))
            }
            MemberAnswer::NotAdmitted(JoinAnswer::Strategy) => {
                Verdict::Fail(JoinFailure::Strategy(self.strategy.clone()))
            }
            MemberAnswer::NotAdmitted(JoinAnswer::Forbidden) => Verdict::Fail(JoinFailure::Forbidden),
            MemberAnswer::NotAdmitted(JoinAnswer::InstanceId) => Verdict::Fail(JoinFailure::InstanceId),
            MemberAnswer::NotAdmitted(JoinAnswer::Full) => self.judge_full(failure.is_fatal, now),
            MemberAnswer::OutOfReach => self.judge_address(fault, &failure.reason, now),
            MemberAnswer::Passing | MemberAnswer::Final => Verdict::Wait,
        }
    }

    fn judge_full(&mut self, is_fatal: bool, now: Instant) -> Verdict {
        let full = self.full.get_or_insert(Obstacle { since: now, told: None });
        if is_fatal || now - full.since >= self.full_for {
            Verdict::Fail(JoinFailure::Full)
        } else {
            full.tell(JoinFailure::Full, now)
        }
    }

    fn judge_address(&mut self, fault: Fault, reason: &str, now: Instant) -> Verdict {
        let Some(at_most) = self.unreachable_for else { return Verdict::Wait };
        if let Some(address) = unreachable_address(reason).filter(|address| !self.given.contains(address)) {
            let is_the_same = self.unreachable.as_ref().is_some_and(|(known, _)| *known == address);
            if !is_the_same {
                self.unreachable = Some((address, Obstacle { since: now, told: None }));
            }
        }
        // That it lasts is known while the coordinator, or none at all, can be reached.
        let lasts = fault == Fault::NoBroker || reason.starts_with(COORDINATOR);
        match self.unreachable.as_mut().filter(|_| lasts) {
            Some((address, obstacle)) if now - obstacle.since >= at_most => {
                let failure = JoinFailure::Address(address.clone());
                match self.on_unreachable {
                    OnUnavailable::Fail => Verdict::Fail(failure),
                    OnUnavailable::Wait => obstacle.tell(failure, now),
                }
            }
            _ => Verdict::Wait,
        }
    }
}

impl Obstacle {
    fn tell(&mut self, failure: JoinFailure, now: Instant) -> Verdict {
        if self.told.is_some_and(|told| now - told < AGAIN) {
            return Verdict::Wait;
        }
        self.told = Some(now);
        Verdict::Warn(failure)
    }
}

/// The address, in lower case, of a broker to which librdkafka could not connect, by what it says of it:
/// `kafka:9092/1: Failed to resolve …`, `GroupCoordinator: kafka:9092: Connect to … failed: … (… in state CONNECT)`.
fn unreachable_address(reason: &str) -> Option<String> {
    let cannot_connect = reason.contains("Failed to resolve") || reason.contains("in state CONNECT");
    let (name, _) = reason.strip_prefix(COORDINATOR).unwrap_or(reason).split_once(": ")?;
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    let address = name.split_once('/').map_or(name, |(address, _)| address);
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    (cannot_connect && has_port && !name.ends_with("/bootstrap")).then(|| address.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn joining(action: OnUnavailable) -> Joining {
        let config = ConsumerConfig::new(["orders"])
            .bootstrap_servers("PLAINTEXT://Localhost")
            .group_id("billing")
            .connect_timeout(TIMEOUT)
            .on_unreachable(action)
            .resolve()
            .expect("a valid configuration");
        Joining::new(&config, &config.client_config(0))
    }

    fn failure(code: RDKafkaErrorCode, reason: &str) -> ClientFailure {
        ClientFailure { code, reason: reason.to_owned(), is_fatal: false }
    }

    #[test]
    fn the_address_of_a_broker_that_cannot_be_reached_is_found_in_what_librdkafka_says() {
        let connect = "Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)";
        for (reason, address) in [
            (format!("kafka:9092/1: {connect}"), Some("kafka:9092")),
            (format!("sasl_ssl://Kafka:9092/1: {connect}"), Some("kafka:9092")),
            (format!("GroupCoordinator: kafka:9092: {connect}"), Some("kafka:9092")),
            (
                "kafka:9092/1: Failed to resolve 'kafka:9092': Name or service not known".to_owned(),
                Some("kafka:9092"),
            ),
            (format!("kafka:9092/bootstrap: {connect}"), None),
            ("kafka:9092/1: Disconnected (after 20ms in state UP)".to_owned(), None),
            ("GroupCoordinator: Disconnected in state CONNECT".to_owned(), None),
        ] {
            assert_eq!(unreachable_address(&reason).as_deref(), address, "{reason}");
        }
    }

    #[test]
    fn an_advertised_address_that_stays_out_of_reach_until_the_timeout_ends_the_start() {
        let (mut joining, now) = (joining(OnUnavailable::Fail), Instant::now());
        let refused = failure(
            RDKafkaErrorCode::BrokerTransportFailure,
            "GroupCoordinator: kafka:9092: Connect to … failed: Connection refused (after 0ms in state CONNECT)",
        );
        let address = || JoinFailure::Address("kafka:9092".to_owned());
        assert_eq!(joining.judge(&refused, now), Verdict::Wait);
        assert_eq!(joining.judge(&refused, now + TIMEOUT / 2), Verdict::Wait);
        let all_down = failure(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(joining.judge(&all_down, now + TIMEOUT), Verdict::Fail(address()));
        joining.joined();
        for later in [2 * TIMEOUT, 9 * TIMEOUT] {
            assert_eq!(joining.judge(&refused, now + later), Verdict::Wait, "it was reached before");
        }
    }

    #[test]
    fn a_consumer_that_waits_for_its_cluster_is_told_now_and_then_that_an_address_is_out_of_reach() {
        let (mut joining, now) = (joining(OnUnavailable::Wait), Instant::now());
        let refused = failure(
            RDKafkaErrorCode::Resolve,
            "GroupCoordinator: kafka:9092: Failed to resolve 'kafka:9092': Name or service not known",
        );
        let verdicts: Vec<_> =
            (0..45).map(|seconds| joining.judge(&refused, now + Duration::from_secs(seconds))).collect();
        let told: Vec<_> =
            verdicts.iter().enumerate().filter(|(_, verdict)| **verdict != Verdict::Wait).collect();
        let warning = Verdict::Warn(JoinFailure::Address("kafka:9092".to_owned()));
        assert_eq!(told, [(10, &warning), (40, &warning)]);
    }

    #[test]
    fn a_server_that_was_given_and_goes_away_is_waited_for() {
        let (mut joining, now) = (joining(OnUnavailable::Fail), Instant::now());
        let refused = failure(
            RDKafkaErrorCode::BrokerTransportFailure,
            "localhost:9092/1: Connect to … failed: Connection refused (after 0ms in state CONNECT)",
        );
        let all_down = failure(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        for seconds in 0..100 {
            let now = now + Duration::from_secs(seconds);
            assert_eq!(joining.judge(&refused, now), Verdict::Wait);
            assert_eq!(joining.judge(&all_down, now), Verdict::Wait);
        }
    }

    #[test]
    fn a_full_group_is_told_now_and_then_until_a_dead_member_would_count_no_more() {
        let (mut joining, now) = (joining(OnUnavailable::Fail), Instant::now());
        let full = failure(RDKafkaErrorCode::GroupMaxSizeReached, "JoinGroup failed");
        let verdicts: Vec<_> =
            (0..=50).map(|seconds| joining.judge(&full, now + Duration::from_secs(seconds))).collect();
        assert_eq!(verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Warn(_))).count(), 2);
        assert_eq!(verdicts.iter().position(|verdict| matches!(verdict, Verdict::Fail(_))), Some(50));
    }
}
