//! Spans of calls and the W3C trace context they travel in.
//!
//! Spans exist only while an OTLP exporter is configured: [`server_span`] and [`client_span`] are
//! then real, otherwise they cost one atomic load.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

static EXPORTING: AtomicBool = AtomicBool::new(false);

pub(crate) fn set_exporting() {
    EXPORTING.store(true, Ordering::Relaxed);
}

/// Whether spans go anywhere.
pub fn exporting() -> bool {
    EXPORTING.load(Ordering::Relaxed)
}

/// The span of a call being served; a child of the caller's `traceparent` where that is valid.
pub fn server_span(method: &str, request_id: &str, parent: Option<&str>) -> Span {
    span("server", method, Some(request_id), parent)
}

/// The span of a call to a peer; a child of `parent`, the `traceparent` of the call being served.
pub fn client_span(method: &str, parent: Option<&str>) -> Span {
    span("client", method, None, parent)
}

fn span(kind: &str, method: &str, request_id: Option<&str>, parent: Option<&str>) -> Span {
    if !exporting() {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: "dossier::rpc",
        parent: None,
        "call",
        otel.name = method,
        otel.kind = kind,
        otel.status_code = tracing::field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = tracing::field::Empty,
        request_id,
    );
    if let Some(parent) = parent.and_then(parse) {
        // Fails only where the span is not recorded, and then there is nothing to attach.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// Notes the outcome on the span. `code` is the name of the status code.
pub fn finish(span: &Span, code: &'static str, ours: bool) {
    if span.is_disabled() {
        return;
    }
    span.record("rpc.response.status_code", code);
    if ours {
        span.record("otel.status_code", "ERROR");
    }
}

/// The `traceparent` that calls made inside this span must carry.
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| {
        format!(
            "00-{}-{}-{:02x}",
            span.trace_id(),
            span.span_id(),
            span.trace_flags().to_u8()
        )
    })
}

/// Reads a W3C `traceparent` (Trace Context, section 3.2).
fn parse(header: &str) -> Option<SpanContext> {
    if !is_valid(header) {
        return None;
    }
    let mut parts = header.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let context = SpanContext::new(
        trace,
        span,
        TraceFlags::new(flags),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

/// Whether the header has the shape of a W3C `traceparent` and may be handed on.
pub fn is_valid(header: &str) -> bool {
    let bytes = header.as_bytes();
    bytes.len() == 55
        && bytes.starts_with(b"00-")
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => *byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_trace_contexts_are_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_valid(good));
        assert!(parse(good).is_some());
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        assert!(parse(zero).is_none());
    }

    #[test]
    fn without_an_exporter_there_are_no_spans() {
        assert!(server_span("m", "r", None).is_disabled());
        assert_eq!(traceparent(&Span::none()), None);
    }
}
