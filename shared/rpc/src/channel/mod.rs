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

/// The way to one service. Cheap to clone.
#[derive(Clone)]
pub struct Channel {
    route: Route,
    tokens: TokenSource,
    budget: Arc<retry::Budget>,
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
        let endpoint = Endpoint::from_shared(uri.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        Ok(Self::new(Route::Network(endpoint.connect_lazy()), tokens))
    }

    fn new(route: Route, tokens: TokenSource) -> Self {
        Self {
            route,
            tokens,
            budget: Arc::default(),
        }
    }

    /// What generated clients take. Carries the context: a token for its tenant, the request id,
    /// the purpose, the trace and the time that is left.
    pub fn with(&self, ctx: &Ctx) -> Peer {
        Peer::new(self.route.clone(), &self.tokens, ctx)
    }

    /// Asks a unary question that may be asked twice, and asks again (at most twice, within the
    /// deadline, and for at most a fifth of all calls) when the peer is UNAVAILABLE.
    pub async fn ask<T, F, A>(&self, ctx: &Ctx, mut question: F) -> Result<T, Error>
    where
        F: FnMut(Peer) -> A,
        A: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        self.budget.run(ctx, || question(self.with(ctx))).await
    }
}
