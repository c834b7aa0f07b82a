//! One context's way to a peer: what generated clients are made from.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use dossier_kernel::{Ctx, Error, Reason};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::{Status, TimeoutExpired};
use tower::{Service, ServiceExt};

use super::{Route, TokenSource};
use crate::layers::body::{Bound, EdgeBody};
use crate::layers::deadline::{self, exceeded};
use crate::layers::{Watch, authenticate, request_id, watch};
use crate::request::Inside;
use crate::timeout;

/// Made by [`crate::Channel::with`], used by one handler. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    route: Route,
    token: Result<Option<HeaderValue>, Refusal>,
    request_id: String,
    purpose: Option<HeaderValue>,
    trace: Option<String>,
    deadline: Option<Instant>,
}

/// No token could be minted; its cause is in the log.
#[derive(Clone, Copy, Debug)]
struct Refusal;

impl Peer {
    pub(super) fn new(route: Route, tokens: &TokenSource, ctx: &Ctx) -> Self {
        let token = tokens.token(ctx).map_err(|error| {
            tracing::error!(%error, "no token for a peer can be minted");
            Refusal
        });
        let purpose = ctx.purpose.as_deref();
        Self {
            route,
            token,
            request_id: ctx.request_id.as_str().to_owned(),
            purpose: purpose.and_then(|purpose| HeaderValue::from_str(purpose).ok()),
            trace: ctx.trace.clone(),
            deadline: ctx.deadline,
        }
    }

    fn dress(&self, headers: &mut HeaderMap, trace: Option<&str>) -> Result<(), Error> {
        let token = self
            .token
            .as_ref()
            .map_err(|Refusal| Error::internal("no token for a peer could be minted"))?;
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if let Some(purpose) = &self.purpose {
            headers.insert(authenticate::PURPOSE, purpose.clone());
        }
        insert(headers, request_id::REQUEST_ID, Some(&self.request_id));
        insert(headers, watch::TRACEPARENT, trace);
        if let Some(at) = self.deadline {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(exceeded());
            }
            headers.insert(timeout::HEADER, timeout::format(left));
        }
        Ok(())
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    /// Holds an `ErrorInfo`; the generated clients hand it on as it is.
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.route.clone() {
            Route::InProcess(local) => {
                request.extensions_mut().insert(Inside);
                // The layers on the other side measure, bound and complete the call.
                let ready = self
                    .dress(request.headers_mut(), self.trace.as_deref())
                    .and_then(|()| {
                        local
                            .service()
                            .ok_or_else(|| Error::unavailable("The service is not up."))
                    });
                match ready {
                    Ok(service) => {
                        let answer = service.answer(request);
                        Box::pin(async move { Ok(answer.await.map(Body::new)) })
                    }
                    Err(error) => refuse(error),
                }
            }
            Route::Network(channel) => {
                let watch = Watch::ask(
                    request.uri().path(),
                    &self.request_id,
                    self.trace.as_deref(),
                );
                if let Err(error) = self.dress(request.headers_mut(), watch.trace()) {
                    return refuse(error);
                }
                Box::pin(over_network(channel, request, watch, self.deadline))
            }
        }
    }
}

fn refuse(error: Error) -> <Peer as Service<Request<Body>>>::Future {
    Box::pin(std::future::ready(Err(crate::status(error))))
}

async fn over_network(
    mut channel: tonic::transport::Channel,
    request: Request<Body>,
    mut watch: Watch,
    deadline: Option<Instant>,
) -> Result<Response<Body>, Status> {
    let call = async {
        let ready = channel
            .ready()
            .await
            .map_err(|error| lost(error, deadline))?;
        ready
            .call(request)
            .await
            .map_err(|error| lost(error, deadline))
    };
    match watch.around(deadline::within(deadline, call)).await {
        Ok(response) => {
            let bound = Bound::until(deadline);
            Ok(EdgeBody::dress(response, watch, bound, None).map(Body::new))
        }
        Err(error) => {
            let status = watch.enter(|| crate::status(error));
            watch.finish(status.code());
            Err(status)
        }
    }
}

/// tonic watches `grpc-timeout` on this side, too, and calls its expiry a cancellation.
fn lost(error: tonic::transport::Error, deadline: Option<Instant>) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<TimeoutExpired>() {
            return exceeded();
        }
        cause = inner.source();
    }
    if deadline.is_some_and(|at| at <= Instant::now()) {
        return exceeded();
    }
    Error::new(
        Reason::Unavailable,
        "A service that is needed cannot be reached; try again.",
    )
    .retry_after(std::time::Duration::from_millis(200))
    .caused_by(error)
}
