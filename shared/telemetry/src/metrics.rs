//! The one registry of this process, readable in the Prometheus text format.

use std::sync::OnceLock;

use prometheus::{Encoder, Registry, TextEncoder};

/// Buckets of every duration histogram, in seconds. The conventions begin at 5 ms; answers from
/// memory or one local fsync would all fall into the first bucket.
pub(crate) const DURATION_BUCKETS_SECONDS: [f64; 17] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0,
];

/// The name of our instrumentation scope.
pub(crate) const SCOPE: &str = "dossier";

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// What was measured in this process since [`crate::init`].
#[derive(Clone, Debug)]
pub struct Metrics(Registry);

/// The metrics of this process; empty when [`crate::init`] was not called.
pub fn metrics() -> Metrics {
    Metrics(registry())
}

pub(crate) fn registry() -> Registry {
    REGISTRY.get_or_init(Registry::new).clone()
}

impl Metrics {
    /// The `content-type` of [`Metrics::render`].
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4";

    /// All metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.0.gather(), &mut text) {
            tracing::warn!(%error, "metrics could not be rendered");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}
