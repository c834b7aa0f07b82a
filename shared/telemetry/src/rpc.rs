//! Calls, served and made, after the semantic conventions for RPC.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use opentelemetry::metrics::{Histogram, UpDownCounter};
use opentelemetry::{KeyValue, StringValue, Value, global};

use crate::metrics::{DURATION_BUCKETS_SECONDS, SCOPE};

/// Which end of the call is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `rpc.server.call.duration`
    Server,
    /// `rpc.client.call.duration`
    Client,
}

/// One call being measured. It is recorded exactly once: by [`Call::finish`], or as `CANCELLED`
/// when it is dropped before, so that calls whose caller went away do not vanish.
#[derive(Debug)]
pub struct Call {
    side: Side,
    method: Arc<str>,
    started: Instant,
    finished: bool,
}

impl Call {
    /// `method` is `package.Service/Method` of a method that exists, or `_OTHER`: callers must
    /// not be able to make up names.
    pub fn start(side: Side, method: Arc<str>, started: Instant) -> Self {
        if side == Side::Server {
            instruments().active.add(1, &[]);
        }
        Self {
            side,
            method,
            started,
            finished: false,
        }
    }

    /// `code` is the name of the status code, such as `OK` or `NOT_FOUND`.
    pub fn finish(&mut self, code: &'static str) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let instruments = instruments();
        let histogram = match self.side {
            Side::Server => {
                instruments.active.add(-1, &[]);
                &instruments.server
            }
            Side::Client => &instruments.client,
        };
        let method = Value::String(StringValue::from(Arc::clone(&self.method)));
        histogram.record(
            self.started.elapsed().as_secs_f64(),
            &[
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", method),
                KeyValue::new("rpc.response.status_code", code),
            ],
        );
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish("CANCELLED");
    }
}

struct Instruments {
    server: Histogram<f64>,
    client: Histogram<f64>,
    active: UpDownCounter<i64>,
}

fn instruments() -> &'static Instruments {
    static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
    INSTRUMENTS.get_or_init(|| {
        let meter = global::meter(SCOPE);
        let duration = |name: &'static str, description: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(DURATION_BUCKETS_SECONDS.to_vec())
                .build()
        };
        Instruments {
            server: duration(
                "rpc.server.call.duration",
                "Duration of calls served, streams whole.",
            ),
            client: duration(
                "rpc.client.call.duration",
                "Duration of calls made to peers.",
            ),
            active: meter
                .i64_up_down_counter("rpc.server.active_calls")
                .with_description("Calls being served now, open streams included.")
                .build(),
        }
    })
}
