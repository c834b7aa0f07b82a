//! Accepted and greeted connections, for servers with an accept loop of their own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::server::TlsStream;

use super::Tls;

/// Connections that are being greeted or wait to be taken.
const WAITING_MAX: usize = 64;
/// How long to wait when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection whose handshake is done.
pub type TlsConnection = TlsStream<TcpStream>;

/// Ends its work when it is dropped.
pub struct TlsListener {
    greeted: mpsc::Receiver<(TlsConnection, SocketAddr)>,
    addr: SocketAddr,
}

impl Tls {
    /// Greets connections beside each other, so that a silent one holds up nobody. Call inside the
    /// tokio runtime.
    pub fn listen(&self, listener: TcpListener) -> io::Result<TlsListener> {
        let (ready, greeted) = mpsc::channel(WAITING_MAX);
        let addr = listener.local_addr()?;
        tokio::spawn(greet(self.clone(), listener, ready));
        Ok(TlsListener { greeted, addr })
    }
}

impl TlsListener {
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Never returns once the listener's own task has ended.
    pub async fn accept(&mut self) -> (TlsConnection, SocketAddr) {
        match self.greeted.recv().await {
            Some(greeted) => greeted,
            None => std::future::pending().await,
        }
    }
}

async fn greet(tls: Tls, listener: TcpListener, ready: mpsc::Sender<(TlsConnection, SocketAddr)>) {
    let places = Arc::new(Semaphore::new(WAITING_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ready.closed() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (tls, ready) = (tls.clone(), ready.clone());
                tokio::spawn(async move {
                    if let Some((stream, _)) = tls.accept(stream).await {
                        // Nobody listens any more: the connection ends here.
                        let _ = ready.send((stream, peer)).await;
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
