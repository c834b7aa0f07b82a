//! Asking other services: the same generated clients, with or without a socket in between.
//!
//! ```ignore
//! let answer = channel
//!     .ask(ctx, |peer| async move { CustomerServiceClient::new(peer).get_customer(request).await })
//!     .await?;
//! ```

mod local;
mod peer;
mod retry;
mod token;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::{Ctx, Error};
use tonic::transport::Endpoint;

pub use local::Local;
pub use peer::Peer;
pub use token::TokenSource;

use crate::tls::ClientTls;

/// The way to one service. Cheap to clone.
#[derive(Clone)]
pub struct Channel {
    route: Route,
    tokens: TokenSource,
    budget: Arc<retry::Budget>,
    patience: Duration,
}

#[derive(Clone)]
enum Route {
    InProcess(Local),
    Network(tonic::transport::Channel),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

impl Channel {
    /// To the services of this process, through all layers and no socket. Until [`Local::bind`]
    /// was called every call answers UNAVAILABLE.
    pub fn in_process(local: &Local, tokens: TokenSource) -> Self {
        Self::new(Route::InProcess(local.clone()), tokens)
    }

    /// To `uri`, such as `http://profile:50051`. Connects with the first call and again whenever
    /// the connection is lost; a peer that is not there yet is no reason not to start.
    pub fn network(uri: &str, tokens: TokenSource) -> Result<Self, tonic::transport::Error> {
        let channel = endpoint(uri.to_owned())?.connect_lazy();
        Ok(Self::new(Route::Network(channel), tokens))
    }

    /// To `uri`, such as `https://profile:50051`, as [`Self::network`] does and over TLS.
    pub fn secured(
        uri: &str,
        tokens: TokenSource,
        tls: &ClientTls,
    ) -> Result<Self, tonic::transport::Error> {
        let address = uri.strip_prefix("https://").unwrap_or(uri);
        // tonic refuses https addresses unless the connection is its own; the calls still say
        // https, as their origin.
        let origin = uri.parse().unwrap_or_default();
        let endpoint = endpoint(format!("http://{address}"))?.origin(origin);
        let channel = endpoint.connect_with_connector_lazy(tls.clone());
        Ok(Self::new(Route::Network(channel), tokens))
    }

    fn new(route: Route, tokens: TokenSource) -> Self {
        Self {
            route,
            tokens,
            budget: Arc::default(),
            patience: retry::PATIENCE,
        }
    }

    /// How long [`Channel::ask`] goes on asking a peer that is not there; 2 s unless told. For
    /// callers without anybody who waits, such as an import that outlives a restart of its server.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What generated clients take. Carries the context: a token for its tenant, the request id,
    /// the purpose, the trace and the time that is left.
    pub fn with(&self, ctx: &Ctx) -> Peer {
        Peer::new(self.route.clone(), &self.tokens, ctx)
    }

    /// Asks a unary question that may be asked twice (a read, or a change with a `request_id`,
    /// which `question` must send again as it was), and asks again when the peer is UNAVAILABLE:
    /// with growing pauses, within the deadline and the patience of the channel, and in the long
    /// run for at most a fifth of all calls.
    pub async fn ask<T, F, A>(&self, ctx: &Ctx, mut question: F) -> Result<T, Error>
    where
        F: FnMut(Peer) -> A,
        A: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        self.budget
            .run(ctx, self.patience, || question(self.with(ctx)))
            .await
    }
}

fn endpoint(uri: String) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(uri)?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}
