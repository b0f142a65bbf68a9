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

/// Publishes the numbers of an app to a recorder.
///
/// Handles are not kept from one time to the next: an exporter that has dropped an idle series does not see what is set by its old handle.
pub(super) struct Facade {
    metrics: Metrics,
    /// Those that were set last time. A recorder cannot remove a series.
    gauges: HashSet<Key>,
    is_described: bool,
}

impl Facade {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, gauges: HashSet::new(), is_described: false }
    }

    /// Publishes the numbers as they are now. Gauges that have vanished since the last time are set to zero, once.
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

    /// Publishes the numbers for the last time, and sets all gauges to zero: the app has ended.
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

/// A recorder takes single observations only, so the parts of a histogram are published: as gauges, because a counter takes whole
/// numbers, and a sum of seconds has fractions.
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
