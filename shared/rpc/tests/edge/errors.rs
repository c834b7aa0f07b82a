//! Every error, tonic's own too, leaves with exactly one ErrorInfo.

use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};

use crate::details::refused;
use crate::echo::{EchoClient, FORGOTTEN, Numbers, SAY, Words};
use crate::rig::Rig;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn an_error_of_a_handler_arrives_with_its_reason_and_facts() {
    let rig = Rig::start().await;
    let status = rig.client().await.say("refuse").await.expect_err("refused");
    let facts = refused(&status, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(facts.get("etag").map(String::as_str), Some("7"));
    let error = dossier_rpc::error_from_status(status);
    assert_eq!(error.violations()[0].field, "etag");
}

#[tokio::test]
async fn a_fault_of_ours_keeps_its_words() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for order in ["internal", "raw", "panic"] {
        let status = client.say(order).await.expect_err("fails");
        refused(&status, Code::Internal, "INTERNAL");
    }
    client.say("hello").await.expect("the connection lives on");
}

#[tokio::test]
async fn a_stream_that_fails_or_panics_ends_with_an_error_info() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for order in ["fail", "panic"] {
        let mut stream = client.tell(order).await.expect("begins");
        stream.message().await.expect("an item").expect("one");
        let status = stream.message().await.expect_err("fails");
        refused(&status, Code::Internal, "INTERNAL");
    }
}

#[tokio::test]
async fn unknown_methods_are_unimplemented_with_and_without_a_token() {
    let rig = Rig::start().await;
    let hello = || Request::new(Words::default());
    let mut stranger = EchoClient::new(rig.connect().await);
    for path in [
        "/dossier.echo.v1.EchoService/Nothing",
        "/no.such.Service/Method",
        "/",
    ] {
        let status = stranger.unary(path, hello()).await.expect_err("unknown");
        refused(&status, Code::Unimplemented, "UNIMPLEMENTED");
    }
    let status = rig
        .client()
        .await
        .unary(FORGOTTEN, hello())
        .await
        .expect_err("not there");
    refused(&status, Code::Unimplemented, "UNIMPLEMENTED");
}

#[tokio::test]
async fn a_message_of_another_contract_is_invalid() {
    let rig = Rig::start().await;
    let wrong = Request::new(Numbers { text: 7 });
    let status = rig
        .client()
        .await
        .unary(SAY, wrong)
        .await
        .expect_err("no words");
    refused(&status, Code::InvalidArgument, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_message_over_the_limit_names_the_limit() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for _ in 0..5 {
        let status = client
            .say("x".repeat(5 * MIB).as_str())
            .await
            .expect_err("5 MiB");
        let facts = refused(&status, Code::OutOfRange, "LIMIT_EXCEEDED");
        assert_eq!(facts.get("limit").map(String::as_str), Some("4194304"));
    }
    client
        .say("x".repeat(4 * MIB - 100).as_str())
        .await
        .expect("within the limit");
}

#[tokio::test]
async fn methods_that_take_streams_take_larger_messages() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let words = |mib: usize| vec!["x".repeat(mib * MIB); 2];
    let heard = client
        .gather(words(5))
        .await
        .expect("two of 5 MiB")
        .into_inner();
    assert_eq!(heard.text, (10 * MIB).to_string());
    let status = client.gather(words(9)).await.expect_err("9 MiB");
    refused(&status, Code::OutOfRange, "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn both_compressions_are_read_and_written_and_unpack_to_the_limit() {
    let rig = Rig::start().await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = rig.client().await.compressed(encoding);
        let words = "dossier ".repeat(1_000);
        let heard = client.say(words.as_str()).await.expect("heard");
        assert!(heard.metadata().contains_key("grpc-encoding"));
        assert_eq!(heard.into_inner().text, words);
        let status = client
            .say("x".repeat(9 * MIB).as_str())
            .await
            .expect_err("a bomb");
        refused(&status, Code::OutOfRange, "LIMIT_EXCEEDED");
    }
}

#[tokio::test]
async fn the_cursor_of_a_change_travels_in_the_trailers() {
    use http_body_util::BodyExt;
    use tower::{Service, ServiceExt};

    let rig = Rig::start().await;
    let answer = rig.client().await.say("cursor:x").await.expect("heard");
    assert_eq!(
        answer.metadata().get("dossier-cursor").expect("a cursor"),
        "c-1"
    );

    let mut message = vec![0, 0, 0, 0, 10, 10, 8];
    message.extend(b"cursor:x");
    let request = http::Request::post(SAY)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header(
            "authorization",
            format!("Bearer {}", rig.token(dossier_kernel::Role::Admin)),
        )
        .body(tonic::body::Body::new(http_body_util::Full::new(
            message.into(),
        )))
        .expect("a request");
    let mut raw = rig.connect().await;
    let response = raw
        .ready()
        .await
        .expect("ready")
        .call(request)
        .await
        .expect("answers");
    assert!(!response.headers().contains_key("dossier-cursor"));
    let body = response.into_body().collect().await.expect("a body");
    let trailers = body.trailers().expect("trailers");
    assert_eq!(trailers.get("dossier-cursor").expect("a cursor"), "c-1");
    assert_eq!(trailers.get("grpc-status").expect("a status"), "0");
}
