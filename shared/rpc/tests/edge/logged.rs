//! What a fault leaves in the log: its cause, once, under the request id.

use std::io::Write;
use std::sync::{Arc, Mutex};

use dossier_telemetry::LogFormat;
use tonic::Code;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::details::refused;
use crate::echo::{Ask, EchoClient};
use crate::rig::Rig;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_cause_of_a_fault_is_logged_once_under_the_request_id() {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(LogFormat::Json)
        .with_writer(move || writer.clone())
        .with_filter(LevelFilter::WARN);
    // The server's tasks run on this thread, too.
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for (order, id) in [("internal", "r-1"), ("raw", "r-2")] {
        let ask = Ask::from(order).with("x-request-id", id);
        let status = client.say(ask).await.expect_err("fails");
        refused(&status, Code::Internal, "INTERNAL");
    }
    client
        .say("refuse")
        .await
        .expect_err("refused, which is no fault");
    let mut stranger = EchoClient::new(rig.connect().await);
    let bad = Ask::from("x").with("authorization", "Bearer hunter2");
    stranger
        .say(bad)
        .await
        .expect_err("refused, which is no fault either");

    let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    for (line, id) in lines.iter().zip(["r-1", "r-2"]) {
        assert!(line.contains("secret") && line.contains(&format!("\"request_id\":\"{id}\"")));
    }
    assert!(!text.contains("hunter2"));
}
