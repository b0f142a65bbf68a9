use super::*;
use crate::{
    engine::lane::Phase,
    memory::Log,
    record::{OwnedRecord, Timestamp, TimestampKind},
    source::Place,
};

fn commands() -> Arc<Commands> {
    Arc::new(Commands::new("test".into(), Arc::default()))
}

/// A lane of one partition of `topic`.
fn admit(commands: &Commands, topic: &str) -> Arc<LaneControl> {
    let control = Arc::new(LaneControl::default());
    let offsets = Offsets::Memory(Log::default());
    let control_of = Arc::downgrade(&control);
    commands.admit(Follower { instance: 0, partition: (topic.into(), 0), control: control_of, offsets });
    control
}

fn of_topic(topic: &str) -> PartitionFilter {
    PartitionFilter::new(Some(topic.into()), None)
}

fn order(reason: &str) -> PauseOrder {
    PauseOrder { reason: reason.into(), lasts: None }
}

#[test]
fn a_partition_is_paused_as_long_as_any_pause_is_for_it_also_one_that_is_assigned_later() {
    let commands = commands();
    let first = admit(&commands, "orders");
    let assigned = commands.pause(PartitionFilter::default(), &order("maintenance"));
    assert_eq!(assigned, [("orders".into(), 0)]);
    commands.pause(of_topic("orders"), &order("poison"));
    let (second, other) = (admit(&commands, "orders"), admit(&commands, "payments"));
    let phases = || [&first, &second, &other].map(|lane| lane.phase());
    assert_eq!(phases(), [Phase::Paused; 3]);
    let resumption = commands.resume(&of_topic("orders"));
    assert_eq!((resumption.ended, resumption.resumed.len()), (1, 0));
    assert_eq!(resumption.still_paused[0], (("orders".into(), 0), "maintenance".into()));
    assert_eq!(phases(), [Phase::Paused; 3]);
    let resumption = commands.resume(&PartitionFilter::default());
    assert_eq!((resumption.ended, resumption.resumed.len(), resumption.still_paused.len()), (1, 3, 0));
    assert_eq!(phases(), [Phase::Running; 3]);
}

#[test]
fn all_is_resumed_whatever_was_paused_one_by_one() {
    let commands = commands();
    let lanes = [admit(&commands, "orders"), admit(&commands, "payments")];
    commands.pause(of_topic("orders"), &order("maintenance"));
    commands.pause(PartitionFilter::new(None, Some(0)), &order("poison"));
    assert_eq!(commands.resume(&PartitionFilter::default()).ended, 2);
    assert!(lanes.iter().all(|lane| lane.phase() == Phase::Running));
    assert!(commands.snapshot().pauses.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_by_itself_at_its_deadline_and_not_before() {
    let commands = commands();
    let lane = admit(&commands, "orders");
    let hour = Duration::from_secs(3600);
    commands.pause(of_topic("orders"), &PauseOrder { lasts: Some(hour), ..order("maintenance") });
    tokio::time::sleep(hour - Duration::from_secs(1)).await;
    assert_eq!(lane.phase(), Phase::Paused);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(lane.phase(), Phase::Running);
    assert!(commands.snapshot().pauses.is_empty());
    assert_eq!(admit(&commands, "orders").phase(), Phase::Running);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_pause_that_was_replaced_or_resumed_ends_no_other() {
    let commands = commands();
    let lane = admit(&commands, "orders");
    let minute = PauseOrder { lasts: Some(Duration::from_secs(60)), ..order("short") };
    commands.pause(of_topic("orders"), &minute);
    commands.pause(of_topic("orders"), &PauseOrder { lasts: Some(Duration::MAX), ..order("long") });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(lane.phase(), Phase::Paused);
    commands.resume(&of_topic("orders"));
    commands.pause(of_topic("orders"), &minute);
    commands.resume(&of_topic("orders"));
    commands.pause(of_topic("orders"), &order("for good"));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(lane.phase(), Phase::Paused);
}

#[tokio::test(start_paused = true)]
async fn a_partition_whose_pause_ends_stays_paused_while_another_is_for_it() {
    let commands = commands();
    let lane = admit(&commands, "orders");
    let minute = Some(Duration::from_secs(60));
    commands.pause(of_topic("orders"), &PauseOrder { lasts: minute, ..order("short") });
    commands.pause(PartitionFilter::default(), &order("long"));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(lane.phase(), Phase::Paused);
    let snapshot = commands.snapshot();
    assert_eq!(snapshot.partitions[0].paused.as_ref().map(|pause| &*pause.reason), Some("long"));
}

#[test]
fn a_seek_reaches_the_lane_that_reads_the_partition() {
    let commands = commands();
    let orders = ("orders".into(), 0);
    assert!(!commands.seek(&orders, 7));
    let stopped = admit(&commands, "orders");
    stopped.enter(Phase::Stopping);
    let reads = admit(&commands, "orders");
    assert!(commands.seek(&orders, 7));
    assert!(reads.is_seek_asked_for() && !stopped.is_seek_asked_for());
    assert_eq!(
        commands.snapshot().partitions.iter().map(|of| of.activity).collect::<Vec<_>>(),
        [Activity::Stops, Activity::Seeks]
    );
}

#[tokio::test]
async fn a_time_leads_to_the_first_record_that_is_no_earlier_and_to_the_end_if_there_is_none() {
    let commands = commands();
    let log = Log::default();
    for (offset, millis) in [(10, 1_000), (11, 2_000), (15, 2_000), (16, 3_000)] {
        let at = Timestamp::new(millis, TimestampKind::Create);
        log.write(OwnedRecord::new("orders", 0, offset).timestamp(at));
    }
    let control = Arc::new(LaneControl::default());
    let (partition, of) = (("orders".into(), 0), Arc::downgrade(&control));
    let offsets = Offsets::Memory(log);
    commands.admit(Follower { instance: 0, partition, control: of, offsets });
    let mut found = Vec::new();
    for place in
        [Place::Start, Place::Time(0), Place::Time(1_001), Place::Time(3_000), Place::Time(3_001), Place::End]
    {
        let to = Destination::Place(place);
        let located = commands.locate(&PartitionFilter::default(), to, Duration::from_secs(5)).await;
        found.extend(located.into_iter().map(|(_, found)| found.ok()));
    }
    assert_eq!(found, [10, 10, 11, 16, 17, 17].map(Some));
}

#[tokio::test]
async fn an_offset_that_the_log_does_not_have_is_told_with_those_that_it_has() {
    let commands = commands();
    let log = Log::default();
    for offset in 10..20 {
        log.write(OwnedRecord::new("orders", 0, offset));
    }
    let control = Arc::new(LaneControl::default());
    let (partition, of) = (("orders".into(), 0), Arc::downgrade(&control));
    let offsets = Offsets::Memory(log);
    commands.admit(Follower { instance: 0, partition, control: of, offsets });
    let mut found = Vec::new();
    for to in [9, 10, 20, 21] {
        let to = Destination::Offset(to);
        let located = commands.locate(&of_topic("orders"), to, Duration::from_secs(5)).await;
        found.extend(located.into_iter().map(|(_, found)| found));
    }
    let outside = || Err(NoOffset::OutOfRange(10..=20));
    assert_eq!(found, [outside(), Ok(10), Ok(20), outside()]);
}
