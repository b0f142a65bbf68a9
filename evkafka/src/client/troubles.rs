//! What is wrong with a client's connections, told once, at growing distances while it lasts, and when it is over.
//!
//! librdkafka says the same of each broker and each attempt to connect, and never that it has succeeded. So what counts is the sort
//! of the error, not the broker; and it is over when something has succeeded and no error came for a moment, or when none came for
//! longer than librdkafka keeps back one that is the same as before (30 s).

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::Fault;
use super::sparse::Lasting;

const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// How long no error may have come for when a success says that it is over: longer than between two attempts to connect.
const SETTLES: Duration = Duration::from_secs(3);
/// The same without a success.
const QUIET: Duration = Duration::from_secs(45);
/// What comes back within this time continues: one broker of many may be away while others answer.
const RELAPSE: Duration = Duration::from_secs(120);

/// Of one client. There are no more than there are sorts of [`Fault`]s.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    all: Vec<Trouble>,
    /// When something last succeeded.
    succeeded: Option<Instant>,
}

#[derive(Debug)]
struct Trouble {
    fault: Fault,
    code: RDKafkaErrorCode,
    lasting: Lasting,
    is_over: bool,
    /// Whether there was a line since it began, or came back.
    is_told: bool,
    times: u64,
}

/// Something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasts {
    /// How often it was reported since the last line.
    pub(crate) times: u64,
    pub(crate) lasted: Duration,
}

/// Something is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IsOver {
    pub(crate) error: RDKafkaErrorCode,
    /// How often it was reported in all.
    pub(crate) times: u64,
    pub(crate) lasted: Duration,
}

impl Troubles {
    /// The client reports an error; whether it is to be told.
    pub(crate) fn hear(&mut self, code: RDKafkaErrorCode, now: Instant) -> Option<Lasts> {
        let fault = Fault::of(code);
        let known = self.all.iter_mut().find(|trouble| trouble.fault == fault);
        let Some(trouble) = known.filter(|trouble| !trouble.is_forgotten(now)) else {
            self.all.retain(|trouble| trouble.fault != fault);
            let lasting = Lasting::begin(now, SHORTEST, LONGEST);
            self.all.push(Trouble { fault, code, lasting, is_over: false, is_told: true, times: 1 });
            return Some(Lasts { times: 1, lasted: Duration::ZERO });
        };
        trouble.is_over = false;
        trouble.times += 1;
        let times = trouble.lasting.hear(now)?;
        trouble.is_told = true;
        Some(Lasts { times, lasted: now.saturating_duration_since(trouble.lasting.begun()) })
    }

    /// What was reported last, and is not over.
    pub(crate) fn last(&self) -> Option<RDKafkaErrorCode> {
        let open = self.all.iter().filter(|trouble| !trouble.is_over);
        open.max_by_key(|trouble| trouble.lasting.heard()).map(|trouble| trouble.code)
    }

    /// Brokers have done what was asked of them.
    pub(crate) fn succeed(&mut self, now: Instant) {
        self.succeeded = Some(now);
    }

    /// What is over by now, each once.
    pub(crate) fn take_over(&mut self, now: Instant) -> Vec<IsOver> {
        let succeeded = self.succeeded;
        let is_over = |lasting: &Lasting| {
            let quiet = lasting.quiet_for(now);
            let has_succeeded = succeeded.is_some_and(|at| now.saturating_duration_since(at) < quiet);
            quiet >= QUIET || (has_succeeded && quiet >= SETTLES)
        };
        let over = self.all.iter_mut().filter(|trouble| !trouble.is_over && is_over(&trouble.lasting));
        over.filter_map(|trouble| {
            trouble.is_over = true;
            let lasted = now.saturating_duration_since(trouble.lasting.begun());
            let over = IsOver { error: trouble.code, times: trouble.times, lasted };
            std::mem::take(&mut trouble.is_told).then_some(over)
        })
        .collect()
    }
}

impl Trouble {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.is_over && self.lasting.quiet_for(now) >= RELAPSE
    }
}

#[cfg(test)]
mod tests {
    use RDKafkaErrorCode::{BrokerTransportFailure as Refused, Resolve, SSL};

    use super::*;

    fn at(begun: Instant, seconds: u64) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn a_cluster_that_is_away_is_told_at_growing_distances_whichever_broker_it_is() {
        let (mut troubles, begun) = (Troubles::default(), Instant::now());
        let told: Vec<_> = (0..3600)
            .filter(|second| {
                // Two brokers, in two ways.
                let first = troubles.hear(Refused, at(begun, *second)).is_some();
                let second = troubles.hear(Resolve, at(begun, *second)).is_some();
                first || second
            })
            .collect();
        assert_eq!(told[..5], [0, 10, 30, 70, 150]);
        assert!(told.len() < 18, "{told:?}");
        assert!(troubles.hear(SSL, at(begun, 3600)).is_some(), "which is another one");
    }

    #[test]
    fn it_is_over_soon_after_a_success_and_late_without_one() {
        let (mut troubles, begun) = (Troubles::default(), Instant::now());
        assert_eq!(troubles.hear(Refused, begun), Some(Lasts { times: 1, lasted: Duration::ZERO }));
        assert_eq!(troubles.hear(Refused, at(begun, 2)), None);
        troubles.succeed(at(begun, 1));
        assert!(troubles.take_over(at(begun, 20)).is_empty(), "that was before the last error");
        troubles.succeed(at(begun, 3));
        assert!(troubles.take_over(at(begun, 4)).is_empty(), "another broker may have answered");
        let over = |lasted| IsOver { error: Refused, times: 2, lasted: Duration::from_secs(lasted) };
        assert_eq!(troubles.take_over(at(begun, 5)), [over(5)]);
        assert!(troubles.take_over(at(begun, 6)).is_empty(), "which is said once");
        let mut quiet = Troubles::default();
        quiet.hear(Refused, begun);
        quiet.hear(Refused, at(begun, 2));
        assert!(quiet.take_over(at(begun, 46)).is_empty());
        assert_eq!(quiet.take_over(at(begun, 47)), [over(47)]);
    }

    #[test]
    fn one_broker_of_many_that_stays_away_does_not_begin_anew_each_time_that_others_answer() {
        let (mut troubles, begun) = (Troubles::default(), Instant::now());
        let lines: usize = (0..3600)
            .map(|second| {
                // librdkafka keeps back what is the same for 30 s.
                let told = second % 30 == 0 && troubles.hear(Refused, at(begun, second)).is_some();
                troubles.succeed(at(begun, second));
                usize::from(told) + troubles.take_over(at(begun, second)).len()
            })
            .sum();
        assert!(lines < 36, "{lines}");
    }
}
