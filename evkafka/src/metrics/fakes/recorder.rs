use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// A recorder that keeps what it is told.
#[derive(Default)]
pub(in crate::metrics) struct Recorded {
    counters: Mutex<HashMap<Key, Arc<AtomicU64>>>,
    gauges: Mutex<HashMap<Key, Arc<AtomicU64>>>,
    /// How often a gauge was asked for.
    asked: Mutex<HashMap<Key, usize>>,
    pub(in crate::metrics) described: Mutex<BTreeMap<String, Option<Unit>>>,
}

impl Recorded {
    /// All values, by their series: `name{label="value",…}`.
    pub(in crate::metrics) fn all(&self) -> BTreeMap<String, f64> {
        let counters = self.counters.lock().expect("no panic");
        let counters = counters.iter().map(|(key, value)| (series(key), value.load(SeqCst) as f64));
        let gauges = self.gauges.lock().expect("no panic");
        let gauges = gauges.iter().map(|(key, value)| (series(key), f64::from_bits(value.load(SeqCst))));
        counters.chain(gauges).collect()
    }

    /// Those whose names begin like this, and their values.
    pub(in crate::metrics) fn of(&self, start: &str) -> Vec<(String, f64)> {
        self.all().into_iter().filter(|(series, _)| series.starts_with(start)).collect()
    }

    /// How often the gauges whose names begin like this were set.
    pub(in crate::metrics) fn sets(&self, start: &str) -> usize {
        let asked = self.asked.lock().expect("no panic");
        asked.iter().filter(|(key, _)| series(key).starts_with(start)).map(|(_, count)| count).sum()
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>) {
        self.described.lock().expect("no panic").insert(key.as_str().to_owned(), unit);
    }
}

fn series(key: &Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl Recorder for Recorded {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("{} cannot be conveyed as a histogram", key.as_str());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = self.counters.lock().expect("no panic");
        Counter::from_arc(Arc::clone(counters.entry(key.clone()).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        *self.asked.lock().expect("no panic").entry(key.clone()).or_default() += 1;
        let mut gauges = self.gauges.lock().expect("no panic");
        Gauge::from_arc(Arc::clone(gauges.entry(key.clone()).or_default()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("{} cannot be conveyed as a histogram", key.name());
    }
}
