//! What a log line looks like: the request id comes from [`crate::request`], not from spans.

use std::fmt;

use dossier_kernel::Clock;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::LogFormat;

impl<S, N> FormatEvent<S, N> for LogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let at = Clock::system().now().to_rfc3339();
        let metadata = event.metadata();
        let request = crate::request::current();
        match self {
            Self::Pretty => {
                write!(
                    writer,
                    "{at} {:>5} {}: ",
                    metadata.level(),
                    metadata.target()
                )?;
                context.format_fields(writer.by_ref(), event)?;
                if let Some(request) = request {
                    write!(writer, " request_id={request}")?;
                }
                writeln!(writer)
            }
            Self::Json => {
                let mut line = Map::new();
                line.insert("time".to_owned(), at.into());
                line.insert("level".to_owned(), metadata.level().as_str().into());
                line.insert("target".to_owned(), metadata.target().into());
                if let Some(request) = request {
                    line.insert("request_id".to_owned(), request.as_ref().into());
                }
                event.record(&mut Fields(&mut line));
                writeln!(writer, "{}", Value::Object(line))
            }
        }
    }
}

/// Collects an event's fields; its text is the field `message`.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .event_format(format)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, work);
        let bytes = sink.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_json_line_is_one_object_with_the_request_id() {
        let line = logged(LogFormat::Json, || {
            crate::request::scope(&"r-1".into(), || {
                tracing::warn!(count = 3, name = "x\ny", "it \"happened\"");
            });
        });
        let value: Value = serde_json::from_str(&line).expect("one JSON object");
        assert_eq!(value["request_id"], "r-1");
        assert_eq!(value["message"], "it \"happened\"");
        assert_eq!(value["count"], 3);
        assert_eq!(value["level"], "WARN");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn a_readable_line_ends_with_the_request_id() {
        let line = logged(LogFormat::Pretty, || {
            crate::request::scope(&"r-1".into(), || tracing::info!(rows = 2, "done"));
        });
        assert!(line.ends_with(": done rows=2 request_id=r-1\n"), "{line}");
    }
}
