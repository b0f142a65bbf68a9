//! Numbers for a recorder of the crate `metrics`.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, mem};

use ::metrics::{Key, Label, Level, Metadata, Recorder};

use super::{
    Histogram, Metrics,
    families::{Family, Kind, Sample, Unit, Value},
    text::upper_bound,
};

const METADATA: Metadata<'static> = Metadata::new("evkafka::metrics", Level::INFO, Some(module_path!()));

/// What was told to a recorder, and is to be told.
///
/// Handles are asked for each time: an exporter that drops series that are idle would not see what is set by a handle of before.
pub(super) struct Facade {
    metrics: Metrics,
    /// Those that were set last time. A recorder cannot be asked to forget one.
    gauges: HashSet<Key>,
    is_described: bool,
}

impl Facade {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, gauges: HashSet::new(), is_described: false }
    }

    /// Tells the recorder what there is now. Gauges that there are no more are set to zero, once.
    pub(super) fn publish(&mut self, recorder: &dyn Recorder) {
        if !mem::replace(&mut self.is_described, true) {
            Family::all().for_each(|family| describe(recorder, family));
        }
        let snapshot = self.metrics.snapshot();
        let before = mem::take(&mut self.gauges);
        for family in Family::all() {
            family.samples(&snapshot, &mut |sample| self.sample(recorder, family, &sample));
        }
        for gone in before.difference(&self.gauges) {
            set(recorder, gone, 0.0);
        }
    }

    /// Tells the recorder what there was in the end: the app has no partition any more.
    pub(super) fn end(&mut self, recorder: &dyn Recorder) {
        self.publish(recorder);
        for gone in self.gauges.drain() {
            set(recorder, &gone, 0.0);
        }
    }

    fn sample(&mut self, recorder: &dyn Recorder, family: &'static Family, sample: &Sample<'_>) {
        match sample.value {
            Value::Count(count) => {
                let key = Key::from_parts(family.name, labels(sample));
                recorder.register_counter(&key, &METADATA).absolute(count);
            }
            Value::Gauge(value) => {
                let key = Key::from_parts(family.name, labels(sample));
                set(recorder, &key, value);
                self.gauges.insert(key);
            }
            Value::Histogram(of) => histogram(recorder, family, sample, of),
        }
    }
}

/// It takes no histogram of what was measured before, so its parts are conveyed, as gauges: counters have whole numbers, and a sum of
/// seconds is none.
fn histogram(recorder: &dyn Recorder, family: &Family, sample: &Sample<'_>, of: &Histogram) {
    let bucket = family.part("bucket");
    for (bound, below) in of.cumulated() {
        let mut labels = labels(sample);
        labels.push(Label::new("le", upper_bound(bound)));
        set(recorder, &Key::from_parts(bucket.clone(), labels), below as f64);
    }
    set(recorder, &Key::from_parts(family.part("count"), labels(sample)), of.count() as f64);
    set(recorder, &Key::from_parts(family.part("sum"), labels(sample)), of.sum().as_secs_f64());
}

fn labels(sample: &Sample<'_>) -> Vec<Label> {
    sample.labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

fn set(recorder: &dyn Recorder, key: &Key, value: f64) {
    recorder.register_gauge(key, &METADATA).set(value);
}

fn describe(recorder: &dyn Recorder, family: &Family) {
    let unit = match family.unit {
        Unit::Seconds => Some(::metrics::Unit::Seconds),
        Unit::Count(_) => Some(::metrics::Unit::Count),
        Unit::None => None,
    };
    match family.kind {
        Kind::Counter => recorder.describe_counter(family.name.into(), unit, family.help.into()),
        Kind::Gauge => recorder.describe_gauge(family.name.into(), unit, family.help.into()),
        // The unit is that of the family, by which exporters name its parts.
        Kind::Histogram => ["bucket", "count", "sum"].into_iter().for_each(|part| {
            recorder.describe_gauge(family.part(part).into(), unit, family.help.into());
        }),
    }
}
