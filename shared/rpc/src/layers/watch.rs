//! Span and metrics of one call, from its first to its last byte.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use dossier_kernel::RequestId;
use dossier_telemetry::rpc::{Call, Side};
use dossier_telemetry::{request, trace};
use http::header::{HeaderMap, HeaderName};
use tonic::Code;
use tracing::Span;

use crate::method::Method;
use crate::reason;

pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Watches one call. Dropped before [`Watch::finish`], it counts the call as cancelled: handlers
/// are dropped at any await when their caller goes away.
#[derive(Debug)]
pub struct Watch {
    call: Call,
    span: Span,
    id: Arc<str>,
    trace: Option<String>,
}

impl Watch {
    /// A call being served.
    pub fn serve(method: &Method, id: &RequestId, headers: &HeaderMap, started: Instant) -> Self {
        let sent = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        let sent = sent.filter(|header| trace::is_valid(header));
        let span = trace::server_span(&method.name, id.as_str(), sent);
        let trace = trace::traceparent(&span).or_else(|| sent.map(str::to_owned));
        let call = Call::start(Side::Server, Arc::clone(&method.name), started);
        Self {
            call,
            span,
            id: id.as_str().into(),
            trace,
        }
    }

    /// A call being made to a peer, `path` being `/package.Service/Method`.
    pub fn ask(path: &str, id: &str, parent: Option<&str>) -> Self {
        let name: Arc<str> = path.trim_start_matches('/').into();
        let span = trace::client_span(&name, parent);
        let trace = trace::traceparent(&span).or_else(|| parent.map(str::to_owned));
        let call = Call::start(Side::Client, name, Instant::now());
        Self {
            call,
            span,
            id: id.into(),
            trace,
        }
    }

    /// The `traceparent` for whatever this call causes.
    pub fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// Runs `work` as a part of the call: spans and log lines inside belong to it.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(|| request::scope(&self.id, work))
    }

    /// The future, each poll of which is a part of the call.
    pub async fn around<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| self.enter(|| future.as_mut().poll(cx))).await
    }

    /// Notes the outcome; the first one counts.
    pub fn finish(&mut self, code: Code) {
        let name = reason::code_name(code);
        self.call.finish(name);
        let ours = matches!(code, Code::Unknown | Code::Internal | Code::DataLoss);
        trace::finish(&self.span, name, ours);
    }
}
