//! Numbers as text: Prometheus' exposition format 0.0.4, and OpenMetrics 1.0.

mod escape;
#[cfg(test)]
pub(super) mod tests;

use std::fmt::{self, Display, Write as _};

use self::escape::{Escaped, Quotes};
use super::{
    Histogram, MetricsSnapshot,
    families::{Family, Kind, Label, Sample, Unit, Value},
};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Prometheus,
    OpenMetrics,
}

/// All series of a snapshot. A family without a series is left out.
pub(super) fn write(snapshot: &MetricsSnapshot, format: Format) -> String {
    let mut text = Text { text: String::new(), format };
    Family::all().for_each(|family| text.family(family, snapshot));
    if format == Format::OpenMetrics {
        text.text.push_str("# EOF\n");
    }
    text.text
}

struct Text {
    text: String,
    format: Format,
}

impl Text {
    fn family(&mut self, family: &'static Family, snapshot: &MetricsSnapshot) {
        let name = Name(family);
        let mut has_head = false;
        family.samples(snapshot, &mut |sample| {
            if !std::mem::replace(&mut has_head, true) {
                self.head(family, &name);
            }
            self.sample(&name, &sample);
        });
    }

    fn head(&mut self, family: &Family, name: &Name) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // OpenMetrics calls the family of a counter by the name without its suffix.
        let suffix = match (self.format, family.kind) {
            (Format::Prometheus, Kind::Counter) => "_total",
            _ => "",
        };
        let help = Escaped(family.help, Quotes::Keep);
        self.line(format_args!("# HELP {name}{suffix} {help}"));
        self.line(format_args!("# TYPE {name}{suffix} {kind}"));
        if self.format == Format::OpenMetrics && family.unit == Unit::Seconds {
            self.line(format_args!("# UNIT {name} seconds"));
        }
    }

    fn sample(&mut self, name: &Name, Sample { labels, value }: &Sample<'_>) {
        match value {
            Value::Count(count) => {
                self.line(format_args!("{name}_total{} {count}", Labels(labels, None)));
            }
            Value::Gauge(value) => self.line(format_args!("{name}{} {value}", Labels(labels, None))),
            Value::Histogram(histogram) => self.histogram(name, labels, histogram),
        }
    }

    fn histogram(&mut self, name: &Name, labels: &[Label<'_>], histogram: &Histogram) {
        let mut count = 0;
        for (bound, below) in histogram.cumulated() {
            let bound = Bound(bound, self.format);
            self.line(format_args!("{name}_bucket{} {below}", Labels(labels, Some(bound))));
            count = below;
        }
        let (labels, sum) = (Labels(labels, None), histogram.sum().as_secs_f64());
        self.line(format_args!("{name}_sum{labels} {sum}"));
        self.line(format_args!("{name}_count{labels} {count}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }
}

/// A family's name by Prometheus' rules, without the suffix of a counter.
struct Name(&'static Family);

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        underscored(self.0.name, f)?;
        match self.0.unit {
            Unit::Seconds => f.write_str("_seconds"),
            Unit::Count(_) | Unit::None => Ok(()),
        }
    }
}

fn underscored(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    name.chars().try_for_each(|c| f.write_char(if c == '.' { '_' } else { c }))
}

/// The upper bound of a range.
struct Bound(f64, Format);

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(bound, _) if bound.is_infinite() => f.write_str("+Inf"),
            Self(bound, Format::Prometheus) => write!(f, "{bound}"),
            // With a point, always.
            Self(bound, Format::OpenMetrics) => write!(f, "{bound:?}"),
        }
    }
}

/// The upper bound of a range as Prometheus' text has it.
#[cfg(any(feature = "metrics", feature = "otel"))]
pub(super) fn upper_bound(bound: f64) -> String {
    Bound(bound, Format::Prometheus).to_string()
}

struct Labels<'s>(&'s [Label<'s>], Option<Bound>);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            underscored(name, f)?;
            write!(f, "=\"{}\"", Escaped(value, Quotes::Escape))?;
        }
        if let Some(bound) = &self.1 {
            write!(f, ",le=\"{bound}\"")?;
        }
        f.write_char('}')
    }
}
