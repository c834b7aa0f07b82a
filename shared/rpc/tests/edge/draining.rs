//! Stopping: nothing new, everything in flight, and an end.

use std::time::Instant;

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus as Wire;
use tonic_health::pb::health_client::HealthClient;

use crate::details::refused;
use crate::rig::{BOUND, Rig};

#[tokio::test]
async fn calls_in_flight_finish_and_streams_end_with_their_last_item() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let mut stream = client.tell("wait").await.expect("begins");
    stream.message().await.expect("an item").expect("one");
    let mut health = HealthClient::new(rig.connect().await);
    let watch = health
        .watch(HealthCheckRequest::default())
        .await
        .expect("begins");
    let mut watch = watch.into_inner();
    assert_eq!(
        watch
            .message()
            .await
            .expect("an item")
            .expect("one")
            .status(),
        Wire::Serving
    );
    let mut other = rig.client().await;
    let in_flight = tokio::spawn(async move { other.say("sleep:1000").await });
    // Until it is in flight: the server answers calls of one connection in no promised order.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;

    let address = rig.address;
    let started = Instant::now();
    let drained = tokio::spawn(rig.drained());
    let last = stream
        .message()
        .await
        .expect("an item")
        .expect("the last one");
    assert_eq!(last.text, "end");
    assert!(stream.message().await.expect("a good end").is_none());
    let seen = watch.message().await.expect("an item").expect("one");
    assert_eq!(seen.status(), Wire::NotServing);
    let status = watch
        .message()
        .await
        .expect_err("health does not hold the server");
    refused(&status, Code::Unavailable, "UNAVAILABLE");
    in_flight
        .await
        .expect("no panic")
        .expect("the call in flight is answered");
    drained.await.expect("drained");
    assert!(started.elapsed() < BOUND, "nothing had to be cut");
    tokio::net::TcpStream::connect(address)
        .await
        .expect_err("nobody listens");
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_bound() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let mut stream = client.tell("stubborn").await.expect("begins");
    stream.message().await.expect("an item").expect("one");
    let started = Instant::now();
    rig.drained().await;
    assert!(started.elapsed() >= BOUND && started.elapsed() < BOUND * 2);
    stream.message().await.expect_err("cut");
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_server() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.say("x").await.expect("heard");
    let silent = tokio::net::TcpStream::connect(rig.address)
        .await
        .expect("connects");
    let started = Instant::now();
    rig.drained().await;
    assert!(started.elapsed() < BOUND);
    drop(silent);
}
