//! How far a partition is behind.

use std::time::Duration;

use super::{
    clock::wall_millis,
    gauges::{AskedEnd, Gauges, Reading},
};
use crate::{
    config::AutoCommitMode,
    engine::{commands::Follower, lane::LaneControl, lane::Phase},
    metrics::PartitionMetrics,
};

pub(super) fn read(follower: Follower, lane: &LaneControl, mode: AutoCommitMode) -> PartitionMetrics {
    let Follower { partition: (topic, partition), offsets, .. } = follower;
    let (gauges, progress) = (&lane.gauges, lane.progress());
    let settled_offset = match mode {
        AutoCommitMode::PostCommit => progress.position(),
        AutoCommitMode::PreCommit => gauges.settled(),
    };
    let reading = gauges.read();
    let end_offset = end(gauges.asked_end(), offsets.known_end(&topic, partition), settled_offset);
    let lag = lag(settled_offset, end_offset);
    PartitionMetrics {
        topic,
        partition,
        lag,
        lag_duration: lag_duration(lag, &reading, gauges, wall_millis()),
        end_offset,
        settled_offset,
        committed_offset: progress.committed(),
        in_flight: reading.in_flight,
        backing_off: lane.backing_off.records() as u64,
        queued: reading.queued,
        is_paused: lane.phase() == Phase::Paused,
    }
}

/// Where the log ends for a reader. What the client has at hand, its high `watermark`, is of its last fetch, and lies behind
/// transactions that are open; what the brokers were asked for is right, but some seconds old.
fn end(asked: Option<AskedEnd>, watermark: Option<i64>, settled: Option<i64>) -> Option<i64> {
    let (asked, watermark) = match (asked, watermark) {
        (None, watermark) => return watermark,
        (Some(asked), None) => return Some(asked.end),
        (Some(asked), Some(watermark)) => (asked, watermark),
    };
    if watermark == asked.watermark {
        // Nothing was fetched since.
        Some(asked.end)
    } else if asked.end >= asked.watermark {
        Some(watermark)
    } else {
        // A transaction was open, and what is in it cannot be read.
        Some(settled.map_or(asked.end, |settled| settled.max(asked.end)))
    }
}

/// How many offsets lie between the two.
fn lag(settled: Option<i64>, end: Option<i64>) -> Option<u64> {
    // Where an empty log is read from is known with its first record.
    let settled = settled.or(end.filter(|end| *end == 0));
    let (settled, end) = settled.zip(end)?;
    u64::try_from(end.saturating_sub(settled).max(0)).ok()
}

fn lag_duration(lag: Option<u64>, reading: &Reading, gauges: &Gauges, now: i64) -> Option<Duration> {
    if lag == Some(0) {
        gauges.caught_up(now);
        return Some(Duration::ZERO);
    }
    let since = match reading.oldest {
        Some(oldest) => oldest.millis(),
        None => {
            lag?;
            reading.last_settled.millis().max(gauges.last_caught_up())
        }
    };
    Some(Duration::from_millis(u64::try_from(now.saturating_sub(since?)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::numbers::{UnderWay, WaitingCall},
        record::Written,
    };

    fn asked(end: i64, watermark: i64) -> Option<AskedEnd> {
        Some(AskedEnd { end, watermark })
    }

    #[test]
    fn the_end_is_what_was_asked_for_until_the_client_has_fetched() {
        assert_eq!(end(None, None, Some(7)), None);
        assert_eq!(end(None, Some(100), Some(7)), Some(100));
        // Its queue is full, or it is paused.
        assert_eq!(end(asked(5000, 100), Some(100), Some(7)), Some(5000));
        assert_eq!(end(asked(5000, 100), Some(5200), Some(7)), Some(5200));
        // The topic was recreated.
        assert_eq!(end(asked(5000, 100), Some(3), Some(7)), Some(3));
    }

    #[test]
    fn lag_is_known_when_both_ends_are_and_of_an_empty_log() {
        assert_eq!([lag(None, None), lag(Some(7), None), lag(None, Some(7))], [None; 3]);
        assert_eq!(lag(None, Some(0)), Some(0));
        assert_eq!([lag(Some(7), Some(9)), lag(Some(9), Some(7))], [Some(2), Some(0)]);
    }

    #[test]
    fn what_is_in_an_open_transaction_is_no_lag() {
        assert_eq!(end(asked(90, 100), Some(100), Some(90)), Some(90));
        assert_eq!(end(asked(90, 100), Some(110), Some(90)), Some(90));
        // It was committed meanwhile.
        assert_eq!(end(asked(90, 100), Some(110), Some(105)), Some(105));
        assert_eq!(end(asked(111, 110), Some(110), Some(105)), Some(111));
    }

    #[test]
    fn lag_in_time_is_the_age_of_the_oldest_record_or_at_most_since_it_was_zero() {
        let gauges = Gauges::default();
        let age = |lag, now| lag_duration(lag, &gauges.read(), &gauges, now).map(|age| age.as_millis());
        assert_eq!(age(Some(3), 1000), None, "nothing is known");
        assert_eq!(age(Some(0), 1000), Some(0));
        assert_eq!(age(Some(3), 4000), Some(3000), "it was caught up then");
        let none =
            UnderWay { open: None, waiting: None, last_settled: Written::UNKNOWN, unsettled: 0, queued: 0 };
        gauges.say(&UnderWay { last_settled: Written::at(3500), ..none });
        assert_eq!(age(Some(3), 4000), Some(500));
        gauges.say(&UnderWay { waiting: Some(Written::at(3800)), ..none });
        assert_eq!(age(Some(3), 4000), Some(200));
        let (written, open) = (Written::at(3700), None);
        gauges.works_on(&WaitingCall { written, records: 3, open, unsettled: 4, queued: 5 });
        assert_eq!((gauges.read().in_flight, gauges.read().queued), (7, 5));
        assert_eq!(age(Some(3), 4000), Some(300));
        assert_eq!(age(None, 4000), Some(300), "it is at hand");
        gauges.say(&UnderWay { open: Some(Written::at(3000)), waiting: Some(Written::at(3800)), ..none });
        assert_eq!(gauges.read().in_flight, 0);
        assert_eq!(age(Some(3), 4000), Some(1000));
        assert_eq!(age(Some(3), 2000), Some(0), "its producer's clock is ahead");
    }
}
