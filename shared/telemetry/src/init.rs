//! Switching telemetry on and off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::metrics::{SCOPE, registry};
use crate::{Options, trace};

/// How long [`Guard::shutdown`] waits for each of traces and metrics to be sent.
const FLUSH_BOUND: Duration = Duration::from_secs(2);

/// Why telemetry could not be switched on.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("the OTLP endpoint `{endpoint}` cannot be used")]
    Endpoint {
        endpoint: String,
        source: opentelemetry_otlp::ExporterBuildError,
    },
    #[error("the Prometheus registry cannot be used")]
    Prometheus(#[source] opentelemetry_sdk::error::OTelSdkError),
    #[error("telemetry is already on; it is switched on once, in main")]
    AlreadyOn,
}

/// Keeps telemetry on. [`Guard::shutdown`] sends what is still buffered.
#[derive(Debug)]
#[must_use = "what is buffered is lost unless the guard is shut down at the end"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: SdkMeterProvider,
}

/// Switches telemetry on for this process. Call once, in `main`, inside the tokio runtime (the
/// OTLP connection lives on it) and before anything is measured.
pub fn init(options: &Options) -> Result<Guard, InitError> {
    static ON: AtomicBool = AtomicBool::new(false);
    if ON.swap(true, Ordering::SeqCst) {
        return Err(InitError::AlreadyOn);
    }
    // What could not be switched on may be tried again with other options.
    switch_on(options).inspect_err(|_| ON.store(false, Ordering::SeqCst))
}

fn switch_on(options: &Options) -> Result<Guard, InitError> {
    let resource = Resource::builder()
        .with_service_name(options.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let mut metrics = SdkMeterProvider::builder().with_resource(resource.clone());
    let mut traces = None;
    if let Some(uri) = options.otlp_uri() {
        let refuse = |source| InitError::Endpoint {
            endpoint: uri.clone(),
            source,
        };
        let exporter = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(&uri)
            .build()
            .map_err(refuse)?;
        metrics = metrics.with_reader(PeriodicReader::builder(exporter).build());
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&uri)
            .build()
            .map_err(refuse)?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        traces = Some(provider);
    }
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry())
        .build()
        .map_err(InitError::Prometheus)?;
    let metrics = metrics.with_reader(prometheus).build();

    let spans = traces.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(SCOPE))
            .with_filter(filter_fn(|metadata| {
                metadata.is_span() && metadata.target().starts_with("dossier")
            }))
    });
    // Libraries at finer levels show frames, headers and statements.
    let ours = Targets::new()
        .with_default(options.level.min(LevelFilter::WARN))
        .with_target("dossier", options.level);
    let lines = fmt::layer()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .event_format(options.log)
        .with_filter(ours.and(filter_fn(|metadata| metadata.is_event())));
    // For all layers, and above them: filters of single layers leave the spans of libraries alive,
    // and those of h2 alone took a tenth of a read.
    let anybody = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("dossier", options.level.max(LevelFilter::INFO));
    tracing_subscriber::registry()
        .with(spans)
        .with(lines)
        .with(anybody)
        .try_init()
        .map_err(|_| InitError::AlreadyOn)?;

    global::set_meter_provider(metrics.clone());
    if traces.is_some() {
        trace::set_exporting();
    }
    Ok(Guard { traces, metrics })
}

impl Guard {
    /// Sends what is buffered, waiting at most a few seconds. Blocks: call it while the runtime
    /// still runs, but not on one of its worker threads.
    pub fn shutdown(self) {
        if let Some(traces) = &self.traces
            && let Err(error) = traces.shutdown_with_timeout(FLUSH_BOUND)
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
        if let Err(error) = self.metrics.shutdown_with_timeout(FLUSH_BOUND) {
            tracing::warn!(%error, "the last metrics were not sent");
        }
    }
}
