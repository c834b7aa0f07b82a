//! Too much at once is refused at once.

use tonic::Code;

use crate::details::refused;
use crate::rig::Rig;

#[tokio::test]
async fn more_than_the_server_takes_is_refused_with_a_hint() {
    let rig = Rig::with(|edge| {
        edge.limits.calls_max = 0;
        edge.limits.streams_max = 1;
    })
    .await;
    let mut client = rig.client().await;
    let status = client.say("x").await.expect_err("no place");
    refused(&status, Code::ResourceExhausted, "RESOURCE_EXHAUSTED");
    assert!(
        dossier_rpc::error_from_status(status)
            .retry_delay()
            .is_some()
    );

    let mut open = client.tell("wait").await.expect("the one place");
    open.message().await.expect("an item").expect("one");
    let status = client.tell("wait").await.expect_err("taken");
    refused(&status, Code::ResourceExhausted, "RESOURCE_EXHAUSTED");
    // Other calls on the same connection are answered in between, so this is no race but a poll.
    drop(open);
    while client.tell("wait").await.is_err() {
        tokio::task::yield_now().await;
    }
}
