//! A server on a real socket, and ways to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dossier_access::SigningKey;
use dossier_kernel::{Clock, Ctx, Principal, PrincipalKind, Role, TenantId};
use dossier_rpc::{Channel, Drain, Edge, Health, Local, Part, Server, ServingStatus, TokenSource};
use dossier_testkit::Port;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::body::Body;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Interceptor, Routes};
use tower::Service;

use crate::access;
use crate::echo::{EchoClient, EchoServer, SERVICE};

pub struct Rig {
    pub address: SocketAddr,
    pub health: Health,
    pub local: Local,
    pub key: Arc<SigningKey>,
    pub shutdown: CancellationToken,
    pub served: JoinHandle<std::io::Result<()>>,
}

/// Short enough for a test, long enough for a slow machine to finish what it should.
pub const BOUND: Duration = Duration::from_secs(2);

impl Rig {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Edge)) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::on(any, Arc::new(access::signing_key()), change).await
    }

    /// Where another server was before, or will be.
    pub async fn at(port: &Port, key: &Arc<SigningKey>) -> Self {
        Self::on(port.address(), Arc::clone(key), |_| {}).await
    }

    async fn on(address: SocketAddr, key: Arc<SigningKey>, change: impl FnOnce(&mut Edge)) -> Self {
        let mut edge = access::edge(&key);
        change(&mut edge);
        let routes = Routes::new(EchoServer);
        let server = Server::new(
            edge,
            vec![Part {
                services: &[SERVICE],
                routes,
            }],
        )
        .expect("assembles");
        let (health, local) = (server.health(), Local::new());
        local.bind(server.service());
        health.set_all(ServingStatus::Serving);
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let drain = Drain {
            announce: Duration::ZERO,
            bound: BOUND,
        };
        let served = tokio::spawn(server.serve(listener, shutdown.clone(), drain));
        Self {
            address,
            health,
            local,
            key,
            shutdown,
            served,
        }
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn token(&self, role: Role) -> String {
        access::token(&self.key, role)
    }

    /// A connection that sends nothing but what the test says.
    pub async fn connect(&self) -> tonic::transport::Channel {
        tonic::transport::Endpoint::from_shared(self.uri())
            .expect("an address")
            .connect()
            .await
            .expect("connects")
    }

    /// A client with an admin's token.
    pub async fn client(&self) -> EchoClient<Tokened<Connection>> {
        self.client_as(Role::Admin).await
    }

    pub async fn client_as(&self, role: Role) -> EchoClient<Tokened<Connection>> {
        self.client_with(&self.token(role)).await
    }

    pub async fn client_with(&self, token: &str) -> EchoClient<Tokened<Connection>> {
        EchoClient::new(InterceptedService::new(self.connect().await, bearer(token)))
    }

    /// A client whose transport does not look at `grpc-timeout`; tonic's own would answer before
    /// the server does.
    pub fn patient_client(&self) -> EchoClient<Tokened<Patient>> {
        let http = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        let base = self.uri();
        let patient = Patient { http, base };
        let bearer = bearer(&self.token(Role::Admin));
        EchoClient::new(InterceptedService::new(patient, bearer))
    }

    fn tokens(&self) -> TokenSource {
        TokenSource::service(Arc::clone(&self.key), "tester", Clock::system())
    }

    /// The two ways by which services ask each other.
    pub fn channels(&self) -> [(&'static str, Channel); 2] {
        [
            (
                "in process",
                Channel::in_process(&self.local, self.tokens()),
            ),
            (
                "network",
                Channel::network(&self.uri(), self.tokens()).expect("an address"),
            ),
        ]
    }

    pub async fn drained(self) {
        self.shutdown.cancel();
        self.served.await.expect("no panic").expect("no error");
    }
}

fn bearer(token: &str) -> Bearer {
    Bearer(format!("Bearer {token}").parse().expect("a header"))
}

pub type Connection = tonic::transport::Channel;
pub type Tokened<T> = InterceptedService<T, Bearer>;

/// Adds a token to every call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, tonic::Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// HTTP/2 and nothing more.
#[derive(Clone)]
pub struct Patient {
    http: Client<HttpConnector, Body>,
    base: String,
}

impl Service<http::Request<Body>> for Patient {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper_util::client::legacy::Error;
    type Future = hyper_util::client::legacy::ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let uri = format!("{}{}", self.base, request.uri().path());
        *request.uri_mut() = uri.parse().expect("an address");
        self.http.request(request)
    }
}

pub fn person(tenant: &str) -> Ctx {
    let mut ctx = Ctx::service("tester", TenantId::parse(tenant).expect("a tenant"));
    ctx.principal = Principal {
        kind: PrincipalKind::Person,
        id: "ada".to_owned(),
    };
    ctx
}
