//! The two forms in which figures are told.

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// A form, chosen by what whoever asks accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format that Prometheus had before it, 0.0.4: what tools without the newer one read, and people in a browser.
    Prometheus,
}

impl Format {
    /// By the header `Accept`, as Prometheus sends it.
    pub fn accepted(accept: Option<&str>) -> Self {
        let wants_open_metrics = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if wants_open_metrics { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }

    pub fn write(self, registry: &Registry) -> String {
        let mut written = String::with_capacity(64 * 1024);
        let done = match self {
            Self::OpenMetrics => text::encode(&mut written, registry),
            Self::Prometheus => prometheus_text::encode(&mut written, registry),
        };
        debug_assert!(done.is_ok(), "a String takes what is written to it");
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_open_metrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::accepted(Some("*/*")), Format::Prometheus);
        assert_eq!(Format::accepted(None), Format::Prometheus);
        let registry = Registry::default();
        assert_eq!(Format::OpenMetrics.write(&registry), "# EOF\n");
        assert_eq!(Format::Prometheus.write(&registry), "");
    }
}
