//! gRPC-Web for browsers (gRPC-Web protocol; CORS after the Fetch standard), in front of the
//! layers and out of the way of everybody else.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, Version};
use http_body_util::Either;
use tonic::Status;
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use super::authenticate::PURPOSE;
use super::request_id::REQUEST_ID;
use super::watch::TRACEPARENT;
use super::{EdgeBody, EdgeService};
use crate::request::CURSOR;
use crate::timeout;

/// How long a browser may remember what a preflight answered.
const PREFLIGHT_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// The pages that may call.
#[derive(Clone, Debug)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    pub fn new(configured: &[String]) -> Self {
        let exact = configured.iter().map(|origin| origin.trim_end_matches('/'));
        Self(
            exact
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
        )
    }

    /// Configured ones, and pages of this machine.
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin) || origin.to_str().is_ok_and(is_local)
    }
}

fn is_local(origin: &str) -> bool {
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    let Some(host) = host else { return false };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| {
        host.strip_prefix(local).is_some_and(|rest| {
            let port = rest.strip_prefix(':').unwrap_or(rest);
            port.bytes().all(|byte| byte.is_ascii_digit()) && (rest.is_empty() || port != rest)
        })
    })
}

/// What sockets talk to: gRPC goes straight to the layers, browsers by way of a translation.
#[derive(Clone)]
pub struct Web {
    plain: EdgeService,
    browsers: Cors<GrpcWebService<EdgeService>>,
}

pub type WebBody = Either<EdgeBody, Body>;

impl Web {
    pub fn new(service: EdgeService) -> Self {
        let origins = service.layers.origins.clone();
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| {
                origins.allow(origin)
            }))
            .allow_methods([Method::POST])
            .allow_headers([
                AUTHORIZATION,
                CONTENT_TYPE,
                REQUEST_ID,
                TRACEPARENT,
                PURPOSE,
                timeout::HEADER,
                HeaderName::from_static("x-grpc-web"),
                HeaderName::from_static("x-user-agent"),
            ])
            .expose_headers([
                Status::GRPC_STATUS,
                Status::GRPC_MESSAGE,
                Status::GRPC_STATUS_DETAILS,
                REQUEST_ID,
                HeaderName::from_static(CURSOR),
            ])
            .max_age(PREFLIGHT_AGE);
        let browsers = cors.layer(GrpcWebLayer::new().layer(service.clone()));
        Self {
            plain: service,
            browsers,
        }
    }
}

/// Whether the translation is needed: everything that is not plain gRPC over HTTP/2.
fn is_from_browser<B>(request: &Request<B>) -> bool {
    let grpc_web = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|content| content.as_bytes().starts_with(b"application/grpc-web"));
    grpc_web || request.version() != Version::HTTP_2 || request.method() == Method::OPTIONS
}

impl Service<Request<Body>> for Web {
    type Response = Response<WebBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_from_browser(&request) {
            let answer = self.browsers.call(request);
            Box::pin(async move { Ok(answer.await?.map(Either::Right)) })
        } else {
            let answer = self.plain.answer(request);
            Box::pin(async move { Ok(answer.await.map(Either::Left)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_configured_and_local_pages_may_call() {
        let origins = Origins::new(&["https://crm.example.com/".to_owned()]);
        let allow = |origin: &str| origins.allow(&HeaderValue::from_str(origin).expect("text"));
        for good in [
            "https://crm.example.com",
            "http://localhost:3000",
            "http://127.0.0.1",
        ] {
            assert!(allow(good), "{good}");
        }
        for bad in [
            "http://crm.example.com",
            "https://crm.example.com.evil.test",
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test:80",
            "http://localhost:80.evil.test",
            "http://localhost3000",
            "null",
            "",
        ] {
            assert!(!allow(bad), "{bad}");
        }
    }
}
