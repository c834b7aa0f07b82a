//! Too much at once is refused at once, and one tenant's flood is that tenant's affair.

use std::time::{Duration, Instant};

use dossier_kernel::Role;
use futures::future::join_all;
use tonic::Code;

use crate::access;
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

#[tokio::test]
async fn a_flood_of_one_tenant_does_not_reach_another() {
    let rig = Rig::with(|edge| {
        edge.limits.calls_min = 8;
        edge.limits.calls_max = 8;
    })
    .await;
    let loud = rig.client().await;
    let flood = tokio::spawn(join_all((0..64).map(|_| {
        let mut loud = loud.clone();
        async move {
            let (begun, mut turned_away) = (Instant::now(), 0_u32);
            while begun.elapsed() < Duration::from_secs(1) {
                if let Err(status) = loud.say("sleep:5").await {
                    refused(&status, Code::ResourceExhausted, "RESOURCE_EXHAUSTED");
                    turned_away += 1;
                }
            }
            turned_away
        }
    })));
    let token = access::token_of(&rig.key, "quiet", Role::Admin);
    let mut quiet = rig.client_with(&token).await;
    for call in 0..50 {
        let heard = quiet.say("sleep:5").await;
        heard.unwrap_or_else(|status| panic!("call {call} was turned away: {status}"));
    }
    let turned_away: u32 = flood.await.expect("no panic").into_iter().sum();
    assert!(turned_away > 0, "the flood was no flood");
}

#[tokio::test]
async fn health_is_answered_whatever_the_load() {
    let rig = Rig::with(|edge| edge.limits.calls_max = 0).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(rig.connect().await);
    let request = tonic_health::pb::HealthCheckRequest::default();
    health.check(request).await.expect("answered");
}
