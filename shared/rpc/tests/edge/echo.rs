//! A service for the tests, as generated code would serve and call it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use dossier_kernel::{Error, Reason, Violation};
use dossier_rpc::{configured, ctx, status, stop, with_cursor};
use futures::{Stream, StreamExt};
use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

pub const SERVICE: &str = "dossier.echo.v1.EchoService";
pub const SAY: &str = "/dossier.echo.v1.EchoService/Say";
pub const TELL: &str = "/dossier.echo.v1.EchoService/Tell";
pub const GATHER: &str = "/dossier.echo.v1.EchoService/Gather";
pub const FORGOTTEN: &str = "/dossier.echo.v1.EchoService/Forgotten";

#[derive(Clone, PartialEq, prost::Message)]
pub struct Words {
    #[prost(string, tag = "1")]
    pub text: String,
}

/// The same field with another type: what an older contract might send.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Numbers {
    #[prost(int64, tag = "1")]
    pub text: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Heard {
    #[prost(string, tag = "1")]
    pub text: String,
    #[prost(string, tag = "2")]
    pub tenant: String,
    #[prost(string, tag = "3")]
    pub principal: String,
    #[prost(string, tag = "4")]
    pub request_id: String,
    #[prost(int64, tag = "5")]
    pub left_ms: i64,
    #[prost(string, tag = "6")]
    pub trace: String,
    #[prost(string, tag = "7")]
    pub purpose: String,
    #[prost(bool, tag = "8")]
    pub token_seen: bool,
    #[prost(string, tag = "9")]
    pub strength: String,
    #[prost(string, tag = "10")]
    pub on_behalf_of: String,
}

/// The contract of [`SERVICE`], compiled as `dossier-proto` compiles its own.
pub fn descriptors() -> &'static [u8] {
    static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    BYTES.get_or_init(|| {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/edge");
        let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
        let mut compiler = protox::Compiler::new([here, contract]).expect("paths exist");
        compiler
            .include_imports(true)
            .open_files(["echo.proto"])
            .expect("compiles");
        compiler.encode_file_descriptor_set()
    })
}

fn hear<T>(request: &Request<T>, text: &str) -> Result<Heard, Status> {
    let ctx = ctx(request)?;
    let left = ctx.remaining().unwrap_or_default();
    Ok(Heard {
        text: text.to_owned(),
        tenant: ctx.tenant.to_string(),
        principal: ctx.principal.to_string(),
        request_id: ctx.request_id.to_string(),
        left_ms: i64::try_from(left.as_millis()).expect("short"),
        trace: ctx.trace.unwrap_or_default(),
        purpose: ctx.purpose.unwrap_or_default(),
        token_seen: request.metadata().contains_key("authorization"),
        strength: ctx.strength.as_str().to_owned(),
        on_behalf_of: ctx
            .on_behalf_of
            .map_or_else(String::new, |behind| behind.to_string()),
    })
}

/// The first word says what to do.
async fn say(request: Request<Words>) -> Result<Response<Heard>, Status> {
    let text = request.get_ref().text.clone();
    let (order, rest) = text.split_once(':').unwrap_or((&text, ""));
    match order {
        // The handler's slowness is what deadlines and drains are tested with.
        "sleep" => tokio::time::sleep(Duration::from_millis(rest.parse().expect("a number"))).await,
        "panic" => panic!("as told"),
        "refuse" => {
            return Err(status(
                Error::new(Reason::EtagMismatch, "The etag is stale.")
                    .with("etag", "7")
                    .with_violations(vec![Violation::new("etag", "is not the current one")]),
            ));
        }
        "internal" => return Err(status(Error::internal("secret"))),
        "raw" => return Err(Status::internal("secret")),
        "cursor" => return Ok(with_cursor(hear(&request, rest)?, Some("c-1".to_owned()))),
        _ => {}
    }
    Ok(Response::new(hear(&request, &text)?))
}

type Answers = Pin<Box<dyn Stream<Item = Result<Heard, Status>> + Send>>;

/// `wait`: one item, then silence until the stop, then a last item. `stubborn`: the same, but
/// deaf. `flood`: items without a pause. `fail` and `panic` after one item.
async fn tell(request: Request<Words>) -> Result<Response<Answers>, Status> {
    let stop = stop(&request);
    let order = request.get_ref().text.clone();
    let item = hear(&request, &order)?;
    let last = Heard {
        text: "end".to_owned(),
        ..item.clone()
    };
    let first = futures::stream::once(std::future::ready(Ok(item.clone())));
    let rest: Answers = match order.as_str() {
        "wait" => Box::pin(futures::stream::once(async move {
            stop.cancelled_owned().await;
            Ok(last)
        })),
        "stubborn" => Box::pin(futures::stream::pending()),
        "flood" => Box::pin(futures::stream::repeat_with(move || Ok(item.clone()))),
        "fail" => Box::pin(futures::stream::once(async {
            Err(Status::unknown("secret"))
        })),
        // tonic packs ready items together: without the pause the first would perish with it.
        "panic" => Box::pin(futures::stream::once(async {
            tokio::task::yield_now().await;
            panic!("as told")
        })),
        _ => Box::pin(futures::stream::empty()),
    };
    Ok(Response::new(Box::pin(first.chain(rest))))
}

async fn gather(request: Request<Streaming<Words>>) -> Result<Response<Heard>, Status> {
    let mut heard = hear(&request, "")?;
    let mut words = request.into_inner();
    let mut bytes = 0;
    while let Some(each) = words.message().await? {
        bytes += each.text.len();
    }
    heard.text = bytes.to_string();
    Ok(Response::new(heard))
}

#[derive(Clone)]
pub struct EchoServer;

impl NamedService for EchoServer {
    const NAME: &'static str = SERVICE;
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = configured!(Grpc::new(ProstCodec::<Heard, Words>::default()));
            Ok(match request.uri().path() {
                SAY => grpc.unary(service_fn(say), request).await,
                TELL => grpc.server_streaming(service_fn(tell), request).await,
                GATHER => grpc.client_streaming(service_fn(gather), request).await,
                _ => {
                    // Word for word what generated code answers.
                    let mut response = http::Response::new(Body::default());
                    let code = (tonic::Code::Unimplemented as i32).into();
                    response.headers_mut().insert(Status::GRPC_STATUS, code);
                    response
                }
            })
        })
    }
}

/// What a generated client is.
#[derive(Clone)]
pub struct EchoClient<T>(tonic::client::Grpc<T>);

impl<T> EchoClient<T>
where
    T: GrpcService<Body>,
    T::Error: Into<tonic::codegen::StdError>,
    T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<tonic::codegen::StdError> + Send,
{
    pub fn new(inner: T) -> Self {
        Self(tonic::client::Grpc::new(inner))
    }

    pub fn compressed(self, encoding: tonic::codec::CompressionEncoding) -> Self {
        Self(self.0.send_compressed(encoding).accept_compressed(encoding))
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0
            .ready()
            .await
            .map_err(|error| Status::unknown(error.into().to_string()))
    }

    pub async fn say(&mut self, text: impl Into<Ask>) -> Result<Response<Heard>, Status> {
        self.unary(SAY, text.into().0).await
    }

    pub async fn unary<M: prost::Message + 'static>(
        &mut self,
        path: &'static str,
        request: Request<M>,
    ) -> Result<Response<Heard>, Status> {
        self.ready().await?;
        let codec = ProstCodec::<M, Heard>::default();
        self.0
            .unary(request, PathAndQuery::from_static(path), codec)
            .await
    }

    pub async fn tell(&mut self, text: impl Into<Ask>) -> Result<Streaming<Heard>, Status> {
        self.ready().await?;
        let codec = ProstCodec::<Words, Heard>::default();
        let path = PathAndQuery::from_static(TELL);
        Ok(self
            .0
            .server_streaming(text.into().0, path, codec)
            .await?
            .into_inner())
    }

    pub async fn gather(&mut self, words: Vec<String>) -> Result<Response<Heard>, Status> {
        self.ready().await?;
        let codec = ProstCodec::<Words, Heard>::default();
        let words = futures::stream::iter(words.into_iter().map(|text| Words { text }));
        let path = PathAndQuery::from_static(GATHER);
        self.0
            .client_streaming(Request::new(words), path, codec)
            .await
    }
}

/// A request made of words, with metadata or without.
pub struct Ask(pub Request<Words>);

impl From<&str> for Ask {
    fn from(text: &str) -> Self {
        Self(Request::new(Words {
            text: text.to_owned(),
        }))
    }
}

impl Ask {
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self.0
            .metadata_mut()
            .insert(key, value.parse().expect("a header value"));
        self
    }
}
