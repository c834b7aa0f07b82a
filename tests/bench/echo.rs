//! The ceiling of W1: tonic alone, same method, same bytes, no layer of ours.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::task::{Context, Poll};

use anyhow::Context as _;
use dossier_proto::profile::v1::{Customer, GetCustomerRequest};
use dossier_testkit::{Port, Process};
use futures::future::{BoxFuture, FutureExt as _, ready};
use prost::Message as _;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

/// Starts the echo in a process of its own, as the suite is.
pub async fn spawn(dir: &Path, answer: &Customer) -> anyhow::Result<(Process, String)> {
    let file: PathBuf = dir.join("echo.bin");
    std::fs::write(&file, answer.encode_to_vec())?;
    let port = Port::hold()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--echo")
        .arg(&file)
        .arg("--port")
        .arg(port.number().to_string());
    let mut process = Process::spawn(&mut command, &dir.join("echo.log"))?;
    let address = format!("http://{}", port.address());
    while Endpoint::from_shared(address.clone())?
        .connect()
        .await
        .is_err()
    {
        process.check_running()?;
    }
    Ok((process, address))
}

pub async fn serve(answer: &Path, port: u16) -> anyhow::Result<()> {
    let bytes = std::fs::read(answer).context("cannot read the answer")?;
    let answer = Customer::decode(bytes.as_slice())?;
    let address = ([127, 0, 0, 1], port).into();
    Server::builder()
        .add_service(Echo { answer })
        .serve(address)
        .await?;
    Ok(())
}

#[derive(Clone)]
struct Echo {
    answer: Customer,
}

impl NamedService for Echo {
    const NAME: &'static str = "dossier.profile.v1.CustomerService";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.clone();
        async move {
            Ok(Grpc::new(ProstCodec::default())
                .unary(answer, request)
                .await)
        }
        .boxed()
    }
}

impl UnaryService<GetCustomerRequest> for Echo {
    type Response = Customer;
    type Future = BoxFuture<'static, Result<Response<Customer>, Status>>;

    fn call(&mut self, _: Request<GetCustomerRequest>) -> Self::Future {
        ready(Ok(Response::new(self.answer.clone()))).boxed()
    }
}
