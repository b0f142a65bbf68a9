use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use opentelemetry::{
    KeyValue,
    metrics::{
        AsyncInstrument, AsyncInstrumentBuilder, Callback, InstrumentProvider, Meter, ObservableCounter,
        ObservableGauge,
    },
};

/// A meter that calls back when it is asked to.
#[derive(Clone, Default)]
pub(in crate::metrics) struct Observations(Arc<Instruments>);

#[derive(Default)]
struct Instruments {
    counts: Mutex<Vec<Instrument<u64>>>,
    floats: Mutex<Vec<Instrument<f64>>>,
}

struct Instrument<T> {
    name: String,
    unit: Option<String>,
    callbacks: Vec<Callback<T>>,
}

impl Observations {
    pub(in crate::metrics) fn meter(&self) -> Meter {
        Meter::new(Arc::clone(&self.0) as Arc<dyn InstrumentProvider + Send + Sync>)
    }

    /// All values that are observed now, by their series: `name{attribute="value",…}`.
    pub(in crate::metrics) fn collect(&self) -> BTreeMap<String, f64> {
        let mut all = BTreeMap::new();
        self.0
            .counts
            .lock()
            .expect("no panic")
            .iter()
            .for_each(|of| of.collect(&mut all, |count| count as f64));
        self.0.floats.lock().expect("no panic").iter().for_each(|of| of.collect(&mut all, |value| value));
        all
    }

    /// The units of the instruments, by their names.
    pub(in crate::metrics) fn units(&self) -> BTreeMap<String, Option<String>> {
        let counts = self.0.counts.lock().expect("no panic");
        let floats = self.0.floats.lock().expect("no panic");
        let counts = counts.iter().map(|of| (of.name.clone(), of.unit.clone()));
        counts.chain(floats.iter().map(|of| (of.name.clone(), of.unit.clone()))).collect()
    }
}

impl<T: Copy + Send + Sync> Instrument<T> {
    fn new<I>(builder: AsyncInstrumentBuilder<'_, I, T>) -> Self {
        let AsyncInstrumentBuilder { name, unit, callbacks, .. } = builder;
        Self { name: name.into_owned(), unit: unit.map(Into::into), callbacks }
    }

    fn collect(&self, all: &mut BTreeMap<String, f64>, float: fn(T) -> f64) {
        let seen = Seen(Mutex::default());
        self.callbacks.iter().for_each(|callback| callback(&seen));
        for (labels, value) in seen.0.into_inner().expect("no panic") {
            let before = all.insert(format!("{}{{{labels}}}", self.name), float(value));
            assert!(before.is_none(), "{} {labels} is observed twice", self.name);
        }
    }
}

/// What one instrument observes in one collection.
struct Seen<T>(Mutex<Vec<(String, T)>>);

impl<T: Copy + Send + Sync> AsyncInstrument<T> for Seen<T> {
    fn observe(&self, value: T, attributes: &[KeyValue]) {
        let labels = attributes.iter().map(|of| format!("{}={:?}", of.key.as_str(), of.value.as_str()));
        self.0.lock().expect("no panic").push((labels.collect::<Vec<_>>().join(","), value));
    }
}

impl InstrumentProvider for Instruments {
    fn u64_observable_counter(
        &self,
        builder: AsyncInstrumentBuilder<'_, ObservableCounter<u64>, u64>,
    ) -> ObservableCounter<u64> {
        self.counts.lock().expect("no panic").push(Instrument::new(builder));
        ObservableCounter::new()
    }

    fn f64_observable_counter(
        &self,
        builder: AsyncInstrumentBuilder<'_, ObservableCounter<f64>, f64>,
    ) -> ObservableCounter<f64> {
        self.floats.lock().expect("no panic").push(Instrument::new(builder));
        ObservableCounter::new()
    }

    fn f64_observable_gauge(
        &self,
        builder: AsyncInstrumentBuilder<'_, ObservableGauge<f64>, f64>,
    ) -> ObservableGauge<f64> {
        self.floats.lock().expect("no panic").push(Instrument::new(builder));
        ObservableGauge::new()
    }
}
