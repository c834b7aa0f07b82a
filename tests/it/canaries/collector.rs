//! A collector that keeps what it is sent as the bytes that came: OTLP over gRPC, whatever the
//! signal.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::WithTrailers};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::future::{Ready, ready};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Answer = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

pub struct Collector {
    pub url: String,
    pub path: PathBuf,
    task: JoinHandle<()>,
}

impl Collector {
    pub async fn start(path: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let file = Arc::new(Mutex::new(file));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let file = Arc::clone(&file);
                let service = hyper::service::service_fn(move |request| {
                    let file = Arc::clone(&file);
                    async move { keep(&file, request).await }
                });
                let serve = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service);
                // A process that is killed says no goodbye.
                tokio::spawn(serve);
            }
        });
        Ok(Self {
            url,
            path: path.to_owned(),
            task,
        })
    }

    /// How many bytes came.
    pub fn received(&self) -> anyhow::Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }

    /// Sends it something, as a process would.
    pub async fn send(&self, words: &str) -> anyhow::Result<()> {
        let channel = tonic::transport::Endpoint::from_shared(self.url.clone())?;
        let mut client = tonic::client::Grpc::new(channel.connect().await?);
        client.ready().await?;
        let path = http::uri::PathAndQuery::from_static(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        );
        let codec = tonic_prost::ProstCodec::<String, ()>::default();
        let request = tonic::Request::new(words.to_owned());
        client
            .unary(request, path, codec)
            .await
            .context("the collector answers")?;
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    file: &Mutex<File>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    if let Ok(mut file) = file.lock() {
        // A full disk shows as bytes that are missing.
        let _ = file.write_all(path.as_bytes());
        let _ = file.write_all(&body);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    // An empty message: no compression, no bytes.
    let empty = Full::new(Bytes::from_static(&[0; 5]));
    let mut response = Response::new(empty.with_trailers(ready(Some(Ok(trailers)))));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}
