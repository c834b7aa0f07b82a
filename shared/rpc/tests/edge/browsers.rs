//! gRPC-Web over HTTP/1.1, as a browser speaks it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::echo::SAY;
use crate::rig::Rig;

const PAGE: &str = "http://localhost:3000";

async fn fetch(request: http::request::Builder, body: Vec<u8>) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request: Request<Full<Bytes>> = request.body(Full::new(body.into())).expect("a request");
    let response = client.request(request).await.expect("answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Response::from_parts(parts, body)
}

fn say(rig: &Rig, origin: &str, text: &[u8]) -> (http::request::Builder, Vec<u8>) {
    let token = rig.token(dossier_kernel::Role::Admin);
    let request = Request::post(format!("{}{SAY}", rig.uri()))
        .header("content-type", "application/grpc-web+proto")
        .header("origin", origin)
        .header("authorization", format!("Bearer {token}"));
    let length = u8::try_from(text.len()).expect("short");
    let mut body = vec![0, 0, 0, 0, length + 2, 10, length];
    body.extend(text);
    (request, body)
}

#[tokio::test]
async fn a_page_of_this_machine_calls_and_reads_the_status() {
    let rig = Rig::start().await;
    let (request, body) = say(&rig, PAGE, b"hello");
    let response = fetch(request, body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    let text = String::from_utf8_lossy(response.body());
    assert!(
        text.contains("hello") && text.contains("grpc-status:0"),
        "{text}"
    );

    let (request, body) = say(&rig, PAGE, b"refuse");
    let response = fetch(request, body).await;
    assert_eq!(response.headers()["grpc-status"], "10");
    assert!(response.headers().contains_key("grpc-status-details-bin"));
    let exposed = response.headers()["access-control-expose-headers"]
        .to_str()
        .expect("text");
    assert!(exposed.contains("grpc-status-details-bin"));
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_only() {
    let rig = Rig::with(|edge| edge.origins = vec!["https://crm.test".to_owned()]).await;
    for (origin, allowed) in [
        (PAGE, true),
        ("https://crm.test", true),
        ("https://evil.test", false),
    ] {
        let request = Request::options(format!("{}{SAY}", rig.uri()))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,x-grpc-web");
        let response = fetch(request, Vec::new()).await;
        let granted = response.headers().get("access-control-allow-origin");
        assert_eq!(
            granted.is_some_and(|granted| granted == origin),
            allowed,
            "{origin}"
        );
    }
    let (request, body) = say(&rig, "https://evil.test", b"hello");
    let response = fetch(request, body).await;
    assert_eq!(
        response.headers()["grpc-status"],
        "7",
        "refused although the token is good"
    );
}

#[tokio::test]
async fn what_is_no_grpc_is_refused_politely() {
    let rig = Rig::start().await;
    let response = fetch(Request::get(rig.uri()), Vec::new()).await;
    assert_eq!(response.status(), 400);
}
