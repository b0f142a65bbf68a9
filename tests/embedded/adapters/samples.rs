use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, Metric, MetricData},
};

/// Values by their series, as Prometheus' text names them, with their labels in order.
pub(super) type Samples = BTreeMap<String, f64>;

fn series<'l>(name: &str, labels: impl IntoIterator<Item = (&'l str, String)>) -> String {
    let labels: BTreeSet<_> = labels.into_iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{name}{{{}}}", labels.into_iter().collect::<Vec<_>>().join(","))
}

/// Those of Prometheus' text.
pub(super) fn of_text(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let sample = |line: &str| {
        let (left, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = left.strip_suffix('}').and_then(|left| left.split_once('{')).expect("labels");
        let labels = labels.split(',').map(|label| label.split_once('=').expect("a value"));
        let labels = labels.map(|(name, value)| (name, value.trim_matches('"').to_owned()));
        (series(name, labels), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

/// Those of the consumer and the producer of this name that the exporter of the process shows.
pub(super) fn of_recorder(name: &str) -> Samples {
    let label = format!("=\"{name}\"");
    let text = recorder().render();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&label)).collect();
    of_text(&lines.join("\n"))
}

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().with_recommended_naming(true);
        builder.install_recorder().expect("no other recorder")
    })
}

/// A meter of OpenTelemetry's SDK that collects when it is asked to.
pub(super) struct Meter(SdkMeterProvider, InMemoryMetricExporter);

impl Meter {
    pub(super) fn new() -> Self {
        // The recorder is there before the app runs.
        recorder();
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        Self(SdkMeterProvider::builder().with_reader(reader).build(), exporter)
    }

    pub(super) fn of(&self, scope: &'static str) -> opentelemetry::metrics::Meter {
        self.0.meter(scope)
    }

    /// What the SDK exports now.
    pub(super) fn collect(&self) -> Samples {
        self.1.reset();
        self.0.force_flush().expect("a collection");
        let mut samples = Samples::new();
        for resource in self.1.get_finished_metrics().expect("what was exported") {
            let scopes = resource.scope_metrics();
            scopes.flat_map(|scope| scope.metrics()).for_each(|metric| add(&mut samples, metric));
        }
        samples
    }
}

fn add(samples: &mut Samples, metric: &Metric) {
    let name = metric.name().replace('.', "_");
    let name = match metric.name().rsplit_once('.') {
        Some((family, part @ ("bucket" | "count" | "sum"))) => {
            format!("{}_seconds_{part}", family.replace('.', "_"))
        }
        _ if metric.unit() == "s" => format!("{name}_seconds"),
        _ if matches!(metric.data(), AggregatedMetrics::U64(_)) => format!("{name}_total"),
        _ => name,
    };
    let mut point = |attributes: &mut dyn Iterator<Item = &KeyValue>, value: f64| {
        let labels: Vec<_> =
            attributes.map(|of| (of.key.as_str().replace('.', "_"), of.value.to_string())).collect();
        let labels = labels.iter().map(|(name, value)| (&**name, value.clone()));
        assert!(samples.insert(series(&name, labels), value).is_none(), "{name} comes twice");
    };
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            sum.data_points().for_each(|of| point(&mut of.attributes(), of.value() as f64));
        }
        AggregatedMetrics::F64(MetricData::Sum(sum)) => {
            sum.data_points().for_each(|of| point(&mut of.attributes(), of.value()));
        }
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
            gauge.data_points().for_each(|of| point(&mut of.attributes(), of.value()));
        }
        other => panic!("{name}: {other:?}"),
    }
}
