//! What every call passes on its way in and out, in this order:
//!
//! | layer | does |
//! |---|---|
//! | [`headers`] | LIMIT_EXCEEDED for headers that are too large |
//! | [`request_id`] | names the call in logs and errors; answers the name |
//! | [`watch`] | span and metrics, recorded also when the caller goes away |
//! | [`deadline`] | DEADLINE_EXCEEDED when the time is up, unary and streams |
//! | [`panics`] | a panic becomes INTERNAL |
//! | [`authenticate`] | who asks: the token, or this machine where that is allowed |
//! | [`shed`] | RESOURCE_EXHAUSTED with a retry hint when too much is going on, by tenant |
//! | [`authorise`] | whether they may: the method's `(access)` rule and the policies; default deny |
//! | [`readmit`] | ends streams whose token has expired or whose key was revoked |
//! | [`message`] | LIMIT_EXCEEDED before a large message is read; no waiting for one that trickles |
//!
//! They are functions over one future and one [`body`] rather than tower layers: a call costs one
//! box and no clone of a stack. Errors of a layer are `kernel::Error`s; what tonic itself answers
//! gets its `ErrorInfo` from [`crate::foreign`].

pub(crate) mod authenticate;
mod authorise;
pub(crate) mod body;
pub(crate) mod deadline;
pub(crate) mod headers;
mod message;
mod panics;
mod readmit;
pub(crate) mod request_id;
mod shed;
pub(crate) mod watch;
mod web;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use dossier_kernel::{Error, PrincipalKind, Reason, RequestId};
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use crate::edge::Edge;
use crate::method::{Access, Method, Methods};
use crate::request::Stop;

pub(crate) use body::EdgeBody;
use shed::Arrival;
pub(crate) use shed::Pace;
pub(crate) use watch::Watch;
pub(crate) use web::Web;

/// All services of a process behind all layers. Cheap to clone; serves sockets and in-process
/// callers alike.
#[derive(Clone)]
pub struct EdgeService {
    layers: Arc<Layers>,
    routes: Routes,
}

struct Layers {
    edge: Edge,
    methods: Methods,
    shed: shed::Shed,
    origins: web::Origins,
}

/// What the handler answered, and what its body is held to.
struct Answered {
    response: Response<Body>,
    permit: Option<shed::Permit>,
    barred: Option<readmit::Barred>,
}

impl EdgeService {
    pub(crate) fn new(edge: Edge, methods: Methods, routes: Routes) -> Self {
        let shed = shed::Shed::new(&edge.limits, &methods);
        let origins = web::Origins::new(&edge.origins);
        let layers = Arc::new(Layers {
            edge,
            methods,
            shed,
            origins,
        });
        Self {
            layers,
            routes: routes.prepare(),
        }
    }

    /// The answer to one request; never fails, an error is an answer.
    pub(crate) fn answer(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Response<EdgeBody>> + Send + use<> {
        let layers = Arc::clone(&self.layers);
        let routes = self.routes.clone();
        async move { layers.pass(routes, request).await }
    }
}

impl Service<Request<Body>> for EdgeService {
    type Response = Response<EdgeBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.answer(request);
        Box::pin(async move { Ok(answer.await) })
    }
}

impl Layers {
    async fn pass(&self, routes: Routes, mut request: Request<Body>) -> Response<EdgeBody> {
        let started = Instant::now();
        let method = Arc::clone(self.methods.find(request.uri().path()));
        let id = request_id::take(request.headers_mut());
        let watch = Watch::serve(&method, &id, request.headers(), started);

        let limits = &self.edge.limits;
        let deadline = headers::check(&request, limits.header_list_bytes_max)
            .and_then(|()| deadline::read(request.headers(), &method, limits, started));
        let (until, answer) = match deadline {
            Ok(until) => {
                // Boxed here: each layer around a future of this size would hold it twice.
                let inside = Box::pin(self.inside(routes, &method, &id, &watch, until, request));
                let answer = watch
                    .around(panics::caught(deadline::within(until, inside)))
                    .await;
                (until, answer)
            }
            Err(refused) => (None, Err(refused)),
        };

        let Answered {
            mut response,
            permit,
            barred,
        } = answer.unwrap_or_else(|error| Answered {
            response: watch.enter(|| crate::status(error)).into_http(),
            permit: None,
            barred: None,
        });
        request_id::put(response.headers_mut(), &id);
        let bound = body::Bound::new(&method, until, barred, &self.edge.stop);
        EdgeBody::dress(response, watch, bound, permit)
    }

    /// From who asks to the handler.
    async fn inside(
        &self,
        mut routes: Routes,
        method: &Arc<Method>,
        id: &RequestId,
        watch: &Watch,
        deadline: Option<Instant>,
        mut request: Request<Body>,
    ) -> Result<Answered, Error> {
        let arrival = Arrival::new(Instant::now());
        let mut permit = None;
        let mut barred = None;
        let mut stop = self.edge.stop.clone();
        match method.access {
            Access::Public => {}
            Access::Ruled => {
                let sent = request.headers().get(AUTHORIZATION);
                let sent = sent.filter(|_| method.streams()).cloned();
                let caller = authenticate::caller(&self.edge, &self.origins, &mut request).await?;
                let mut ctx = caller.ctx(id, deadline, watch, request.headers())?;
                // Services mint a token for each opening and follow for longer than any lives.
                if let Some(sent) = sent.filter(|_| ctx.principal.kind != PrincipalKind::Service) {
                    stop = stop.child_token();
                    barred = Some(readmit::barred(&self.edge, sent, stop.clone()));
                }
                permit = Some(self.shed.admit(method, &ctx, &arrival)?);
                let edge = &self.edge;
                authorise::check(&edge.access, &edge.rules, request.uri().path(), &mut ctx)?;
                request.extensions_mut().insert(ctx);
            }
            Access::Unknown => {
                let words = "This server has no such method; ask reflection for those it has.";
                return Err(Error::new(Reason::Unimplemented, words));
            }
        }
        request.extensions_mut().insert(Stop(stop));
        let request = message::bounded(request, method, &self.edge.limits, arrival);
        let response = match routes.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(permit) = &mut permit {
            permit.answered(!response.headers().contains_key(Status::GRPC_STATUS));
        }
        // The work of a unary call is done; who reads its answer slowly holds up nobody.
        let permit = permit.filter(|_| method.streams());
        Ok(Answered {
            response,
            permit,
            barred,
        })
    }
}
