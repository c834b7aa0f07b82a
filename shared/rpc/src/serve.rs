//! Serving a socket, and stopping in bounded time.
//!
//! An accept loop of our own, because tonic's waits for ever for its last connection.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use crate::edge::{Drain, Limits};
use crate::layers::Web;
use crate::request::PeerAddress;
use crate::server::Server;

/// How long to wait when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a browser's connection may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

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
        let builder = connections(&self.edge.limits);
        let web = Web::new(self.service);
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
                        let connection =
                            converse(builder.clone(), stream, peer, web.clone(), goaway.clone());
                        open.spawn(connection);
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

fn connections(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.connection_calls_max)
        .max_header_list_size(limits.header_list_bytes_max)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

/// Serves one connection to its end.
async fn converse(
    builder: Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    web: Web,
    goaway: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(peer));
        web.clone().call(request.map(Body::new))
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = goaway.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
