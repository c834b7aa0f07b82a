//! DEADLINE_EXCEEDED, not CANCELLED, and what is left goes on to peers.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::details::refused;
use crate::echo::{Ask, EchoClient};
use crate::rig::{Rig, person};

#[tokio::test]
async fn a_unary_call_is_given_up_at_its_deadline() {
    let rig = Rig::start().await;
    let slow = Ask::from("sleep:10000").with("grpc-timeout", "50m");
    let started = Instant::now();
    let status = rig.patient_client().say(slow).await.expect_err("too slow");
    refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_call_without_a_deadline_gets_the_servers() {
    let rig = Rig::with(|edge| edge.limits.unary_timeout = Duration::from_millis(50)).await;
    let mut client = rig.client().await;
    let status = client.say("sleep:10000").await.expect_err("too slow");
    refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    let heard = client
        .tell("hello")
        .await
        .expect("begins")
        .message()
        .await
        .expect("an item");
    assert_eq!(
        heard.expect("one").left_ms,
        0,
        "streams have no deadline of ours"
    );
}

#[tokio::test]
async fn streams_end_at_their_deadline_silent_or_flooding() {
    let rig = Rig::start().await;
    let mut client = rig.patient_client();
    for order in ["stubborn", "flood"] {
        let ask = Ask::from(order).with("grpc-timeout", "1S");
        let mut stream = client.tell(ask).await.expect("begins");
        let status = loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{order}: ended without a status"),
                Err(status) => break status,
            }
        };
        refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
}

#[tokio::test]
async fn a_deadline_of_nothing_and_one_that_is_none_are_refused() {
    let rig = Rig::start().await;
    let mut client = rig.patient_client();
    let status = client
        .say(Ask::from("x").with("grpc-timeout", "0n"))
        .await
        .expect_err("past");
    refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    let status = client
        .say(Ask::from("x").with("grpc-timeout", "soon"))
        .await
        .expect_err("bad");
    refused(&status, Code::InvalidArgument, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn what_is_left_is_handed_on_to_peers() {
    let rig = Rig::start().await;
    for (way, channel) in rig.channels() {
        let ctx = person("acme").with_timeout(Duration::from_secs(5));
        let heard = EchoClient::new(channel.with(&ctx))
            .say("x")
            .await
            .expect(way)
            .into_inner();
        assert!(
            (1..=5_000).contains(&heard.left_ms),
            "{way}: {}",
            heard.left_ms
        );

        let ctx = person("acme").with_timeout(Duration::from_millis(60));
        let mut client = EchoClient::new(channel.with(&ctx));
        let status = client.say("sleep:10000").await.expect_err(way);
        refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
        // By now the context itself is out of time.
        let status = client.say("x").await.expect_err(way);
        refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");

        // Long enough for a first item on any machine.
        let ctx = person("acme").with_timeout(Duration::from_secs(1));
        let mut client = EchoClient::new(channel.with(&ctx));
        let mut stream = client.tell("stubborn").await.expect(way);
        stream.message().await.expect(way);
        let status = stream.message().await.expect_err(way);
        refused(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
}
