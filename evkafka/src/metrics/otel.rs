//! Numbers as observable instruments of OpenTelemetry.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, AsyncInstrumentBuilder, Meter},
};

use super::{
    Metrics, MetricsSnapshot, Sources,
    families::{Family, Kind, Unit, Value},
    text::upper_bound,
};

impl Metrics {
    /// Has an OpenTelemetry meter observe the numbers: `app.metrics().register_with(&opentelemetry::global::meter("evkafka"))`. See
    /// [the module](crate::metrics#opentelemetry).
    ///
    /// They are observed while the app runs, or a clone of this is kept; the meter itself keeps nothing of them. So keep one for the last
    /// collection, when the meter provider is shut down after the app has ended.
    ///
    /// ```no_run
    /// use evkafka::{App, ConsumerConfig, handler, router};
    /// use opentelemetry::global;
    ///
    /// #[handler(event = "OrderCreated")]
    /// async fn on_order_created() {}
    ///
    /// # #[tokio::main]
    /// # async fn main() -> evkafka::Result<()> {
    /// // After `global::set_meter_provider(provider.clone())`:
    /// let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
    /// let app = App::new("billing").consumer("orders", orders, router![on_order_created]);
    /// let metrics = app.metrics();
    /// metrics.register_with(&global::meter("evkafka"));
    /// let ended = app.run().await;
    /// // `provider.shutdown()` collects for the last time, as long as `metrics` is there.
    /// drop(metrics);
    /// # ended
    /// # }
    /// ```
    pub fn register_with(&self, meter: &Meter) {
        let mut registration = Registration { meter, source: Arc::new(Source::of(self)), instruments: 0 };
        Family::all().for_each(|family| registration.add(family));
    }
}

/// The instruments of an app.
struct Registration<'m> {
    meter: &'m Meter,
    source: Arc<Source>,
    instruments: usize,
}

/// Has an instrument observe the value of a series. More attributes may be added to its own.
type Observe<T> = fn(&dyn AsyncInstrument<T>, &mut Vec<KeyValue>, &Value<'_>);

impl Registration<'_> {
    fn add(&mut self, family: &'static Family) {
        match family.kind {
            Kind::Counter => {
                self.count(family, family.name.into(), unit(family.unit), |of, series, value| {
                    if let Value::Count(count) = value {
                        of.observe(*count, series);
                    }
                })
            }
            Kind::Gauge => {
                let callback = self.callback(family, |of, series, value| {
                    if let Value::Gauge(value) = value {
                        of.observe(*value, series);
                    }
                });
                let gauge = self.meter.f64_observable_gauge(family.name);
                described(gauge, family, unit(family.unit)).with_callback(callback).build();
            }
            Kind::Histogram => self.histogram(family),
        }
    }

    /// Histograms cannot be observed, so their parts are, as counters.
    fn histogram(&mut self, family: &'static Family) {
        self.count(family, family.part("bucket").into(), None, |of, series, value| {
            let Value::Histogram(histogram) = value else { return };
            for (bound, below) in histogram.cumulated() {
                series.push(KeyValue::new("le", upper_bound(bound)));
                of.observe(below, series);
                series.pop();
            }
        });
        self.count(family, family.part("count").into(), None, |of, series, value| {
            if let Value::Histogram(histogram) = value {
                of.observe(histogram.count(), series);
            }
        });
        let callback = self.callback(family, |of, series, value| {
            if let Value::Histogram(histogram) = value {
                of.observe(histogram.sum().as_secs_f64(), series);
            }
        });
        let sum = self.meter.f64_observable_counter(family.part("sum"));
        described(sum, family, unit(family.unit)).with_callback(callback).build();
    }

    fn count(
        &mut self,
        family: &'static Family,
        name: Cow<'static, str>,
        unit: Option<&'static str>,
        observe: Observe<u64>,
    ) {
        let callback = self.callback(family, observe);
        let counter = self.meter.u64_observable_counter(name);
        described(counter, family, unit).with_callback(callback).build();
    }

    /// What a meter calls when it collects.
    fn callback<T: 'static>(
        &mut self,
        family: &'static Family,
        observe: Observe<T>,
    ) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
        let (source, instrument) = (Arc::clone(&self.source), self.instruments);
        self.instruments += 1;
        move |of| {
            let Some(snapshot) = source.snapshot(instrument) else { return };
            let mut attributes = Vec::new();
            family.samples(&snapshot, &mut |sample| {
                let labels = sample.labels.iter();
                attributes.clear();
                attributes.extend(labels.map(|(name, value)| KeyValue::new(*name, (*value).to_owned())));
                observe(of, &mut attributes, &sample.value);
            });
        }
    }
}

fn described<'a, I, T>(
    builder: AsyncInstrumentBuilder<'a, I, T>,
    family: &Family,
    unit: Option<&'static str>,
) -> AsyncInstrumentBuilder<'a, I, T> {
    let builder = builder.with_description(family.help);
    match unit {
        Some(unit) => builder.with_unit(unit),
        None => builder,
    }
}

fn unit(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Seconds => Some("s"),
        Unit::Count(unit) => Some(unit),
        Unit::None => None,
    }
}

/// How old a snapshot may be that is observed. It is new in each collection, unless several readers collect.
const FRESH: Duration = Duration::from_secs(1);

/// Where the instruments of an app get their values. A meter provider never removes a callback, so the reference to the app's numbers is weak.
struct Source {
    metrics: Weak<Mutex<Sources>>,
    last: Mutex<Option<Taken>>,
}

/// A snapshot, which the instruments share in a collection.
struct Taken {
    snapshot: Arc<MetricsSnapshot>,
    at: Instant,
    /// The instruments that have observed it. One that comes again belongs to the next collection.
    by: HashSet<usize>,
}

impl Source {
    fn of(metrics: &Metrics) -> Self {
        Self { metrics: Arc::downgrade(&metrics.0), last: Mutex::default() }
    }

    /// What an instrument is to observe; `None` once the numbers are gone.
    fn snapshot(&self, instrument: usize) -> Option<Arc<MetricsSnapshot>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(metrics) = self.metrics.upgrade() else {
            *last = None;
            return None;
        };
        if let Some(taken) = &mut *last
            && taken.at.elapsed() < FRESH
            && taken.by.insert(instrument)
        {
            return Some(Arc::clone(&taken.snapshot));
        }
        let snapshot = Arc::new(Metrics(metrics).snapshot());
        let by = HashSet::from([instrument]);
        *last = Some(Taken { snapshot: Arc::clone(&snapshot), at: Instant::now(), by });
        Some(snapshot)
    }
}
