//! What is measured reaches a collector and the Prometheus text.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dossier_telemetry::rpc::{Call, Side};
use dossier_telemetry::{InitError, Options, db, init, metrics, trace};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;

type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Takes whatever it is sent and answers an empty message.
async fn collector(received: Received) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let service = tower::service_fn(move |request: Request<Body>| {
        let received = Arc::clone(&received);
        async move {
            let path = request.uri().path().to_owned();
            let body = request
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes();
            received
                .lock()
                .expect("not poisoned")
                .push((path, body.to_vec()));
            let answer = Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "0")
                .body(Full::new(vec![0; 5].into()));
            Ok::<_, Infallible>(answer.expect("a response"))
        }
    });
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().serve_with_incoming(service, incoming));
    address.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_and_metrics_are_exported_and_rendered() {
    let received = Received::default();
    let options = Options {
        otlp_endpoint: Some(collector(Arc::clone(&received)).await),
        ..Options::new("dossier-test")
    };
    let guard = init(&options).expect("switched on");
    assert!(matches!(init(&options), Err(InitError::AlreadyOn)));

    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let span = trace::server_span("pkg.Service/Method", "r-1", Some(parent));
    let ours = trace::traceparent(&span).expect("a real span");
    assert_eq!(ours[..36], parent[..36], "the same trace");
    assert_ne!(ours, parent, "another span");
    trace::finish(&span, "INTERNAL", true);
    drop(span);

    let call = |side| Call::start(side, "pkg.Service/Method".into(), Instant::now());
    call(Side::Server).finish("OK");
    drop(call(Side::Server));
    call(Side::Client).finish("UNAVAILABLE");
    db::record("sqlite", "commit", Duration::from_millis(3), false);

    let text = metrics().render();
    for (name, label) in [
        (
            "rpc_server_call_duration_seconds_count",
            "rpc_response_status_code=\"OK\"",
        ),
        (
            "rpc_server_call_duration_seconds_count",
            "rpc_response_status_code=\"CANCELLED\"",
        ),
        (
            "rpc_client_call_duration_seconds_count",
            "rpc_response_status_code=\"UNAVAILABLE\"",
        ),
        (
            "rpc_server_call_duration_seconds_count",
            "rpc_method=\"pkg.Service/Method\"",
        ),
        (
            "db_client_operation_duration_seconds_count",
            "db_operation_name=\"commit\"",
        ),
        ("rpc_server_active_calls", " 0"),
    ] {
        let found = text
            .lines()
            .any(|line| line.starts_with(name) && line.contains(label));
        assert!(found, "{name} {label} is not in\n{text}");
    }

    tokio::task::spawn_blocking(move || guard.shutdown())
        .await
        .expect("shut down");
    let received = received.lock().expect("not poisoned");
    let sent = |path: &str, words: &[u8]| {
        received.iter().any(|(to, body)| {
            to.contains(path) && body.windows(words.len()).any(|window| window == words)
        })
    };
    assert!(
        sent("TraceService/Export", b"pkg.Service/Method"),
        "the span"
    );
    assert!(
        sent("TraceService/Export", b"dossier-test"),
        "the service's name"
    );
    assert!(
        sent("MetricsService/Export", b"rpc.server.call.duration"),
        "the metrics"
    );
}
