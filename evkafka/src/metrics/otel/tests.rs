use super::*;
use crate::metrics::fakes::{Counting, Observations};

#[test]
fn the_instruments_share_a_snapshot_and_each_collection_has_a_new_one() {
    let (consumer, metrics) = Counting::of_app();
    let observations = Observations::default();
    metrics.register_with(&observations.meter());
    assert_eq!(consumer.asked(), 0, "nobody has collected");
    for collection in 1..=3_u32 {
        consumer.change(|metrics| metrics.rebalances.assigned = u64::from(collection));
        let all = observations.collect();
        assert_eq!(consumer.asked(), collection as usize);
        let assigned = all.iter().find(|(series, _)| series.contains(r#"evkafka.change="assigned""#));
        assert_eq!(assigned.map(|(_, count)| *count), Some(f64::from(collection)));
    }
}

#[test]
fn a_partition_that_is_gone_is_not_observed() {
    let (consumer, metrics) = Counting::of_app();
    let observations = Observations::default();
    metrics.register_with(&observations.meter());
    let of_partitions = || {
        let all = observations.collect();
        all.into_keys().filter(|series| series.contains("partition.id")).count()
    };
    assert!(of_partitions() > 0);
    consumer.change(|metrics| metrics.partitions.clear());
    assert_eq!(of_partitions(), 0);
}

#[test]
fn a_meter_keeps_nothing_of_an_app_that_is_gone() {
    let (consumer, metrics) = Counting::of_app();
    let observations = Observations::default();
    metrics.register_with(&observations.meter());
    assert!(!observations.collect().is_empty());
    assert_eq!(Arc::strong_count(&consumer), 2);
    drop(metrics);
    assert_eq!(Arc::strong_count(&consumer), 1);
    assert!(observations.collect().is_empty());
}

#[test]
fn histograms_are_observed_as_their_parts() {
    let (_consumer, metrics) = Counting::of_app();
    let observations = Observations::default();
    metrics.register_with(&observations.meter());
    let all = observations.collect();
    let of = |part: &str| {
        let name = format!("evkafka.records.age.{part}{{");
        all.iter()
            .filter(|(series, _)| series.starts_with(&name))
            .map(|(_, value)| *value)
            .collect::<Vec<_>>()
    };
    assert_eq!((of("bucket"), of("count"), of("sum")), (vec![1.0; 3], vec![1.0], vec![1.5]));
    let units = observations.units();
    assert_eq!(units["evkafka.records.age.sum"].as_deref(), Some("s"));
    assert_eq!(units["evkafka.records.age.count"], None);
    assert_eq!(units["evkafka.records.settled"].as_deref(), Some("{record}"));
}
