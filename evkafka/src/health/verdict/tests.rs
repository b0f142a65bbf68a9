use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::engine::LaneVitals;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const STALL: Duration = Duration::from_secs(300);

const JOINED: MemberVitals =
    MemberVitals { has_joined: true, has_ended: false, late_by: Some(Duration::ZERO) };
const WORKS: LaneVitals =
    LaneVitals { still_for: Duration::ZERO, longest_attempt: Duration::ZERO, wait: None, end: LaneEnd::Far };

fn facts(members: &[MemberVitals], lanes: &[LaneVitals]) -> Facts {
    let partition = |(number, lane): (i32, &LaneVitals)| PartitionVitals {
        partition: ("orders".into(), number),
        position: Some(100),
        lane: *lane,
    };
    let consumer = ConsumerFacts {
        name: "billing".into(),
        members: members.to_vec(),
        partitions: (0..).zip(lanes).map(partition).collect(),
    };
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Facts { now, stage: Stage::Runs, stall_timeout: STALL, consumers: vec![consumer] }
}

fn waits(what: WaitsFor, lasted: Duration) -> LaneVitals {
    LaneVitals { wait: Some(Wait { what, lasted }), ..WORKS }
}

fn handler(limit: Option<Duration>) -> WaitsFor {
    WaitsFor::Handler { path: "billing::on_order", offset: 107, limit }
}

fn of_lane(lane: LaneVitals) -> String {
    live(&facts(&[JOINED], &[WORKS, lane, WORKS])).to_string()
}

#[test]
fn what_may_take_long_does_not_fail_live() {
    let hour = MINUTE * 60;
    let good = [
        WORKS,
        // A paused, a waiting and an idle lane have their turns all the same.
        LaneVitals { still_for: SECOND * 2, ..WORKS },
        waits(handler(None), MINUTE * 4),
        waits(handler(Some(hour)), hour + MINUTE * 4),
        // A poison record that waits for its next attempt.
        waits(WaitsFor::Backoff { offset: 107, wait: hour }, hour + MINUTE),
        // A broker that is away; permits that others have.
        waits(WaitsFor::Broker, hour * 24),
        waits(WaitsFor::Turn, hour * 24),
        // A revocation.
        LaneVitals { end: LaneEnd::Drains, ..waits(handler(None), hour) },
        LaneVitals { end: LaneEnd::Dropped(MINUTE), ..waits(handler(None), hour) },
    ];
    for lane in good {
        assert_eq!(of_lane(lane), "ok", "{lane:?}");
    }
    // More members than partitions, and one that waits for the others.
    let rests = MemberVitals { has_joined: false, late_by: None, ..JOINED };
    assert_eq!(live(&facts(&[JOINED, JOINED, rests], &[])).to_string(), "ok");
}

#[test]
fn a_handler_may_block_the_runtime_within_its_limit() {
    let hour = MINUTE * 60;
    let blocked = |lane| {
        let blocks = LaneVitals { longest_attempt: hour, still_for: Duration::ZERO, ..WORKS };
        !live(&facts(&[JOINED], &[lane, blocks])).is_ok()
    };
    let still = |still_for| LaneVitals { still_for, ..WORKS };
    let backoff = WaitsFor::Backoff { offset: 107, wait: MINUTE };
    assert!(!blocked(still(hour)) && blocked(still(hour + STALL)));
    assert!(!blocked(waits(backoff, hour)) && blocked(waits(backoff, hour + STALL + MINUTE)));
    let limited = handler(Some(MINUTE));
    assert!(!blocked(waits(limited, hour)) && blocked(waits(limited, hour + STALL)));
    assert!(blocked(waits(handler(None), STALL)), "its own limit counts");
}

#[test]
fn one_lane_of_several_that_is_stuck_is_named() {
    let failed = |lane| of_lane(lane).strip_prefix("failed\n").expect("it fails").to_owned();
    assert_eq!(
        failed(waits(handler(None), STALL + SECOND * 12)),
        "consumer `billing`, orders[1], offset 107: the handler `billing::on_order` has been at work for 312 s, and has no \
         time limit"
    );
    assert_eq!(
        failed(waits(handler(Some(MINUTE)), STALL + MINUTE)),
        "consumer `billing`, orders[1], offset 107: the handler `billing::on_order` has been at work for 360 s, and could \
         not be dropped at its limit of 60 s: threads of the runtime are blocked"
    );
    assert_eq!(
        failed(waits(WaitsFor::Backoff { offset: 107, wait: MINUTE }, STALL + MINUTE * 2)),
        "consumer `billing`, orders[1], offset 107: the next attempt has been due for 360 s: the runtime's threads are \
         blocked"
    );
    assert_eq!(
        failed(waits(WaitsFor::Predecessor, STALL)),
        "consumer `billing`, orders[1], offset 100: a handler of the partition's last assignment has been at work for 300 s"
    );
    assert_eq!(
        failed(LaneVitals { still_for: STALL, ..WORKS }),
        "consumer `billing`, orders[1], offset 100: its task has not run for 300 s: the runtime's threads are blocked, by \
         handlers or other tasks"
    );
    assert_eq!(
        failed(LaneVitals { end: LaneEnd::Dropped(STALL), ..WORKS }),
        "consumer `billing`, orders[1], offset 100: a handler was dropped 300 s ago, and still blocks its thread"
    );
}

#[test]
fn a_member_that_is_stuck_or_has_ended_is_named() {
    let late = MemberVitals { late_by: Some(STALL), ..JOINED };
    let ended = MemberVitals { has_ended: true, ..JOINED };
    assert_eq!(
        live(&facts(&[JOINED, late, ended], &[WORKS])).to_string(),
        "failed\nconsumer `billing`, member 2: its thread, which polls Kafka, has been stuck for 300 s\nconsumer `billing`, \
         member 3: its thread has ended, and the app has not"
    );
}

#[test]
fn each_stage_of_an_app_has_its_answers() {
    let at = UNIX_EPOCH + SECOND;
    let fails = End::ByItself { error: Some("group `billing` is full".to_owned()), at };
    let stuck = LaneVitals { still_for: STALL, ..WORKS };
    for (stage, is_live, is_ready, is_started) in [
        (Stage::ToCome, true, false, false),
        (Stage::Runs, false, true, true),
        (Stage::Drains { overdue: STALL - SECOND }, true, false, true),
        (Stage::Drains { overdue: STALL }, false, false, true),
        (Stage::Over(End::InOrder), true, false, false),
        (Stage::Over(fails), false, false, false),
        (Stage::Over(End::ByItself { error: None, at }), false, false, false),
    ] {
        let facts = Facts { stage, ..facts(&[JOINED], &[stuck]) };
        let answers = (live(&facts).is_ok(), ready(&facts).is_ok(), started(&facts).is_ok());
        assert_eq!(answers, (is_live, is_ready, is_started), "{:?}", facts.stage);
    }
}

#[test]
fn an_app_is_ready_once_all_its_members_have_joined_with_or_without_partitions() {
    let outside = MemberVitals { has_joined: false, ..JOINED };
    let facts = facts(&[JOINED, outside], &[]);
    let expected = "failed\nconsumer `billing`, member 2: it has not joined its group yet";
    assert_eq!(
        (ready(&facts).to_string().as_str(), started(&facts).to_string().as_str()),
        (expected, expected)
    );
    assert!(live(&facts).is_ok());
}

#[test]
fn a_report_is_readable_by_machines() {
    let facts = facts(&[JOINED], &[waits(handler(None), STALL)]);
    let json = serde_json::to_value(live(&facts)).expect("it serializes");
    let expected = serde_json::json!({"status": "failed", "reasons": [{
        "problem": "handler_stuck", "consumer": "billing", "topic": "orders", "partition": 0, "offset": 107,
        "since": "2027-01-15T07:55:00Z",
        "message": "the handler `billing::on_order` has been at work for 300 s, and has no time limit",
    }]});
    assert_eq!(json, expected);
    assert_eq!(
        serde_json::to_value(ready(&facts)).expect("it serializes"),
        serde_json::json!({"status": "ok", "reasons": []})
    );
}

fn any_duration() -> impl Strategy<Value = Duration> {
    (0..2_000_u64).prop_map(Duration::from_secs)
}

fn any_wait() -> impl Strategy<Value = WaitsFor> {
    prop_oneof![
        prop::option::of(any_duration()).prop_map(handler),
        any_duration().prop_map(|wait| WaitsFor::Backoff { offset: 107, wait }),
        Just(WaitsFor::Turn),
        Just(WaitsFor::Broker),
        Just(WaitsFor::Predecessor),
    ]
}

fn any_lane() -> impl Strategy<Value = LaneVitals> {
    let end =
        prop_oneof![Just(LaneEnd::Far), Just(LaneEnd::Drains), any_duration().prop_map(LaneEnd::Dropped)];
    (any_duration(), prop::option::of((any_wait(), any_duration())), end).prop_map(
        |(still_for, wait, end)| LaneVitals {
            still_for,
            wait: wait.map(|(what, lasted)| Wait { what, lasted }),
            end,
            ..WORKS
        },
    )
}

proptest! {
    #[test]
    fn each_partition_is_judged_by_itself_and_told_of_once(lanes in prop::collection::vec(any_lane(), 0..12)) {
        let report = live(&facts(&[JOINED], &lanes));
        let alone = |lane: &LaneVitals| live(&facts(&[JOINED], &[*lane])).reasons().len();
        prop_assert!(lanes.iter().all(|lane| alone(lane) <= 1));
        prop_assert_eq!(report.reasons().len(), lanes.iter().map(alone).sum::<usize>());
        prop_assert_eq!(report.is_ok(), report.reasons().is_empty());
    }

    #[test]
    fn a_problem_does_not_pass_by_lasting(lane in any_lane(), more in any_duration()) {
        let longer = LaneVitals {
            still_for: lane.still_for + more,
            wait: lane.wait.map(|wait| Wait { lasted: wait.lasted + more, ..wait }),
            end: match lane.end {
                LaneEnd::Dropped(ago) => LaneEnd::Dropped(ago + more),
                end => end,
            },
            ..lane
        };
        prop_assert!(of_lane(lane) == "ok" || of_lane(longer) != "ok");
    }
}
