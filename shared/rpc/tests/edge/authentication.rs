//! Who is let in.

use dossier_kernel::{Role, TenantId};
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
