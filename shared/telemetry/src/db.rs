//! Database operations, after the semantic conventions for databases.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::metrics::Histogram;
use opentelemetry::{KeyValue, global};

use crate::metrics::{DURATION_BUCKETS_SECONDS, SCOPE};

/// Records `db.client.operation.duration`. `system` is `sqlite` or `postgresql`, `operation` a
/// fixed word such as `commit`; neither ever holds SQL or values.
pub fn record(system: &'static str, operation: &'static str, elapsed: Duration, failed: bool) {
    static DURATION: OnceLock<Histogram<f64>> = OnceLock::new();
    let histogram = DURATION.get_or_init(|| {
        global::meter(SCOPE)
            .f64_histogram("db.client.operation.duration")
            .with_unit("s")
            .with_description("Duration of database operations.")
            .with_boundaries(DURATION_BUCKETS_SECONDS.to_vec())
            .build()
    });
    let system = KeyValue::new("db.system.name", system);
    let operation = KeyValue::new("db.operation.name", operation);
    let seconds = elapsed.as_secs_f64();
    if failed {
        histogram.record(
            seconds,
            &[system, operation, KeyValue::new("error.type", "_OTHER")],
        );
    } else {
        histogram.record(seconds, &[system, operation]);
    }
}
