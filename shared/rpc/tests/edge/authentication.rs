//! Who is let in.

use std::time::Duration;

use dossier_kernel::{Clock, Role, TenantId};
use tonic::Code;

use crate::details::refused;
use crate::echo::{Ask, EchoClient};
use crate::rig::Rig;

#[tokio::test]
async fn without_a_valid_token_nobody_is_let_in() {
    let rig = Rig::start().await;
    let mut client = EchoClient::new(rig.connect().await);
    let token = rig.token(Role::Admin);
    let cases = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer  "),
        Some("Bearer junk"),
        Some("Basic x"),
    ];
    for header in cases {
        let mut ask = Ask::from("x");
        if let Some(header) = header {
            ask = ask.with("authorization", header);
        }
        let status = client.say(ask).await.expect_err("refused");
        refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    for header in [format!("Bearer {token}"), format!("bearer  {token}")] {
        client
            .say(Ask::from("x").with("authorization", &header))
            .await
            .expect("let in");
    }
}

#[tokio::test]
async fn the_tenant_and_the_caller_come_from_the_token() {
    let rig = Rig::start().await;
    let ask = Ask::from("x")
        .with("x-request-id", "r-1")
        .with("x-dossier-purpose", "support");
    let heard = rig.client().await.say(ask).await.expect("heard");
    assert_eq!(
        heard.metadata().get("x-request-id").expect("answered"),
        "r-1"
    );
    let heard = heard.into_inner();
    assert_eq!(
        (heard.tenant.as_str(), heard.request_id.as_str()),
        ("acme", "r-1")
    );
    assert_eq!(heard.principal, "person:ada");
    assert_eq!(heard.purpose, "support");
    assert!(!heard.token_seen, "handlers never see the token");
    assert!(
        (1..=30_000).contains(&heard.left_ms),
        "the server's own deadline"
    );
}

#[tokio::test]
async fn errors_name_the_request_too() {
    let rig = Rig::start().await;
    let status = rig.client().await.say("internal").await.expect_err("fails");
    let id = status.metadata().get("x-request-id").expect("named");
    assert_eq!(id.len(), 36, "a new one where the caller sent none");
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let rig = Rig::start().await;
    let status = rig
        .client_as(Role::Viewer)
        .await
        .say("x")
        .await
        .expect_err("refused");
    let facts = refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
    let permission = facts.get("permission").map(String::as_str);
    assert_eq!(permission, Some("profile.customers.watch"));
}

#[tokio::test]
async fn this_machine_may_come_without_a_token_where_that_is_allowed() {
    let rig = Rig::with(|edge| {
        edge.anonymous = Some((TenantId::embedded_default(), Role::Admin));
    })
    .await;
    let mut client = EchoClient::new(rig.connect().await);
    let heard = client.say("x").await.expect("let in").into_inner();
    assert_eq!(heard.tenant, "default");
    // A token that is sent counts, also a bad one.
    let bad = Ask::from("x").with("authorization", "Bearer junk");
    let status = client.say(bad).await.expect_err("refused");
    refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    // A proxy on this machine speaks for others.
    let proxied = Ask::from("x").with("x-forwarded-for", "203.0.113.7");
    let status = client.say(proxied).await.expect_err("refused");
    refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    // A page of some site runs on this machine as well.
    let page = Ask::from("x").with("origin", "https://evil.test");
    let status = client.say(page).await.expect_err("refused");
    refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_has_expired_and_is_cut_where_it_does_not() {
    let now = Clock::manual(Clock::system().now());
    let rig = Rig::with(|edge| {
        edge.clock = now.clone();
        edge.limits.readmission_interval = Duration::from_millis(20);
    })
    .await;
    let mut client = rig.client().await;
    let mut polite = client.tell("wait").await.expect("begins");
    let mut deaf = client.tell("stubborn").await.expect("begins");
    for stream in [&mut polite, &mut deaf] {
        stream.message().await.expect("an item").expect("one");
    }
    now.advance(Duration::from_secs(61));
    let ends = async {
        let last = polite.message().await.expect("an item").expect("one");
        assert_eq!(last.text, "end", "with where to go on");
        assert!(polite.message().await.expect("a good end").is_none());
        let status = deaf.message().await.expect_err("cut");
        refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    };
    let ends = tokio::time::timeout(Duration::from_secs(20), ends).await;
    ends.expect("nobody watches on with an expired token");
}

#[tokio::test]
async fn a_purpose_that_cannot_be_kept_is_refused() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let longest = "p".repeat(64);
    let ask = Ask::from("x").with("x-dossier-purpose", &longest);
    let heard = client.say(ask).await.expect("heard").into_inner();
    assert_eq!(heard.purpose, longest);
    let ask = Ask::from("x").with("x-dossier-purpose", &"p".repeat(65));
    let status = client.say(ask).await.expect_err("too long");
    refused(&status, Code::InvalidArgument, "INVALID_ARGUMENT");
    assert!(status.message().contains("x-dossier-purpose"), "{status:?}");
}
