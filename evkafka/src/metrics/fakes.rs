//! For tests: where numbers come from, and who is told of them.

#[cfg(any(feature = "metrics", feature = "otel"))]
mod counting;
#[cfg(feature = "otel")]
mod meter;
#[cfg(feature = "metrics")]
mod recorder;

use std::collections::BTreeSet;

#[cfg(any(feature = "metrics", feature = "otel"))]
pub(super) use self::counting::Counting;
#[cfg(feature = "otel")]
pub(super) use self::meter::Observations;
#[cfg(feature = "metrics")]
pub(super) use self::recorder::Recorded;
use super::{Metrics, ProducerMetrics};

/// An app has no producer.
pub(crate) enum Nothing {}

impl super::Producer for Nothing {
    fn metrics(&self) -> ProducerMetrics {
        match *self {}
    }
}

/// The numbers of an app in all forms in which they are conveyed.
pub(crate) struct Forms {
    metrics: Metrics,
    #[cfg(feature = "metrics")]
    facade: (super::facade::Facade, Recorded),
    #[cfg(feature = "otel")]
    meter: Observations,
}

impl Forms {
    pub(crate) fn of(metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.clone(),
            #[cfg(feature = "metrics")]
            facade: (super::facade::Facade::new(metrics.clone()), Recorded::default()),
            #[cfg(feature = "otel")]
            meter: {
                let meter = Observations::default();
                metrics.register_with(&meter.meter());
                meter
            },
        }
    }

    /// The names of all series, by the form.
    pub(crate) fn series(&mut self) -> Vec<BTreeSet<String>> {
        let text = self.metrics.prometheus();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        #[cfg_attr(
            not(any(feature = "metrics", feature = "otel")),
            expect(unused_mut, reason = "text alone")
        )]
        let mut forms = vec![lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()];
        #[cfg(feature = "metrics")]
        {
            let (facade, recorded) = &mut self.facade;
            facade.publish(recorded);
            forms.push(recorded.all().into_keys().collect());
        }
        #[cfg(feature = "otel")]
        forms.push(self.meter.collect().into_keys().collect());
        forms
    }
}
