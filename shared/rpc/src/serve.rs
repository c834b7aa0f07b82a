//! Serving a socket, and stopping in bounded time.
//!
//! An accept loop of our own, because tonic's waits for ever for its last connection.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use crate::conduct::{Conduct, Unwanted};
use crate::connections::Connections;
use crate::edge::{Drain, Limits};
use crate::layers::{Web, headers};
use crate::request::{PeerAddress, PeerService};
use crate::server::Server;

/// How long to wait when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a browser's connection may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that was asked to leave may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Streams a peer reset before they were looked at ("rapid reset", CVE-2023-44487), and streams
/// reset because of the peer's own errors (CVE-2025-8671), that a connection may have; one that has
/// more gets GOAWAY with ENHANCE_YOUR_CALM. The transport's defaults, written down lest they change.
const PENDING_RESETS_MAX: usize = 20;
const ERROR_RESETS_MAX: usize = 1_024;

impl Server {
    /// Serves until `shutdown` is cancelled, then drains: health says NOT_SERVING, connections
    /// get GOAWAY, `Edge::stop` is cancelled so that long streams end with a resumable item, calls
    /// in flight finish, and what is left after [`Drain::bound`] is cut.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
        drain: Drain,
    ) -> io::Result<()> {
        let limits = Arc::new(self.edge.limits);
        let builder = builder(&limits);
        let connections = Connections::new(&limits);
        let web = Web::new(self.service);
        let tls = self.edge.tls.clone();
        let goaway = CancellationToken::new();
        let mut open = JoinSet::new();
        let mut leave = pin!(async {
            shutdown.cancelled().await;
            let signalled = Instant::now();
            self.health.stop();
            sleep(drain.announce).await;
            signalled
        });
        let signalled = loop {
            tokio::select! {
                biased;
                signalled = &mut leave => break signalled,
                Some(_) = open.join_next(), if !open.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let Some(seat) = connections.admit(peer.ip()) else {
                            tracing::debug!("a connection too many was closed");
                            continue;
                        };
                        let (builder, web) = (builder.clone(), web.clone());
                        let (goaway, limits) = (goaway.clone(), Arc::clone(&limits));
                        let tls = tls.clone();
                        open.spawn(async move {
                            if let Err(error) = stream.set_nodelay(true) {
                                tracing::debug!(%error, "TCP_NODELAY could not be set");
                            }
                            let peer = Origin { address: PeerAddress(peer), service: None };
                            match tls {
                                None => {
                                    converse(builder, stream, peer, web, goaway, &limits).await;
                                }
                                Some(tls) => {
                                    if let Some((stream, service)) = tls.accept(stream).await {
                                        let service = service.map(PeerService);
                                        let peer = Origin { service, ..peer };
                                        converse(builder, stream, peer, web, goaway, &limits).await;
                                    }
                                }
                            }
                            drop(seat);
                        });
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "no connection can be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        };

        // Closed first: a new connection is refused and goes to another replica.
        drop(listener);
        goaway.cancel();
        self.edge.stop.cancel();
        let finished = async { while open.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => {}
            () = sleep_until(signalled + drain.bound) => {
                tracing::warn!(connections = open.len(), "connections were cut at the bound");
                open.shutdown().await;
            }
        }
        Ok(())
    }
}

/// A peer that went away before it was accepted is its own affair.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.connection_calls_max)
        .max_header_list_size(limits.header_list_bytes_max * headers::WIRE_FACTOR)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

/// Who is at the other end of a connection, as far as the connection says.
struct Origin {
    address: PeerAddress,
    service: Option<PeerService>,
}

/// Serves one connection to its end.
async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    builder: Builder<TokioExecutor>,
    stream: S,
    peer: Origin,
    web: Web,
    goaway: CancellationToken,
    limits: &Limits,
) {
    let conduct = Conduct::new();
    let watched = Arc::clone(&conduct);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.address);
        if let Some(service) = &peer.service {
            request.extensions_mut().insert(service.clone());
        }
        let call = watched.call();
        let answer = web.clone().call(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await?.map(|body| call.answered(body))) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = goaway.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        unwanted = conduct.unwanted(limits) => match unwanted {
            Unwanted::Abusive => {
                tracing::warn!("a connection that gave up most of its calls at once was cut");
                return;
            }
            Unwanted::Idle => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(LEAVE_TIMEOUT, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
