//! What can be configured.

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;

/// How telemetry is switched on.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where traces and metrics are sent (OTLP over gRPC), such as `http://collector:4317`. A
    /// host and port without a scheme means plain text. `None`: nothing is sent.
    pub otlp_endpoint: Option<String>,
    pub log: LogFormat,
    /// The finest level of our own log lines.
    pub level: LevelFilter,
    /// `service.name` of traces and metrics, such as `dossier-profile`.
    pub service_name: String,
}

impl Options {
    /// Readable logs from `INFO` up, nothing sent.
    pub fn new(service_name: impl Into<String>) -> Self {
        Self {
            otlp_endpoint: None,
            log: LogFormat::Pretty,
            level: LevelFilter::INFO,
            service_name: service_name.into(),
        }
    }

    /// The OTLP crate reads an endpoint without a scheme as https, which no local collector speaks.
    pub(crate) fn otlp_uri(&self) -> Option<String> {
        let endpoint = self
            .otlp_endpoint
            .as_deref()
            .map(str::trim)
            .filter(|e| !e.is_empty())?;
        Some(if endpoint.contains("://") {
            endpoint.to_owned()
        } else {
            format!("http://{endpoint}")
        })
    }
}

/// What a log line looks like. Logs go to the standard error stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: time, level, place, message, fields.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(format!("`{word}` is no log format; use pretty or json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_scheme_is_plain_text() {
        let uri = |endpoint: &str| {
            Options {
                otlp_endpoint: Some(endpoint.to_owned()),
                ..Options::new("t")
            }
            .otlp_uri()
        };
        assert_eq!(
            uri("collector:4317").as_deref(),
            Some("http://collector:4317")
        );
        assert_eq!(
            uri("https://collector:4317").as_deref(),
            Some("https://collector:4317")
        );
        assert_eq!(uri("  "), None);
    }
}
