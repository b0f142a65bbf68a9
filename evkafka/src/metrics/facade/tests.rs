use std::sync::Arc;

use super::*;
use crate::metrics::{
    fakes::{Counting, Recorded},
    text::tests::snapshot,
};

fn app() -> (Arc<Counting>, Facade) {
    let (consumer, metrics) = Counting::of_app();
    (consumer, Facade::new(metrics))
}

const LAG: &str = "evkafka.partition.lag{";

#[test]
fn gauges_of_a_partition_that_is_gone_are_set_to_zero_once_and_left_alone_then() {
    let (consumer, mut facade) = app();
    let recorded = Recorded::default();
    facade.publish(&recorded);
    let [(series, lag)] = &recorded.of(LAG)[..] else { panic!("{:?}", recorded.all()) };
    assert!(series.ends_with(r#"messaging.destination.partition.id="7"}"#), "{series}");
    assert_eq!(*lag, 12.0);
    consumer.change(|metrics| metrics.partitions.clear());
    for _ in 0..3 {
        facade.publish(&recorded);
        assert_eq!(recorded.of(LAG), [(series.clone(), 0.0)]);
    }
    assert_eq!(recorded.sets(LAG), 2, "an exporter may forget it");
    assert_eq!(recorded.sets("evkafka.assigned.partitions"), 4, "what is there is told each time");
    let mut before = snapshot().consumers.remove(0);
    consumer.change(|metrics| metrics.partitions.append(&mut before.partitions));
    facade.publish(&recorded);
    assert_eq!(recorded.of(LAG), [(series.clone(), 12.0)], "it is assigned again");
}

#[test]
fn in_the_end_all_gauges_are_zero_and_what_was_counted_stays() {
    let (_consumer, mut facade) = app();
    let recorded = Recorded::default();
    facade.publish(&recorded);
    let before = recorded.of("evkafka.records.");
    facade.end(&recorded);
    for gauge in ["evkafka.partition", "evkafka.assigned", "evkafka.paused"] {
        let of = recorded.of(gauge);
        assert!(!of.is_empty() && of.iter().all(|(_, value)| *value == 0.0), "{of:?}");
    }
    assert_eq!(recorded.of("evkafka.records."), before);
    assert!(before.iter().any(|(series, count)| series.contains("handled") && *count == 5.0), "{before:?}");
}

#[test]
fn histograms_are_conveyed_as_their_parts_with_the_unit_of_the_family() {
    let (_consumer, mut facade) = app();
    let recorded = Recorded::default();
    facade.publish(&recorded);
    let of = |part: &str| {
        let series = recorded.of(&format!("evkafka.records.age.{part}"));
        let values =
            series.into_iter().map(|(series, value)| (series.rsplit(',').next().unwrap().to_owned(), value));
        values.collect::<Vec<_>>()
    };
    let topic = r#"messaging.destination.name="orders"}"#.to_owned();
    assert_eq!(
        of("bucket"),
        [
            (r#"le="+Inf"}"#.to_owned(), 1.0),
            (r#"le="0.005"}"#.to_owned(), 1.0),
            (r#"le="10"}"#.to_owned(), 1.0)
        ]
    );
    assert_eq!(of("count"), [(topic.clone(), 1.0)]);
    assert_eq!(of("sum"), [(topic, 1.5)]);
    let described = recorded.described.lock().unwrap();
    assert_eq!(described["evkafka.records.age.bucket"], Some(::metrics::Unit::Seconds));
    assert_eq!(described["evkafka.records.settled"], Some(::metrics::Unit::Count));
    assert_eq!(described["evkafka.partition.paused"], None);
}
